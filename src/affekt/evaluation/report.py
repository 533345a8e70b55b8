"""The report: one HTML file that loads nothing, with the Markdown tables and the JSON beside it."""

from collections.abc import Iterable, Mapping
from functools import partial
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from affekt import __version__
from affekt.evaluation import charts, circumplex, history
from affekt.evaluation.definitions import DEFINITIONS
from affekt.evaluation.drawing import Paint, render
from affekt.evaluation.evaluate import Evaluation, write_metrics
from affekt.evaluation.markup import chart, items, legend, mistake_html, table_html, tile, typeset
from affekt.evaluation.mistakes import worst_mistakes
from affekt.evaluation.predictions import DIMENSIONS, Matched
from affekt.evaluation.score import Scores
from affekt.evaluation.table import (
    abstention_table,
    class_table,
    difference_tables,
    document,
    group_notes,
    group_tables,
    main_tables,
    number,
    tagged,
    titled,
)
from affekt.files import written_whole

HEADLINE = ("accuracy", "macro_f1", "roc_auc", "ece", "valence_ccc", "arousal_ccc", "valence_rmse", "arousal_rmse")
COMPARED = ("accuracy", "macro_f1", "valence_ccc", "arousal_ccc")


def write_report(
    evaluation: Evaluation, out: Path, *, logs: Mapping[str, Path] | None = None, pictures: int = 24
) -> None:
    """Write `report.html`, `metrics.json` and `table.md` into a folder, each whole or not at all.

    Args:
        evaluation: what `evaluate_tables` found.
        out: the folder; it is made.
        logs: a run's folder or `log.jsonl` by model name, for the training curves.
        pictures: how many of each model's worst mistakes to show; 0 keeps pictures out of the report.

    Raises:
        DataError: a log cannot be read, or a file cannot be written.
        MissingExtra: matplotlib is not installed.
    """
    write_metrics(evaluation, out / "metrics.json")
    with written_whole(out / "table.md") as temporary:
        temporary.write_text(document(evaluation))
    html = report_html(evaluation, logs=logs, pictures=pictures)
    with written_whole(out / "report.html") as temporary:
        temporary.write_text(html)


def report_html(evaluation: Evaluation, *, logs: Mapping[str, Path] | None = None, pictures: int = 24) -> str:
    """Return the report as one HTML document; arguments and errors as for `write_report`."""
    template = files("affekt.evaluation")
    title = f"{evaluation.data}, split {evaluation.split}"
    sections = [
        _model(evaluation, scores, f"m{number}", (logs or {}).get(scores.name), pictures)
        for number, scores in enumerate(evaluation.scores)
    ]
    return Template(template.joinpath("report.html").read_text()).substitute(
        title=escape(f"affekt: {title}"),
        version=__version__,
        style=template.joinpath("report.css").read_text(),
        body=_header(evaluation, title) + _comparison(evaluation) + "".join(sections) + _definitions(evaluation),
    )


def _header(evaluation: Evaluation, title: str) -> str:
    facts = {
        "data": evaluation.data,
        "split": evaluation.split,
        "rows": f"{evaluation.rows:,} with a label",
        "affekt": __version__,
    }
    listed = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    command = f"<dt>command</dt><dd><code>{escape(evaluation.command)}</code></dd>" if evaluation.command else ""
    warnings = []
    if evaluation.expression_tag:
        warnings.append("The pictures are synthetic: these figures say nothing about real faces.")
    if evaluation.dimension_tag and any("valence_ccc" in scores.figures for scores in evaluation.scores):
        warnings.append(f"Valence and arousal of this split are {evaluation.dimension_tag}.")
    shown = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in warnings)
    links = "".join(
        f'<a href="#m{number}">{escape(scores.name)}</a>' for number, scores in enumerate(evaluation.scores)
    )
    return (
        f'<header><h1>{escape(title)}</h1>{shown}<dl class="facts">{listed}{command}</dl>'
        f'<nav><a href="#results">Results</a>{links}<a href="#definitions">Definitions</a></nav></header>\n'
    )


