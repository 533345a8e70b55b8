"""The tables: what stands in which row and column, and how it is written as Markdown or on a terminal."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from affekt.evaluation.evaluate import Evaluation
from affekt.evaluation.figures import DEFINITIONS, DIMENSIONS, Figure
from affekt.evaluation.groups import SHOWN
from affekt.evaluation.robustness import CLEAN, Robustness
from affekt.evaluation.score import LEAST_OF_EXPRESSION, Scores
from affekt.terminal import in_markdown, text_table

STUDY = ("accuracy", "macro_f1", "roc_auc", "kappa", "pr_auc")
"""The columns of the study's table, in its order."""
FURTHER = ("balanced_accuracy", "weighted_f1", "alpha", "log_loss", "brier", "ece", "votes_kl", "votes_js")
DIMENSIONAL = ("rmse", "corr", "sagr", "ccc", "mae")
CLASS_TITLES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "roc_auc": "AUC", "pr_auc": "PR-AUC"}
CORRUPTED = ("accuracy", "macro_f1", "ece", "valence_ccc", "arousal_ccc")
"""The columns of a table of corruptions."""

Cell = str | Figure | None


@dataclass(frozen=True)
class Table:
    """A table before it is written: text cells, figures with intervals, and None where there is no figure."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text_columns: int = 1
    """How many columns from the left hold names; they are aligned to the left."""
    signed: bool = False
    """Whether the figures are differences, written with their sign."""


def number(value: float, signed: bool = False) -> str:
    """Write a number to three decimals; NaN as a dash, and never minus zero."""
    if math.isnan(value):
        return "-"
    return f"{round(value, 3) + 0.0:{'+' if signed else ''}.3f}"


def interval(figure: Figure, signed: bool = False) -> str:
    """Write a figure's interval in brackets; nothing where there is none."""
    if math.isnan(figure.low):
        return ""
    return f"[{number(figure.low, signed)}, {number(figure.high, signed)}]"


def typeset(text: str) -> str:
    """Write hyphens as a page does: a lone one as a dash, one before a digit as a minus sign."""
    return "\N{EN DASH}" if text == "-" else re.sub(r"-(?=\d)", "\N{MINUS SIGN}", text)


def main_tables(evaluation: Evaluation) -> list[Table]:
    """Return the tables of all models: the study's columns, the further ones, and valence and arousal."""
    everyone = [*evaluation.scores, evaluation.floor]
    where = f"{evaluation.where}, {evaluation.rows:,} rows{', SEEN BEFORE' if evaluation.seen else ''}"
    tables = []
    if any("accuracy" in scores.figures for scores in evaluation.scores):
        title = tagged("Expressions", evaluation.expression_tag)
        scored = [scores for scores in everyone if "accuracy" in scores.figures]
        for of, columns in ((where, STUDY), ("further figures", FURTHER)):
            keys = [key for key in columns if any(key in scores.figures for scores in scored)]
            rows = {(scores.name,): scores.figures for scores in scored}
            tables.append(_of_figures(f"{title}: {of}", ("model",), keys, rows))
    if any("valence_ccc" in scores.figures or "arousal_ccc" in scores.figures for scores in evaluation.scores):
        title = tagged("Valence and arousal", evaluation.dimension_tag)
        rows = [
            (scores.name, dimension, *(scores.figures[f"{dimension}_{key}"] for key in DIMENSIONAL))
            for dimension in DIMENSIONS
            for scores in everyone
            if f"{dimension}_ccc" in scores.figures
        ]
        header = ("model", "dimension", *(DEFINITIONS[f"valence_{key}"].title for key in DIMENSIONAL))
        tables.append(Table(f"{title}: {where}", header, tuple(rows), text_columns=2))
    return tables


def class_table(scores: Scores, tag: str = "") -> Table:
    """Return one model's figures of every class, with the number of its rows."""
    assert scores.confusion is not None
    rows = [
        (label, f"{int(support):,}", *(figures[key] for key in CLASS_TITLES))
        for (label, figures), support in zip(scores.classes.items(), scores.confusion.sum(axis=1), strict=True)
    ]
    return Table(tagged(f"Classes of {scores.name}", tag), ("expression", "rows", *CLASS_TITLES.values()), tuple(rows))


