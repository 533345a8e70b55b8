"""A model folder in fp32, fp16 or int8, made from a run and checked before it is kept."""

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch.nn.functional import interpolate

from affekt.data.manifest import select_split
from affekt.errors import ModelError
from affekt.evaluation.metrics import concordance
from affekt.exporting.onnx_file import Answers, describe, write_fp16, write_int8, write_onnx
from affekt.faces.preprocessing import Preprocessing, normalise
from affekt.files import written_whole
from affekt.labels import labels_of_columns, probability_columns
from affekt.models.card import CARD_FILE, LEARNT_FILE, ONNX_FILE, WEIGHTS_FILE, Card, read_card
from affekt.models.session import Session
from affekt.networks.network import Network
from affekt.networks.predictions import Crops, RowPredictor
from affekt.networks.weights import load_model, save_model, write_half

Precision = Literal["fp32", "fp16", "int8"]

LARGEST_DIFFERENCE = {"fp32": 1e-4, "fp16": 5e-3, "int8": float("inf")}
"""Between torch's and onnxruntime's probabilities, valence and arousal: an export that differs more is not kept."""
LARGEST_LOSS_POINTS = 0.3
"""Of accuracy, or of the mean concordance times 100: an export in fewer bits that loses more is not kept."""
LOSS_OF_HEAD = {"expression": ("expressions", "accuracy"), "valence_arousal": ("valence and arousal", "ccc")}
"""The labels that a head is measured on, and what `lost_points` calls the figure."""
CALIBRATION_CROPS = 512
"""Training crops that int8's scales are read off."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and what its checks found."""

    folder: Path
    precision: Precision
    difference: float
    """Largest difference from torch's answers to random pictures."""
    lost_points: dict[str, float] = field(default_factory=dict)
    """Points lost against fp32 on the rows checked: `accuracy`, `ccc`."""
    split: str | None = None


def write_model_folder(
    run: Path,
    out: Path,
    *,
    precision: Precision = "fp32",
    manifest: pl.DataFrame | None = None,
    split: str = "auto",
    force: bool = False,
) -> Exported:
    """Write `model.safetensors`, `model.onnx` and `card.json` into a folder; see `affekt.export`, which calls this."""
    network, card = load_model(run)
    with tempfile.TemporaryDirectory(prefix="affekt-export-") as staging:
        folder = Path(staging) / "fp32"
        card = replace(card, precision="fp32", export={})
        save_model(network, card, folder)
        write_onnx(network, card, folder / ONNX_FILE)
        full = Session(folder, runtime="onnxruntime")
        exported = Exported(out, "fp32", largest_difference(network, full))
        _refuse_difference(exported, run)
        if precision != "fp32":
            folder = _in_fewer_bits(folder, replace(card, precision=precision), manifest)
            small = Session(folder, runtime="onnxruntime")
            exported = Exported(out, precision, largest_difference(network, small))
            if manifest is not None:
                if split == "auto":
                    split = "val" if "val" in manifest["split"].unique() else "test"
                lost = lost_points(full, small, select_split(manifest, split))
                exported = replace(exported, lost_points=lost, split=split)
            if not force:
                _refuse_difference(exported, run)
                _refuse_loss(exported, run, card)
        _record(folder, exported, manifest)
        if (run / LEARNT_FILE).is_file():
            shutil.copyfile(run / LEARNT_FILE, folder / LEARNT_FILE)
        # The card comes before the weights it explains, as in `save_model`.
        for name in (LEARNT_FILE, CARD_FILE, WEIGHTS_FILE, ONNX_FILE):
            if (folder / name).is_file():
                with written_whole(out / name) as temporary:
                    shutil.copyfile(folder / name, temporary)
    return exported


@torch.inference_mode()
def largest_difference(network: Network, session: Session) -> float:
    """Return how far a session's answers to random pictures are from the network's own."""
    crops = random_pictures(session.card.preprocessing)
    found = session.predict(crops, batch_size=5)
    expected = Answers(network, session.card).eval()(torch.from_numpy(normalise(crops, session.card.preprocessing)))
    return max(float(np.abs(getattr(found, name) - tensor.numpy()).max()) for name, tensor in expected.items())


def random_pictures(preprocessing: Preprocessing, count: int = 9) -> np.ndarray:
    """Return (count, size, size, channels) uint8 crops with light and dark patches of all sizes, always the same ones.

    Like photographs, and unlike noise, they have more contrast in large patches than in small ones, so that the layers
    of a network see values of the size they were trained on.
    """
    random = np.random.default_rng(0)
    size, channels = preprocessing.input_size, preprocessing.channels
    picture = torch.zeros(count, channels, size, size)
    for cells in (2, 4, 8, 16, 32):
        patches = torch.from_numpy(random.normal(scale=1 / cells, size=(count, channels, cells, cells)))
        picture += interpolate(patches.float(), (size, size), mode="bicubic")
    light = 128 + 64 * picture / picture.std()
    return light.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()


