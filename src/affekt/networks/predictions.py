"""What a model says of manifest rows, whatever executes it: torch, onnxruntime, OpenVINO or CUDA.

Torch is imported only where it executes the model.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from affekt.cores import core_count, prefetch
from affekt.data.check import CHECK
from affekt.data.manifest import read_row_rgb
from affekt.data.shards import Shards
from affekt.errors import ConfigError, DataError, PictureError, needs_extra
from affekt.faces.preprocessing import Preprocessing, crop_face, normalise
from affekt.labels import probability_columns
from affekt.models.card import Card
from affekt.models.places import predicting_folder
from affekt.models.session import Affect, Session
from affekt.terminal import progress_bar

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ROWS_PER_BATCH = 128
"""Crops that are decoded, and given to the model, at a time."""
AT_ONCE, MOST_BYTES_AT_ONCE = 16, 2**28
"""Encoded pictures that wait for each core at most, and their bytes."""

PREDICTIONS = "predictions.parquet"
"""What a run answered for rows that it did not learn from, in its folder; see `with_truth`."""
TRUTH = ("emotion", "votes", "valence", "arousal", "valence_arousal_origin")
"""The manifest's columns that predictions are scored against."""

Place = np.ndarray | None
"""A box, (4,), or landmarks, (5, 2), in pixels, where they are known."""
Change = Callable[[int, np.ndarray, Place, Place], tuple[np.ndarray, Place, Place]]
"""From a row's number, its picture, box and landmarks to others, of which the face is then cut out."""

Executor = Literal["torch", "auto", "onnxruntime", "openvino", "cuda"]
"""`torch` executes `model.safetensors`; all others execute `model.onnx`."""


class Crops:
    """The face crops of manifest rows, as a sequence: `crops[3]` decodes the picture of the fourth row."""

    def __init__(self, rows: pl.DataFrame, preprocessing: Preprocessing, change: Change | None = None) -> None:
        """Keep where the pictures are, not the pictures; each may be changed before its face is cut out."""
        wanted = [name for name in ("path", "image", "source_id", "box_xyxy", "landmarks_xy") if name in rows.columns]
        self.rows = rows.select(wanted)
        self.shards = Shards(
            self.rows["path"] if "path" in wanted else pl.repeat(None, len(rows), dtype=pl.String, eager=True)
        )
        self.preprocessing = preprocessing
        self.change = change

    def __len__(self) -> int:
        return self.rows.height

    def __getitem__(self, index: int) -> np.ndarray:
        """Decode and crop one face to (input_size, input_size, channels) uint8.

        Raises DataError where the picture is unreadable, or its box empty: a blank one never stands in for it.
        """
        return self._crop(index)

    def _crop(self, index: int, picture: bytes | None = None) -> np.ndarray:
        row = self.rows.row(index, named=True)
        if picture is not None:
            row["image"] = picture
        try:
            places = (row["box_xyxy"], row.get("landmarks_xy"))
            face = read_row_rgb(row), *(None if each is None else np.asarray(each, np.float64) for each in places)
            image_rgb, box_xyxy, landmarks_xy = face if self.change is None else self.change(index, *face)
            return crop_face(image_rgb, self.preprocessing, box_xyxy, landmarks_xy)
        except PictureError as error:
            raise DataError(f"{error}; list all such pictures with: {CHECK}") from error
        except ConfigError as error:
            raise DataError(f"picture of {row['source_id']}: {error}") from error

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of all crops together: (rows, input_size, input_size, channels)."""
        size = self.preprocessing.input_size
        return len(self), size, size, self.preprocessing.channels

    def batches(self, batch_size: int) -> Iterator[np.ndarray]:
        """Decode all crops in their order, on all cores; yield (batch_size or fewer, ...) uint8."""
        crops = self.in_turn(np.arange(len(self)))
        while batch := list(islice(crops, batch_size)):
            yield np.stack(batch)

    def in_turn(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Decode the crops of row numbers in any order, on all cores, and yield them in this order.

        Of a tar all that is wanted is read in one go, and what comes before its turn is kept until then.
        """
        left, kept = np.bincount(rows, minlength=len(self)), dict[int, np.ndarray]()

        def decoded(source: tuple[int, str | bytes | None]) -> tuple[int, np.ndarray]:
            number, picture = source
            return number, self._crop(number, picture if isinstance(picture, bytes) else None)

        def bytes_of(source: tuple[int, str | bytes | None]) -> int:
            return len(source[1]) if isinstance(source[1], bytes) else 0

        with ThreadPoolExecutor(core_count()) as pool:
            sources = self.shards.read(rows)
            crops = prefetch(
                *(pool, decoded, sources), most=AT_ONCE * core_count(), size=bytes_of, most_bytes=MOST_BYTES_AT_ONCE
            )
            for number in rows:
                while number not in kept:
                    kept.update([next(crops)])
                left[number] -= 1
                yield kept[number] if left[number] else kept.pop(number)


