"""The rows of a training: those learnt from and those that choose the epoch, of a manifest or a folder of faces.

No torch here: errors come in no time.
"""

import hashlib
import logging
import shlex
from pathlib import Path

import polars as pl

from affekt.data.manifest import manifest_labels, read_manifest, select_split
from affekt.data.splits import carve_validation, require_people_apart, split_rows, split_text, with_subjects
from affekt.errors import ConfigError, DataError
from affekt.labels import LABELS
from affekt.training.generations import Run
from affekt.training.recipe import Recipe
from affekt.training.recipes import RECIPES

MANIFEST = "manifest.parquet"
"""The manifest that a run makes of a folder, in its own folder."""

_logger = logging.getLogger(__name__)


def labels_to_learn(recipe: Recipe, manifest: pl.DataFrame) -> tuple[str, ...]:
    """Return what the recipe's network learns to tell apart: the manifest's labels, the eight where it learns none."""
    labels = manifest_labels(manifest)
    return labels if "expression" in recipe.network.heads and len(labels) > 1 else LABELS


def training_rows(recipe: Recipe, manifest: pl.DataFrame, run: Run) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows to learn from and those to choose the epoch on; rows without any target are left out.

    Raises:
        ConfigError: the validation option is neither a split nor a fraction.
        DataError: a side is empty or lacks what the recipe learns, or a person is in another split than `train` too.
    """
    heads = recipe.network.heads
    usable = pl.any_horizontal(
        *([pl.col("emotion").is_not_null() | pl.col("votes").is_not_null()] if "expression" in heads else []),
        *([pl.col("valence").is_not_null()] if "valence_arousal" in heads else []),
    )
    require_people_apart(manifest, run.data, run.subject_pattern)
    expressions = min(2, manifest["emotion"].drop_nulls().n_unique()) if "expression" in heads else 0
    sides = _both_sides(manifest, run, expressions)
    for side, name in zip(sides, ("training", "validation"), strict=True):
        _require_targets(recipe, side, name)
    if recipe.data.class_balance != "none" and sides[0]["emotion"].is_null().all():
        raise DataError(
            f"expected labels in the training rows to balance classes by {recipe.data.class_balance}, got none among "
            f"{sides[0].height:,} rows; fill the manifest's column emotion, or set class_balance none"
        )
    return sides[0].filter(usable), sides[1].filter(usable)


def _both_sides(manifest: pl.DataFrame, run: Run, expressions: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = select_split(manifest, "train", run.data)
    splits = manifest["split"].unique().to_list()
    chosen = run.validation
    if chosen == "auto":
        chosen = "val" if "val" in splits else "0.1"
    if chosen == "train":
        raise ConfigError("expected a validation split apart from train, got train; 0.1 carves a tenth of it")
    if chosen in splits:
        return rows, select_split(manifest, chosen)
    try:
        fraction = float(chosen)
    except ValueError:
        raise ConfigError(
            f"expected validation to be a fraction or one of the splits {', '.join(sorted(splits))}, "
            f"got {chosen!r}; 0.1 carves a tenth of train (--validation 0.1)"
        ) from None
    seed = run.seed if run.validation_seed is None else run.validation_seed
    return carve_validation(rows, fraction, seed, expressions=expressions)


def _require_targets(recipe: Recipe, rows: pl.DataFrame, side: str) -> None:
    """Refuse rows that cannot teach or check the recipe's heads."""
    heads = recipe.network.heads
    if "expression" in heads:
        classes = rows["emotion"].drop_nulls().n_unique()
        votes_alone = not classes and recipe.loss.expression_target == "votes" and rows["votes"].count() > 0
        if classes < 2 and not votes_alone:
            raise DataError(
                f"expected at least two expressions in the {side} rows, got {classes}; "
                "add pictures that have others in the manifest's column emotion, or train valence and arousal with the "
                "recipe vgg16-va"
            )
    if "valence_arousal" in heads and rows.select("valence", "arousal").drop_nulls().is_empty():
        raise DataError(
            f"expected valence and arousal in the {side} rows, got none; import data that has them, "
            f"{'or learn the expressions alone (--heads expression), ' if 'expression' in heads else ''}"
            "or project them from FER+ votes with: affekt data import ferplus --valence-arousal projected"
        )


