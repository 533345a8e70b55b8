"""Pictures that stay in tar files: each file is read once, in whatever order the pictures are wanted."""

import io
import tarfile

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.data import shards as shards_module
from affekt.data.check import check_manifest
from affekt.data.manifest import encode_png, read_row_rgb, to_manifest
from affekt.data.shards import Shards, is_in_tar, members, read_source
from affekt.errors import DataError, PictureError
from affekt.faces.preprocessing import Preprocessing
from affekt.networks.predictions import Crops


def picture(grey):
    return encode_png(np.full((40, 40, 3), grey, np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write three tars of five pictures, and a picture beside them."""
    folder = tmp_path_factory.mktemp("shards")
    for number in range(3):
        with tarfile.open(folder / f"{number}.tar", "w") as archive:
            for place in range(5):
                content = picture(10 * (5 * number + place))
                member = tarfile.TarInfo(f"./{place}.png")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    (folder / "alone.png").write_bytes(picture(200))
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    """Sixteen rows: those of the tars, and one of a file, in the middle."""
    paths = [str(folder / f"{number}.tar" / f"{place}.png") for number in range(3) for place in range(5)]
    paths.insert(7, str(folder / "alone.png"))
    named = {"source_id": [str(number) for number in range(16)], "emotion": ["fear", "anger"] * 8}
    return to_manifest(pl.DataFrame({"path": paths, **named, "split": "train", "source": "mine"}))


@pytest.fixture
def opened(monkeypatch):
    """Record which files are opened."""
    names, original = [], shards_module.opened
    monkeypatch.setattr(shards_module, "opened", lambda name: names.append(name.rpartition("/")[2]) or original(name))
    return names


def test_a_file_is_opened_once_where_it_is_wanted_first(rows, opened):
    shards = Shards(rows["path"])
    assert [name.rpartition("/")[2] for name in shards.names] == ["0.tar", "1.tar", "2.tar"]
    found = list(shards.read(np.array([12, 1, 15, 7, 2, 11, 1])))
    assert [row for row, _ in found] == [11, 12, 15, 1, 2, 7]
    assert found[0][1] == picture(100)
    assert found[-1][1].endswith("alone.png")
    assert opened == ["2.tar", "0.tar"]


def test_of_a_file_no_more_is_read_than_is_wanted(folder, opened):
    torn = folder / "torn.tar"
    torn.write_bytes((folder / "0.tar").read_bytes()[:2000])
    paths = pl.Series([f"{torn}/{place}.png" for place in range(5)])
    assert [row for row, _ in Shards(paths).read(np.array([1, 0]))] == [0, 1]
    with pytest.raises(DataError, match=r"expected a whole tar at .*torn\.tar, got a file that breaks off, or no tar;"):
        list(Shards(paths).read(np.arange(5)))


@given(st.lists(st.integers(0, 15), max_size=40))
def test_crops_come_in_the_order_that_is_asked_for(rows, order):
    crops = Crops(rows, Preprocessing(input_size=16))
    found = list(crops.in_turn(np.array(order, dtype=np.int64)))
    assert len(found) == len(order)
    assert all(np.array_equal(crop, crops[row]) for row, crop in zip(order, found, strict=True))


def test_crops_of_all_rows_open_each_file_once(rows, opened):
    crops = Crops(rows, Preprocessing(input_size=16))
    batches = list(crops.batches(6))
    assert [len(batch) for batch in batches] == [6, 6, 4]
    assert np.concatenate(batches).mean((1, 2, 3)).round().tolist() == [
        *(10.0 * place for place in range(7)),
        200.0,
        *(10.0 * place for place in range(7, 15)),
    ]
    assert opened == ["0.tar", "1.tar", "2.tar"]


def test_a_row_alone_is_read_too(rows):
    assert read_row_rgb(rows.row(9, named=True))[0, 0].tolist() == [80, 80, 80]
    assert read_source("faces/a.png") == "faces/a.png"
    assert not is_in_tar("faces/a.tar")


def test_what_is_missing_ends_in_one_sentence(folder, rows):
    with pytest.raises(DataError, match=r"expected 9\.png in .*0\.tar, got a tar without it; import the tars again"):
        list(Shards(pl.Series([f"{folder}/0.tar/9.png"])).read(np.zeros(1, int)))
    with pytest.raises(DataError, match=r"expected a whole tar at .*9\.tar, got no such file; check the file"):
        list(members(f"{folder}/9.tar"))
    with pytest.raises(PictureError, match=r"picture of x: expected 9\.png in .*0\.tar"):
        read_row_rgb({"path": f"{folder}/0.tar/9.png", "source_id": "x"})
    gone = rows.with_columns(path=pl.col("path").str.replace("1.tar", "gone.tar", literal=True))
    with pytest.raises(DataError, match=r"expected a whole tar at .*gone\.tar"):
        list(Crops(gone, Preprocessing(input_size=16)).batches(4))


def test_a_folder_may_be_called_like_a_tar(tmp_path):
    (tmp_path / "faces.tar").mkdir()
    (tmp_path / "faces.tar" / "a.png").write_bytes(picture(7))
    path = str(tmp_path / "faces.tar" / "a.png")
    assert list(Shards(pl.Series([path])).read(np.zeros(1, int))) == [(0, path)]
    assert read_row_rgb({"path": path})[0, 0, 0] == 7


def test_a_check_opens_each_file_once(rows, opened):
    report = check_manifest(rows)
    assert report.opened == 16
    assert report.unreadable.is_empty()
    assert report.tiny.is_empty()
    assert opened == ["0.tar", "1.tar", "2.tar"]


def test_of_a_bucket_too(folder, rows, s3):
    s3.put(str(folder / "1.tar"), "bucket/shards/1.tar")
    path = "s3://bucket/shards/1.tar/3.png"
    assert read_row_rgb({"path": path})[0, 0, 0] == 80
    with pytest.raises(DataError, match=r"expected a whole tar at s3://bucket/shards/2\.tar, got no such file;"):
        list(members("s3://bucket/shards/2.tar"))
