from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from affekt.labels import PROBABILITY_COLUMNS
from drawn_faces import drawn_manifest
from drawn_faces.sheet import CAPTION, GAP, SIDE, write_sheet


def test_the_sheet_shows_a_test_picture_of_each_expression_with_what_each_model_says(tmp_path):
    manifest = drawn_manifest(identities=8, pictures_per_identity=8, size=16, seed=0)
    certain = {column: float(column == "p_fear") for column in PROBABILITY_COLUMNS}
    point = {"valence": 0.5, "arousal": -0.5}
    rows = manifest.select("source_id")
    sheets = {}
    for name, answer in (("words", certain), ("point", point), ("both", certain | point)):
        rows.with_columns(**{column: pl.lit(value) for column, value in answer.items()}).write_parquet(
            tmp_path / f"{name}.parquet"
        )
        write_sheet((Path("runs") / name,), manifest, tmp_path, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as sheet:
            sheets[name] = np.asarray(sheet)
    assert sheets["words"].shape == (2 * (SIDE + CAPTION + GAP) + GAP, 4 * (SIDE + GAP) + GAP, 3)
    pictures = slice(GAP, GAP + SIDE)
    np.testing.assert_array_equal(sheets["words"][pictures], sheets["point"][pictures])
    captions = slice(GAP + SIDE, GAP + SIDE + CAPTION)
    assert (sheets["words"][captions] != sheets["point"][captions]).any()
    assert (sheets["both"][captions] != sheets["point"][captions]).any()
