"""The manifest that the networks of affekt learn from: faces of four sources, each with one soft label.

    python results/wild/targets.py --ferplus ferplus-wide.parquet --students students.parquet \
        --diffusionfer diffusionfer.parquet --drawn drawn.parquet --answers answers.parquet --out soft-labels.parquet

`answers.py` writes what the teachers say of each face. A soft label mixes them, in log space:

* FER+, the whole picture: half of the votes and half of the FER+ network's answer. So the network stays good, and
  calibrated, on pictures like FER+'s own.
* FER+, the box that YuNet finds, and every other face: the FER+ network divided by the shares to the power 0.8 to 0.9
  and scaled down, face-api's network and `fer`'s; then the source's own label, where it has one, by a share.

Pictures differ from source to source, so that the network can learn both conventions. Rare sources come several times.

`--world-power 0.5` divides the labels of all rows but FER+'s whole pictures by their own mean to that power, so that
rare expressions are named more readily there. `--beside-teacher 0.5` writes labels for `--teacher-mixing product`:
multiplied with the FER+ network's answer by that weight, they are the labels above while the crop is unchanged.
`--whole-times 2` takes FER+'s whole pictures twice per epoch. `--development-times 4` puts the development faces of the
students' and the generated set into the split `held`, four times, so that the epoch is not chosen by FER+ alone.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from affekt.data.manifest import read_manifest, write_manifest
from affekt.labels import LABELS

LABEL_SHARE = {"students": 0.2, "diffusionfer": 0.6, "drawn": 0.6}
"""What a source's own labels weigh beside the teachers."""
LEAST = 1e-3
"""What smaller probabilities count as where they are divided; affekt.training.distillation has the same."""
TIMES = {"students": 1, "diffusionfer": 5, "drawn": 1}
"""How often the rows of a source come in an epoch."""


def main() -> None:
    """Write the manifest: the splits `train` and `held`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ferplus", "students", "diffusionfer", "drawn", "answers", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--world-power", type=float, default=0.0)
    parser.add_argument("--beside-teacher", type=float, default=0.0)
    parser.add_argument("--whole-times", type=int, default=1)
    parser.add_argument("--development-times", type=int, default=0)
    options = parser.parse_args()
    answers = pl.read_parquet(options.answers)
    ferplus = read_manifest(options.ferplus)
    training = ferplus.filter(pl.col("split") == "train")
    shares = training["votes"].to_numpy().mean(0)
    prior = np.log(shares) - np.log(shares)[:7].mean()
    whole, found = ferplus_rows(training, answers, prior)
    others, development = [], []
    for name in ("students", "diffusionfer", "drawn"):
        rows = read_manifest(getattr(options, name))
        development += repeated(development_rows(rows, name), options.development_times)
        rows = rows.filter(pl.col("split") == "train").with_columns(source=pl.lit(name))
        others += repeated(labelled(rows, answers, prior, LABEL_SHARE[name]), TIMES[name])
    if options.world_power:
        shares = np.concatenate([each["votes"].to_numpy() for each in (found, *others)]).mean(0)
        found, *others = [divided(each, shares, options.world_power) for each in (found, *others)]
    if options.beside_teacher:
        found, *others = [beside_teacher(each, options.beside_teacher) for each in (found, *others)]
    held = ferplus.filter(pl.col("split") == "held")
    wanted = ferplus.columns[:13]
    wholes = repeated(whole, options.whole_times) if options.whole_times > 1 else [whole]
    frame = pl.concat(
        [each.select(wanted) for each in (*wholes, found, held, *development, *others)], how="vertical_relaxed"
    )
    write_manifest(frame, options.out)
    print(frame.group_by("split", "source").len().sort("split", "source"))


def ferplus_rows(rows: pl.DataFrame, answers: pl.DataFrame, prior: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return FER+ rows twice: the whole pictures, and every second picture cut to the box that YuNet finds."""
    rows = rows.with_columns(source=pl.lit("ferplus")).join(answers, on=["source", "source_id"], how="left")
    votes, affekt = rows["votes"].to_numpy(), softmax(rows["affekt"].to_numpy())
    whole = 0.5 * votes + 0.5 * affekt
    mixed = np.log(np.maximum(0.3 * votes + 0.7 * affekt, 1e-5)) - 0.8 * prior
    peers = 0.1 * on_eight(rows["faceapi"].to_numpy(), mixed) + 0.15 * on_eight(rows["fer"].to_numpy(), mixed)
    found = with_votes(rows, softmax(0.7 * mixed + peers)).with_columns(
        box_xyxy="yunet_box_xyxy", source_id=pl.col("source_id") + " box"
    )
    found = found.gather_every(2).filter(pl.col("box_xyxy").is_not_null())
    return with_votes(rows, whole), found


