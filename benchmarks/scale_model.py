"""What large jobs cost, and what stops them first: `python benchmarks/scale_model.py`.

The parts of the model are options: what one core does in a second (docs/predict.md has how it was measured), how many
bytes a picture has, and what stores and networks give. A job with machines that are lost at random is simulated, to say
how much more than the sum of its pieces it takes.
"""

import heapq
import math
import random
from dataclasses import dataclass

import tyro

HOUR_S = 3600


@dataclass(frozen=True)
class Parts:
    """The parts of the model.

    Args:
        pictures_per_core_s: of 640x360 pixels with 3.5 faces each: half of what two cores read.
        bytes_per_picture: of such a JPEG file.
        video_s_per_core_s: seconds of 720p video that a core reads in a second, at five frames a second.
        bytes_per_video_s: of such a video, at 4 megabits a second.
        dollars_per_core_hour: of a machine that may be taken away.
        cores_per_machine: that share a network.
        network_bytes_per_s: of one machine.
        requests_per_s: that a store answers below one prefix.
        keys_per_s: that a store lists.
        pictures_per_tar: where pictures come in tar files.
        seed: of the simulation.
    """

    pictures_per_core_s: float = 81.5
    bytes_per_picture: float = 50e3
    video_s_per_core_s: float = 9.0
    bytes_per_video_s: float = 0.5e6
    dollars_per_core_hour: float = 0.02
    cores_per_machine: int = 64
    network_bytes_per_s: float = 1.25e9
    requests_per_s: float = 5500
    keys_per_s: float = 5000
    pictures_per_tar: int = 10_000
    seed: int = 0


def main() -> None:
    """Print the tables."""
    parts = tyro.cli(Parts, description=__doc__)
    print("| job | core hours | dollars | bytes read | cores for a day | machines |\n|---|--:|--:|--:|--:|--:|")
    for name, core_s, size in (
        *(
            (f"10^{power} pictures", 10**power / parts.pictures_per_core_s, 10**power * parts.bytes_per_picture)
            for power in (6, 9, 11)
        ),
        ("10^6 hours of video", 1e6 * HOUR_S / parts.video_s_per_core_s, 1e6 * HOUR_S * parts.bytes_per_video_s),
    ):
        hours, cores = core_s / HOUR_S, math.ceil(core_s / HOUR_S / 24)
        dollars, machines = hours * parts.dollars_per_core_hour, math.ceil(cores / parts.cores_per_machine)
        print(f"| {name} | {hours:,.0f} | {dollars:,.2f} | {size / 1e12:,.2f} TB | {cores:,} | {machines:,} |")
    print("\n| what | stops at | lifted by |\n|---|--:|---|")
    per_core = parts.pictures_per_core_s
    network, tar = parts.network_bytes_per_s / parts.bytes_per_picture, parts.pictures_per_tar
    for what, pictures_per_s, lifted in (
        ("requests of single pictures, one prefix", parts.requests_per_s, "tar files, or more prefixes"),
        ("the network of one machine", network, "more machines"),
        ("requests of tar files, one prefix", parts.requests_per_s * tar, "more prefixes"),
    ):
        cores = pictures_per_s / per_core
        print(f"| {what} | {cores:,.0f} cores | {lifted} |")
    for power in (6, 9, 11):
        keys = 10**power
        plain, tars = (f"{n / parts.keys_per_s / HOUR_S:,.2f} h" for n in (keys, keys / parts.pictures_per_tar))
        print(f"| listing 10^{power} pictures, before any work | {plain} | tar files: {tars} |")
    print("\n| machines lost per hour | time, to that of none lost | work done twice |\n|--:|--:|--:|")
    whole, _ = simulated(parts, lost_per_hour=0.0)
    for lost in (0.01, 0.1, 1.0):
        took, twice = simulated(parts, lost_per_hour=lost)
        print(f"| {lost:.0%} | {took / whole:.3f} | {twice:.2%} |")


def simulated(
    parts: Parts, *, lost_per_hour: float, cores: int = 512, pieces: int = 65_536, piece_s: float = 187.0
) -> tuple[float, float]:
    """Return how long 10^9 pictures take on 512 cores, in seconds, and which part of the work is done twice.

    Pieces take a random time around their mean. A core is lost at random in an hour's time; its piece begins anew on
    the next free core, and a new core stands in its place five minutes later.
    """
    generator = random.Random(parts.seed)
    free = [0.0] * cores
    waiting = [piece_s * generator.lognormvariate(-0.02, 0.2) for _ in range(pieces)]
    end, twice = 0.0, 0.0
    while waiting:
        now, takes = heapq.heappop(free), waiting.pop()
        lost_after = generator.expovariate(lost_per_hour / HOUR_S) if lost_per_hour else math.inf
        if lost_after < takes:
            waiting.append(takes)
            twice += lost_after
            heapq.heappush(free, now + lost_after + 300)
        else:
            end = max(end, now + takes)
            heapq.heappush(free, now + takes)
    return end, twice / (pieces * piece_s)


if __name__ == "__main__":
    main()
