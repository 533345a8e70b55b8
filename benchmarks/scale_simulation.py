"""What failures cost a large job: `python benchmarks/scale_simulation.py`, a simulation with a seed.

Machines of many cores do the pieces of a job as affekt's do on Ray. A core that is free takes the next piece; a piece
whose core was lost waits again; when none waits, a piece that has taken three times the usual time is begun a second
time. Losses are random and without memory, so many per hour. The time is told beside an estimate: the sum of the
work over the number of cores.
"""

import heapq
import math
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import tyro
from before import check

HOUR_S = 3600
SLOW = 3.0
"""As in affekt.cluster.on_ray."""
LOOK_S = 10.0
"""From one look for slow pieces to the next."""


@dataclass(frozen=True)
class Options:
    """The job, and what happens to it.

    Args:
        machines: of so many cores each.
        cores: of a machine.
        pieces: of the job: 65,536 of 10^9 pictures, at 16.6 ms each, take 253 s each.
        piece_s: that a piece takes on a core, on average.
        back_s: after which a lost worker, or machine, is there again.
        seed: of all that is random.
    """

    machines: int = 64
    cores: int = 8
    pieces: int = 65_536
    piece_s: float = 253.0
    back_s: float = 300.0
    seed: int = 0


@dataclass(frozen=True)
class Trouble:
    """What goes wrong."""

    workers_lost_per_hour: float = 0.0
    """Of each core's worker."""
    machines_lost_per_hour: float = 0.0
    """Of each machine, with all its cores."""
    slow_machines: float = 0.0
    """The share of machines whose disk is slow."""
    slowness: float = 5.0
    """How many times longer a piece takes there."""
    begins_again: bool = True
    """Whether slow pieces are begun a second time at the end."""


@dataclass
class Job:
    """A job under way; times in seconds."""

    options: Options
    trouble: Trouble
    now_s: float = 0.0
    twice_s: float = 0.0
    """Work that was lost, or done a second time."""
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    running: dict[int, tuple[int, float]] = field(default_factory=dict)
    """Piece and start of each core at work."""
    took_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Draw the pieces and the slow machines."""
        self.random = random.Random(self.options.seed)
        self.length_s = [
            self.options.piece_s * self.random.lognormvariate(-0.02, 0.2) for _ in range(self.options.pieces)
        ]
        self.waiting, self.done = list(range(self.options.pieces)), [False] * self.options.pieces
        self.left = self.options.pieces
        self.slow = {m for m in range(self.options.machines) if self.random.random() < self.trouble.slow_machines}
        self.away, self.free = set[int](), set[int]()

    def at(self, time_s: float, event: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self.events, (time_s, len(self.events) + self.random.getrandbits(40), event))

    def run(self) -> float:
        """Do the whole job; return how long it took."""
        for machine in range(self.options.machines):
            first = machine * self.options.cores
            self.fail(range(first, first + self.options.cores), self.trouble.machines_lost_per_hour)
            for core in range(first, first + self.options.cores):
                self.fail([core], self.trouble.workers_lost_per_hour)
                self.begin(core)
        self.at(LOOK_S, self.look)
        while self.left:
            self.now_s, _, event = heapq.heappop(self.events)
            event()
        return self.now_s

    def begin(self, core: int) -> None:
        """Give a core the next piece, or let it wait."""
        self.free.discard(core)
        if not self.waiting:
            self.free.add(core)
            return
        self.work(core, self.waiting.pop())

    def work(self, core: int, piece: int) -> None:
        """Let a core begin a piece."""
        slow = self.trouble.slowness if core // self.options.cores in self.slow else 1.0
        self.running[core] = started = (piece, self.now_s)
        self.at(self.now_s + slow * self.length_s[piece], lambda: self.end(core, started))

    def end(self, core: int, started: tuple[int, float]) -> None:
        """Count a piece as done, if its core was not lost meanwhile; stop another core that does the same."""
        if self.running.get(core) != started:
            return
        piece, since_s = started
        self.took_s.append(self.now_s - since_s)
        self.done[piece] = True
        self.left -= 1
        for other in [other for other, (same, _) in self.running.items() if same == piece]:
            if other != core:
                self.twice_s += self.now_s - self.running[other][1]
            del self.running[other]
            self.begin(other)

    def fail(self, cores: range | list[int], per_hour: float) -> None:
        """Lose cores together, again and again."""
        if not per_hour:
            return

        def lose() -> None:
            for core in (core for core in cores if core not in self.away):
                self.away.add(core)
                self.free.discard(core)
                if core in self.running:
                    piece, since_s = self.running.pop(core)
                    self.twice_s += self.now_s - since_s
                    if all(piece != same for same, _ in self.running.values()):
                        self.waiting.append(piece)
                self.at(self.now_s + self.options.back_s, lambda core=core: self.back(core))
            for core in list(self.free):
                self.begin(core)
            self.fail(cores, per_hour)

        self.at(self.now_s + self.random.expovariate(per_hour / HOUR_S), lose)

    def back(self, core: int) -> None:
        """Let a lost core work again."""
        self.away.discard(core)
        self.begin(core)

    def look(self) -> None:
        """Begin slow pieces a second time on free cores, when none waits."""
        self.at(self.now_s + LOOK_S, self.look)
        if self.waiting or not self.free or not self.trouble.begins_again:
            return
        usual_s, pieces = statistics.median(self.took_s), [piece for piece, _ in self.running.values()]
        for piece, since_s in list(self.running.values()):
            if self.free and pieces.count(piece) == 1 and self.now_s - since_s > SLOW * usual_s:
                self.work(self.free.pop(), piece)
                pieces.append(piece)


TROUBLES = {
    "nothing": Trouble(),
    "1 % of the machines lost per hour": Trouble(machines_lost_per_hour=0.01),
    "10 % of the workers lost per hour": Trouble(workers_lost_per_hour=0.1),
    "an eighth of the disks five times slower": Trouble(slow_machines=0.125),
    "the same, and slow pieces are not begun again": Trouble(slow_machines=0.125, begins_again=False),
    "lost machines, lost workers and slow disks": Trouble(0.1, 0.01, 0.125),
}


def main() -> None:
    """Print the table."""
    options = tyro.cli(Options, description=__doc__)
    check("some 20 s on one core", disk_gb=0, detector=False)
    print("| what goes wrong | hours | divided by the estimate | work done twice |\n|---|--:|--:|--:|")
    for name, trouble in TROUBLES.items():
        job = Job(options, replace(trouble))
        took_s, work_s = job.run(), math.fsum(job.length_s)
        ideal_s = work_s / (options.machines * options.cores)
        print(f"| {name} | {took_s / HOUR_S:.2f} | {took_s / ideal_s:.3f} | {job.twice_s / work_s:.2%} |")


if __name__ == "__main__":
    main()
