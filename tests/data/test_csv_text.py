"""Csv files as text, and what comes of damaged ones in the importers that read them."""

import pytest

from affekt.data.csv_text import read_text_table
from affekt.data.importers.csv_table import Csv
from affekt.data.importers.folder import Folder
from affekt.data.importers.rafdb import RafDb
from affekt.errors import DataError

DAMAGED = {
    "empty": b"",
    "open quote": b'path,label\n"anger/1.jpg,anger\n',
    "latin-1": "path,label\nÄrger/1.jpg,ärger\n".encode("latin-1"),
    "one name twice": b"path,label,label\nanger/1.jpg,anger,fear\n",
    "one name twice but for a space": b"path,label,label \nanger/1.jpg,anger,fear\n",
}


def read(name, folder):
    """Read the table in the folder as one of the importers does."""
    for place in ("anger", "train/1", "test/1"):
        (folder / place).mkdir(parents=True)
        (folder / place / "1.jpg").touch()
    table = folder / {"csv": "t.csv", "folder": "labels.csv", "rafdb": "train_labels.csv"}[name]
    importers = {"csv": lambda: Csv(root=table), "folder": lambda: Folder(root=folder, map=("1=anger",))}
    return table, importers.get(name, lambda: RafDb(root=folder))()


def test_names_and_cells_lose_their_spaces_and_stay_text(tmp_path):
    (tmp_path / "t.csv").write_bytes("\N{BYTE ORDER MARK}a, b \n007, \n1,x\n".encode())
    assert read_text_table(tmp_path / "t.csv", "", "").to_dict(as_series=False) == {"a": ["007", "1"], "b": [None, "x"]}


def test_a_name_that_comes_twice_is_said_and_columns_without_a_name_are_not(tmp_path):
    (tmp_path / "t.csv").write_text("path,emotion, emotion\n1.jpg,anger,fear\n")
    with pytest.raises(DataError, match="got several columns named 'emotion'; mend it"):
        read_text_table(tmp_path / "t.csv", "a csv", "mend it")
    (tmp_path / "t.csv").write_text("path,emotion,,\n1.jpg,anger,,\n")
    assert read_text_table(tmp_path / "t.csv", "", "")["emotion"].to_list() == ["anger"]


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"a csv at .*none\.csv, got no such file; mend it"):
        read_text_table(tmp_path / "none.csv", "a csv", "mend it")
    with pytest.raises(DataError, match="got a folder; mend it"):
        read_text_table(tmp_path, "a csv", "mend it")
    (tmp_path / "t.csv").write_text(" path,emotion\n1.jpg,anger\n")
    assert read_text_table(tmp_path / "t.csv", "a csv", "mend it", needed=["path"]).height == 1
    with pytest.raises(DataError, match="got no label, split among path, emotion; mend it"):
        read_text_table(tmp_path / "t.csv", "a csv", "mend it", needed=["path", "label", "split"])


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
@pytest.mark.parametrize("name", ["csv", "folder", "rafdb"])
def test_damaged_tables_are_one_sentence(tmp_path, name, content):
    table, importer = read(name, tmp_path)
    table.write_bytes(content)
    with pytest.raises(DataError, match=r"^expected a csv") as error:
        importer.list_rows()
    assert str(table) in str(error.value)
    assert "\n" not in str(error.value)


def test_rafdb_needs_two_columns(tmp_path):
    table, importer = read("rafdb", tmp_path)
    table.write_text("image;label\ntrain_00001_aligned.jpg;5\n")
    with pytest.raises(DataError, match="columns of pictures and labels"):
        importer.list_rows()
