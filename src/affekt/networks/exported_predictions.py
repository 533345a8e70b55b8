"""An exported model's answers for manifest rows, as the predictions table that evaluation reads. No torch."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from affekt.cores import core_count
from affekt.data.manifest import read_row_rgb
from affekt.errors import DataError
from affekt.faces.preprocessing import crop_face
from affekt.labels import PROBABILITY_COLUMNS
from affekt.models.session import Session

ROWS_A_BATCH = 256


def predict_table_without_torch(session: Session, rows: pl.DataFrame) -> pl.DataFrame:
    """Run an exported model over manifest rows: one crop, one pass, the card's preprocessing.

    Args:
        session: the model.
        rows: manifest rows.

    Returns:
        `source_id`, the eight probabilities where the model has that head, `valence` and `arousal` likewise.

    Raises:
        DataError: a picture is missing or unreadable, or two rows share a source_id.
    """
    if rows["source_id"].is_duplicated().any():
        repeated = rows.filter(pl.col("source_id").is_duplicated())["source_id"][0]
        raise DataError(f"expected each source_id once, got {repeated!r} twice; evaluate one data set at a time")

    def crop(row: dict[str, Any]) -> np.ndarray:
        return crop_face(read_row_rgb(row), session.card.preprocessing, row["box_xyxy"])

    parts = []
    with (
        ThreadPoolExecutor(core_count()) as pool,
        tqdm(total=rows.height, desc=f"predict {session.card.name}", unit="face", leave=False, disable=None) as bar,
    ):
        for batch in rows.iter_slices(ROWS_A_BATCH):
            answers = session.predict(np.stack(list(pool.map(crop, batch.iter_rows(named=True)))))
            columns = {"source_id": batch["source_id"]}
            if answers.probabilities is not None:
                columns |= dict(zip(PROBABILITY_COLUMNS, answers.probabilities.astype(np.float64).T, strict=True))
            if answers.valence_arousal is not None:
                columns |= dict(zip(("valence", "arousal"), answers.valence_arousal.T, strict=True))
            parts.append(pl.DataFrame(columns))
            bar.update(batch.height)
    return pl.concat(parts)
