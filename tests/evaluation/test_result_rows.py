"""What `affekt predict` wrote is scored as it is: pictures found by path or name, faces by box, floor where is none."""

import polars as pl
import pytest

from affekt.errors import DataError
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.predictions import is_result_table
from affekt.evaluation.score import Resampling
from affekt.labels import LABELS, PROBABILITY_COLUMNS

NONE = Resampling(0)


def results(rows, **columns):
    """Write the table of results of a model that is right about each of the rows."""
    frame = {"input": rows["source_id"], "face": 1, "status": "ok", "x": 0.0, "y": 0.0, "width": 10.0, "height": 10.0}
    found = pl.DataFrame(frame | columns)
    return found.with_columns(
        **{
            name: (rows["emotion"] == label).cast(float)
            for name, label in zip(PROBABILITY_COLUMNS, LABELS, strict=True)
        },
        valence=rows["valence"],
        arousal=rows["arousal"],
    )


def accuracy(table, manifest):
    found = evaluate_tables({"table": table}, manifest, "test", NONE)
    return found.scores[0].figures["accuracy"].value, found


def test_a_right_table_scores_one_from_memory_and_from_csv(manifest, tmp_path):
    table = results(manifest.filter(split="test"))
    assert is_result_table(table)
    assert accuracy(table, manifest)[0] == 1
    text = table.with_columns(pl.all().cast(pl.String))
    assert accuracy(text, manifest)[0] == 1


def test_pictures_without_a_face_are_answered_by_the_floor_and_told(manifest):
    rows = manifest.filter(split="test")
    table = results(rows).with_columns(
        pl.when(pl.int_range(pl.len()) < 20).then(None).otherwise(pl.col(name)).alias(name)
        for name in PROBABILITY_COLUMNS
    )
    table = table.with_columns(status=pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("no_face")).otherwise("status"))
    value, found = accuracy(table, manifest)
    frequent = manifest.filter(split="train")["emotion"].value_counts(sort=True)["emotion"][0]
    assert value == pytest.approx(1 - (rows["emotion"][:20] != frequent).sum() / len(rows))
    assert found.remarks == (
        f"table: no face was found in 20 of {len(rows)} pictures, which are answered by the floor.",
    )


def test_pictures_that_were_never_predicted_are_not_the_floors(manifest):
    rows = manifest.filter(split="test")
    with pytest.raises(
        DataError, match=rf"each of the {len(rows)} pictures of the split 'test', got none for 7, such as"
    ):
        accuracy(results(rows)[7:], manifest)


def test_of_several_faces_the_largest_counts_or_the_one_in_the_box(manifest):
    rows = manifest.filter(split="test")
    wrong = results(rows.with_columns(emotion=rows["emotion"].reverse()), x=500.0, width=90.0, height=90.0)
    both = pl.concat([results(rows), wrong])
    assert accuracy(both, manifest)[0] < 1
    boxed = manifest.with_columns(box_xyxy=pl.lit([1.0, 1.0, 9.0, 9.0], dtype=pl.Array(pl.Float32, 4)))
    assert accuracy(both, boxed)[0] == 1


def test_pictures_are_found_by_their_path_and_by_their_file(manifest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    placed = manifest.with_columns(path=pl.lit(f"{tmp_path}/faces/") + pl.col("source_id"), image=None)
    rows = placed.filter(split="test")
    for inputs in (pl.lit("faces/") + rows["source_id"], pl.lit("/elsewhere/") + rows["source_id"]):
        assert accuracy(results(rows).with_columns(input=inputs), placed)[0] == 1


@pytest.mark.parametrize(
    ("column", "value", "said"), [("frame", 3, "got frames of a video"), ("input", "odd.png", "got none with a face")]
)
def test_a_table_of_something_else_is_refused(manifest, column, value, said):
    table = results(manifest.filter(split="test")).with_columns(pl.lit(value).alias(column))
    with pytest.raises(DataError, match=said):
        accuracy(table, manifest)