def _comparison(evaluation: Evaluation) -> str:
    drawn = ""
    if len(evaluation.scores) > 1:
        shown = [
            _compared(evaluation, key)
            for key in COMPARED
            if sum(key in scores.figures for scores in evaluation.scores) > 1
        ]
        drawn = _grid(shown)
    tables = "".join(map(table_html, main_tables(evaluation)))
    differences = "".join(map(table_html, difference_tables(evaluation)))
    if differences:
        differences = (
            "<h3>Paired differences</h3><p>First minus second model, from the same resamples. "
            f"Bold: the interval leaves 0 out.</p>{differences}"
        )
    how = items([evaluation.intervals, evaluation.floor_note])
    return f'<section><h2 id="results">Results</h2>{drawn}{tables}{how}{differences}</section>\n'


def _compared(evaluation: Evaluation, key: str) -> str:
    rows = [(scores.name, scores.figures[key]) for scores in evaluation.scores if key in scores.figures]
    svg = render(partial(charts.paint_comparison, rows=rows), f"all-{key}", (4.8, 0.6 + 0.3 * len(rows)))
    remark = f"Line: 95 % interval. Floor: {typeset(number(evaluation.floor.figures[key].value))}."
    return chart(*_title_and_tag(evaluation, key), remark, svg)


def _title_and_tag(evaluation: Evaluation, key: str) -> tuple[str, str]:
    of_dimension = key.startswith(DIMENSIONS)
    return titled(key), evaluation.dimension_tag if of_dimension else evaluation.expression_tag


def _model(evaluation: Evaluation, scores: Scores, name: str, log: Path | None, pictures: int) -> str:
    matched = evaluation.matched[scores.name]
    tiles = "".join(
        tile(*_title_and_tag(evaluation, key), scores.figures[key], evaluation.floor.figures.get(key))
        for key in HEADLINE
        if key in scores.figures
    )
    parts = [f'<dl class="headline">{tiles}</dl>', items(scores.notes)]
    if matched.probabilities is not None:
        parts += ["<h3>Expressions</h3>", _expression_charts(matched, scores, name, evaluation.expression_tag)]
        tables = class_table(scores, evaluation.expression_tag), abstention_table(scores, evaluation.expression_tag)
        parts += map(table_html, tables)
    if matched.truth:
        parts += ["<h3>Valence and arousal</h3>", legend(), _dimension_charts(matched, name, evaluation.dimension_tag)]
    if evaluation.groups[scores.name]:
        parts += ["<h3>Groups</h3>", *map(table_html, group_tables(evaluation, scores))]
        parts += [items(group_notes(evaluation))]
    if log is not None:
        parts += ["<h3>Training</h3>", _training_charts(log, name)]
    if pictures:
        parts += [_mistakes(matched, pictures, evaluation)]
    return f'<section class="model" id="{name}"><h2>{escape(scores.name)}</h2>{"".join(parts)}</section>\n'


def _expression_charts(matched: Matched, scores: Scores, name: str, tag: str) -> str:
    assert matched.probabilities is not None
    assert scores.confusion is not None
    known = matched.label >= 0
    truth, probabilities = matched.label[known], matched.probabilities[known]
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    curves = partial(charts.paint_curves, truth=truth, probabilities=probabilities, scores=scores)
    confusion = partial(charts.paint_confusion, counts=scores.confusion)
    by_class = partial(charts.paint_classes, scores=scores)
    stated = {"confidence": confidence, "correct": correct}
    reliable, histogram = partial(charts.paint_reliability, **stated), partial(charts.paint_confidence, **stated)
    roc, pr = partial(curves, kind="roc_auc"), partial(curves, kind="pr_auc")
    drawn = (
        ("confusion", "Confusion matrix", "Share of the true class, and rows.", confusion, (4.8, 4.7)),
        ("classes", "Precision, recall and F1", "Each with its 95 % interval.", by_class, (4.8, 4.7)),
        ("roc", "ROC curves", "Each class against the rest.", roc, (4.8, 3.3)),
        ("pr", "Precision-recall curves", "Each class against the rest.", pr, (4.8, 3.3)),
        ("reliability", "Reliability", "15 bins, each with its 95 % interval.", reliable, (4.8, 3.3)),
        ("confidence", "Confidence", "Right and wrong rows in the same bins.", histogram, (4.8, 3.3)),
    )
    return _grid(
        chart(title, tag, remark, render(paint, f"{name}-{key}", size)) for key, title, remark, paint, size in drawn
    )


