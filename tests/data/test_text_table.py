"""Tables that people write are read as text, however a spreadsheet saved them, or refused in one sentence."""

import pytest

from affekt.data.text_table import read_text_table
from affekt.errors import DataError


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


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"a,b\n1,2,3\n", "a line with more cells than its first line has"),
        (b"", "an empty file"),
        (b"a,b\n\xff\xfe,2\n", r"text that is not UTF-8 \(in Excel, save it as: CSV UTF-8\)"),
        (b'a,b\n"x,1\n2', "a cell with an open quotation mark"),
    ],
)
def test_what_is_no_table_is_told_in_plain_words(tmp_path, content, got):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"^expected a csv in .*t\.csv, got {got}; mend it$"):
        read_text_table(tmp_path / "t.csv", "a csv", "mend it")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_the_same_however_a_spreadsheet_saved_it(tmp_path, separator, encoding):
    text = f"\N{BYTE ORDER MARK}path{separator}person\r\n007.jpg{separator}Zoë\r\n"
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert read_text_table(tmp_path / "t.csv", "", "").rows(named=True) == [{"path": "007.jpg", "person": "Zoë"}]


def test_a_text_that_breaks_off_in_utf_16_is_told(tmp_path):
    (tmp_path / "t.csv").write_bytes("a,b\n1,2\n".encode("utf-16")[:-1])
    with pytest.raises(DataError, match=r"expected a csv in .*t\.csv, got .*truncated data; mend it"):
        read_text_table(tmp_path / "t.csv", "a csv", "mend it")


def test_a_header_alone_and_one_that_comes_again_are_told(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"expected a csv in .*t\.csv, got its header alone; mend it"):
        read_text_table(tmp_path / "t.csv", "a csv", "mend it")
    (tmp_path / "t.csv").write_text("a,b\na,2\na,b\n3,4\n")
    with pytest.raises(DataError, match=r"one table in .*t\.csv, got its header again in row 2; take that row out"):
        read_text_table(tmp_path / "t.csv", "a csv", "mend it")
