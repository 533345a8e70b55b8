"""FER2013 in the forms it is downloaded in, as small generated copies."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from affekt.data.importers.fer2013 import Fer2013, read_pixel_table
from affekt.data.manifest import encode_png
from affekt.errors import DataError
from affekt.faces.pictures import read_rgb

ROWS = [(0, "Training"), (1, "Training"), (3, "PublicTest"), (6, "PrivateTest"), (4, "Training")]


def greys(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)


def pixel_text(seed: int) -> str:
    return " ".join(map(str, greys(seed).ravel()))


def fer_csv() -> str:
    lines = [f"{emotion},{pixel_text(row)},{usage}" for row, (emotion, usage) in enumerate(ROWS)]
    return "\n".join(["emotion,pixels,Usage", *lines]) + "\n"


def write_tar(path: Path, members: dict[str, str], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, text in members.items():
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


EXPECTED = {
    "emotion": ["anger", "disgust", "happiness", "neutral", "sadness"],
    "split": ["train", "train", "val", "test", "train"],
    "source_id": ["row00000", "row00001", "row00002", "row00003", "row00004"],
    "row-major 48x48": [True] * 5,
    "published": {"train": 28_709, "val": 3_589, "test": 3_589},
    "dropped": {},
}


def found(listing) -> dict:
    """Return what a listing holds, in the shape of EXPECTED."""
    rows = listing.rows
    pictures = [bool((read_rgb(image) == greys(row)[..., None]).all()) for row, image in enumerate(rows["image"])]
    columns = {name: rows[name].to_list() for name in ("emotion", "split", "source_id")}
    return columns | {"row-major 48x48": pictures, "published": listing.published, "dropped": listing.dropped}


def test_the_csv(tmp_path):
    (tmp_path / "fer2013.csv").write_text(fer_csv())
    assert found(Fer2013(path=tmp_path / "fer2013.csv").list_rows()) == EXPECTED
    assert found(Fer2013(path=tmp_path).list_rows()) == EXPECTED


@pytest.mark.parametrize(("name", "mode"), [("fer2013.tar.gz", "w:gz"), ("fer2013.tgz", "w:gz"), ("fer2013.tar", "w")])
def test_the_archive_is_read_without_unpacking(tmp_path, name, mode):
    members = {"fer2013/README": "read me", "fer2013/._fer2013.csv": "\0\0", "fer2013/fer2013.csv": fer_csv()}
    write_tar(tmp_path / name, members, mode)
    assert found(Fer2013(path=tmp_path / name).list_rows()) == EXPECTED
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_icml_face_data_has_another_order_and_spaces_before_names(tmp_path):
    lines = [f"{emotion}, {usage}, {pixel_text(row)}" for row, (emotion, usage) in enumerate(ROWS)]
    (tmp_path / "icml_face_data.csv").write_text("\n".join(["emotion, Usage, pixels", *lines]))
    assert found(Fer2013(path=tmp_path / "icml_face_data.csv").list_rows()) == EXPECTED


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path):
    text = "\ufeff" + fer_csv().replace("\n", "\r\n") + "\r\n\r\n"
    (tmp_path / "fer2013.csv").write_text(text, newline="")
    assert found(Fer2013(path=tmp_path / "fer2013.csv").list_rows()) == EXPECTED


@pytest.mark.parametrize(("name", "split"), [("train.csv", "train"), ("val.csv", "val"), ("mine.csv", "train")])
def test_a_table_without_usage_is_the_split_it_is_named_after(tmp_path, name, split):
    (tmp_path / name).write_text(f"emotion,pixels\n3,{pixel_text(0)}\n2,{pixel_text(1)}\n")
    listing = Fer2013(path=tmp_path / name).list_rows()
    assert listing.rows["split"].to_list() == [split, split]
    assert listing.rows["emotion"].to_list() == ["happiness", "fear"]
    assert any("no Usage column" in note for note in listing.notes)
    assert listing.published == {}


def test_a_table_without_emotions_has_rows_without_labels(tmp_path):
    (tmp_path / "test.csv").write_text(f"pixels\n{pixel_text(0)}\n")
    listing = Fer2013(path=tmp_path / "test.csv").list_rows()
    assert listing.rows["emotion"].to_list() == [None]
    assert listing.rows["split"].to_list() == ["test"]
    assert any("carry no label" in note for note in listing.notes)


def test_rows_whose_pixels_are_not_48x48_greys_are_dropped_and_counted(tmp_path):
    too_few = " ".join(["7"] * 2303)
    too_bright = " ".join(["256"] * 2304)
    words = pixel_text(0).replace(" ", " x", 1)
    lines = [f"0,{text},Training" for text in (pixel_text(0), too_few, too_bright, words, "")]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]))
    listing = Fer2013(path=tmp_path / "fer2013.csv").list_rows()
    assert listing.rows["source_id"].to_list() == ["row00000"]
    assert listing.dropped == {"pixels are not 48x48 greys": 4}


def kaggle(base: Path) -> Path:
    names = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    for split in ("train", "test"):
        for number, name in enumerate(names):
            folder = base / split / name
            folder.mkdir(parents=True)
            (folder / f"{name}_1.jpg").write_bytes(encode_png(greys(number)))
    (base / "train" / "angry" / "Thumbs.db").write_bytes(b"not a picture")
    (base / "train" / ".ipynb_checkpoints").mkdir()
    return base


def test_kaggle_folders_are_read_by_name_not_by_order(tmp_path):
    listing = Fer2013(path=kaggle(tmp_path)).list_rows()
    rows = listing.rows
    assert rows.height == 14
    emotions = {Path(path).parent.name: emotion for path, emotion in rows.select("path", "emotion").iter_rows()}
    assert emotions == {
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "surprise": "surprise",
    }
    assert rows["source_id"].n_unique() == 14, "the same file name in train and test stays two pictures"
    assert rows["split"].value_counts().sort("split").rows() == [("test", 7), ("train", 7)]
    assert listing.published == {"train": 28_709, "test": 7_178}
    assert any("PublicTest and PrivateTest merged" in note for note in listing.notes)


def test_a_kaggle_folder_of_another_name_is_an_error(tmp_path):
    (kaggle(tmp_path) / "train" / "4").mkdir()
    (tmp_path / "train" / "4" / "1.png").touch()
    with pytest.raises(DataError, match=r"got .4.; rename or .*affekt data import folder .* --map 4=LABEL"):
        Fer2013(path=tmp_path).list_rows()


def test_folders_of_the_system_and_folders_without_pictures_are_passed_over(tmp_path):
    kaggle(tmp_path)
    for name in ("@eaDir", ".thumbnails", "notes"):
        (tmp_path / "train" / name).mkdir()
    for path in ("@eaDir/thumb.jpg", ".thumbnails/thumb.jpg", "notes/read me.txt"):
        (tmp_path / "train" / path).touch()
    assert Fer2013(path=tmp_path).list_rows().rows.height == 14


def test_empty_kaggle_folders_are_an_error(tmp_path):
    (tmp_path / "train" / "angry").mkdir(parents=True)
    with pytest.raises(DataError, match="expected pictures in"):
        Fer2013(path=tmp_path).list_rows()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a column 'pixels'"),
        ("emotion,pixels,Usage\n", "expected rows of pixels"),
        ("emotion,picture,Usage\n1,2,Training\n", "expected a column 'pixels' in .*, got emotion, picture, Usage"),
        ("emotion,pixels,Usage\n7,0,Training\n", "expected an emotion in 0-6 in row 0 of .*, got '7'"),
        ("emotion,pixels,Usage\n1,0,Testing\n", "expected a Usage among Training, .* got 'Testing'"),
        ("emotion,pixels,Usage\n1,0\n", "expected 3 fields in row 0 of .*, got 2"),
    ],
)
def test_a_table_that_is_not_fer2013_is_an_error(tmp_path, text, message):
    (tmp_path / "fer2013.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_pixel_table(tmp_path / "fer2013.csv")


def test_a_missing_or_damaged_download_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"fer2013.tar.gz .*got no such file; give the path of your download"):
        Fer2013(path=tmp_path / "nowhere").list_rows()
    with pytest.raises(DataError, match="got a folder without one"):
        Fer2013(path=tmp_path).list_rows()
    whole = tmp_path / "whole.tar.gz"
    write_tar(whole, {"fer2013/fer2013.csv": fer_csv()})
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole.read_bytes()[:9000])
    with pytest.raises(DataError, match=r"expected a whole FER2013 table at .*cut.tar.gz"):
        read_pixel_table(cut)
    (tmp_path / "wrong.tar.gz").write_bytes(b"<html>sign in to download</html>")
    with pytest.raises(DataError, match="download it again"):
        read_pixel_table(tmp_path / "wrong.tar.gz")
    write_tar(tmp_path / "other.tar.gz", {"fer2013/README": "nothing else"})
    with pytest.raises(DataError, match="got no csv file"):
        read_pixel_table(tmp_path / "other.tar.gz")