def selective_table(scores: Scores, tag: str = "") -> Table:
    """Return how many rows one model answers, and how well, for each least confidence."""
    rows = [
        (f"at least {least:g}" if least else "always", figures["share"], figures["accuracy"])
        for least, figures in scores.answered.items()
    ]
    title = tagged(f"If {scores.name} answers only where it is sure", tag)
    return Table(title, ("confidence", "answered", "accuracy of these"), tuple(rows))


def group_tables(evaluation: Evaluation, scores: Scores) -> list[Table]:
    """Return one model's figures of every group under those of all rows, and each group's difference."""
    tables = []
    keys = [key for key in SHOWN if key in scores.figures]
    for grouping in evaluation.groups[scores.name]:
        title, names = f"{scores.name} by {grouping.attribute}", (grouping.attribute, "rows")
        groups = {(value, f"{group.rows:,}"): group for value, group in grouping.groups.items()}
        figures = {name: group.figures for name, group in groups.items()}
        differences = {name: group.minus_others for name, group in groups.items() if group.minus_others}
        figures = {("all", f"{evaluation.rows:,}"): scores.figures} | figures
        tables.append(_of_figures(tagged(title, _both_tags(evaluation)), names, keys, figures))
        if differences:
            title = tagged(f"{title}: each group minus the others", _both_tags(evaluation))
            tables.append(_of_figures(title, names, keys, differences, signed=True))
    return tables


def robustness_tables(evaluation: Evaluation, found: Robustness) -> list[Table]:
    """Return one model's figures under each corruption, and their change against the clean split."""
    keys = [key for key in CORRUPTED if key in found.scores[CLEAN].figures]
    figures = {name: scores.figures for name, scores in found.scores.items()}
    return [
        _of_figures(
            tagged(f"{title}: {found.name} on {evaluation.where}", _both_tags(evaluation)),
            ("corruption",),
            keys,
            {(name,): each for name, each in rows.items()},
            signed=rows is found.changes,
        )
        for title, rows in (("Corruptions", figures), ("Change against the clean split", found.changes))
    ]


def difference_tables(evaluation: Evaluation) -> list[Table]:
    """Return the paired differences of every two models; none for a single model."""
    tables = []
    for dimension in ("", *DIMENSIONS):
        keys = [f"{dimension}_{key}" for key in DIMENSIONAL] if dimension else [*STUDY, "brier", "ece"]
        title = f"Paired differences of {dimension}" if dimension else "Paired differences"
        title = tagged(title, evaluation.dimension_tag if dimension else evaluation.expression_tag)
        found = {pair: figures for pair, figures in evaluation.differences.items() if keys[0] in figures}
        rows = tuple((f"{first} - {second}", *map(figures.get, keys)) for (first, second), figures in found.items())
        if rows:
            header = ("first - second", *(DEFINITIONS[key].title for key in keys))
            tables.append(Table(title, header, rows, signed=True))
    return tables


def tagged(title: str, tag: str) -> str:
    """Append the origin warning to a title."""
    return f"{title} ({tag})" if tag else title


def _both_tags(evaluation: Evaluation) -> str:
    return ", ".join(filter(None, dict.fromkeys((evaluation.expression_tag, evaluation.dimension_tag))))


def _of_figures(
    title: str,
    names: tuple[str, ...],
    keys: Sequence[str],
    rows: Mapping[tuple[str, ...], Mapping[str, Figure]],
    signed: bool = False,
) -> Table:
    """Return the figures of each row in the order of the keys; `names` stand over what the rows are called."""
    header = (*names, *(DEFINITIONS[key].full_title for key in keys))
    return Table(title, header, tuple((*name, *map(found.get, keys)) for name, found in rows.items()), signed=signed)


