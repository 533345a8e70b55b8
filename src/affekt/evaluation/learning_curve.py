"""A learning curve: a recipe trained on more and more rows, and each network scored on the same rows held back."""

import logging
from dataclasses import replace

import numpy as np
import polars as pl

from affekt.data.manifest import select_split
from affekt.errors import ConfigError
from affekt.evaluation.cross_validation import answer_of_network
from affekt.evaluation.evaluate import Evaluation, evaluate_tables
from affekt.evaluation.report import report_files, write_report
from affekt.evaluation.score import Resampling
from affekt.files import refuse_others
from affekt.training.generations import Chain, Run
from affekt.training.recipe import Recipe

HELD_BACK = "test"
"""The split that every network is scored on."""

_logger = logging.getLogger(__name__)


def learning_curve(
    recipe: Recipe, chain: Chain, manifest: pl.DataFrame, run: Run, sizes: str, *, resamples: int = 1000
) -> Evaluation:
    """Train a recipe on each of these numbers of rows, and score all networks on the split `test`.

    Each training is a run in a folder of its own, `rows-100` and so on. Its rows are drawn by the run's seed, the
    fewer among the more, and its validation rows are a share of them. `report/` has the curve. A run that is resumed
    goes on after the trainings that are finished.

    Args:
        recipe: what is trained for each size.
        chain: the trainings around it.
        manifest: rows of `test`, and all others, which may be learnt from.
        run: where everything is written, and the seed.
        sizes: numbers of rows, validation rows included, as in `100,300,1000`.
        resamples: of the bootstrap behind each interval.

    Raises:
        ConfigError: the sizes are not two or more numbers from 10 to the rows that there are.
        DataError: there are no rows of `test`; and as training does.
    """
    refuse_others(run.out / "report", report_files(run.out / "report"))
    held = select_split(manifest, HELD_BACK, run.data)
    rows = manifest.filter(pl.col("split") != HELD_BACK)
    order = np.random.default_rng(run.seed).permutation(rows.height)
    tables: dict[str, pl.DataFrame] = {}
    wanted = sizes_of(sizes, rows.height)
    for size in wanted:
        _logger.info("learning from %s of %s rows", f"{size:,}", f"{rows.height:,}")
        one = replace(run, out=run.out / f"rows-{size}")
        tables[f"{size:,} rows"] = answer_of_network(recipe, chain, one, rows[np.sort(order[:size])], held)
    by = "row" if held["subject"].null_count() else "subject"
    found = evaluate_tables(tables, held, HELD_BACK, Resampling(resamples, run.seed, by))
    found = replace(found, command=run.command)
    write_report(found, run.out / "report", sizes=wanted)
    return found


def sizes_of(text: str, most: int) -> tuple[int, ...]:
    """Read sizes as `100,300,1000`, and return them in order; raises ConfigError where one is none of `most` rows."""
    words = [word.strip() for word in text.split(",")]
    sizes = sorted({int(word) for word in words if word.isdecimal()})
    if len(sizes) < 2 or len(sizes) != len(words) or sizes[0] < 10 or sizes[-1] > most:
        usual = sorted({max(10, most // 9), max(11, most // 3), max(12, most)})
        raise ConfigError(
            f"expected two or more numbers of rows from 10 to {most} as curve, got {text!r}; as in: "
            f"--curve {','.join(map(str, usual))}"
        )
    return tuple(sizes)
