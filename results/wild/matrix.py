"""Score networks on the four development sets side by side: tables, confusion, calibration, the development score.

    python results/wild/matrix.py affekt affekt-fast --predictions predictions/fer predictions/face-api \
        --ferplus ferplus-wide.parquet --cfee cfee.parquet --students students.parquet \
        --diffusionfer diffusionfer.parquet --out results/wild/matrix \
        --pages docs/wild.md docs/comparison.md README.md

A network is a model folder or the name of one that ships, run as it was exported; `NAME=FOLDER` calls it otherwise in
the tables. A folder of predictions holds a table for each set, `ferplus.parquet`, `cfee.parquet` and so on, which
`peer_predictions.py` writes. Everything is scored by what `affekt evaluate` scores with, over the seven expressions
without contempt, whose probability is taken out. README.md defines the development score.

`--pages` puts the tables between the pages' marks, as in `<!-- matrix: figures -->`.
"""

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from matrix_pictures import calibration_picture, confusion_picture
from matrix_priors import under_priors
from matrix_temperatures import with_temperature_of_others

from affekt.data.manifest import read_manifest, select_split
from affekt.evaluation.evaluate import Evaluation, evaluate_tables
from affekt.evaluation.figures import Figure
from affekt.evaluation.intervals import resample_counts, with_interval
from affekt.evaluation.predictions import Matched, read_predictions
from affekt.evaluation.report import scores_to_json
from affekt.evaluation.score import Resampling, Scores, resampled_units
from affekt.labels import LABELS
from affekt.models.card import Card, model_folder, read_card
from affekt.networks.predictions import RowPredictor, open_model

SEVEN = LABELS[:7]
LEAST_PROBABILITY = 1e-3
"""Where the development score clips probabilities."""
LOG_LOSS_WEIGHT = 0.25
SURE = 0.9
"""Confidence from which an answer counts as sure."""
FIGURES = {
    "accuracy": "accuracy ↑",
    "macro_f1": "macro F1 ↑",
    "ece": "ECE ↓",
    "log_loss": "log loss ↓",
    "valence_ccc": "CCC valence ↑",
    "arousal_ccc": "CCC arousal ↑",
}
"""The columns of the main table; the arrows say which way is better."""


@dataclass(frozen=True)
class DevelopmentSet:
    """One of the four sets."""

    title: str
    split: str
    content: str
    """What is on its pictures, for people who do not know the set."""
    by: str = "row"
    """What is resampled for the intervals: `subject` where it is known who is on the pictures."""


SETS = {
    "ferplus": DevelopmentSet("FER+ held", "held", "FER+, kept out of affekt's training"),
    "cfee": DevelopmentSet("CFEE", "dev", "posed in a studio"),
    "students": DevelopmentSet("students", "dev", "news photographs, film", by="subject"),
    "diffusionfer": DevelopmentSet("DiffusionFER", "dev", "generated faces"),
}


