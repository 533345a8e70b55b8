"""Real files against what they cost at least: large photographs, small pictures of several people, and videos.

Each row is a ratio to something that is measured beside it, by turns and on the same cores, so that it can be compared
between machines. Needs scikit-image, and room for the files that it makes.
"""

import os
import platform
import re
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import tyro
from before import check
from jobs import kept_jobs
from PIL import Image
from predict_pictures import FRAMES_A_SECOND, write_folder, write_large, write_video
from speed_found import held

from affekt.analysis.analyzer import Analyzer, load
from affekt.cores import core_count, processor
from affekt.faces.detection import FaceDetector
from affekt.faces.pictures import read_rgb

ABILITIES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")
SIDE = 640
"""Pixels that the detector looks at."""
LARGE_AIM, SMALL_AIM, VIDEO_AIM = 0.5, 1.0, 1.2
"""How many times as long as the other side affekt should take at most, by the clock and by CPU."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure affekt predict against decoders and the detector alone."""

    models: tuple[str, ...] = ("affekt", "affekt-int8")
    """Models that come with affekt, or model folders; only the first reads the large pictures."""
    large: int = 8
    """Pictures of 12 megapixels, of each kind."""
    pictures: int = 240
    """Of 640x360."""
    seconds: int = 8
    """Length of the video of 1280x720; that of 3840x2160 is a quarter as long."""
    turns: int = 3
    """How often each is measured; the medians count."""
    out: Path | None = None
    """A Markdown file for what is printed."""


@dataclass
class Cost:
    """What some work took, for each picture or frame."""

    wall_ms: float
    cpu_ms: float


def main() -> None:
    """Measure, print, and write what was printed."""
    options = tyro.cli(Options, description=__doc__)
    check("some four minutes on two cores, AVX-512", models=options.models, out=options.out, disk_gb=1)
    analyzers, detector = [load(model) for model in options.models], FaceDetector(longest_side=SIDE)
    with (
        tempfile.TemporaryDirectory(prefix="affekt-ratios-") as name,
        ThreadPoolExecutor(core_count()) as pool,
        kept_jobs(options.out, options) as jobs,
    ):
        works = Works(Path(name), analyzers, detector, pool)
        lines = jobs.lines(lambda: [_machine(options, analyzers), *HEADER])
        lines += jobs.lines(lambda: works.large(options.large, options.turns))
        lines += jobs.lines(lambda: works.small(options))
        lines += jobs.lines(lambda: works.videos(options))
        if options.out is not None:
            options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


HEADER = [
    "| work | against | affekt, ms wall (CPU) | the other, ms wall (CPU) | ratio by the clock | by CPU | aim |",
    "|---|---|--:|--:|--:|--:|--:|",
]


def _machine(options: Options, analyzers: list[Analyzer]) -> str:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    has = [name for name in ABILITIES if re.search(rf"\b{name}\b", flags)]
    command = shlex.join(["python", "benchmarks/ratios.py", *sys.argv[1:]])
    name = f"{processor().rpartition(' ')[0]} ({', '.join(has) or platform.machine()})"
    models = ", ".join(f"`{each.session.card.name}` on {each.session.runtime}" for each in analyzers)
    return (
        f"# Ratios\n\nCores: {core_count()}, {name}. Models: {models}. Turns: {options.turns}, of which the median "
        f"counts. Load before the start: {os.getloadavg()[1]:.1f}. Made by `{command}`.\n\nTimes are for each picture "
        "or frame, over all cores; a ratio says how many times as long affekt takes. An aim is reached if both ratios "
        "are at most as large as the aim.\n"
    )


