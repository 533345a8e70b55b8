"""Attributes from a csv, joined to a manifest by name."""

import polars as pl
import pytest

from affekt.data.attributes import with_attributes
from affekt.data.manifest import to_manifest
from affekt.errors import DataError


@pytest.fixture
def manifest():
    return to_manifest(
        pl.DataFrame({"path": ["a", "b", "c"], "split": "test", "source": "made", "source_id": ["1", "2", "3"]})
    )


def joined(manifest, folder, text):
    (folder / "people.csv").write_text(text)
    return with_attributes(manifest, folder / "people.csv")


def test_columns_are_joined_by_name_in_the_manifests_order(manifest, tmp_path):
    found = joined(manifest, tmp_path, "age,source_id\n20-39,3\n40-59,1\n0-19,99\n")
    assert found["source_id"].to_list() == ["1", "2", "3"]
    assert found["age"].to_list() == ["40-59", None, "20-39"]
    assert to_manifest(found)["age"].dtype == pl.String


def test_the_data_set_counts_where_it_is_named(manifest, tmp_path):
    found = joined(manifest, tmp_path, "source,source_id,age\nmade,1,old\nother,2,young\n")
    assert found["age"].to_list() == ["old", None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,age\n1,old\n", "expected source_id"),
        ("source_id\n1\n", "columns of other names"),
        ("source_id,emotion\n1,anger\n", "rename emotion"),
        ("source_id,age\n1,old\n1,young\n", "'1' twice"),
        ("source_id,age\n7,old\n", "such as '1'.*got '7'"),
        ("source_id,age\n", "got 'no rows'"),
        ("", "expected a csv of attributes"),
    ],
)
def test_what_does_not_fit_is_refused(manifest, tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        joined(manifest, tmp_path, text)


def test_a_missing_file_is_named(manifest, tmp_path):
    with pytest.raises(DataError, match=r"people\.csv"):
        with_attributes(manifest, tmp_path / "people.csv")
