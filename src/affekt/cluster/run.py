"""One job on several machines: this one's share of it, or all of it on an engine, and what is told at the end."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

import polars as pl

from affekt.analysis.inputs import told_of_passed_over
from affekt.analysis.options import AnalyzerOptions, FaceFinder, OutputOptions
from affekt.analysis.prediction_run import PredictionRun, with_progress
from affekt.analysis.remote import is_address
from affekt.analysis.summary import counted
from affekt.analysis.table import FORMATS
from affekt.cluster.job import Piece, planned, still_to_do, write_parts
from affekt.cluster.on_ray import on_ray
from affekt.cluster.parts import Parts
from affekt.errors import ConfigError
from affekt.terminal import progress_bar

logger = logging.getLogger(__name__)

SHARD = re.compile(r"([0-9]+)/([0-9]+)")


class ClusterRun:
    """What one call, or one command, does of a job whose parts gather in a folder."""

    def __init__(
        self,
        paths: str | Path | Iterable[str | Path],
        *,
        out: str | Path | None,
        model: str | Path,
        faces: FaceFinder,
        options: AnalyzerOptions,
        outputs: OutputOptions,
        **unfit: object,
    ) -> None:
        """Find the inputs and cut them into pieces; arguments are those of `predict`, `unfit` those of whole tables."""
        self.parts = Parts(_folder(out))
        unfit |= {each.name: getattr(outputs, each.name) not in (None, each.default) for each in fields(outputs)}
        for name in (name for name, value in unfit.items() if value):
            raise ConfigError(
                f"expected shard or engine without {name}, which needs the whole table, got both; "
                f"leave out --{name.replace('_', '-')} ({name} in Python), and gather the parts first"
            )
        run = PredictionRun(paths, outputs, model, faces, options)
        self.analyzer, self.passed_over = run.analyzer, run.passed_over
        self.job, self.pieces = planned(run.names, run.analyzer, faces)
        self.unreadable = 0
        """Inputs of this call that could not be read."""

    def write(self, *, shard: str | None, engine: str | None) -> pl.LazyFrame:
        """Write the parts of a share such as `3/16`, or all on an engine; return the rows of these parts."""
        if shard is not None and engine is not None:
            raise ConfigError("expected shard or engine, got both; leave out one: each cuts the work")
        # Not one piece behind the other: a folder of large pictures is shared out.
        number, of = (1, 1) if shard is None else _share(shard)
        pieces = self.pieces[number - 1 :: of]
        missing = still_to_do(pieces, self.job, self.parts)
        total, left = (sum(len(piece.names) for piece in some) for some in (pieces, missing))
        if left < total:
            logger.info("going on after %s of %s", f"{total - left:,}", counted(total, "input"))
        if engine is None:
            for _ in with_progress(write_parts(missing, self.job, self.analyzer, self.parts), total, total - left):
                pass
        elif missing:
            with progress_bar(total=total, initial=total - left, unit="inputs") as bar:
                for piece in on_ray(missing, self.job, self.analyzer, self.parts, engine):
                    bar.update(len(piece.names))
        return self._told(pieces, f"shard {shard}" if engine is None else "on Ray")

    def _told(self, pieces: Sequence[Piece], what: str) -> pl.LazyFrame:
        """Tell what was found in pieces whose parts are there, and what is to be typed next; return their rows."""
        names, there = [piece.part for piece in pieces], set(self.parts.names())
        found = [self.parts.metadata(name) for name in names]
        inputs, faces, self.unreadable = (
            sum(int(each[count]) for each in found) for count in ("inputs", "faces_found", "unreadable")
        )
        logger.info("%s: %s of %s, %s", what, f"{inputs:,}", counted(self.job.inputs, "input"), counted(faces, "face"))
        if self.unreadable:
            logger.info("%s unreadable", f"{self.unreadable:,}")
        for line in told_of_passed_over(self.passed_over):
            logger.info("%s", line)
        done = sum(piece.part in there for piece in self.pieces)
        logger.info("%s of %s in %s", f"{done:,}", counted(len(self.pieces), "part"), self.parts)
        if done == len(self.pieces):
            logger.info("the job is done; type: affekt gather %s --out faces.parquet", self.parts)
        return self.parts.scan(names)


def _folder(out: str | Path | None) -> str | Path:
    if out is None or str(out) == "-":
        raise ConfigError(
            f"expected a folder as out, for the parts of the table, got {'none' if out is None else out}; "
            "type: --out parts, or out='parts' in Python"
        )
    if Path(out).suffix.lower() in FORMATS or (not is_address(str(out)) and Path(out).is_file()):
        raise ConfigError(
            f"expected a folder as out, for the parts of the table, got {out}; type: --out {Path(out).stem}-parts, and "
            f"then: affekt gather {Path(out).stem}-parts --out {out}"
        )
    return out


def _share(shard: str) -> tuple[int, int]:
    numbers = SHARD.fullmatch(shard)
    number, of = map(int, numbers.groups()) if numbers else (0, 0)
    if not 1 <= number <= of:
        raise ConfigError(
            f"expected a shard from 1/N to N/N, as 3/16 for the third of sixteen, got {shard}; type: --shard 1/16, or "
            "shard='1/16' in Python"
        )
    return number, of
