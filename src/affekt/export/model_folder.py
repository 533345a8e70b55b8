"""Export: from a run to a model folder in fp32, fp16 or int8, checked before it is kept."""

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch

from affekt.data.manifest import read_row_rgb, select_split
from affekt.errors import ConfigError, ModelError
from affekt.export.loss import LARGEST_LOSS_POINTS, lost_points
from affekt.export.onnx_file import Answers, describe, write_onnx
from affekt.export.precision import write_fp16, write_int8
from affekt.faces.preprocessing import crop_face, normalise
from affekt.files import written_whole
from affekt.models.card import CARD_FILE, ONNX_FILE, WEIGHTS_FILE, Card, read_card
from affekt.models.session import Session
from affekt.networks.crops import Crops
from affekt.networks.network import Network
from affekt.networks.saving import load_model, save_model, write_half
from drawn_faces import drawn_manifest

Precision = Literal["fp32", "fp16", "int8"]

LARGEST_DIFFERENCE = {"fp32": 1e-4, "fp16": 5e-3}
"""Between torch's and onnxruntime's probabilities, valence and arousal: an export that differs more is not kept."""
LABELS_OF_HEAD = {"expression": "expressions", "valence_arousal": "valence and arousal"}
LOSS_OF_HEAD = {"expression": "accuracy", "valence_arousal": "ccc"}
"""What `lost_points` measures of a head where the rows have its labels."""
CALIBRATION_CROPS = 512
"""Training crops that int8's scales are read off."""


@dataclass(frozen=True)
class Exported:
    """What the checks of an export found."""

    difference: float
    """Largest difference from torch's answers to drawn faces."""
    lost_points: dict[str, float] = field(default_factory=dict)
    """Points lost against fp32 on the rows checked: `accuracy`, `ccc`."""
    split: str | None = None
    """The split of those rows."""


def export_model(
    run: Path,
    out: Path,
    *,
    precision: Precision = "fp32",
    manifest: pl.DataFrame | None = None,
    split: str = "auto",
    force: bool = False,
) -> Exported:
    """Write a model folder with `model.safetensors`, `model.onnx` and `card.json`, and check that both answer alike.

    Args:
        run: a trained run or a model folder.
        out: the folder to write; it may be the same one.
        precision: of `model.onnx`; fp16 halves `model.safetensors` too.
        manifest: faces like those the model was trained on; int8 is calibrated on its training split.
        split: where the loss against fp32 is measured; `auto` takes `val`, else `test`.
        force: keep the export whatever it loses.

    Raises:
        ModelError: the run holds no usable model, or its export is not kept: it answers too differently, or what int8
            loses cannot be measured.
        MissingExtra: the ONNX exporter is not installed.
        ConfigError: int8 without a manifest.
        DataError: the folder cannot be written, or the manifest lacks a split.
    """
    if precision == "int8" and manifest is None:
        raise ConfigError("expected --data with int8, to calibrate it, got none; type: --data faces.parquet")
    network, card = load_model(run)
    with tempfile.TemporaryDirectory(prefix="affekt-export-") as staging:
        folder = Path(staging) / "fp32"
        card = replace(card, precision="fp32", export={})
        save_model(network, card, folder)
        write_onnx(network, card, folder / ONNX_FILE)
        session = Session(folder, runtime="onnxruntime")
        exported = Exported(largest_difference(network, session))
        _refuse_difference(exported, run, "fp32", force=False)
        if precision != "fp32":
            folder = _smaller(folder, replace(card, precision=precision), manifest)
            small = Session(folder, runtime="onnxruntime")
            exported = Exported(largest_difference(network, small))
            if manifest is not None:
                exported = _with_loss(exported, session, small, manifest, split)
            _refuse_difference(exported, run, precision, force)
            if precision == "int8":
                _refuse_unmeasured(exported, run, card, force)
            _refuse_loss(exported, run, force)
        _record(folder, exported, precision, manifest)
        # The card comes before the weights it explains, as in `save_model`.
        for name in (CARD_FILE, WEIGHTS_FILE, ONNX_FILE):
            with written_whole(out / name) as temporary:
                shutil.copyfile(folder / name, temporary)
    return exported


@torch.inference_mode()
def largest_difference(network: Network, session: Session) -> float:
    """Return how far a session's answers to drawn faces are from the network's own."""
    preprocessing = session.card.preprocessing
    faces = drawn_manifest(identities=3, pictures_per_identity=3, size=96, seed=0).iter_rows(named=True)
    crops = np.stack([crop_face(read_row_rgb(face), preprocessing, face["box_xyxy"]) for face in faces])
    found = session.predict(crops, batch_size=5)
    expected = Answers(network, session.card).eval()(torch.from_numpy(normalise(crops, preprocessing)))
    return max(float(np.abs(getattr(found, name) - tensor.numpy()).max()) for name, tensor in expected.items())


def _smaller(full: Path, card: Card, manifest: pl.DataFrame | None) -> Path:
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


def _with_loss(exported: Exported, full: Session, small: Session, manifest: pl.DataFrame, split: str) -> Exported:
    if split == "auto":
        split = "val" if "val" in manifest["split"].unique() else "test"
    return replace(exported, lost_points=lost_points(full, small, select_split(manifest, split)), split=split)


def _refuse_difference(exported: Exported, run: Path, precision: Precision, force: bool) -> None:
    allowed = LARGEST_DIFFERENCE.get(precision, float("inf"))
    if not exported.difference <= allowed and not force:
        advice = "report that it does not export" if precision == "fp32" else "type --precision fp32, or --force"
        raise ModelError(
            f"expected an export of {run} in {precision} within {allowed} of torch, got {exported.difference:.2g}; "
            f"{advice}"
        )


def _refuse_unmeasured(exported: Exported, run: Path, card: Card, force: bool) -> None:
    unmeasured = [LABELS_OF_HEAD[head] for head in card.heads if LOSS_OF_HEAD[head] not in exported.lost_points]
    if unmeasured and not force:
        raise ModelError(
            f"expected {' and '.join(unmeasured)} in the split {exported.split} to measure what int8 loses of {run}, "
            "got none; name a --data with them, or --force to keep it unmeasured"
        )


def _refuse_loss(exported: Exported, run: Path, force: bool) -> None:
    for name, lost in exported.lost_points.items():
        if not lost <= LARGEST_LOSS_POINTS and not force:
            raise ModelError(
                f"expected an export of {run} that loses at most {LARGEST_LOSS_POINTS} points of {name} on the split "
                f"{exported.split}, got {lost:.2f}; type --precision fp16, or --force to keep it"
            )


def _record(folder: Path, exported: Exported, precision: Precision, manifest: pl.DataFrame | None) -> None:
    """Write what the checks found into the card, beside the weights and inside the ONNX file."""
    facts: dict[str, Any] = {"largest_difference_from_torch": float(f"{exported.difference:.2g}")}
    if precision == "int8":
        facts["calibrated_on"] = f"{CALIBRATION_CROPS} crops of the training split at most"
    if exported.lost_points and manifest is not None:
        facts |= {"checked_on_split": exported.split, "sources": manifest["source"].unique().sort().to_list()}
        facts["lost_points"] = {name: round(lost, 3) for name, lost in exported.lost_points.items()}
    card = replace(read_card(folder), export=facts)
    card.write(folder)
    describe(folder / ONNX_FILE, card)
