"""A model's answers for manifest rows, as the predictions table that evaluation reads."""

from pathlib import Path

import polars as pl
import torch
from tqdm import tqdm

from affekt.errors import DataError
from affekt.faces.preprocessing import normalise
from affekt.labels import PROBABILITY_COLUMNS
from affekt.networks.saving import load_model
from affekt.training.inputs import CropStream, in_batches


@torch.inference_mode()
def predict_table(folder: Path, rows: pl.DataFrame, *, device: str = "cpu", batch_size: int = 128) -> pl.DataFrame:
    """Run the model in a folder over manifest rows: one crop, one pass, the card's preprocessing and temperature.

    Args:
        folder: a model folder or a run.
        rows: manifest rows.
        device: torch's name of the device.
        batch_size: faces a pass.

    Returns:
        `source_id`, the eight probabilities where the model has that head, `valence` and `arousal` likewise.

    Raises:
        ModelError: the folder holds no usable model.
        DataError: a picture is missing or unreadable, or two rows share a source_id.
    """
    network, card = load_model(folder)
    if rows["source_id"].is_duplicated().any():
        repeated = rows.filter(pl.col("source_id").is_duplicated())["source_id"][0]
        raise DataError(f"expected each source_id once, got {repeated!r} twice; evaluate one data set at a time")
    network = network.to(device)
    stream = CropStream(rows, card.preprocessing, name=card.name)
    probabilities, points = [], []
    with tqdm(total=rows.height, desc=f"predict {card.name}", unit="face", leave=False, disable=None) as bar:
        for crops in stream.batches(in_batches(rows.height, batch_size)):
            outputs = network(torch.from_numpy(normalise(crops.numpy(), card.preprocessing)).to(device))
            if outputs.logits is not None:
                probabilities.append((outputs.logits.double() / card.temperature).softmax(1).cpu())
            if outputs.valence_arousal is not None:
                points.append(outputs.valence_arousal.cpu())
            bar.update(len(crops))
    columns = {"source_id": rows["source_id"]}
    if probabilities:
        columns |= dict(zip(PROBABILITY_COLUMNS, torch.cat(probabilities).numpy().T, strict=True))
    if points:
        columns |= dict(zip(("valence", "arousal"), torch.cat(points).numpy().T, strict=True))
    return pl.DataFrame(columns)
