"""ExpW and Aff-Wild2, on small generated copies of their layouts."""

import polars as pl
import pytest

from affekt.data.importers.listed import AffWild2, ExpW
from affekt.data.manifest import to_manifest
from affekt.data.splits import split_rows
from affekt.errors import ConfigError, DataError


def expw(root, *lines):
    (root / "origin").mkdir()
    (root / "label").mkdir()
    # Top, left, right, bottom.
    (root / "label" / "label.lst").write_text(
        "\n".join(["a.jpg 0 10 20 60 80 22.5 3", "a.jpg 1 12 70 99 80 19 6", *lines])
    )
    return root


def test_a_box_of_expw_starts_with_its_top(tmp_path):
    rows = to_manifest(ExpW(root=expw(tmp_path)).list_rows().rows)
    assert rows["box_xyxy"].to_list() == [[20, 10, 60, 80], [70, 12, 99, 80]]
    assert rows["emotion"].to_list() == ["happiness", "neutral"]
    assert rows["source_id"].to_list() == ["a.jpg#0", "a.jpg#1"]
    assert rows["path"].unique().to_list() == [str(tmp_path / "origin" / "a.jpg")]


def test_what_is_wrong_in_expw_is_counted(tmp_path):
    lines = ("a.jpg 1 1 1 9 9 5 0", "b.jpg 0 1 1 9 9 5 7", "c.jpg 0 1 9 9 9 5 0", "", "d.jpg 0 1")
    listing = ExpW(root=expw(tmp_path, *lines)).list_rows()
    assert len(listing.rows) == 2
    assert listing.dropped == {
        "line has not 8 fields": 1,
        "label outside 0 to 6": 1,
        "face listed again (the first is kept)": 1,
        "no face box": 1,
    }


def test_the_faces_of_one_picture_stay_in_one_split(tmp_path):
    lines = [f"{name}.jpg {face} 1 1 9 9 5 {face}" for name in range(40) for face in range(3)]
    rows = to_manifest(ExpW(root=expw(tmp_path, *lines)).list_rows().rows)
    rows = rows.with_columns(pixel_sha256=rows["path"])  # as the import fills it in: one hash for each picture
    divided = split_rows(rows, seed=0)
    assert divided["split"].n_unique() == 3
    assert divided.group_by("path").agg(pl.col("split").n_unique())["split"].max() == 1


def test_expw_without_its_pictures_says_what_is_missing(tmp_path):
    expw(tmp_path)
    (tmp_path / "origin").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"got .*label\.lst and no pictures"):
        ExpW(root=tmp_path).list_rows()
    assert len(ExpW(root=tmp_path, pictures=tmp_path / "elsewhere").list_rows().rows) == 2


EXPRESSIONS = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"


def wild(
    root,
    *lines,
    split="Train_Set",
    challenge="EXPR_Classification_Challenge",
    header=EXPRESSIONS,
    frames=(1, 2, 3, 4, 5),
):
    folder = root / challenge / split
    folder.mkdir(parents=True)
    (folder / "video5_left.txt").write_text("\n".join([header, *lines]) + "\n")
    for number in frames:
        path = root / "cropped_aligned" / "video5_left" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_line_n_after_the_header_is_frame_n(tmp_path):
    listing = AffWild2(root=wild(tmp_path, "0", "-1", "7", "4", "6", "2", frames=(1, 2, 3, 5, 6))).list_rows()
    rows = to_manifest(listing.rows)
    assert rows.select("source_id", "emotion").rows() == [
        ("video5_left/00001", "neutral"),
        ("video5_left/00005", "surprise"),
        ("video5_left/00006", "disgust"),
    ]
    assert listing.dropped == {"no annotation, or another expression": 2, "no picture of the frame": 1}
    assert set(rows["subject"]) == {"video5_left"}


def test_valence_and_arousal_of_minus_five_are_no_rating(tmp_path):
    lines = ("0.25,-0.5", "-5,-5", "-1.0,1.0")
    wild(tmp_path, *lines, challenge="VA_Estimation_Challenge", header="valence,arousal", split="Validation_Set")
    rows = to_manifest(AffWild2(root=tmp_path, task="valence_arousal").list_rows().rows)
    assert rows.select("valence", "arousal", "split").rows() == [(0.25, -0.5, "val"), (-1.0, 1.0, "val")]
    assert set(rows["valence_arousal_origin"]) == {"rated"}
    assert rows["emotion"].null_count() == 2


def test_every_so_many_th_frame(tmp_path):
    rows = AffWild2(root=wild(tmp_path, *"01234"), every=2).list_rows().rows
    assert rows["source_id"].to_list() == [f"video5_left/0000{number}" for number in (1, 3, 5)]
    with pytest.raises(ConfigError, match="every of 1 or more"):
        AffWild2(root=tmp_path, every=0)


@pytest.mark.parametrize("line", ["8", "1.5", "Neutral", "-2"])
def test_another_annotation_is_named_with_its_line(tmp_path, line):
    with pytest.raises(DataError, match=r"in line 3 of .*video5_left\.txt, got"):
        AffWild2(root=wild(tmp_path, "0", line)).list_rows()


def test_a_file_without_its_header_is_not_shifted_by_a_frame(tmp_path):
    with pytest.raises(DataError, match=r"expected the header Neutral,Anger,\.\.\. in .*, got '0'"):
        AffWild2(root=wild(tmp_path, "1", header="0")).list_rows()


def test_an_empty_place_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match="got 0 files and no such folder; give the folder that holds them"):
        AffWild2(root=tmp_path).list_rows()
