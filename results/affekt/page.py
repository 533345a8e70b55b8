"""Put the figures of an evaluation into docs/affekt.md, between its marks, as in `<!-- affekt: figures -->`.

    affekt evaluate affekt affekt-fast --data ferplus-clean.parquet --split val --corruptions --out report
    python results/affekt/page.py report docs/affekt.md

The first model's every figure stands in `metrics.json` of the report; the page shows those that most users ask for.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

FIGURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "ece": "ECE, 15 bins, against the majority label",
    "log_loss": "log loss",
    "votes_js": "Jensen-Shannon divergence from the votes",
    "valence_ccc": "CCC valence, projected",
    "arousal_ccc": "CCC arousal, projected",
}
CONDITION_FIGURES = ("macro_f1", "ece", "valence_ccc", "arousal_ccc")


def main() -> None:
    """Fill the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("page", type=Path)
    options = parser.parse_args()
    found = json.loads((options.report / "metrics.json").read_text())
    corrupted = {
        one["model"]: one["corruptions"] for one in json.loads((options.report / "corruptions.json").read_text())
    }
    tables = {
        "figures": figure_table(found["models"], found["floor"]),
        "expressions": expression_table(found["models"]),
        "sure": sure_table(found["models"]),
        "conditions": condition_table(corrupted),
    }
    page = options.page.read_text(encoding="utf-8")
    for name, table in tables.items():
        marks = re.compile(rf"(<!-- affekt: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page, count = marks.subn(lambda match, table=table: f"{match[1]}\n{table}\n{match[2]}", page)
        if count != 1:
            raise SystemExit(f"expected one mark for {name} in {options.page}, got {count}")
    options.page.write_text(page, encoding="utf-8")


def figure_table(models: dict[str, Any], floor: dict[str, Any]) -> str:
    """Return the main table: a column per model and the floor."""
    columns = {**{name: one["figures"] for name, one in models.items()}, "floor": floor["figures"]}
    rows = [[title, *(interval(each.get(name)) for each in columns.values())] for name, title in FIGURES.items()]
    return table(["", *columns], rows)


def expression_table(models: dict[str, Any]) -> str:
    """Return precision and recall per expression, with the number of its pictures."""
    first = next(iter(models.values()))
    pictures = [sum(row) for row in first["confusion"]]
    kinds = ("precision", "recall")
    header = ["expression", "pictures", *(f"{name}: {kind}" for name in models for kind in kinds)]
    rows = [
        [
            expression,
            f"{count:,}",
            *(
                interval(one["classes"][expression][kind])
                for one in models.values()
                for kind in ("precision", "recall")
            ),
        ]
        for expression, count in zip(first["classes"], pictures, strict=True)
    ]
    return table(header, rows)


def sure_table(models: dict[str, Any]) -> str:
    """Return what the first model answers, and how well, where answers below a confidence are left out."""
    rows = []
    for one in next(iter(models.values()))["answered"]:
        least = one["least_confidence"]
        rows.append([f"at least {least:g}" if least else "always", interval(one["share"]), interval(one["accuracy"])])
    return table(["confidence", "answered", "accuracy of these"], rows)


def condition_table(corrupted: dict[str, Any]) -> str:
    """Return the figures under each corruption; of the models but the first, accuracy alone."""
    (_, conditions), *others = corrupted.items()
    header = ["corruption", "accuracy", *(FIGURES[name] for name in CONDITION_FIGURES)]
    header += [f"{name}: accuracy" for name, _ in others]
    rows = []
    for condition, figures in conditions.items():
        cells = [condition, interval(figures["accuracy"]), *(plain(figures[name]) for name in CONDITION_FIGURES)]
        rows.append([*cells, *(plain(each[condition]["accuracy"]) for _, each in others)])
    return table(header, rows)


def interval(figure: dict[str, float] | None) -> str:
    """Write a figure with its interval."""
    if figure is None or figure["value"] is None:
        return "-"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def plain(figure: dict[str, float]) -> str:
    """Write a figure alone."""
    return f"{figure['value']:.3f}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
