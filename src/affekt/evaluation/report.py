"""The report: one HTML file that loads nothing, with the Markdown tables and the JSON beside it.

The page is `templates/report.html.jinja`, filled with the evaluation, its tables and charts, and the worst mistakes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affekt import __version__
from affekt.data.manifest import read_row_rgb
from affekt.errors import AffektError, ConfigError
from affekt.evaluation import tables
from affekt.evaluation.charts import comparison_charts, expression_charts, training_charts
from affekt.evaluation.circumplex import dimension_charts
from affekt.evaluation.evaluate import FLOOR, Evaluation
from affekt.evaluation.figures import DEFINITIONS, Figure
from affekt.evaluation.groups import Group
from affekt.evaluation.intervals import LEVEL
from affekt.evaluation.predictions import Matched
from affekt.evaluation.robustness import Robustness
from affekt.evaluation.score import Scores
from affekt.faces.pictures import thumbnail
from affekt.files import beside, claim, in_six_digits, templates, write_text
from affekt.labels import colours_of
from affekt.models.card import model_folder, read_card

HEADLINE = ("accuracy", "macro_f1", "roc_auc", "ece", "valence_ccc", "arousal_ccc", "valence_rmse", "arousal_rmse")
THUMBNAIL_SIDE = 112
"""Pixels of a picture in the report: enough to see a face, small enough to embed dozens."""

TEMPLATES = templates()
TEMPLATES.globals |= {
    "version": __version__,
    "definitions": DEFINITIONS,
    "floor": FLOOR,
    "headline": HEADLINE,
}
TEMPLATES.filters |= {name: getattr(tables, name) for name in ("number", "interval", "typeset", "tagged")}
TEMPLATES.tests["figure"] = lambda cell: isinstance(cell, Figure)


def write_report(
    evaluation: Evaluation,
    out: Path,
    *,
    logs: Mapping[str, Path] | None = None,
    pictures: int = 24,
    sizes: Sequence[int] = (),
) -> None:
    """Write `report.html`, `metrics.json` and `table.md` into a folder, each whole or not at all.

    Where the evaluation has corruptions, `corruptions.md` and `corruptions.json` are written too. The training curves
    come from `logs`, a run's folder or `log.jsonl` by model name; of each model's worst mistakes `pictures` are shown.
    `sizes`, the rows that each model learnt from, make the charts of all models a learning curve.
    """
    found: dict[str, Any] = {"metrics.json": evaluation_to_json(evaluation)}
    if evaluation.robustness:
        found["corruptions.json"] = [robustness_to_json(each) for each in evaluation.robustness]
    texts = {name: json.dumps(in_six_digits(value), indent=2, allow_nan=False) + "\n" for name, value in found.items()}
    texts["report.html"] = report_html(evaluation, logs=logs, pictures=pictures, sizes=sizes)
    texts["table.md"] = tables.document(evaluation)
    if evaluation.robustness:
        texts["corruptions.md"] = tables.robustness_document(evaluation)
    claim(out, report_files(out))
    for name, text in texts.items():
        write_text(out / name, text)


def report_files(out: Path) -> list[Path]:
    """Return what a report may write over in its folder."""
    return [out / name for name in ("report.html", "metrics.json", "table.md", "corruptions.json", "corruptions.md")]


def refuse_other_report(out: Path, names: Sequence[str]) -> None:
    """Refuse to write over a report of other models than these; raises ConfigError."""
    try:
        there = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["models"]
    except FileNotFoundError:
        return
    if {*there} != {*names}:
        raise ConfigError(
            f"expected as out a folder without a report of other models, got {out} with one of {', '.join(there)} and "
            f"not of {', '.join(names)}; type: --out {beside(out)}"
        )


def report_html(
    evaluation: Evaluation,
    *,
    logs: Mapping[str, Path] | None = None,
    pictures: int = 24,
    sizes: Sequence[int] = (),
) -> str:
    """Return the report as one HTML document; the options are those of `write_report`."""
    models = [
        _model(evaluation, scores, f"m{number}", (logs or {}).get(scores.name), pictures)
        for number, scores in enumerate(evaluation.scores)
    ]
    used = {key for scores in evaluation.scores for key in scores.figures}
    return TEMPLATES.get_template("report.html.jinja").render(
        evaluation=evaluation,
        models=models,
        comparisons=[*comparison_charts(evaluation, sizes)] if len(models) > 1 else [],
        tables=tables.main_tables(evaluation),
        differences=tables.difference_tables(evaluation),
        group_notes=tables.group_notes(evaluation),
        # Valence and arousal share theirs.
        defined={each.title: each for key, each in DEFINITIONS.items() if key in used}.values(),
        has_dimensions="valence_ccc" in used,
    )


def _model(evaluation: Evaluation, scores: Scores, name: str, log: Path | None, pictures: int) -> dict[str, Any]:
    """Return what the page shows of one model; `name` is unique in the page."""
    tag = evaluation.expression_tag
    return {
        "id": name,
        "scores": scores,
        "mistakes": worst_mistakes(scores.matched, pictures) if pictures else None,
        "colours": colours_of(scores.matched.labels),
        "expression_charts": [*expression_charts(scores, name, tag)],
        "dimension_charts": [*dimension_charts(scores.matched, name, evaluation.dimension_tag)],
        "training_charts": [] if log is None else [*training_charts(log, name)],
        "expression_tables": [
            make(scores, tag) for make in (tables.class_table, tables.selective_table) if scores.classes
        ],
        "group_tables": tables.group_tables(evaluation, scores),
    }


@dataclass(frozen=True)
class Mistake:
    """One picture with what is true and what was predicted."""

    source_id: str
    truth: str
    predicted: str
    detail: str
    """The confidence, or the distance on the plane."""
    picture: str
    """A data URI, or empty where the picture cannot be read."""
    problem: str
    """Why there is no picture, else empty."""


def worst_mistakes(matched: Matched, count: int = 24) -> list[Mistake]:
    """Return the most confident wrong expressions, or without probabilities the points farthest from the truth."""
    if matched.probabilities is not None:
        chosen, badness = matched.probabilities.argmax(axis=1), matched.probabilities.max(axis=1)
        wrong = (matched.label >= 0) & (chosen != matched.label)
        truth, predicted = ([matched.labels[index] for index in side] for side in (matched.label, chosen))
        detail = "{:.0%}"
    else:
        gaps = [matched.predicted[name] - values for name, values in matched.truth.items()]
        badness = np.sqrt(np.sum(np.square(gaps), axis=0))
        wrong = ~np.isnan(badness)
        truth, predicted = (
            [", ".join(f"{value:+.2f}" for value in point) for point in zip(*side.values(), strict=True)]
            for side in (matched.truth, matched.predicted)
        )
        detail = "off by {:.2f}"
    rows = np.flatnonzero(wrong)
    worst = rows[np.argsort(-badness[rows], kind="stable")][:count]
    mistakes = []
    for index in map(int, worst):
        row, picture, problem = matched.rows.row(index, named=True), "", ""
        try:
            picture = thumbnail(read_row_rgb(row), row["box_xyxy"], side=THUMBNAIL_SIDE)
        except AffektError as error:
            problem = str(error)
        told = truth[index], predicted[index], detail.format(badness[index])
        mistakes.append(Mistake(row["source_id"], *told, picture, problem))
    return mistakes


def evaluation_to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain values for JSON, NaN as None."""
    how = evaluation.floor.resampling
    return {
        "affekt_version": __version__,
        "command": evaluation.command,
        "data": evaluation.data,
        "split": evaluation.split,
        "rows": evaluation.rows,
        "seen": evaluation.seen,
        "expression_origin": evaluation.expression_tag or None,
        "valence_arousal_origin": evaluation.dimension_tag or None,
        "intervals": {"level": LEVEL, "resamples": how.resamples, "resampled_by": how.by, "seed": how.seed},
        "models": {
            name: scores_to_json(scores)
            | {"groups": {one.attribute: as_json({"groups": one.groups, "notes": one.notes}) for one in groupings}}
            for scores, (name, groupings) in zip(evaluation.scores, evaluation.groups.items(), strict=True)
        },
        "floor": scores_to_json(evaluation.floor) | {"note": evaluation.floor_note},
        "differences": [
            {"first": first, "second": second, "figures": as_json(found)}
            for (first, second), found in evaluation.differences.items()
        ],
        "definitions": {key: definition.text for key, definition in DEFINITIONS.items()},
    }


