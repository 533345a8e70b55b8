"""What a benchmark needs, looked for in its first second, and how long it takes."""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from affekt.errors import AffektError
from affekt.faces.detector_file import yunet_path

NOTHING: Mapping[str, str] = {}


def check(
    takes: str,
    *,
    files: Sequence[Path | None] = (),
    disk_gb: float = 0.5,
    detector: bool = True,
    needs: Mapping[str, str] = NOTHING,
) -> None:
    """End with one sentence where something is missing; else say how long the benchmark takes.

    Args:
        takes: How long, and where that was measured.
        files: What was named as input; None stands for what was left out.
        disk_gb: Room for temporary files.
        detector: Whether faces are looked for.
        needs: Programs or Python packages, each with what to type to get it.
    """
    for name, typed in needs.items():
        if shutil.which(name) is None and find_spec(name) is None:
            sys.exit(f"expected {name}, got none; type: {typed}")
    for path in filter(None, files):
        if not path.exists():
            sys.exit(f"expected the file {path}, got none; check the name")
    folder = tempfile.gettempdir()
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < disk_gb:
        sys.exit(f"expected {disk_gb:g} GB of free space in {folder}, got {free_gb:.1f}; free some, or set TMPDIR")
    if detector:
        try:
            yunet_path()
        except AffektError as error:
            sys.exit(str(error))
    print(f"begun at {datetime.now():%H:%M}; takes {takes}", flush=True)
