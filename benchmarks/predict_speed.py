"""How fast `affekt predict` is, and where the time goes: start, pictures, video, memory.

Run it on a machine that does nothing else. Needs scikit-image, and a model: by default the one that comes with affekt.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import tyro
from before import check
from jobs import kept_jobs
from predict_choices import analyzed, choices
from predict_pictures import FRAMES_A_SECOND, write_folder, write_video
from skimage.data import astronaut
from speed_found import held

from affekt.analysis import detected_faces as frame_steps
from affekt.analysis.analyzer import Analyzer, load
from affekt.analysis.analyzer import FaceDetector as AnalyzersDetector
from affekt.analysis.table import pieces_of, write_table
from affekt.analysis.video import VideoFrame, read_frames
from affekt.cores import core_count, processor
from affekt.faces.detection import FaceDetector, Faces
from affekt.faces.pictures import read_picture
from affekt.ledger import Ledger

STAGES = ("decode", "detect", "crop", "classify", "write")
STAGES_RUNTIME = "onnxruntime"
"""Computes in the thread that asks, so that the clock of that thread sees it; OpenVINO has threads of its own."""
MOST_MB = 800
"""The aim for the peak memory of every command."""
REST = "the rest"
"""CPU of threads that are not ours, as the codec's, and of Python's that hands out the work."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure affekt predict."""

    model: Path = Path("affekt")
    """A model that comes with affekt, or a model folder."""
    pictures: int = 1200
    """In the folder."""
    seconds: int = 40
    """Length of the video."""
    repetitions: int = 5
    """Cold starts; the median counts."""
    detect_every: int = 1
    """As of affekt predict, for the videos."""
    out: Path | None = None
    """A Markdown file for what is printed."""


