"""The report: one HTML file that loads nothing, with the Markdown tables and the JSON beside it.

The page is `templates/report.html.jinja`; here is what it shows: charts, tables, headline figures and worst mistakes.
"""

import base64
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from affekt import __version__
from affekt.data.manifest import read_row_rgb
from affekt.errors import AffektError
from affekt.evaluation import charts, circumplex, tables
from affekt.evaluation.evaluate import Evaluation, evaluation_to_json, robustness_to_json
from affekt.evaluation.figures import DEFINITIONS, DIMENSIONS, Figure, dimension_of, interval, number, titled
from affekt.evaluation.predictions import Matched
from affekt.evaluation.score import Scores
from affekt.faces.preprocessing import Preprocessing, crop_face
from affekt.files import written_whole
from affekt.labels import EXPRESSION_COLOURS, LABELS

HEADLINE = ("accuracy", "macro_f1", "roc_auc", "ece", "valence_ccc", "arousal_ccc", "valence_rmse", "arousal_rmse")
COMPARED = ("accuracy", "macro_f1", "valence_ccc", "arousal_ccc")
THUMBNAIL_SIDE = 112
"""Pixels of a picture in the report: enough to see a face, small enough to embed dozens."""


def typeset(text: str) -> str:
    """Write hyphens as a page does: a lone one as a dash, one before a digit as a minus sign."""
    return "\N{EN DASH}" if text == "-" else re.sub(r"-(?=\d)", "\N{MINUS SIGN}", text)


