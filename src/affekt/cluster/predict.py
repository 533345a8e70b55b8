"""`affekt.predict`, and with it the options of the command `affekt predict`: nothing heavy is imported for its help."""

import logging
import shlex
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from affekt.analysis.options import AnalyzerOptions, FaceFinder, OutputOptions, PredictOptions
from affekt.errors import ConfigError, DataError, says_what_to_type
from affekt.files import refuse_others

if TYPE_CHECKING:
    import polars as pl

    from affekt.analysis.prediction_run import PredictionRun

logger = logging.getLogger(__name__)

USUAL, NO_OUTPUTS = AnalyzerOptions(), OutputOptions()


@says_what_to_type
def predict(
    paths: str | Path | Iterable[str | Path],
    *,
    out: str | Path | None = None,
    csv_safe: bool = False,
    model: str | Path = "affekt",
    faces: FaceFinder = "auto",
    force: bool = False,
    shard: str | None = None,
    engine: str | None = None,
    outputs: OutputOptions = NO_OUTPUTS,
    options: AnalyzerOptions = USUAL,
    **changes: Unpack[PredictOptions],
) -> "pl.DataFrame | pl.LazyFrame":
    """Find the faces of pictures and videos: their expressions, valence and arousal, one row per face.

    What cannot be read becomes a row that says why, and the exit code of the command is then 1. If it is stopped while
    it writes a table, the same call goes on where it was. Once the table is finished, it looks only at what is new.

    Args:
        paths: Pictures, videos, archives, folders, quoted patterns, .txt lists, .parquet tables, camera:0, - for stdin.
        out: The table: .csv, .parquet or .jsonl. Without it, or with -, the command prints the rows; Python gets them.
        csv_safe: Put an apostrophe before names in csv that a spreadsheet would take for formulas.
        model: A model that comes with affekt, a model folder or a run, or hf://user/name of the hub.
        faces: What finds the faces: YuNet or, without its file, a cascade. `whole`: each picture is a face already.
        force: Write over `out` even if affekt did not write it, or wrote it of other inputs.
        shard: `3/16` does the third of sixteen shares of the work; `out` is a folder for parts, see `affekt.gather`.
        engine: Ray works on this machine (`ray`, or --ray alone) or at a cluster's address; `out` is as with `shard`.
        outputs: What is written beside the table: annotated copies, timelines, copies without faces, a summary.
        options: How faces are looked for, and what becomes of their scores.
        changes: Single options by name, as of `affekt.OutputOptions` and `AnalyzerOptions`: `draw="marked", every_s=1`.

    Returns:
        A polars frame of the rows; with `out`, a lazy frame over the finished table, which may be larger than memory.

    Raises:
        ConfigError: an option is out of its range, or a place cannot be written.
        DataError: nothing was found, or a file cannot be written.
        ModelError: the model or the detector cannot be had.
        MissingExtra: the runtime is not installed.

    Example:
        >>> affekt.predict("portrait.png", min_confidence=1).select("input", "emotion", "status").row(0)
        ('portrait.png', None, 'ok')
        >>> affekt.predict("portrait.png", out="faces.parquet").collect().height
        1
    """
    from affekt.analysis.prediction_run import PredictionRun

    written = {field.name for field in fields(OutputOptions)} & changes.keys()
    outputs = replace(outputs, **{name: changes[name] for name in written})
    options = replace(options, **{name: value for name, value in changes.items() if name not in written})
    if shard is not None or engine is not None:
        from affekt.cluster.run import ClusterRun

        unfit = {"outputs": outputs, "csv_safe": csv_safe, "force": force}
        job = ClusterRun(paths, out=out, model=model, faces=faces, options=options, **unfit)
        return job.write(shard=shard, engine=engine)
    run = PredictionRun(paths, outputs, model, faces, options)
    return run.frame() if out is None else write_all(run, Path(out), csv_safe=csv_safe, force=force)


def write_all(run: "PredictionRun", out: Path, *, csv_safe: bool, force: bool) -> "pl.LazyFrame":
    """Write the table of a run and, if it is asked for, what `affekt summarize` makes of it."""
    if run.copies.summary is not None:
        from affekt.people.options import SummaryOptions
        from affekt.people.writing import files_of

        made = files_of(run.copies.summary, SummaryOptions())
        if out.resolve() in (path.resolve() for path in made):
            raise ConfigError(
                f"expected a table of another name than a file of the summary, got {out} as out; "
                f"type: --out {out.with_stem(f'{out.stem}-faces')}"
            )
        refuse_others(run.copies.summary, made, "summary")
    table = run.write(out, csv_safe=csv_safe, force=force)
    if (folder := run.copies.summary) is not None:
        from affekt.people.options import SummaryOptions
        from affekt.people.summary import make_summary

        try:
            written = make_summary(out, folder, None, None, SummaryOptions()).written
            logger.info("wrote %d files into %s", len(written), folder)
        except DataError as error:  # the table is there
            run.summary.not_drawn.append(str(error))
            logger.info("no summary in %s: %s", folder, error)
    elif run.summary.videos.faces:
        typed = shlex.join(["affekt", "summarize", str(out), "--out", "study"])
        logger.info("a row per person, episodes, and a page to look at: %s", typed)
    return table
