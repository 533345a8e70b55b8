"""What a benchmark needs, looked for in its first second, and how long it takes.

With this file imported, an error that affekt tells in a sentence ends a benchmark in that sentence.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from affekt.errors import AffektError
from affekt.faces.detector_file import yunet_path
from affekt.models.card import model_folder, read_card

NOTHING: Mapping[str, str] = {}


def check(
    takes: str,
    *,
    files: Iterable[Path | None] = (),
    models: Iterable[str | Path] = (),
    out: Path | None = None,
    disk_gb: float = 0.5,
    detector: bool = True,
    needs: Mapping[str, str] = NOTHING,
) -> None:
    """End with one sentence where something is missing; else say how long the benchmark takes.

    Args:
        takes: How long, and where that was measured.
        files: What was named as input; None stands for what was left out.
        models: Models that come with affekt, or model folders.
        out: What is written at the end.
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
    for model in models:
        read_card(model_folder(model))
    if out is not None and (out.is_dir() or not out.resolve().parent.is_dir()):
        sys.exit(f"expected --out as a file in a folder that is there, got {out}; choose another")
    folder = tempfile.gettempdir()
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < disk_gb:
        sys.exit(f"expected {disk_gb:g} GB of free space in {folder}, got {free_gb:.1f}; free some, or set TMPDIR")
    if detector:
        yunet_path()
    print(f"begun at {datetime.now():%H:%M}; takes {takes}", flush=True)


def _in_a_sentence(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, AffektError):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _in_a_sentence