def scores_to_json(scores: Scores) -> dict[str, Any]:
    """Return scores as plain values for JSON, NaN as None."""
    answered = [{"least_confidence": least, **figures} for least, figures in scores.answered.items()]
    found = {"rows": scores.matched.rows.height, "figures": scores.figures, "classes": scores.classes}
    confusion = None if scores.confusion is None else scores.confusion.tolist()
    return as_json(found | {"answered": answered, "confusion": confusion, "notes": scores.notes})


def robustness_to_json(found: Robustness) -> dict[str, Any]:
    """Return the figures and changes as plain values for JSON, NaN as None."""
    corruptions = {name: scores.figures for name, scores in found.scores.items()}
    return as_json({"model": found.name, "corruptions": corruptions, "changes": found.changes})


def as_json(value: Any) -> Any:  # noqa: ANN401, JSON may hold anything
    """Return figures and groups, and dicts and sequences of them, as plain values for JSON: NaN becomes None."""
    if isinstance(value, Figure | Group):
        value = vars(value)
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def record_evaluation(model: Path, evaluation: Evaluation, name: str) -> None:
    """Write a model's figures, with their intervals, into its card under the data and split they were found on."""
    folder = model_folder(model)
    card = read_card(folder)
    found = evaluation_to_json(evaluation)
    kept = ("data", "split", "rows", "seen", "valence_arousal_origin", "intervals", "command")
    record = {key: found[key] for key in kept}
    record |= {key: found["models"][name][key] for key in ("figures", "classes")}
    where = f"{evaluation.data} {evaluation.split}"
    replace(card, metrics={**card.metrics, where: in_six_digits(record)}).write(folder)