def lost_points(full: Session, small: Session, rows: pl.DataFrame) -> dict[str, float]:
    """Return how many points a model in fewer bits falls behind the full one; a negative number is a gain.

    `accuracy` is in percentage points, `ccc` that of valence and arousal averaged and times 100; those are there that
    the model's heads and the labels of the rows allow.
    """
    before, after = (
        _points(RowPredictor(session.card, session.predict).predict_rows(rows), rows) for session in (full, small)
    )
    return {name: before[name] - after[name] for name in before}


def _points(table: pl.DataFrame, rows: pl.DataFrame) -> dict[str, float]:
    points = {}
    known = rows["emotion"].is_not_null().to_numpy()
    labels = labels_of_columns(table.columns)
    if labels and known.any():
        chosen = np.array(labels)[table.select(probability_columns(labels)).to_numpy().argmax(axis=1)]
        points["accuracy"] = 100 * float((chosen == rows["emotion"].to_numpy())[known].mean())
    truth = rows.select("valence", "arousal").cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = ~np.isnan(truth).any(axis=1)
    if "valence" in table.columns and known.sum() > 1:
        predicted = table.select("valence", "arousal").to_numpy()
        pairs = zip(truth[known].T, predicted[known].T, strict=True)
        points["ccc"] = 100 * float(np.mean([concordance(*pair) for pair in pairs]))
    return points


def _in_fewer_bits(full: Path, card: Card, manifest: pl.DataFrame | None) -> Path:
    folder = full.with_name(card.precision)
    card.write(folder)
    if card.precision == "fp16":
        write_half(full / WEIGHTS_FILE, folder / WEIGHTS_FILE)
        write_fp16(full / ONNX_FILE, folder / ONNX_FILE)
    else:
        assert manifest is not None
        shutil.copyfile(full / WEIGHTS_FILE, folder / WEIGHTS_FILE)
        rows = select_split(manifest, "train")
        rows = rows.sample(min(CALIBRATION_CROPS, rows.height), seed=0, shuffle=True)
        crops = Crops(rows, card.preprocessing)
        faces = normalise(np.stack([crops[row] for row in range(len(crops))]), card.preprocessing)
        write_int8(full / ONNX_FILE, folder / ONNX_FILE, faces)
    describe(folder / ONNX_FILE, card)
    return folder


def _refuse_difference(exported: Exported, run: Path) -> None:
    allowed = LARGEST_DIFFERENCE[exported.precision]
    if not exported.difference <= allowed:
        advice = "report that it does not export" if exported.precision == "fp32" else "choose fp32, or force (--force)"
        raise ModelError(
            f"expected an export of {run} in {exported.precision} within {allowed} of torch, got "
            f"{exported.difference:.2g}; {advice}"
        )


def _refuse_loss(exported: Exported, run: Path, card: Card) -> None:
    measures = [LOSS_OF_HEAD[head] for head in card.heads]
    unmeasured = [labels for labels, name in measures if name not in exported.lost_points]
    if exported.precision == "int8" and unmeasured:
        raise ModelError(
            f"expected {' and '.join(unmeasured)} in the split {exported.split} to measure what int8 loses of {run}, "
            "got none; name data with them, or keep it unmeasured with force (--force)"
        )
    for name, lost in exported.lost_points.items():
        if not lost <= LARGEST_LOSS_POINTS:
            raise ModelError(
                f"expected an export of {run} that loses at most {LARGEST_LOSS_POINTS} points of {name} on the split "
                f"{exported.split}, got {lost:.2f}; choose the precision fp16, or keep it with force (--force)"
            )


def _record(folder: Path, exported: Exported, manifest: pl.DataFrame | None) -> None:
    """Write what the checks found into the card, beside the weights and inside the ONNX file."""
    facts: dict[str, Any] = {"largest_difference_from_torch": float(f"{exported.difference:.2g}")}
    if exported.precision == "int8":
        facts["calibrated_on"] = f"{CALIBRATION_CROPS} crops of the training split at most"
    if exported.lost_points and manifest is not None:
        facts |= {"checked_on_split": exported.split, "sources": manifest["source"].unique().sort().to_list()}
        facts["lost_points"] = {name: round(lost, 3) for name, lost in exported.lost_points.items()}
    card = replace(read_card(folder), export=facts)
    card.write(folder)
    describe(folder / ONNX_FILE, card)
