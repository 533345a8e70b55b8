"""Reading, validating and joining predictions: what fits is joined in the manifest's order, the rest is refused."""

import numpy as np
import polars as pl
import pytest

from affekt.errors import DataError
from affekt.evaluation.predictions import match, read_predictions, validate_predictions
from affekt.labels import LABELS, PROBABILITY_COLUMNS


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_table_survives_the_file(tmp_path, predictions, suffix):
    path = tmp_path / f"table.{suffix}"
    frame = predictions.with_columns(source_id=pl.int_range(pl.len()).cast(pl.String).str.zfill(4))
    getattr(frame, f"write_{suffix}")(path)
    read = read_predictions(path)
    assert read["source_id"].to_list() == frame["source_id"].to_list()
    np.testing.assert_allclose(read["valence"], frame["valence"], atol=1e-9)


def test_a_csv_is_not_judged_by_its_first_rows(tmp_path):
    rows = [f" {number:04d},1,0,0,0,0,0,0,0" for number in range(150)] + ["x,0.5,0.5,0,0,0,0,0,0"]
    (tmp_path / "certain.csv").write_text("\n".join([f"source_id, {', '.join(PROBABILITY_COLUMNS)}", *rows]))
    read = read_predictions(tmp_path / "certain.csv")
    assert read["source_id"].to_list()[:2] == ["0000", "0001"]
    assert read["p_happiness"].to_list()[-1] == 0.5


def test_probabilities_of_three_decimals_are_taken(predictions):
    rounded = predictions.with_columns(pl.col(PROBABILITY_COLUMNS).round(3))
    sums = rounded.select(PROBABILITY_COLUMNS).sum_horizontal()
    assert (sums - 1).abs().max() > 1.5e-3
    np.testing.assert_allclose(validate_predictions(rounded).select(PROBABILITY_COLUMNS).sum_horizontal(), 1)


def test_a_missing_or_broken_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(DataError, match="write it as Parquet or csv"):
        read_predictions(tmp_path / "broken.parquet")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match="got an empty file; write it as Parquet or csv"):
        read_predictions(tmp_path / "empty.csv")


def test_probabilities_are_divided_by_their_sum(predictions):
    rounded = validate_predictions(predictions.with_columns(pl.col(PROBABILITY_COLUMNS) * 1.0008))
    np.testing.assert_allclose(rounded.select(PROBABILITY_COLUMNS).sum_horizontal(), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop("source_id"), "a column source_id"),
        (lambda table: table.head(0), "a column source_id and rows"),
        (lambda table: table.drop("p_fear"), "p_surprise, p_disgust, .* that sum to 1"),
        (lambda table: table.drop("arousal"), "got none of arousal"),
        (lambda table: table.select("source_id"), "or valence and arousal"),
        (lambda table: table.with_columns(valence=pl.lit("much")), "expected numbers"),
        (lambda table: table.with_columns(valence=pl.lit(float("nan"))), "a finite valence"),
        (lambda table: table.with_columns(p_fear=pl.lit(1.5)), r"probabilities in \[0, 1\]"),
        (lambda table: table.with_columns(pl.col(PROBABILITY_COLUMNS) * 0.9), "p_contempt that sum to 1"),
        (lambda table: pl.concat([table, table.tail(1)]), "each source_id once"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_sentence(predictions, change, message):
    with pytest.raises(DataError, match=message) as error:
        validate_predictions(change(predictions), "mine.csv")
    assert "mine.csv" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "proper"),
    [(f"p_{each}", "p_happiness") for each in ("happy", "joy", "Happiness")] + [("Valence", "valence")],
)
def test_a_column_of_another_name_for_a_label_is_told_what_to_rename_it_to(manifest, predictions, name, proper):
    with pytest.raises(DataError, match=rf"^expected a column {proper} in .*, got {name}; rename it to {proper}$"):
        match(predictions.rename({proper: name}), manifest, "test")


def test_rows_come_in_the_manifests_order(manifest, predictions):
    shuffled = match(predictions.sample(fraction=1, shuffle=True, seed=0), manifest, "test")
    ordered = match(predictions, manifest, "test")
    np.testing.assert_array_equal(shuffled.probabilities, ordered.probabilities)
    assert shuffled.rows["source_id"].to_list() == manifest.filter(pl.col("split") == "test")["source_id"].to_list()
    assert [LABELS[index] for index in ordered.label] == ordered.rows["emotion"].to_list()
    np.testing.assert_array_equal(ordered.predicted["valence"], predictions["valence"])


def test_either_part_may_be_absent(manifest, predictions):
    points = match(predictions.select("source_id", "valence", "arousal"), manifest, "test")
    assert points.probabilities is None
    assert set(points.truth) == {"valence", "arousal"}
    classes = match(predictions.with_columns(valence=None, arousal=None), manifest, "test")
    assert classes.probabilities is not None
    assert classes.truth == {}


def test_a_missing_row_is_counted_and_named(manifest, predictions):
    with pytest.raises(DataError, match=r"got none for 3 in peer, the first '0000.png'"):
        match(predictions.tail(-3), manifest, "test", "peer")
    holes = predictions.with_columns(p_fear=pl.when(pl.int_range(pl.len()) != 5).then("p_fear"))
    with pytest.raises(DataError, match=r"got none for 1 in peer, the first '0005.png'"):
        match(holes, manifest, "test", "peer")


def test_the_wrong_split_is_told(manifest, predictions_of):
    with pytest.raises(DataError, match="predictions are of other rows, so check the split"):
        match(predictions_of(manifest, "train"), manifest, "test")


def test_predictions_of_other_splits_are_left_out_and_of_strangers_refused(manifest, predictions, predictions_of):
    both = pl.concat([predictions, predictions_of(manifest, "train")])
    np.testing.assert_array_equal(
        match(both, manifest, "test").probabilities, match(predictions, manifest, "test").probabilities
    )
    stranger = pl.concat([predictions, predictions.head(1).with_columns(source_id=pl.lit("stranger.png"))])
    with pytest.raises(DataError, match=r"stranger\.png"):
        match(stranger, manifest, "test")


def test_rows_without_a_label_need_no_prediction(manifest, predictions):
    unknown = pl.col("source_id") == "0000.png"
    partly = manifest.with_columns(
        pl.when(~unknown).then(pl.col(name)).alias(name) for name in ("emotion", "valence", "arousal")
    )
    assert len(match(predictions.tail(-1), partly, "test").rows) == len(predictions) - 1


def test_an_unknown_expression_is_not_scored_but_its_point_is(manifest, predictions):
    partly = manifest.with_columns(emotion=pl.when(pl.col("source_id") != "0000.png").then("emotion"))
    matched = match(predictions, partly, "test")
    assert matched.label[0] == -1
    assert matched.probabilities is not None
    assert np.isnan(matched.probabilities[0]).all()
    assert not np.isnan(matched.truth["valence"]).any()


def test_nothing_to_score_is_an_error(manifest, predictions):
    points = predictions.select("source_id", "valence", "arousal")
    with pytest.raises(DataError, match="expected labels for what peer predict"):
        match(points, manifest.with_columns(valence=None, arousal=None).cast({"valence": pl.Float32}), "test", "peer")


def test_names_shared_by_two_data_sets_need_the_source(manifest, predictions):
    twice = pl.concat([manifest, manifest.with_columns(source=pl.lit("other"))])
    with pytest.raises(DataError, match="add a column source"):
        match(predictions, twice, "test")
    named = pl.concat([predictions.with_columns(source=pl.lit(name)) for name in ("made", "other")])
    assert len(match(named, twice, "test").rows) == 2 * len(predictions)
