"""The tables: what stands in which row and column, and how it is written as Markdown or on a terminal."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from affekt.evaluation.evaluate import FLOOR, Evaluation
from affekt.evaluation.figures import DEFINITIONS, DIMENSIONS, Figure, interval, number, titled
from affekt.evaluation.groups import SHOWN
from affekt.evaluation.robustness import CLEAN, Robustness
from affekt.evaluation.score import Scores
from affekt.terminal import text_table

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

    def is_floor(self, row: tuple[Cell, ...]) -> bool:
        """Whether a row is the floor's."""
        return row[0] == FLOOR


def main_tables(evaluation: Evaluation) -> list[Table]:
    """Return the tables of all models: the study's columns, the further ones, and valence and arousal."""
    everyone = [*evaluation.scores, evaluation.floor]
    where = f"{evaluation.where}, {evaluation.rows:,} rows"
    tables = []
    if any("accuracy" in scores.figures for scores in evaluation.scores):
        title = tagged("Expressions", evaluation.expression_tag)
        scored = [scores for scores in everyone if "accuracy" in scores.figures]
        tables.append(_by_model(f"{title}: {where}", scored, STUDY))
        tables.append(_by_model(f"{title}: further figures", scored, FURTHER))
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
        header = (grouping.attribute, "rows", *map(titled, keys))
        named = [((value, f"{group.rows:,}"), group) for value, group in grouping.groups.items()]
        figures = [("all", f"{scores.rows:,}", *(scores.figures[key] for key in keys))]
        figures += [(*name, *map(group.figures.get, keys)) for name, group in named]
        differences = [(*name, *map(group.differences.get, keys)) for name, group in named if group.differences]
        title = f"{scores.name} by {grouping.attribute}"
        tables.append(Table(tagged(title, _both_tags(evaluation)), header, tuple(figures)))
        if differences:
            title = tagged(f"{title}: each group minus the others", _both_tags(evaluation))
            tables.append(Table(title, header, tuple(differences), signed=True))
    return tables


def robustness_tables(evaluation: Evaluation, found: Robustness) -> list[Table]:
    """Return one model's figures under each corruption, and their change against the clean split."""
    keys = [key for key in CORRUPTED if key in found.scores[CLEAN].figures]
    header = ("corruption", *map(titled, keys))
    figures = [(name, *(scores.figures[key] for key in keys)) for name, scores in found.scores.items()]
    changes = [(name, *(change[key] for key in keys)) for name, change in found.changes.items()]
    of, change = (
        tagged(f"{title}: {found.name} on {evaluation.where}", _both_tags(evaluation))
        for title in ("Corruptions", "Change against the clean split")
    )
    return [Table(of, header, tuple(figures)), Table(change, header, tuple(changes), signed=True)]


def difference_tables(evaluation: Evaluation) -> list[Table]:
    """Return the paired differences of every two models; none for a single model."""
    tables = []
    for title, tag, keys in (
        ("Paired differences", evaluation.expression_tag, (*STUDY, "brier", "ece")),
        *(
            (f"Paired differences of {name}", evaluation.dimension_tag, [f"{name}_{key}" for key in DIMENSIONAL])
            for name in DIMENSIONS
        ),
    ):
        rows = [
            (f"{first} - {second}", *(found.get(key) for key in keys))
            for (first, second), found in evaluation.differences.items()
            if keys[0] in found
        ]
        if rows:
            header = ("first - second", *(DEFINITIONS[key].title for key in keys))
            tables.append(Table(tagged(title, tag), header, tuple(rows), signed=True))
    return tables


def tagged(title: str, tag: str) -> str:
    """Append the origin warning to a title."""
    return f"{title} ({tag})" if tag else title


def _both_tags(evaluation: Evaluation) -> str:
    return ", ".join(filter(None, dict.fromkeys((evaluation.expression_tag, evaluation.dimension_tag))))