def main() -> None:
    """Score everything and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="FOLDER, NAME=FOLDER or the name of a model that ships")
    parser.add_argument("--predictions", nargs="*", type=Path, default=[], help="a folder of tables for each peer")
    for name, one in SETS.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"its manifest, of which {one.split} is scored")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder for tables, pictures and metrics.json")
    parser.add_argument("--pages", nargs="*", type=Path, default=[], help="pages whose marked places get the tables")
    options = parser.parse_args()
    models = {
        name or model_folder(folder).name: open_model(folder, runtime="onnxruntime")
        for name, _, folder in (text.rpartition("=") for text in options.models)
    }
    cards = {
        name or model_folder(folder).name: read_card(model_folder(folder))
        for name, _, folder in (text.rpartition("=") for text in options.models)
    }
    cards = {name: card for name, card in cards.items() if card.prior is not None}
    hows = {name: Resampling(options.resamples, options.seed, one.by) for name, one in SETS.items()}
    evaluations = {}
    for name, one in SETS.items():
        tables = {folder.name: read_predictions(folder / f"{name}.parquet") for folder in options.predictions}
        evaluations[name] = scored(getattr(options, name), one.split, models, tables, hows[name])
    parts = {
        "accuracy": accuracy_table(evaluations),
        "figures": figure_table(evaluations),
        "score": score_table(evaluations, hows),
        "differences": difference_table(evaluations),
        "expressions": expression_table(evaluations),
        "calibration": calibration_table(evaluations, hows),
        "priors": prior_table(evaluations, cards, hows),
    }
    write(options.out, evaluations, parts)
    for page in options.pages:
        page.write_text(filled(page.read_text(), parts))
    print("\n".join(parts.values()))


def scored(
    path: Path, split: str, models: dict[str, RowPredictor], tables: dict[str, pl.DataFrame], how: Resampling
) -> Evaluation:
    """Ask the models about one set, and score their answers beside the peers' tables.

    Valence and arousal count only where people rated them.
    """
    manifest = read_manifest(path)
    is_rated = pl.col("valence_arousal_origin") == "rated"
    rated = [pl.when(is_rated).then(name).alias(name) for name in ("valence", "arousal")]
    manifest = manifest.with_columns(rated)
    rows = select_split(manifest, split)
    answers = {name: model.predict_rows(rows) for name, model in models.items()}
    return evaluate_tables(answers | tables, manifest, split, how, without=("contempt",))


def accuracy_table(evaluations: dict[str, Evaluation]) -> str:
    """Return the short table of README: the accuracy of every network on every set."""
    columns = [[number(scores.figures["accuracy"].value) for scores in found.scores] for found in evaluations.values()]
    names = [f"`{scores.name}`" for scores in next(iter(evaluations.values())).scores]
    header = ("accuracy on", *(SETS[name].content for name in evaluations))
    return markdown(header, list(zip(names, *columns, strict=True)), text_columns=1)


def figure_table(evaluations: dict[str, Evaluation]) -> str:
    """Return the main table: every network on every set."""
    rows = [
        (where(name, found), scores.name, *(cell(scores.figures.get(key)) for key in FIGURES))
        for name, found in evaluations.items()
        for scores in found.scores
    ]
    return markdown(("set, pictures", "network", *FIGURES.values()), rows)


def score_table(evaluations: dict[str, Evaluation], hows: dict[str, Resampling]) -> str:
    """Return the development score of every network, and its part of each set."""
    names = [scores.name for scores in next(iter(evaluations.values())).scores]
    rows = []
    for name in names:
        parts = [set_score(found, name, hows[each]) for each, found in evaluations.items()]
        values, draws = (np.mean(list(side), axis=0) for side in zip(*parts, strict=True))
        rows.append((name, cell(with_interval(float(values), draws)), *(number(value) for value, _ in parts)))
    return markdown(("network", "development score", *(SETS[name].title for name in evaluations)), rows)


def set_score(found: Evaluation, name: str, how: Resampling) -> tuple[float, np.ndarray]:
    """Return macro F1 minus a quarter of the clipped log loss on one set, and the same of each resample."""
    [scores] = (one for one in found.scores if one.name == name)
    loss, units = clipped_log_loss(scores.matched), resampled_units(scores.matched.rows, how.by)
    counts = resample_counts(len(loss), how.resamples, how.seed, units)
    draws = [weights @ loss / weights.sum(axis=1) for weights in counts]
    value = scores.figures["macro_f1"].value - LOG_LOSS_WEIGHT * loss.mean()
    return value, scores.draws["macro_f1"] - LOG_LOSS_WEIGHT * np.concatenate(draws)


def clipped_log_loss(matched: Matched) -> np.ndarray:
    """Return minus the log of the right expression's probability, (rows,)."""
    assert matched.probabilities is not None
    right = matched.probabilities[np.arange(len(matched.label)), matched.label]
    return -np.log(np.maximum(right, LEAST_PROBABILITY))


def difference_table(evaluations: dict[str, Evaluation]) -> str:
    """Return how far the first network is ahead of each other one, paired by picture; clear differences are bold."""
    rows = []
    for name, found in evaluations.items():
        first = found.scores[0].name
        for (one, other), figures in found.differences.items():
            if one == first:
                differences = (figures[key] for key in ("accuracy", "macro_f1", "ece"))
                rows.append((where(name, found), f"{one} - {other}", *(signed(figure) for figure in differences)))
    header = (FIGURES[key] for key in ("accuracy", "macro_f1", "ece"))
    return markdown(("set, pictures", "first - second", *header), rows)


def expression_table(evaluations: dict[str, Evaluation]) -> str:
    """Return of each expression how many pictures are found and how many answers are right, in per cent."""
    rows = []
    for name, found in evaluations.items():
        counts = confusion(found.scores[0]).sum(axis=1)
        rows.append((f"**{SETS[name].title}**", "pictures", *(f"{count:,}" for count in counts)))
        for scores in found.scores:
            cells = []
            for label in SEVEN:
                recall, precision = (scores.classes[label][key].value for key in ("recall", "precision"))
                cells.append(f"{100 * recall:.0f} / " + ("-" if np.isnan(precision) else f"{100 * precision:.0f}"))
            rows.append(("", scores.name, *cells))
    return markdown(("set", "network", *SEVEN), rows)