@dataclass(frozen=True, eq=False)
class RowPredictor:
    """A model that is open and answers for the rows of manifests.

    A `Session` becomes one by `RowPredictor(session.card, session.predict)`.
    """

    card: Card
    answer: Callable[[np.ndarray], Affect]
    """Map (faces, input_size, input_size, channels) uint8 crops to the model's answers."""

    def predict_rows(self, rows: pl.DataFrame, change: Change | None = None) -> pl.DataFrame:
        """Return the model's predictions: one crop, one pass, the card's preprocessing and temperature.

        Each picture may be changed before its face is cut out.

        The table has one row per row of the manifest, in its order: `source_id`, the labels' probabilities where the
        model has that head, `valence` and `arousal` likewise.

        Raises:
            DataError: there are no rows, a picture is missing or unreadable, or two rows share a source_id.
        """
        if rows["source_id"].is_duplicated().any():
            repeated = rows.filter(pl.col("source_id").is_duplicated())["source_id"][0]
            raise DataError(f"expected each source_id once, got {repeated!r} twice; evaluate one data set at a time")
        if rows.is_empty():
            raise DataError("expected rows to predict, got none; choose another split")
        probabilities, points = [], []
        with progress_bar(total=rows.height, description=f"predict {self.card.name}", unit="face") as bar:
            for crops in Crops(rows, self.card.preprocessing, change).batches(ROWS_PER_BATCH):
                answers = self.answer(crops)
                if answers.probabilities is not None:
                    probabilities.append(answers.probabilities)
                if answers.valence_arousal is not None:
                    points.append(answers.valence_arousal)
                bar.update(len(crops))
        chosen, felt = (np.concatenate(parts) if parts else None for parts in (probabilities, points))
        return answers_table(rows["source_id"], Affect(chosen, felt, self.card.labels))


def answers_table(source_id: pl.Series, affect: Affect) -> pl.DataFrame:
    """Return what a model says of rows, in their order, as a predictions table."""
    columns = {"source_id": source_id}
    if affect.probabilities is not None:
        names = probability_columns(affect.labels)
        columns |= dict(zip(names, affect.probabilities.astype(np.float64).T, strict=True))
    if affect.valence_arousal is not None:
        columns |= dict(zip(("valence", "arousal"), affect.valence_arousal.T, strict=True))
    return pl.DataFrame(columns)


def affect_of(outputs: "Mapping[str, Tensor]", card: Card) -> Affect:
    """Return what a network's outputs say of some faces, by the card's temperature."""
    logits, points = outputs.get("expression"), outputs.get("valence_arousal")
    return Affect(
        None if logits is None else (logits.double() / card.temperature).softmax(1).cpu().numpy(),
        None if points is None else points.cpu().numpy(),
        card.labels,
    )


def with_truth(table: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return predictions of rows, in their order, beside what is known of them: the truth as `true_emotion` and so on.

    That is all it takes to score them again.
    """
    known = rows.select("source", "source_id", "subject", "pixel_sha256", *TRUTH)
    return known.rename({name: f"true_{name}" for name in TRUTH}).hstack(table.drop("source_id"))


DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def choose_device(device: str) -> "torch.device":
    """Return the device of a name; `cuda` is this process's GPU, `auto` takes that, else Apple's, else the CPU.

    Raises:
        ConfigError: it has no such name, which is told without torch, or torch cannot use it here.
        MissingExtra: torch is not installed.
    """
    if DEVICE.fullmatch(device) is None:
        raise ConfigError(f"expected a device auto, cpu, cuda or mps, got {device!r}; auto is usual (--device auto)")
    with needs_extra("train"):
        import torch
    gpu = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"  # torchrun's
    if device == "auto":
        device = gpu if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.zeros((), device=gpu if device == "cuda" else device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"expected a device that torch can use here, got {device!r}, which it cannot; auto takes one that is there "
            "(--device auto)"
        ) from error


def open_model(model: str | Path, *, runtime: Executor = "torch", device: str = "cpu") -> RowPredictor:
    """Open a model for predicting manifest rows; open it once, and ask it as often as you like.

    Args:
        model: a model folder, a run, or the name of a model that comes with affekt.
        runtime: `torch` executes the weights as they were trained; the others execute `model.onnx` as it was
            exported, and `auto` takes the fastest of them.
        device: where torch executes the model: auto, cpu, cuda or mps.

    Raises:
        ModelError: the folder holds no usable model.
        MissingExtra: torch, or the runtime, is not installed.
        ConfigError: the runtime or the device cannot be used here.
    """
    if runtime != "torch":
        session = Session(predicting_folder(model), runtime=runtime)
        return RowPredictor(session.card, session.predict)
    with needs_extra("train"):
        import torch

        from affekt.networks.weights import load_model
    place = choose_device(device)
    network, card = load_model(model)
    network = network.to(place)

    @torch.inference_mode()
    def answer(crops: np.ndarray) -> Affect:
        return affect_of(network(torch.from_numpy(normalise(crops, card.preprocessing)).to(place)), card)

    return RowPredictor(card, answer)
