"""The one schema of result rows."""

from pathlib import Path

import polars as pl
import pytest

from affekt.analysis.rows import (
    FULL_SCHEMA,
    SCHEMA,
    SCORES,
    SMOOTHED_SCHEMA,
    column_descriptions,
    empty_row,
    origin_words,
    table_schema,
)
from affekt.faces.detection import LANDMARKS
from affekt.labels import LABELS, PROBABILITY_COLUMNS

BEFORE = ("input", "time_s", "track", "emotion", "frame", "shot", "face", "x", "y", "width", "height")
TRUST = ("face_score", "yaw", "pitch", "roll", "sharpness", "reliable")
BEHIND = ("confidence", "valence", "arousal", "status")


def test_columns_come_in_the_order_of_the_design():
    assert tuple(SCHEMA) == (*BEFORE, *TRUST, *(f"p_{label}" for label in LABELS), *BEHIND)
    raw = (f"raw_{name}" for name in SCORES)
    assert tuple(SMOOTHED_SCHEMA) == (*BEFORE, *TRUST, *PROBABILITY_COLUMNS, *raw, *BEHIND)
    assert tuple(empty_row("a.png", "no_face")) == tuple(SCHEMA)
    details = (
        "left_out",
        "outside",
        "mouth_detail",
        *(f"{landmark}_{axis}" for landmark in LANDMARKS for axis in "xy"),
    )
    assert tuple(table_schema(details=True)) == (*BEFORE, *TRUST, *details, *PROBABILITY_COLUMNS, *BEHIND)


@pytest.mark.parametrize("schema", [SCHEMA, SMOOTHED_SCHEMA])
def test_a_printed_table_shows_what_one_looks_for_first(schema):
    row = {**dict.fromkeys(schema), "input": "a.png", "emotion": "fear", "confidence": 0.9, "status": "ok"}
    # Wide enough for the names: how many columns are shown is polars' own choice, 8.
    with pl.Config(tbl_width_chars=200):
        printed = str(pl.DataFrame([row], schema=schema)).splitlines()[2]
    shown = [cell.strip() for cell in printed.strip("│").split("┆")]
    assert shown == ["input", "time_s", "track", "emotion", "…", "confidence", "valence", "arousal", "status"]


def test_each_column_is_described_and_in_the_documentation():
    assert tuple(column_descriptions()) == tuple(FULL_SCHEMA)
    assert all(column_descriptions().values())
    page = (Path(__file__).parents[2] / "docs" / "predict.md").read_text()
    ranges = {"p_": "`p_neutral` ... `p_contempt`", "raw_": "`raw_p_neutral` ... `raw_arousal`"}
    ranges |= dict.fromkeys(LANDMARKS, "`right_eye_x` ... `mouth_left_y`")
    words = [
        next((told for start, told in ranges.items() if name.startswith(start)), f"`{name}`")
        for name in column_descriptions()
    ]
    tables = [part.partition("\n\n")[0].splitlines()[2:] for part in page.split("| column | is |")[1:]]
    cells = [[row.split("|")[1] for row in rows] for rows in tables]
    places = [[place for word in words for place, cell in enumerate(of_table) if word in cell] for of_table in cells]
    assert sum(map(len, places)) == len(words)  # each column is in one of the two tables
    assert all(each == sorted(each) for each in places)  # in the order of the file


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("rated", ""),
        (None, ""),
        ("projected", "projected, not rated"),
        ("75 % projected, 25 % rated", "75 % projected, 25 % rated"),
    ],
)
def test_what_is_not_rated_by_people_is_said(origin, words):
    assert origin_words(origin) == words