def require_votes(recipe: Recipe, run: Run, votes: int = 0) -> None:
    """Refuse rows without votes where these were asked for; say what is learnt instead where a recipe has them."""
    if votes or recipe.loss.expression_target != "votes" or "expression" not in recipe.network.heads:
        return
    named = RECIPES.get(run.recipe_name)
    if named is not None and named.recipe.loss.expression_target == "labels":
        raise DataError(
            f"expected votes to learn from in {run.data}, got none; import data that has them, as "
            "affekt data import ferplus does, or type: --expression-target labels"
        )
    _logger.info("%s has no votes: the labels are learnt instead", run.data)


def valence_arousal_origin(rows: pl.DataFrame) -> str | None:
    """Return where the valence and arousal of rows come from: one origin, or each with its share of the rows."""
    known = rows.filter(pl.col("valence").is_not_null())
    counts = known["valence_arousal_origin"].drop_nulls().value_counts(sort=True).rows()
    if len(counts) < 2:
        return counts[0][0] if counts else None
    return ", ".join(f"{100 * count / known.height:.0f} % {origin}" for origin, count in counts)


def rows_digest(training: pl.DataFrame, validation: pl.DataFrame) -> str:
    """Return a hash of the pictures, boxes and labels of both sides, in their order.

    Where the pictures lie is not in it: a data set may move.
    """
    digest = hashlib.sha256()
    for side in (training, validation):
        plain = side.select(
            *("source", "source_id", "pixel_sha256", "emotion", "valence", "arousal"),
            pl.col("box_xyxy", "landmarks_xy", "votes").arr.to_list(),
        )
        digest.update(plain.write_json().encode())
    return digest.hexdigest()


def manifest_for(
    data: str | Path | pl.DataFrame,
    out: Path,
    *,
    subject_pattern: str | None,
    seed: int,
    resume: bool = False,
    divided: bool = True,
) -> tuple[pl.DataFrame, Path]:
    """Return the manifest that a run learns from, and its file.

    A folder, [split/]expression/picture, is imported into the run's own, and faces are looked for where its pictures
    are photographs. If its tree has no splits, its rows are
    divided into train, val and test, or left undivided. `subject_pattern` is that of `with_subjects`. A run that is
    resumed finds the manifest that it made before.
    """
    place = Path(data) if isinstance(data, str | Path) else Path("frame")
    if isinstance(data, pl.DataFrame) or not place.is_dir():
        manifest = read_manifest(data)
        return manifest if subject_pattern is None else with_subjects(manifest, subject_pattern), place
    made = out / MANIFEST
    if resume and made.is_file():
        return read_manifest(made), made
    from affekt.data.importers.engine import ImportOptions, import_dataset, made_by, made_otherwise, write_made
    from affekt.data.importers.own import Folder

    command = made_by("import folder", [place])
    if made_otherwise(made, command):
        raise ConfigError(
            f"expected a folder without a file {MANIFEST} that is not of {place}, got {made}; choose another out "
            "(--out)"
        )
    try:
        options = ImportOptions(out=made, faces="auto", subject_pattern=subject_pattern)
        report = import_dataset(Folder(root=place), options)
    except DataError as error:
        first = f"in an import before: affekt data import folder {shlex.quote(str(place))} --out manifest.parquet --map"
        told = str(error).replace("as in: --map", first)  # which training has not
        raise DataError(told) from error
    manifest = report.manifest
    for problem, names in report.unreadable.items():
        _logger.info("left out, %s: %s (%s%s)", problem, f"{len(names):,}", names[0], ", ..." * (len(names) > 1))
    drawn = divided and manifest["split"].n_unique() == 1
    if drawn:
        manifest = split_rows(manifest, seed=seed)
        write_made(manifest, made, command)
    for line in (str(made), *split_text(manifest, seed if drawn else None).splitlines(), ""):
        _logger.info("%s", line)
    return manifest, made