def calibration_table(evaluations: dict[str, Evaluation], hows: dict[str, Resampling]) -> str:
    """Return what each network says of its own answers beside how many are right."""
    rows = []
    apart = with_temperature_of_others(evaluations, hows)
    for name, found in evaluations.items():
        for scores in found.scores:
            probabilities = scores.matched.probabilities
            assert probabilities is not None
            sure = scores.answered[SURE]
            said = number(float(probabilities.max(axis=1).mean()))
            eces = (cell(each.figures["ece"]) for each in (scores, next(apart)))
            answered = (number(sure["share"].value), cell(sure["accuracy"]))
            rows.append(
                (where(name, found), scores.name, said, number(scores.figures["accuracy"].value), *eces, *answered)
            )
    header = ("mean confidence", "accuracy", "ECE", "ECE, temperature of the other sets")
    header += (f"answers of at least {SURE:g}", "accuracy of these")
    return markdown(("set, pictures", "network", *header), rows)


def prior_table(evaluations: dict[str, Evaluation], cards: dict[str, Card], hows: dict[str, Resampling]) -> str:
    """Return what two priors change on each set, as differences to the answers without `--prior`."""
    keys = ("accuracy", "macro_f1", "ece", "log_loss")
    rows: list[tuple[str, ...]] = []
    for name, network, prior, scores, ahead in under_priors(evaluations, cards, hows):
        changes = (signed(ahead[key]) for key in keys)
        rows.append((where(name, evaluations[name]), network, prior, cell(scores.figures["accuracy"]), *changes))
    header = ("accuracy with it", *(f"change in {FIGURES[key]}" for key in keys))
    return markdown(("set, pictures", "network", "prior", *header), rows, text_columns=3)


def confusion_tables(evaluations: dict[str, Evaluation]) -> str:
    """Return the confusion of every network on every set, as counts."""
    tables = []
    for name, found in evaluations.items():
        for scores in found.scores:
            rows = [(label, *map(str, counts)) for label, counts in zip(SEVEN, confusion(scores), strict=True)]
            header = ("truth, answers", *SEVEN)
            tables.append(f"**{scores.name} on {where(name, found)}**\n\n{markdown(header, rows, text_columns=1)}")
    return "\n".join(tables)


def confusion(scores: Scores) -> np.ndarray:
    """Return the (7, 7) counts of a network, truth in the rows."""
    assert scores.confusion is not None
    return scores.confusion[: len(SEVEN), : len(SEVEN)]


def where(name: str, found: Evaluation) -> str:
    """Return a set's title and how many pictures were scored."""
    return f"{SETS[name].title}, {found.rows:,}"


def cell(figure: Figure | None) -> str:
    """Write a figure with its interval; nothing where there is none."""
    if figure is None or np.isnan(figure.value):
        return ""
    interval = "" if np.isnan(figure.low) else f" [{number(figure.low)}, {number(figure.high)}]"
    return number(figure.value) + interval


def signed(figure: Figure) -> str:
    """Write a difference with its interval and sign, bold where the interval leaves 0 out."""
    value, low, high = (
        f"{'' if one < 0 else '+'}{number(one) if round(one, 3) or not figure.is_clear else f'{one:.1g}'}"
        for one in (figure.value, figure.low, figure.high)
    )
    text = f"{value} [{low}, {high}]"
    return f"**{text}**" if figure.is_clear else text


def number(value: float) -> str:
    """Write a number to three decimals, and never minus zero."""
    return f"{round(value, 3) + 0.0:.3f}"


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]], text_columns: int = 2) -> str:
    """Write a Markdown table whose first columns hold text."""
    rule = ["---" if place < text_columns else "--:" for place in range(len(header))]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))


def write(out: Path, evaluations: dict[str, Evaluation], parts: dict[str, str]) -> None:
    """Write tables, pictures and figures into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    hows = (f"{SETS[name].title}: {one.intervals}\n" for name, one in evaluations.items())
    (out / "table.md").write_text("\n".join([*parts.values(), *hows]))
    (out / "confusion.md").write_text(confusion_tables(evaluations))
    found = {
        name: {
            "data": one.data,
            "split": one.split,
            "rows": one.rows,
            "intervals": one.intervals,
            "models": {scores.name: scores_to_json(scores) for scores in one.scores},
        }
        for name, one in evaluations.items()
    }
    (out / "metrics.json").write_text(json.dumps(found, indent=1) + "\n")
    titled = {where(name, one): one for name, one in evaluations.items()}
    confusion_picture(titled, out / "confusion.png")
    calibration_picture(titled, out / "calibration.png")


def filled(page: str, parts: dict[str, str]) -> str:
    """Put the tables between the marks of a page that has them."""
    for name, table in parts.items():
        marks = re.compile(rf"(<!-- matrix: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = marks.sub(lambda found, table=table: f"{found[1]}\n{table}\n{found[2]}", page)
    return page


if __name__ == "__main__":
    main()
