"""What large jobs cost, and what stops them first: `python benchmarks/scale_model.py`.

The model is a sum of parts, which are the options. Processor times are read from results-predict.md, where
benchmarks/predict_speed.py wrote them. Prices, networks and stores are assumed: put yours in their place. Nothing is
shuffled: a piece is read once, and its rows are written once.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import tyro

PICTURES, _, VIDEO = Path(__file__).with_name("results-predict.md").read_text(encoding="utf-8").partition("**Video**")
STAGE_MS = {stage: float(cpu_ms) for stage, cpu_ms in re.findall(r"^\| ([a-z ]+) \| ([\d.]+) ", PICTURES, re.M)}
VIDEO_CPU_S = float(*re.findall(r"CPU ([\d.]+) s per second of video", VIDEO))

HOUR_S, DAY_H = 3600, 24
POWERS = (6, 9, 11)
"""Of ten: the numbers of pictures."""


@dataclass(frozen=True)
class Parts:
    """The parts of the model.

    Args:
        decode_ms: processor time of a picture of 640x360 with 3.5 faces, measured, as the next five.
        detect_ms: to find its faces.
        crop_ms: to cut them out.
        classify_ms: to read them.
        write_ms: to write their rows.
        rest_ms: of all else.
        video_cpu_s: processor time of a second of 720p video at five frames a second, measured.
        kb_per_picture: of a JPEG file.
        kb_per_video_s: of a second of video, at 4 megabits a second.
        bytes_per_row: of Parquet, measured: what 234 more rows added to a table.
        dollars_per_core_hour: of a machine that may be taken away.
        cores_per_machine: that share a network.
        machine_mb_per_s: of its network.
        store_mb_per_s: that a store gives to all machines.
        requests_per_s: that a store answers below one prefix.
        keys_per_s: that a store lists.
        pictures_per_tar: where pictures lie in tar files.
    """

    decode_ms: float = STAGE_MS["decode"]
    detect_ms: float = STAGE_MS["detect"]
    crop_ms: float = STAGE_MS["crop"]
    classify_ms: float = STAGE_MS["classify"]
    write_ms: float = STAGE_MS["write"]
    rest_ms: float = STAGE_MS["the rest"]
    video_cpu_s: float = VIDEO_CPU_S
    kb_per_picture: float = 50
    kb_per_video_s: float = 500
    bytes_per_row: float = 170
    dollars_per_core_hour: float = 0.02
    cores_per_machine: int = 64
    machine_mb_per_s: float = 1250
    store_mb_per_s: float = 50_000
    requests_per_s: float = 5500
    keys_per_s: float = 5000
    pictures_per_tar: int = 10_000

    @property
    def picture_s(self) -> float:
        """Processor time of a picture."""
        steps = (self.decode_ms, self.detect_ms, self.crop_ms, self.classify_ms, self.write_ms, self.rest_ms)
        return sum(steps) / 1000


def jobs(parts: Parts) -> list[tuple[str, float, float, float]]:
    """Return the name of each job, its processor seconds, and the bytes that it reads and writes."""
    faces, frames_a_second = 3.5, 5
    found = []
    for power in POWERS:
        pictures = 10**power
        size, rows = pictures * parts.kb_per_picture * 1e3, pictures * faces * parts.bytes_per_row
        found.append((f"10^{power} pictures", pictures * parts.picture_s, size, rows))
    video_s = 1e6 * HOUR_S
    rows = video_s * frames_a_second * 3 * parts.bytes_per_row
    found.append(("10^6 hours of video", video_s * parts.video_cpu_s, video_s * parts.kb_per_video_s * 1e3, rows))
    return found


def costs(parts: Parts) -> str:
    """Return what each job costs, as Markdown."""
    lines = [
        "| job | core hours | dollars | read | written | cores, to end in a day | machines |",
        "|---|" + "--:|" * 6,
    ]
    for name, core_s, size, rows in jobs(parts):
        hours = core_s / HOUR_S
        cores = math.ceil(hours / DAY_H)
        machines = math.ceil(cores / parts.cores_per_machine)
        dollars = hours * parts.dollars_per_core_hour
        lines.append(
            f"| {name} | {hours:,.0f} | {dollars:,.2f} | {size / 1e12:,.2f} TB | {rows / 1e12:,.4f} TB | {cores:,} | "
            f"{machines:,} |"
        )
    return "\n".join(lines)


def bottlenecks(parts: Parts) -> str:
    """Return how many cores each of a job's other parts can keep at work, the first to stop it before the others."""
    store, machine = (rate * 1e3 / parts.kb_per_picture for rate in (parts.store_mb_per_s, parts.machine_mb_per_s))
    found = [
        ("requests of single pictures, below one prefix", parts.requests_per_s, "tar files, or more prefixes"),
        ("the network of one machine", machine, "more machines with fewer cores each"),
        ("what the store gives to all machines", store, "smaller pictures, several stores, or a longer job"),
        ("requests of tar files, below one prefix", parts.requests_per_s * parts.pictures_per_tar, "more prefixes"),
    ]
    lines = ["| what | pictures/s at most | cores at work | lifted by |", "|---|--:|--:|---|"]
    for what, rate, lifted in sorted(found, key=lambda each: each[1]):
        lines.append(f"| {what} | {rate:,.0f} | {rate * parts.picture_s:,.0f} | {lifted} |")
    lines += ["", "| to list, before any work | single pictures | tar files |", "|---|--:|--:|"]
    for power in POWERS:
        keys = 10**power
        hours = [number / parts.keys_per_s / HOUR_S for number in (keys, keys / parts.pictures_per_tar)]
        lines.append(f"| 10^{power} pictures | {hours[0]:,.2f} h | {hours[1]:,.2f} h |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parts = tyro.cli(Parts, description=__doc__)
    print(costs(parts), bottlenecks(parts), sep="\n\n")


if __name__ == "__main__":
    main()