@dataclass(frozen=True)
class Works:
    """The works, each beside what it is held against."""

    folder: Path
    analyzers: list[Analyzer]
    detector: FaceDetector
    pool: ThreadPoolExecutor

    def large(self, pictures: int, turns: int) -> Iterator[str]:
        """Yield a row for 12-megapixel portraits, and one for groups, against Pillow's full decode."""
        for kind, faces, side in (("portraits", 1, 1_800), ("groups of four", 4, 700)):
            names = write_large(self.folder / kind, pictures, faces, side)
            costs = _by_turns(
                turns, pictures, self._analyzed(self.analyzers[0], names, faces * pictures), self._decoded(names)
            )
            yield _line(f"12-megapixel JPEG, {kind}", "Pillow's full decode, all cores", LARGE_AIM, *costs)

    def small(self, options: Options) -> Iterator[str]:
        """Yield a row for 640x360 pictures with 3.5 faces, against YuNet alone on decoded pictures."""
        place = self.folder / "small"
        faces = write_folder(place, options.pictures)
        names = sorted(str(path) for path in place.iterdir())
        images = [read_rgb(name) for name in names]

        def look() -> None:
            list(self.pool.map(self.detector.first_look, images))

        for analyzer in self.analyzers:
            costs = _by_turns(options.turns, len(names), self._analyzed(analyzer, names, faces), look)
            work = f"640x360, 3.5 faces, {analyzer.session.card.name}"
            yield _line(work, "YuNet alone, decoded before", SMALL_AIM, *costs)

    def videos(self, options: Options) -> Iterator[str]:
        """Yield a row for a video of each size, against FFmpeg's decode and the detector alone."""
        for width, height, seconds in ((1280, 720, options.seconds), (3840, 2160, max(1, options.seconds // 4))):
            path = self.folder / f"{height}.mp4"
            write_video(path, seconds, (width, height))
            frames = seconds * FRAMES_A_SECOND
            for analyzer in self.analyzers:
                analyze = self._analyzed(analyzer, [str(path)], 3 * frames)
                costs = _by_turns(options.turns, frames, analyze, self._searched(path))
                work = f"video, {width}x{height}, 3 faces, {analyzer.session.card.name}"
                yield _line(work, "FFmpeg's decode, then YuNet alone", VIDEO_AIM, *costs)

    def _analyzed(self, analyzer: Analyzer, names: list[str], faces: int) -> Callable[[], None]:
        def analyze() -> None:
            found = sum(row["status"] == "ok" for answer in analyzer.answers(names) for row in answer.rows)
            if abs(found - faces) > 0.02 * faces:
                raise SystemExit(f"expected {faces} faces, got {found}: what is measured here is something else")

        return analyze

    def _decoded(self, names: list[str]) -> Callable[[], None]:
        def decode(name: str) -> None:
            with Image.open(name) as image:
                image.load()

        def decode_all() -> None:
            list(self.pool.map(decode, names))

        return decode_all

    def _searched(self, path: Path) -> Callable[[], None]:
        """Decode all frames, and look for faces in as many small pictures: one is scaled, for that is no part of it."""
        with av.open(path) as container:
            frame = next(container.decode(video=0))
            height = round(SIDE * frame.height / frame.width)
            small = frame.to_ndarray(format="rgb24", width=SIDE, height=height)

        def search() -> None:
            with av.open(path) as container:
                container.streams.video[0].thread_type = "AUTO"
                frames = sum(1 for _ in container.decode(video=0))
            list(self.pool.map(self.detector.first_look, [small] * frames))

        return search


def _by_turns(turns: int, items: int, ours: Callable[[], None], other: Callable[[], None]) -> tuple[Cost, Cost]:
    """Run both once uncounted, then by turns; return the medians for each item."""
    taken: tuple[list[Cost], list[Cost]] = ([], [])
    for turn in range(turns + 1):
        for work, costs in zip((ours, other), taken, strict=True):
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            work()
            if turn:
                cost = Cost(time.perf_counter() - wall_s, time.process_time() - cpu_s)
                costs.append(Cost(1e3 * cost.wall_ms / items, 1e3 * cost.cpu_ms / items))
    ours_cost, other_cost = (
        Cost(statistics.median(cost.wall_ms for cost in costs), statistics.median(cost.cpu_ms for cost in costs))
        for costs in taken
    )
    return ours_cost, other_cost


def _line(work: str, against: str, aim: float, ours: Cost, other: Cost) -> str:
    costs = (f"{cost.wall_ms:.1f} ({cost.cpu_ms:.1f})" for cost in (ours, other))
    ratios = (ours.wall_ms / other.wall_ms, ours.cpu_ms / other.cpu_ms)
    shown = (f"{ratio:.2f}" for ratio in ratios)
    return f"| {' | '.join((work, against, *costs, *shown, held(max(ratios), aim)))} |"


if __name__ == "__main__":
    main()
