"""The study's four recipes on a manifest, and the study's table beside yours.

    python results/study/repeat.py faces.parquet --out runs/study

trains each recipe on the split train, scores all on the split test, writes a report, and prints the table. A stopped
call goes on when it is repeated. `--weights none --no-frozen` trains all of each network from
random weights, for a machine without ImageNet's.
"""

import argparse
import sys
from pathlib import Path

import polars as pl

import affekt
from affekt.models.card import WEIGHTS_FILE
from affekt.training.recipes import STUDY_MODELS, StudyModel


def learnable(manifest: pl.DataFrame) -> list[StudyModel]:
    """Return the study's models that a manifest has targets for."""
    known = {"emotion": manifest["emotion"].count() > 0, "valence": manifest["valence"].count() > 0}
    return [model for model in STUDY_MODELS if known["valence" if "valence_ccc" in model.published else "emotion"]]


def train_all(manifest: pl.DataFrame, data: Path, out: Path, changes: dict[str, object], seed: int) -> list[Path]:
    """Train each recipe that can be, unless it is there already, and return the folders."""
    folders = []
    for model in learnable(manifest):
        recipe, folder = affekt.find_recipe(model.recipe).recipe.with_options(**changes), out / model.recipe
        if not (folder / WEIGHTS_FILE).is_file():
            print(f"training {model.recipe}")
            affekt.train(recipe, data, folder, seed=seed, resume=True)
        folders.append(folder)
    return folders


def table(scores: dict[str, dict[str, str]]) -> str:
    """Return a Markdown table: each figure of each model, as the study published it and as it is on the manifest."""
    lines = ["| recipe | figure | the study | yours |", "|---|---|--:|--:|"]
    for model in STUDY_MODELS:
        for figure, published in model.published.items():
            yours = scores.get(model.recipe, {}).get(figure, "not trained")
            lines.append(f"| {model.recipe} | {figure} | {published:.4f} | {yours} |")
    return "\n".join(lines)


def main() -> None:
    """Train, evaluate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--no-frozen", dest="frozen", action="store_false")
    parser.add_argument("--input-size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=1000)
    given = parser.parse_args()
    manifest = affekt.read_manifest(given.manifest)
    changes = {"weights": (given.weights,), "frozen": given.frozen}
    changes |= {"input_size": given.input_size, "epochs": given.epochs}
    folders = train_all(manifest, given.manifest, given.out, changes, given.seed)
    report, how = given.out / "report", {"seed": given.seed, "resamples": given.resamples}
    found = affekt.evaluate(folders, data=given.manifest, split=given.split, out=report, **how)
    scores = {
        each.name: {
            name: f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]"
            for name, figure in each.figures.items()
            if figure.value is not None
        }
        for each in found.scores
    }
    text = table(scores)
    (given.out / "table.md").write_text(f"{text}\n", encoding="utf-8")
    print(f"{text}\n\nwrote {report / 'report.html'} and {given.out / 'table.md'}")


if __name__ == "__main__":
    try:
        main()
    except affekt.AffektError as error:
        sys.exit(f"repeat: {error}")