def _by_model(title: str, everyone: Sequence[Scores], keys: Sequence[str]) -> Table:
    keys = [key for key in keys if any(key in scores.figures for scores in everyone)]
    rows = [(scores.name, *map(scores.figures.get, keys)) for scores in everyone]
    return Table(title, ("model", *(DEFINITIONS[key].title for key in keys)), tuple(rows))


def to_markdown(table: Table) -> str:
    """Write a table as Markdown; differences whose interval leaves 0 out are bold."""
    lines = [
        f"**{table.title}**",
        "",
        "| " + " | ".join(table.header) + " |",
        "|" + "|".join(" --- " if index < table.text_columns else " ---: " for index in range(len(table.header))) + "|",
    ]
    lines += ["| " + " | ".join(_markdown_cell(cell, table.signed) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines) + "\n"


def _markdown_cell(cell: Cell, signed: bool) -> str:
    if not isinstance(cell, Figure):
        return (cell or "").replace("|", "\\|")
    written = f"{number(cell.value, signed)} {interval(cell, signed)}".rstrip()
    return f"**{written}**" if signed and cell.is_clear else written


def to_plain(table: Table) -> str:
    """Write a table for a terminal, each interval under its figure."""
    lines: list[list[str]] = [list(table.header)]
    for row in table.rows:
        lines.append([number(cell.value, table.signed) if isinstance(cell, Figure) else cell or "" for cell in row])
        intervals = [_short(interval(cell, table.signed)) if isinstance(cell, Figure) else "" for cell in row]
        if any(intervals):
            lines.append(intervals)
    return f"{table.title}\n\n{text_table(lines, left=table.text_columns, gap=' ')}\n"


def _short(text: str) -> str:
    return re.sub(r"(?<!\d)0\.", ".", text)


def notes(evaluation: Evaluation) -> list[str]:
    """Return the sentences under the tables, those of one model with its name."""
    of_models = [f"{scores.name}: {note}" for scores in evaluation.scores for note in scores.notes]
    return [*of_models, *group_notes(evaluation), evaluation.floor_note, evaluation.intervals]


def group_notes(evaluation: Evaluation) -> list[str]:
    """Return what a reader of the groups must know; it is the same for every model."""
    groupings = next(iter(evaluation.groups.values()), ())
    notes = [note for grouping in groupings for note in grouping.notes]
    if groupings:
        notes.append(
            "Groups may differ in which expressions their pictures show, and then in accuracy for that reason alone: "
            "the balanced accuracy weighs expressions alike. Of twenty differences with nothing behind them, one "
            "or two leave 0 out. Where few rows make the bootstrap too sure of the two accuracies, their intervals are "
            "the score interval's."
        )
    return notes


def summary(evaluation: Evaluation) -> str:
    """Return what a terminal shows: the study's columns, valence and arousal, groups, corruptions, and the notes."""
    tables = [table for table in main_tables(evaluation) if not table.title.endswith("further figures")]
    tables += [table for scores in evaluation.scores for table in group_tables(evaluation, scores)]
    tables += [robustness_tables(evaluation, found)[0] for found in evaluation.robustness]
    return "\n".join([*map(to_plain, tables), *notes(evaluation)]) + "\n"


def document(evaluation: Evaluation) -> str:
    """Return `table.md`: every table but those of corruptions, and the notes, as Markdown."""
    tables = [*main_tables(evaluation), *difference_tables(evaluation)]
    for scores in evaluation.scores:
        if scores.classes:
            tag = evaluation.expression_tag
            tables += [class_table(scores, tag), selective_table(scores, tag)]
        tables += group_tables(evaluation, scores)
    return "\n".join([*map(to_markdown, tables), *(f"* {note}" for note in notes(evaluation))]) + "\n"


def robustness_document(evaluation: Evaluation) -> str:
    """Return `corruptions.md`: the tables of corruptions, as Markdown."""
    tables = [table for found in evaluation.robustness for table in robustness_tables(evaluation, found)]
    told = [f"* {evaluation.intervals}", f"* Command: `{evaluation.command}`"]
    return "\n".join([*map(to_markdown, tables), *told]) + "\n"
