"""What may be chosen for speed in `affekt predict`: rates, and the faces that are found."""

import time
from pathlib import Path
from typing import Any

from predict_pictures import FRAMES_A_SECOND
from skimage.data import astronaut

from affekt.analysis.analyzer import Analyzer, load

SETTINGS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "--detect-every 2": {"detect_every": 2},
    "--longest-side 448": {"longest_side": 448},
    "--model affekt-fast": {"model": "affekt-fast"},
    "--model affekt-fast --detect-every 2": {"model": "affekt-fast", "detect_every": 2},
    "--model affekt-fast --detect-every 2 --longest-side 448": {
        "model": "affekt-fast",
        "detect_every": 2,
        "longest_side": 448,
    },
    "--model affekt-fast --detect-every 3 --longest-side 320": {
        "model": "affekt-fast",
        "detect_every": 3,
        "longest_side": 320,
    },
}
"""What may be chosen for speed, beside the default."""


def choices(folder: Path, video: Path, seconds: int, model: Path) -> list[str]:
    """Return what each of SETTINGS gains, and the faces it finds, start and end of the command left out."""
    pictures, frames = sorted(str(path) for path in folder.iterdir()), seconds * FRAMES_A_SECOND
    lines = [
        "| `affekt predict` | pictures/s | faces found | frames/s | faces found | at 5 frames/s, times real time |"
    ]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for name, chosen in SETTINGS.items():
        chosen = {"model": model, **chosen}
        picture_s, faces = analyzed(pictures, load(**chosen))
        video_s, video_faces = analyzed([str(video)], load(**chosen))
        sampled_s, _ = analyzed([str(video)], load(**chosen, every_s=0.2))
        lines.append(
            f"| {name} | {len(pictures) / picture_s:.0f} | {faces:,} | {frames / video_s:.0f} | {video_faces:,} | "
            f"{seconds / sampled_s:.1f} |"
        )
    return [*lines, ""]


def analyzed(names: list[str], analyzer: Analyzer) -> tuple[float, int]:
    """Analyze in this process, row by row as the command does; return wall seconds and the faces found."""
    list(analyzer.answers([astronaut()]))
    start_s, faces = time.perf_counter(), 0
    for answer in analyzer.answers(names):
        faces += sum(row["status"] == "ok" for row in answer.rows)
    return time.perf_counter() - start_s, faces
