"""Manifests are taken as files and as frames, checked alike."""

import polars as pl
import pytest

from affekt.data.manifest import manifest_of, to_manifest, write_manifest
from affekt.errors import ConfigError, DataError

ROWS = pl.DataFrame({"path": ["a.png"], "split": ["test"], "source": ["mine"], "source_id": ["1"], "emotion": ["fear"]})


def test_a_file_a_frame_and_a_lazy_frame_are_the_same_manifest(tmp_path):
    write_manifest(ROWS, tmp_path / "faces.parquet")
    wanted = to_manifest(ROWS)
    for given in (tmp_path / "faces.parquet", str(tmp_path / "faces.parquet"), ROWS, ROWS.lazy()):
        assert manifest_of(given).equals(wanted)


def test_a_frame_is_held_to_the_rules_of_a_file():
    with pytest.raises(DataError, match="expected"):
        manifest_of(ROWS.with_columns(emotion=pl.lit("bliss")))


@pytest.mark.parametrize("given", [None, {"path": ["a.png"]}, 3])
def test_anything_else_is_refused_in_one_sentence(given):
    with pytest.raises(ConfigError, match="expected a manifest as a path or a polars frame, got"):
        manifest_of(given)
