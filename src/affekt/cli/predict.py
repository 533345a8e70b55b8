"""`affekt predict PATH... --out faces.csv`: any pictures and videos become a table."""

import inspect
import io
import shlex
import signal
import sys
from dataclasses import fields, make_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

from tqdm import tqdm
from tyro.conf import FlagCreatePairsOff, Positional, arg

from affekt.analysis.options import AnalyzerOptions, OutputOptions
from affekt.cli.arguments import as_command, parsed
from affekt.cli.times import TIMES, as_typed, in_seconds, with_engine
from affekt.cluster.predict import predict, write_all
from affekt.errors import ConfigError, Terminated
from affekt.terminal import decoders_silent, printable

ABOUT_TIMES = (
    "Times may have a unit: --every 0.2s, --smooth 200ms, --stop-after 2min or 2:00; and --fps 5 is --every 0.2s."
)
THE_REST = "all columns: add --out faces.csv, or --out - to print them; annotated copies: add --draw marked"
Options = make_dataclass(
    "Options",
    [
        (each.name, Annotated[float, arg(aliases=(option.removesuffix("-s"),))], each.default)
        for each in fields(AnalyzerOptions)
        if (option := f"--{each.name}".replace("_", "-")) in TIMES.values()
    ],
    bases=(AnalyzerOptions,),
    frozen=True,
    kw_only=True,
)
"""The options of an analyzer; help names the times by their short names, too."""
TYPES = {
    "paths": Annotated[tuple[str, ...], Positional, arg(metavar="PATH ...", help_behavior_hint="")],
    "out": Annotated[str | None, arg(metavar="PATH")],  # a Path would make s3:/ of s3://
    "shard": Annotated[str | None, arg(metavar="K/N")],
    "engine": Annotated[str | None, arg(name="ray", metavar="[ADDRESS]")],
    "model": Annotated[str, arg(metavar="MODEL")],
    "force": FlagCreatePairsOff[bool],
    "outputs": (Annotated[OutputOptions, arg(name="")], OutputOptions()),
    "options": (Annotated[Options, arg(name="")], Options()),
}


def main(arguments: list[str]) -> None:
    """Run the command; exit with 1 where an input could not be read."""
    signal.signal(signal.SIGTERM, _leave)
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Names of files need not be UTF-8.
        sys.stdin.reconfigure(encoding=sys.getfilesystemencoding(), errors="surrogateescape")
    about = (inspect.getdoc(predict) or "").partition("\n\nArgs:")[0]
    command, description = as_command(_predict, **TYPES), f"{about}\n\n{ABOUT_TIMES}"
    words = in_seconds(with_engine(arguments))
    try:
        with decoders_silent():
            is_bad = parsed(command, words, "affekt predict", description=description)
    except ConfigError as error:
        raise ConfigError(as_typed(str(error), arguments)) from error
    except KeyboardInterrupt as stop:
        raise type(stop)(*(f"{kept}; type: affekt predict {shlex.join(arguments)}" for kept in stop.args)) from None
    if is_bad:
        raise SystemExit(1)


@wraps(predict)
def _predict(
    *,
    out: str | Path | None,
    csv_safe: bool,
    force: bool,
    shard: str | None,
    engine: str | None,
    **options: Any,  # noqa: ANN401
) -> bool:
    """Do what `predict` does, but print where it returns a frame; return whether an input was unreadable."""
    import polars as pl

    from affekt.analysis.prediction_run import PredictionRun
    from affekt.analysis.rows import without_formulas
    from affekt.analysis.summary import told
    from affekt.analysis.table import refuse_lists

    if shard is not None or engine is not None:
        from affekt.cluster.run import ClusterRun

        job = ClusterRun(out=out, csv_safe=csv_safe, force=force, **options)
        job.write(shard=shard, engine=engine)
        return bool(job.unreadable)
    run = PredictionRun(**options)
    if out is not None and str(out) != "-":
        write_all(run, Path(out), csv_safe=csv_safe, force=force)
    elif out is None and sys.stdout.isatty():
        for line in told(run.answers(), run.videos):
            tqdm.write(line, file=sys.stdout)
        print(THE_REST, file=sys.stderr)
    else:
        refuse_lists("csv", run.schema)
        shown = pl.col("input", "status").map_elements(printable, pl.String) if sys.stdout.isatty() else []
        for number, answer in enumerate(run.answers()):  # and not before there is one
            rows = pl.DataFrame(answer.rows, schema=run.schema).with_columns(shown)
            rows = without_formulas(rows) if csv_safe else rows
            print(rows.write_csv(include_header=not number), end="", flush=True)
    return bool(run.summary.problems or run.summary.not_drawn)


def _leave(signal_number: int, frame: object) -> None:
    """Leave as after Ctrl-C, so that half a file is removed: what ends a process asks no destructor."""
    raise Terminated
