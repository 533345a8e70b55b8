"""Pictures in archives and tables: read as streams, one by one, whatever else is in them."""

import base64
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt import gather, predict
from affekt.analysis.archives import members
from affekt.errors import ConfigError


def png(grey):
    file = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), grey, np.uint8)).save(file, "PNG")
    return file.getvalue()


FILES = {
    "a/000.png": png(0),
    "a/000.json": b"{}",
    "a/001.png": png(250),
    "__MACOSX/._001.png": b"litter",
    "a/002.jpg": b"no picture",
}
STATUS = {"a/000.png": "ok", "a/001.png": "ok", "a/002.jpg": "unreadable: not a picture"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name):
    if name.endswith(".zip"):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            for inner, content in FILES.items():
                archive.writestr(inner, content)
        return
    packing = name.rpartition(".")[2].replace("tgz", "gz").replace("tar", "")
    with tarfile.open(name, f"w:{packing}") as archive:
        for inner, content in FILES.items():
            member = tarfile.TarInfo(inner)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def looked_at(*names, model, **options):
    return predict(names, model=model, faces="whole", **options)


@pytest.mark.parametrize("name", ["faces.tar", "faces.tar.gz", "faces.tgz", "faces.tar.xz", "FACES.ZIP", "faces.zip"])
def test_the_pictures_of_an_archive_are_inputs(small_model, name):
    write(name.lower())
    if name.isupper():
        Path(name).write_bytes(Path(name.lower()).read_bytes())
    rows = looked_at(name, model=small_model)
    assert dict(rows.select("input", "status").iter_rows()) == {f"{name}/{inner}": s for inner, s in STATUS.items()}
    assert rows["emotion"].to_list() == ["neutral", "happiness", None]


def test_a_table_written_of_archives_is_the_same_and_counts_pictures(small_model, caplog):
    caplog.set_level("INFO", "affekt")
    write("faces.tar")
    write("faces.zip")
    table = looked_at("faces.tar", "faces.zip", model=small_model, out="faces.parquet")
    assert table.collect().equals(looked_at("faces.tar", "faces.zip", model=small_model))
    assert "4 pictures: 4 faces" in caplog.messages
    for shard in ("2/2", "1/2"):
        predict(["faces.tar", "faces.zip"], model=small_model, faces="whole", shard=shard, out="parts")
    assert gather("parts", out="gathered.parquet").collect().equals(table.collect())


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"image": [png(0), png(250)]}, ["faces.parquet#0", "faces.parquet#1"]),
        (
            {"image": [{"bytes": png(0), "path": "a"}, {"bytes": None, "path": "one.png"}]},
            ["faces.parquet#0", "one.png"],
        ),
        ({"path": ["one.png", None], "image": [None, png(250)]}, ["one.png", "faces.parquet#1"]),
        ({"url": ["https://host/a.png?key=secret", ""]}, ["https://host/a.png?~8d1a2b7e", "faces.parquet#1"]),
    ],
)
def test_the_rows_of_a_table_are_inputs(small_model, columns, names):
    Path("one.png").write_bytes(png(250))
    pl.DataFrame(columns).write_parquet("faces.parquet")
    rows = looked_at("faces.parquet", model=small_model)
    assert [name.partition("?")[0] for name in rows["input"]] == [name.partition("?")[0] for name in names]
    if "url" in columns:
        assert rows["status"][0].startswith("unreadable: an address, which is read only with --fetch")
        assert rows["status"][1] == "unreadable: no picture in this row"
        assert "secret" not in str(rows.to_dicts())
    else:
        assert rows["status"].to_list() == ["ok", "ok"]


def problems(name):
    return [member.problem for member in members(name)]


def test_what_cannot_be_read_is_said(monkeypatch):
    write("faces.tar")
    Path("cut.tar").write_bytes(Path("faces.tar").read_bytes()[:1800])
    for name, content in {"no.zip": b"no archive", "no.tar": b"", "no.parquet": b"no table"}.items():
        Path(name).write_bytes(content)
    with zipfile.ZipFile("empty.zip", "w") as archive:
        archive.writestr("notes.md", "text")
    pl.DataFrame({"a": [1]}).write_parquet("other.parquet")
    assert problems("cut.tar") == [None, "broken off: what comes after is missing"]
    assert problems("no.zip") == problems("no.tar") == ["not an archive that opens"]
    assert problems("no.parquet") == ["not a Parquet table that opens"]
    assert problems("gone.tar") == problems("gone.parquet") == ["no such file"]
    assert problems("empty.zip") == ["no picture in it"]
    assert problems("other.parquet") == ["a table without a column image, img, picture or file_name"]
    monkeypatch.setattr("affekt.analysis.archives.MOST_BYTES", 5)
    write("faces.zip")
    assert problems("faces.zip") == ["over the limit of 5 bytes"] * 3


def test_archives_are_not_drawn_on(small_model):
    write("faces.zip")
    with pytest.raises(
        ConfigError, match=r"expected files to draw on, got faces\.zip; leave out draw and hide_faces, or unpack"
    ):
        looked_at("faces.zip", model=small_model, out="faces.csv", draw="marked")


def test_a_table_holds_pictures_in_base64_and_paths_that_count_from_its_own_folder(tmp_path, small_model):
    encoded = base64.b64encode(png(0)).decode()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "beside.png").write_bytes(png(250))
    (tmp_path / "here.png").write_bytes(png(0))
    cells = [encoded, f"data:image/png;base64,{encoded}", encoded[:-1], "beside.png", "here.png", "gone.png"]
    pl.DataFrame({"Image_Path": cells}).write_parquet("deep/table.parquet")
    rows = looked_at("deep/table.parquet", model=small_model)
    assert rows["input"].to_list() == [
        *(f"deep/table.parquet#{row}" for row in range(3)), "deep/beside.png", "here.png", "gone.png"
    ]  # fmt: skip
    assert rows["status"].to_list() == [
        "ok", "ok", "unreadable: not in base64", "ok", "ok", "unreadable: no such file"
    ]  # fmt: skip


def test_folders_in_a_zip_are_no_pictures(small_model):
    with zipfile.ZipFile("faces.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("folder.jpg/"), b"")
        archive.writestr("folder.jpg/a.png", png(0))
    assert looked_at("faces.zip", model=small_model)["input"].to_list() == ["faces.zip/folder.jpg/a.png"]
