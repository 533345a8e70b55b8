"""`affekt.predict`, and with it the options of the command `affekt predict`: nothing heavy is imported for its help."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from affekt.analysis.options import AnalyzerOptions, FaceFinder, Options

if TYPE_CHECKING:
    import polars as pl

USUAL = AnalyzerOptions()


def predict(
    paths: str | Path | Iterable[str | Path],
    *,
    out: str | Path | None = None,
    draw: str | Path | None = None,
    timeline: str | Path | None = None,
    csv_safe: bool = False,
    model: str | Path = "affekt",
    faces: FaceFinder = "auto",
    force: bool = False,
    options: AnalyzerOptions = USUAL,
    **changes: Unpack[Options],
) -> "pl.DataFrame | pl.LazyFrame":
    """Find the faces of pictures and videos: their expressions, valence and arousal, one row per face.

    What cannot be read becomes a row that says why, and the exit code of the command is then 1. Stop it while it writes
    a table, and the same call, or command, goes on where it was.

    Args:
        paths: Pictures, videos, folders with all below, patterns in quotes, .txt lists, - for a list on standard input;
            camera:0 until Ctrl-C.
        out: The table: .csv, .parquet or .jsonl. Without it, Python gets the rows, and the command prints a line
            per picture on a terminal and csv elsewhere, as `--out -` always does.
        draw: A folder for annotated copies: boxes, expressions, and valence and arousal on a small circle.
        timeline: A folder for a picture and a page of each video: expressions, valence and arousal of each person over
            time; with a table only.
        csv_safe: Put an apostrophe before names in csv that a spreadsheet would take for formulas: those that begin
            with =, +, - or @.
        model: A model that comes with affekt, or a model folder, as `affekt export` writes it.
        faces: Who finds the faces: YuNet, scikit-image's cascade, the first that can be had, or nobody: `whole` says
            that each picture is a face already.
        force: Write over `out` where it is another file than a table of affekt's.
        options: How faces are looked for, and what becomes of their scores.
        changes: Single options by name, as of `affekt.AnalyzerOptions`: `min_confidence=0.6, every_s=0.2`.

    Returns:
        A polars frame of the rows; with `out`, a lazy frame over the finished table, which may be larger than memory.

    Raises:
        ConfigError: an option is out of its range, or a place cannot be written.
        DataError: nothing was found, or a file cannot be written.
        ModelError: the model or the detector cannot be had.
        MissingExtra: the runtime is not installed.

    Example:
        >>> import affekt
        >>> from PIL import Image
        >>> Image.new("RGB", (64, 64), "grey").save("grey.png")
        >>> affekt.predict("grey.png", faces="whole", min_confidence=1).select("input", "emotion", "status").row(0)
        ('grey.png', None, 'ok')
        >>> affekt.predict("grey.png", out="faces.parquet", faces="whole").collect().height
        1
    """
    from affekt.analysis.prediction_run import PredictionRun

    options = replace(options, **changes)
    run = PredictionRun(paths, draw=draw, timeline=timeline, model=model, faces=faces, options=options)
    return run.frame() if out is None else run.write(Path(out), csv_safe=csv_safe, force=force)