def to_markdown(table: Table) -> str:
    """Write a table as Markdown; differences whose interval leaves 0 out are bold."""
    lines = [
        f"**{in_markdown(table.title)}**",
        "",
        "| " + " | ".join(map(in_markdown, table.header)) + " |",
        "|" + "|".join(" --- " if index < table.text_columns else " ---: " for index in range(len(table.header))) + "|",
    ]
    lines += ["| " + " | ".join(_markdown_cell(cell, table.signed) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines) + "\n"


def _markdown_cell(cell: Cell, signed: bool) -> str:
    if not isinstance(cell, Figure):
        return in_markdown(cell or "")
    written = f"{number(cell.value, signed)} {interval(cell, signed)}".rstrip()
    return f"**{written}**" if signed and cell.is_clear else written


def to_plain(table: Table) -> str:
    """Write a table for a terminal, each interval under its figure."""
    lines: list[list[str]] = [list(table.header)]
    for row in table.rows:
        lines.append([number(cell.value, table.signed) if isinstance(cell, Figure) else cell or "" for cell in row])
        intervals = [interval(cell, table.signed) if isinstance(cell, Figure) else "" for cell in row]
        if any(intervals):
            lines.append(intervals)
    return f"{table.title}\n\n{text_table(lines, left=table.text_columns, gap=' ')}\n"


def notes(evaluation: Evaluation) -> list[str]:
    """Return the sentences under the tables, those of one model with its name."""
    of_models = [f"{scores.name}: {note}" for scores in evaluation.scores for note in scores.notes]
    return [*of_models, *evaluation.remarks, *group_notes(evaluation), evaluation.floor_note, evaluation.intervals]


def group_notes(evaluation: Evaluation) -> list[str]:
    """Return what a reader of the groups must know; it is the same for every model."""
    groupings = next(iter(evaluation.groups.values()), ())
    notes = [note for grouping in groupings for note in grouping.notes]
    if groupings:
        notes.append(
            "Groups may differ in accuracy only because their pictures show other expressions; the balanced accuracy "
            "gives each expression the same weight. That of all is over every expression of the split, that of a group "
            f"over those of which it has {LEAST_OF_EXPRESSION} rows or people: do not compare a group with all. "
            "Of twenty groups that do not differ, one or two have an interval of the difference without 0. Where few "
            "rows make the bootstrap too sure of the two accuracies, they have score intervals."
        )
    return notes


def summary(evaluation: Evaluation) -> str:
    """Return what a terminal shows: the study's columns, valence and arousal, groups, corruptions, and the notes."""
    tables = [table for table in main_tables(evaluation) if not table.title.endswith("further figures")]
    tables += [table for scores in evaluation.scores for table in group_tables(evaluation, scores)]
    tables += [robustness_tables(evaluation, found)[0] for found in evaluation.robustness]
    return "\n".join([*_banner(evaluation), *map(to_plain, tables), *notes(evaluation), *_banner(evaluation)]) + "\n"


def document(evaluation: Evaluation) -> str:
    """Return `table.md`: every table but those of corruptions, and the notes, as Markdown."""
    tables = [*main_tables(evaluation), *difference_tables(evaluation)]
    for scores in evaluation.scores:
        if scores.classes:
            tag = evaluation.expression_tag
            tables += [class_table(scores, tag), selective_table(scores, tag)]
        tables += group_tables(evaluation, scores)
    banner = [f"> **{in_markdown(sentence)}**\n" for sentence in evaluation.seen]
    under = [f"* {in_markdown(note)}" for note in notes(evaluation)]
    return "\n".join([*banner, *map(to_markdown, tables), *under]) + "\n"


def _banner(evaluation: Evaluation) -> list[str]:
    """Return what a terminal shows above and below the tables where a model had seen rows before."""
    return [text for sentence in evaluation.seen for text in ("!" * 100, sentence, "!" * 100, "")]


def robustness_document(evaluation: Evaluation) -> str:
    """Return `corruptions.md`: the tables of corruptions, as Markdown."""
    tables = [table for found in evaluation.robustness for table in robustness_tables(evaluation, found)]
    told = [f"* {evaluation.intervals}", f"* Command: `{evaluation.command}`"]
    return "\n".join([*map(to_markdown, tables), *told]) + "\n"