@dataclass
class Run:
    """What a run of the command took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass
class Clock:
    """CPU seconds by stage, each counted in the thread that spends them."""

    cpu_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its time counts for a stage."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            start_s = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self.cpu_s[stage] += time.thread_time() - start_s

        return wrapped


def main() -> None:
    """Measure, print, and write what was printed."""
    options = tyro.cli(Options, description=__doc__)
    check("two to five minutes on two cores", models=[options.model], out=options.out)
    with tempfile.TemporaryDirectory(prefix="affekt-speed-") as name, kept_jobs(options.out, options) as jobs:
        lines = jobs.lines(lambda: [_machine(options)])
        work = Path(name)
        faces = write_folder(work / "pictures", options.pictures)
        video = work / "video.mp4"
        write_video(video, options.seconds)
        lines += jobs.lines(lambda: _cold_start(work / "pictures" / "00000.jpg", options))
        lines += jobs.lines(lambda: _folder(work / "pictures", faces, options))
        lines += jobs.lines(lambda: _video(video, options))
        lines += jobs.lines(lambda: choices(work / "pictures", video, options.seconds, options.model))
        if options.out is not None:
            options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _machine(options: Options) -> str:
    name = Analyzer(options.model).session.card.name
    return (
        f"# Speed of `affekt predict`\n\n{core_count()} cores, {processor()}, Python "
        f"{platform.python_version()}, model `{name}`, in the tables of stages on onnxruntime "
        f"{onnxruntime.__version__}; load before the start {os.getloadavg()[0]:.2f}. "
        "Made by `python benchmarks/predict_speed.py`.\n"
    )


def _command(options: Options, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "affekt", "predict", "--model", str(options.model), *map(str, arguments)]


def _cold_start(picture: Path, options: Options) -> list[str]:
    """Time from starting the process to the first row on its standard output."""
    walls_s, cpus_s = [], []
    for _ in range(options.repetitions + 1):
        start_s = time.perf_counter()
        process = subprocess.Popen(_command(options, picture), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        header, row = process.stdout.readline(), process.stdout.readline()
        walls_s.append(time.perf_counter() - start_s)
        assert header.startswith(b"input,")
        assert b"ok" in row
        process.stdout.close()
        _, _, usage = os.wait4(process.pid, 0)
        cpus_s.append(usage.ru_utime + usage.ru_stime)
    # The first fills the caches of the disk.
    wall_s, cpu_s = statistics.median(walls_s[1:]), statistics.median(cpus_s[1:])
    cpu = f"CPU of the whole command {cpu_s:.2f} s"
    return [f"**Cold start** to the first row: {wall_s:.2f} s (aim {held(wall_s, 1.5)}), {cpu}.\n"]


def _folder(folder: Path, faces: int, options: Options) -> list[str]:
    run = _measured(_command(options, folder, "--out", folder.parent / "faces.parquet"))
    found = pl.read_parquet(folder.parent / "faces.parquet").filter(status="ok").height
    pictures = sorted(str(path) for path in folder.iterdir())
    rate = len(pictures) / run.wall_s
    in_run, wall_s = _stages(pictures, load(options.model, runtime=STAGES_RUNTIME), folder.parent)
    alone = _picture_stages_alone(pictures[:60], options)
    return [
        f"**Folder** of {len(pictures)} JPEG files of 640x360, {faces} faces, {found} found: {rate:.0f} pictures/s "
        f"with start and end (aim {held(rate, 150, least=True)}), {len(pictures) / wall_s:.0f} without; CPU "
        f"{1e3 * run.cpu_s / len(pictures):.1f} ms per picture, peak memory {run.peak_mb:.0f} MB "
        f"(aim {held(run.peak_mb, MOST_MB)}).\n",
        *_table(in_run, alone, len(pictures), "picture"),
    ]


def _video(video: Path, options: Options) -> list[str]:
    frames = options.seconds * FRAMES_A_SECOND
    every = ("--detect-every", options.detect_every)
    table = video.with_suffix(".parquet")
    run = _measured(_command(options, video, "--out", table, *every))
    faces = pl.read_parquet(table).filter(status="ok").height
    half = _measured(_command(options, video, "--out", table, *every, "--stop-after", f"{options.seconds / 2}s"))
    sampled = _measured(_command(options, video, "--out", table, *every, "--fps", 5))
    staged = load(options.model, runtime=STAGES_RUNTIME, detect_every=options.detect_every)
    in_run, wall_s = _stages([str(video)], staged, video.parent)
    sampling = load(options.model, detect_every=options.detect_every, every_s=0.2)
    sampled_s, _ = analyzed([str(video)], sampling)
    alone = _frame_stages_alone(video, options)
    rate, live = frames / run.wall_s, options.seconds / sampled.wall_s
    often = "every frame" if options.detect_every == 1 else f"one frame in {options.detect_every}"
    return [
        f"**Video** of {options.seconds} s, 1280x720 at {FRAMES_A_SECOND} frames/s, {faces / frames:.2f} faces found "
        f"per frame, faces looked for on {often}: {rate:.0f} frames/s with start and end "
        f"(aim {held(rate, 100, least=True)}), {frames / wall_s:.0f} without; CPU {1e3 * run.cpu_s / frames:.1f} ms "
        f"per frame; peak memory {run.peak_mb:.0f} MB (aim {held(run.peak_mb, MOST_MB)}), of its first half "
        f"{half.peak_mb:.0f} MB.\n",
        f"Sampled at 5 frames/s: {live:.1f} times real time with start and end (aim {held(live, 10, least=True)}), "
        f"{options.seconds / sampled_s:.1f} without; CPU {sampled.cpu_s / options.seconds:.3f} s per second of "
        "video.\n",
        *_table(in_run, alone, frames, "frame"),
    ]


def _measured(command: list[str]) -> Run:
    start_s = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return Run(time.perf_counter() - start_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _stages(names: list[str], analyzer: Analyzer, work: Path) -> tuple[dict[str, float], float]:
    """Analyze in this process, with a clock on each stage; return CPU seconds by stage and wall seconds in all."""
    clock = Clock()
    list(analyzer.answers([astronaut()]))
    detector = analyzer.detector("yunet")
    assert isinstance(detector, AnalyzersDetector)
    plain_decode, plain_crop_faces = frame_steps.decode, frame_steps.crop_faces
    frame_steps.decode = clock.timed("decode", plain_decode)
    detector.detect = clock.timed("detect", detector.detect)
    frame_steps.crop_faces = clock.timed("crop", plain_crop_faces)
    analyzer.classify = clock.timed("classify", analyzer.classify)
    ledger = Ledger(work / "stages.parquet", {})
    add = clock.timed("write", ledger.add)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    with ledger.writing():
        for answer in analyzer.answers(names, faces="yunet"):
            add([answer.input, answer.rows, None], ends_unit=answer.ends)
    from affekt.analysis.rows import SMOOTHED_SCHEMA

    def rows() -> Iterator[pl.DataFrame]:
        return pieces_of((row for (_, found, *_), _ in ledger.records() for row in found), SMOOTHED_SCHEMA)

    clock.timed("write", write_table)(rows, work / "stages.parquet", SMOOTHED_SCHEMA, {})
    frame_steps.decode, frame_steps.crop_faces = plain_decode, plain_crop_faces
    wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return clock.cpu_s | {REST: max(0.0, cpu_s - sum(clock.cpu_s.values()))}, wall_s


def _alone(function: Callable[[], object], items: int) -> float:
    """Return CPU seconds an item of a stage that runs by itself on one core."""
    function()
    start_s = time.process_time()
    function()
    return (time.process_time() - start_s) / items


def _picture_stages_alone(names: list[str], options: Options) -> dict[str, float]:
    images = [read_picture(name).image_rgb for name in names]
    alone = {"decode": _alone(lambda: [read_picture(name) for name in names], len(names))}
    return alone | _later_stages_alone(images, options)


def _frame_stages_alone(video: Path, options: Options) -> dict[str, float]:
    def read() -> list[np.ndarray]:
        frames: list[VideoFrame] = []
        for frame in read_frames(str(video)):
            frames.append(frame)
            if len(frames) == 60:
                break
        return [frame.image_rgb for frame in frames]

    return {"decode": _alone(read, 60)} | _later_stages_alone(read(), options)


def _later_stages_alone(images: list[np.ndarray], options: Options) -> dict[str, float]:
    analyzer, detector = Analyzer(options.model), FaceDetector()
    found, preprocessing = [detector.detect(image) for image in images], analyzer.session.card.preprocessing

    def cut(image_rgb: np.ndarray, faces: Faces) -> np.ndarray:
        return frame_steps.crop_faces(image_rgb, faces.box_xyxy, faces.landmarks_xy, preprocessing)

    crops = np.concatenate(list(map(cut, images, found)))
    return {
        "detect": _alone(lambda: [detector.detect(image) for image in images], len(images)),
        "crop": _alone(lambda: list(map(cut, images, found)), len(images)),
        "classify": _alone(lambda: analyzer.session.predict(crops), len(images)),
    }


def _table(in_run: dict[str, float], alone: dict[str, float], items: int, item: str) -> list[str]:
    total = sum(in_run.values())
    lines = [
        f"| stage | CPU ms per {item} in the run | share | alone on one core | {item}s/s if all cores did only this |",
        "|---|--:|--:|--:|--:|",
    ]
    for stage in (*STAGES, REST):
        lone = alone.get(stage, in_run[stage] / items)
        by_itself = " | " if stage == REST else f"{1e3 * lone:.2f} ms | {core_count() / lone:,.0f}"
        lines.append(f"| {stage} | {1e3 * in_run[stage] / items:.2f} | {in_run[stage] / total:.0%} | {by_itself} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