def _dimension_charts(matched: Matched, name: str, tag: str) -> str:
    drawn = _point_charts(matched) if len(matched.truth) == len(DIMENSIONS) else []
    for dimension, truth in matched.truth.items():
        known = ~np.isnan(truth)
        sides = {"truth": truth[known], "predicted": matched.predicted[dimension][known], "dimension": dimension}
        residuals = partial(circumplex.paint_residuals, **sides)
        drawn.append((f"residual-{dimension}", f"Residuals of {dimension}", "Prediction minus truth.", residuals))
    return _grid(
        (chart(title, tag, remark, render(paint, f"{name}-{key}", (3.5, 3.4))) for key, title, remark, paint in drawn),
        "charts three",
    )


def _point_charts(matched: Matched) -> list[tuple[str, str, str, Paint]]:
    """Charts of the plane, over the rows of which both dimensions are known."""
    known = ~np.isnan(list(matched.truth.values())).any(axis=0)
    if not known.any():
        return []
    label = matched.label[known]
    truth, predicted = (
        (sides["valence"][known], sides["arousal"][known]) for sides in (matched.truth, matched.predicted)
    )
    drawn: list[tuple[str, str, str, Paint]] = []
    for key, title, (valence, arousal) in (("truth", "Truth", truth), ("predicted", "Predicted", predicted)):
        points = partial(circumplex.paint_points, valence=valence, arousal=arousal, label=label)
        drawn.append((key, title, "", points))
    if (label >= 0).any():
        means = partial(circumplex.paint_class_means, truth=truth, predicted=predicted, label=label)
        drawn.append(("means", "Mean of each expression", "Ring: truth. Dot: prediction.", means))
    return drawn


def _training_charts(log: Path, name: str) -> str:
    epochs = history.read_log(log)
    drawn = []
    for panel in history.panels_of(epochs):
        curves = partial(history.paint_history, epochs=epochs, panel=panel)
        drawn.append(chart(panel.capitalize(), "", "", render(curves, f"{name}-{panel.replace(' ', '-')}", (3.5, 2.8))))
    return _grid(drawn, "charts three")


def _grid(drawn: Iterable[str], kind: str = "charts") -> str:
    return f'<div class="{kind}">{"".join(drawn)}</div>\n'


def _mistakes(matched: Matched, count: int, evaluation: Evaluation) -> str:
    mistakes = worst_mistakes(matched, count)
    if not mistakes:
        return "<h3>Mistakes</h3><p>There are none.</p>"
    expressions = matched.probabilities is not None
    title = "Most confident mistakes" if expressions else "Points farthest from the truth"
    remark = (
        "First line: truth. Second line: prediction and its probability."
        if expressions
        else "First line: true valence and arousal. Second line: predicted ones. Third line: their distance."
    )
    tag = evaluation.expression_tag if expressions else evaluation.dimension_tag
    return (
        f"<h3>{escape(tagged(title, tag))}</h3><p>{remark}</p>"
        f'<div class="mistakes">{"".join(map(mistake_html, mistakes))}</div>'
    )


def _definitions(evaluation: Evaluation) -> str:
    used = {key for scores in evaluation.scores for key in scores.figures}
    texts = {definition.title: definition for key, definition in DEFINITIONS.items() if key in used}
    listed = "".join(
        f"<dt>{escape(title)}</dt><dd>{escape(definition.text)} {definition.better.capitalize()} is better.</dd>"
        for title, definition in texts.items()
    )
    return f'<section><h2 id="definitions">Definitions</h2><dl class="definitions">{listed}</dl></section>\n'