def labelled(rows: pl.DataFrame, answers: pl.DataFrame, prior: np.ndarray, share: float) -> pl.DataFrame:
    """Return rows of a source with the teachers' answers and, by a share, its own labels as their votes."""
    rows = rows.join(answers, on=["source", "source_id"], how="left")
    affekt = centred(rows["affekt"].to_numpy()) - 0.9 * prior
    faceapi, fer = (on_eight(rows[name].to_numpy(), affekt) for name in ("faceapi", "fer"))
    said = softmax(0.55 * affekt + 0.12 * faceapi + 0.2 * fer)
    index = rows["emotion"].replace_strict(
        {name: i for i, name in enumerate(LABELS)}, default=-1, return_dtype=pl.Int64
    )
    one_hot = np.eye(len(LABELS))[index.to_numpy()]
    known = (index >= 0).to_numpy()[:, None]
    return with_votes(rows, np.where(known, (1 - share) * said + share * one_hot, said))


def development_rows(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return a set's development rows as rows of the split `held`, with their labels as votes."""
    rows = rows.filter(pl.col("split") == "dev", pl.col("emotion").is_not_null())
    votes = np.eye(len(LABELS))[[LABELS.index(each) for each in rows["emotion"]]]
    return with_votes(rows.with_columns(source=pl.lit(name), split=pl.lit("held")), votes)


def divided(rows: pl.DataFrame, shares: np.ndarray, power: float) -> pl.DataFrame:
    """Divide the soft labels of rows by shares to a power."""
    return with_votes(rows, softmax(np.log(np.maximum(rows["votes"].to_numpy(), 1e-5)) - power * np.log(shares)))


def beside_teacher(rows: pl.DataFrame, weight: float) -> pl.DataFrame:
    """Take the FER+ network's answer, by its weight in a product, out of the soft labels of rows."""
    labels, teacher = (
        np.log(np.maximum(p, LEAST)) for p in (rows["votes"].to_numpy(), softmax(rows["affekt"].to_numpy()))
    )
    return with_votes(rows, softmax((labels - weight * teacher) / (1 - weight)))


def repeated(rows: pl.DataFrame, times: int) -> list[pl.DataFrame]:
    """Return rows several times, under names that stay unique."""
    return [rows.with_columns(source_id=pl.col("source_id") + f" {n}") for n in range(times)]


def with_votes(rows: pl.DataFrame, votes: np.ndarray) -> pl.DataFrame:
    """Set the soft labels of rows."""
    return rows.with_columns(votes=pl.Series(votes.astype(np.float32), dtype=pl.Array(pl.Float32, len(LABELS))))


def centred(logits: np.ndarray) -> np.ndarray:
    """Subtract the mean over the seven expressions that all teachers know."""
    return logits - logits[:, :7].mean(1, keepdims=True)


def on_eight(logits: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Give a teacher without contempt the contempt of another one's centred logits."""
    return np.concatenate([centred(logits), centred(like)[:, 7:]], 1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn (rows, labels) logits into probabilities."""
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


if __name__ == "__main__":
    main()