TEMPLATES = Environment(
    loader=PackageLoader("affekt.evaluation"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
TEMPLATES.globals["colours"] = EXPRESSION_COLOURS
TEMPLATES.filters |= {"typeset": typeset, "number": number, "interval": interval, "tagged": tables.tagged}
TEMPLATES.tests["figure"] = lambda cell: isinstance(cell, Figure)


def write_report(
    evaluation: Evaluation, out: Path, *, logs: Mapping[str, Path] | None = None, pictures: int = 24
) -> None:
    """Write `report.html`, `metrics.json` and `table.md` into a folder, each whole or not at all.

    Where the evaluation has corruptions, `corruptions.md` and `corruptions.json` are written too. The training curves
    come from `logs`, a run's folder or `log.jsonl` by model name; of each model's worst mistakes `pictures` are shown.
    """
    _write_json(evaluation_to_json(evaluation), out / "metrics.json")
    _write(tables.document(evaluation), out / "table.md")
    if evaluation.robustness:
        _write_json([robustness_to_json(found) for found in evaluation.robustness], out / "corruptions.json")
        _write(tables.robustness_document(evaluation), out / "corruptions.md")
    _write(report_html(evaluation, logs=logs, pictures=pictures), out / "report.html")


def _write(text: str, path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _write_json(value: object, path: Path) -> None:
    _write(json.dumps(value, indent=2, allow_nan=False) + "\n", path)


def report_html(evaluation: Evaluation, *, logs: Mapping[str, Path] | None = None, pictures: int = 24) -> str:
    """Return the report as one HTML document."""
    warnings = []
    if evaluation.expression_tag:
        warnings.append("The pictures are synthetic: these figures say nothing about real faces.")
    if evaluation.dimension_tag and any("valence_ccc" in scores.figures for scores in evaluation.scores):
        warnings.append(f"Valence and arousal of this split are {evaluation.dimension_tag}.")
    used = {key for scores in evaluation.scores for key in scores.figures}
    definitions = {definition.title: definition for key, definition in DEFINITIONS.items() if key in used}
    return TEMPLATES.get_template("report.html.jinja").render(
        evaluation=evaluation,
        version=__version__,
        warnings=warnings,
        comparisons=[*_comparison_charts(evaluation)] if len(evaluation.scores) > 1 else [],
        tables=tables.main_tables(evaluation),
        differences=tables.difference_tables(evaluation),
        group_notes=tables.group_notes(evaluation),
        models=[
            _model(evaluation, scores, f"m{number}", (logs or {}).get(scores.name), pictures)
            for number, scores in enumerate(evaluation.scores)
        ],
        definitions=definitions.values(),
    )


def _model(evaluation: Evaluation, scores: Scores, name: str, log: Path | None, pictures: int) -> dict[str, Any]:
    """Return what the page says of one model; `name` is unique in the page."""
    matched, tag = evaluation.matched[scores.name], evaluation.expression_tag
    of_expressions = matched.probabilities is not None
    return {
        "id": name,
        "name": scores.name,
        "tiles": [
            {
                "title": titled(key),
                "tag": _tag(evaluation, key),
                "figure": scores.figures[key],
                "floor": evaluation.floor.figures.get(key),
            }
            for key in HEADLINE
            if key in scores.figures
        ],
        "notes": scores.notes,
        "expression_charts": [*_expression_charts(matched, scores, name, tag)] if of_expressions else [],
        "expression_tables": [tables.class_table(scores, tag), tables.selective_table(scores, tag)]
        if of_expressions
        else [],
        "dimension_charts": [*_dimension_charts(matched, name, evaluation.dimension_tag)],
        "group_tables": tables.group_tables(evaluation, scores),
        "training_charts": [] if log is None else [*_training_charts(log, name)],
        "of_expressions": of_expressions,
        "mistakes": worst_mistakes(matched, pictures) if pictures else None,
    }


def _tag(evaluation: Evaluation, key: str) -> str:
    return evaluation.dimension_tag if dimension_of(key) else evaluation.expression_tag


@dataclass(frozen=True)
class Chart:
    """A chart with what stands over it."""

    title: str
    remark: str
    svg: Markup


def _chart(title: str, tag: str, remark: str, paint: charts.Paint, name: str, size: tuple[float, float]) -> Chart:
    remark = " ".join(filter(None, [f"{tag.capitalize()}." if tag else "", remark]))
    return Chart(title, remark, Markup(charts.render(paint, name, size)))


def _comparison_charts(evaluation: Evaluation) -> Iterator[Chart]:
    for key in COMPARED:
        rows = [(scores.name, scores.figures[key]) for scores in evaluation.scores if key in scores.figures]
        if len(rows) > 1:
            floor = typeset(number(evaluation.floor.figures[key].value))
            paint, size = partial(charts.paint_comparison, rows=rows), (4.8, 0.6 + 0.3 * len(rows))
            remark = f"Line: 95 % interval. Floor: {floor}."
            yield _chart(titled(key), _tag(evaluation, key), remark, paint, f"all-{key}", size)


def _expression_charts(matched: Matched, scores: Scores, name: str, tag: str) -> Iterator[Chart]:
    assert matched.probabilities is not None
    assert scores.confusion is not None
    known = matched.label >= 0
    truth, probabilities = matched.label[known], matched.probabilities[known]
    stated: Any = {"confidence": probabilities.max(axis=1), "correct": probabilities.argmax(axis=1) == truth}
    curves = partial(charts.paint_curves, truth=truth, probabilities=probabilities, scores=scores)
    confusion = partial(charts.paint_confusion, counts=scores.confusion)
    by_class = partial(charts.paint_classes, scores=scores)
    reliable, histogram = partial(charts.paint_reliability, **stated), partial(charts.paint_confidence, **stated)
    against = "Each class against the rest."
    for key, title, remark, paint, height in (
        ("confusion", "Confusion matrix", "Share of the true class, and rows.", confusion, 4.7),
        ("classes", "Precision, recall and F1", "Each with its 95 % interval.", by_class, 4.7),
        ("roc", "ROC curves", against, partial(curves, kind="roc_auc"), 3.3),
        ("pr", "Precision-recall curves", against, partial(curves, kind="pr_auc"), 3.3),
        ("reliability", "Reliability", "15 bins, each with its 95 % interval.", reliable, 3.3),
        ("confidence", "Confidence", "Right and wrong rows in the same bins.", histogram, 3.3),
    ):
        yield _chart(title, tag, remark, paint, f"{name}-{key}", (4.8, height))


def _dimension_charts(matched: Matched, name: str, tag: str) -> Iterator[Chart]:
    drawn = []
    if len(matched.truth) == len(DIMENSIONS):
        # Charts of the plane show the rows of which both dimensions are known.
        known = ~np.isnan(list(matched.truth.values())).any(axis=0)
        label = matched.label[known]
        truth, predicted = (
            (sides["valence"][known], sides["arousal"][known]) for sides in (matched.truth, matched.predicted)
        )
        for key, title, points in (("truth", "Truth", truth), ("predicted", "Predicted", predicted)):
            if known.any():
                drawn.append((key, title, "", partial(circumplex.paint_points, points=points, label=label)))
        if (label >= 0).any():
            means = partial(circumplex.paint_class_means, truth=truth, predicted=predicted, label=label)
            drawn.append(("means", "Mean of each expression", "Ring: truth. Dot: prediction.", means))
    for dimension, truth in matched.truth.items():
        known = ~np.isnan(truth)
        sides: Any = {"truth": truth[known], "predicted": matched.predicted[dimension][known]}
        residuals = partial(circumplex.paint_residuals, **sides, dimension=dimension)
        drawn.append((f"residual-{dimension}", f"Residuals of {dimension}", "Prediction minus truth.", residuals))
    for key, title, remark, paint in drawn:
        yield _chart(title, tag, remark, paint, f"{name}-{key}", (3.5, 3.4))


def _training_charts(log: Path, name: str) -> Iterator[Chart]:
    epochs = charts.read_log(log)
    for panel in charts.panels_of(epochs):
        curves = partial(charts.paint_training, epochs=epochs, panel=panel)
        yield _chart(panel.capitalize(), "", "", curves, f"{name}-{panel.replace(' ', '-')}", (3.5, 2.8))


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
        chosen, confidence = matched.probabilities.argmax(axis=1), matched.probabilities.max(axis=1)
        wrong = np.flatnonzero((matched.label >= 0) & (chosen != matched.label))
        worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
        return [
            _mistake(matched, row, LABELS[matched.label[row]], LABELS[chosen[row]], f"{confidence[row]:.0%}")
            for row in worst
        ]
    gaps = [matched.predicted[name] - truth for name, truth in matched.truth.items()]
    distance = np.sqrt(np.sum(np.square(gaps), axis=0))
    known = np.flatnonzero(~np.isnan(distance))
    worst = known[np.argsort(-distance[known], kind="stable")][:count]

    def point(sides: dict[str, np.ndarray], row: int) -> str:
        return ", ".join(f"{values[row]:+.2f}" for values in sides.values())

    return [
        _mistake(matched, row, point(matched.truth, row), point(matched.predicted, row), f"off by {distance[row]:.2f}")
        for row in worst
    ]


def _mistake(matched: Matched, index: int, truth: str, predicted: str, detail: str) -> Mistake:
    row = matched.rows.row(int(index), named=True)
    picture, problem = "", ""
    try:
        picture = _thumbnail(row)
    except AffektError as error:
        problem = str(error)
    return Mistake(row["source_id"], truth, predicted, detail, picture, problem)


def _thumbnail(row: dict[str, object]) -> str:
    image_rgb = read_row_rgb(row)
    box = row.get("box_xyxy")
    box_xyxy = None if box is None else np.asarray(box, dtype=np.float64)
    height, width = image_rgb.shape[:2]
    side = max(height, width) if box_xyxy is None else max(box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1])
    crop = crop_face(image_rgb, Preprocessing(input_size=int(np.clip(side, 16, THUMBNAIL_SIDE))), box_xyxy)
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
