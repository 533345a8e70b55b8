"""Sets whose pictures' names say everything, on small generated copies of their layouts."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.data.importers.engine import ImportOptions, import_dataset
from affekt.data.importers.named import CkPlus, Jaffe, Kdef, Sfew
from affekt.data.manifest import to_manifest
from affekt.errors import ConfigError, DataError


def pictures(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def said(rows):
    return dict(rows.select("source_id", "emotion").iter_rows())


def test_in_kdef_af_is_a_session_with_a_woman_first_and_afraid_last(tmp_path):
    names = ["AF01/AF01AFS.JPG", "AF01/AF01ANFL.JPG", "BF01/BF01HAHR.JPG", "AM02/AM02NES.JPG", "AM02/AM02SUHL.JPG"]
    listing = Kdef(
        root=pictures(tmp_path, *names, "BF01/BF01DIFR.JPG", "AM02/am02sas.jpg", "AF31/AF31V.JPG")
    ).list_rows()
    rows = to_manifest(listing.rows)
    assert said(rows) == dict(zip(names, ("fear", "anger", "happiness", "neutral", "surprise"), strict=True)) | {
        "BF01/BF01DIFR.JPG": "disgust",
        "AM02/am02sas.jpg": "sadness",
    }
    assert dict(rows.select("source_id", "subject").iter_rows())["BF01/BF01HAHR.JPG"] == "F01", "as in session A"
    assert set(rows["subject"]) == {"F01", "M02"}
    assert rows.filter(source_id=names[1])["view"].item() == "FL"
    assert listing.dropped == {"not named as AF01/AF01ANS.JPG": 1}, "AF31V.JPG says no expression"


def test_jaffe_is_read_to_its_tiffs(tmp_path):
    for name in ("KA.HA1.29.tiff", "KA.AN1.39.tiff", "NM.FE3.189.tiff", "UY.SU2.142.tiff"):
        Image.fromarray(np.random.default_rng(len(name)).integers(0, 255, (64, 64), np.uint8)).save(tmp_path / name)
    (tmp_path / "README.txt").touch()
    report = import_dataset(Jaffe(root=tmp_path), ImportOptions(out=tmp_path / "jaffe.parquet", jobs=1))
    assert report.manifest["emotion"].to_list() == ["anger", "happiness", "fear", "surprise"]
    assert report.manifest["subject"].to_list() == ["KA", "KA", "NM", "UY"]
    assert "213" in report.text()


def test_sfew_takes_aligned_faces_and_not_the_same_frames_again(tmp_path):
    aligned = "Train/Train_Aligned_Faces/Angry/Airheads_000519240_00000005.png"
    other = "Val/Val_Aligned_Faces_new/Val_Aligned_Faces/Happy/21_000225000_00000013.png"
    whole = "Train/Angry/Airheads_000519240_00000005.png"
    listing = Sfew(root=pictures(tmp_path, aligned, other, whole, "Test/Airheads_000519240_00000007.png")).list_rows()
    rows = to_manifest(listing.rows)
    assert rows.select("source_id", "split", "emotion", "film").rows() == [
        (aligned, "train", "anger", "Airheads"),
        (other, "val", "happiness", "21"),
    ]
    assert listing.dropped["whole frames, beside aligned faces"] == 1
    assert listing.published == {"train": 891, "val": 431}


def test_sfew_without_aligned_faces_says_to_look_for_the_faces(tmp_path):
    listing = Sfew(root=pictures(tmp_path, "Train/Sad/Airheads_000519240_00000005.png")).list_rows()
    assert listing.rows["emotion"].to_list() == ["sadness"]
    assert "--faces yunet" in listing.notes[0]
    assert listing.published == {"train": 958, "val": 436}


def ckplus(root, label="   3.0000000e+00\n", frames=6):
    pictures(root / "cohn-kanade-images", *(f"S005/001/S005_001_{number:08d}.png" for number in range(1, frames + 1)))
    pictures(root / "cohn-kanade-images", "S005/002/S005_002_00000001.png", "S005/001/.DS_Store")
    emotion = root / "Emotion" / "S005" / "001"
    emotion.mkdir(parents=True)
    (root / "Emotion" / "S005" / "002").mkdir()
    (emotion / f"S005_001_{frames:08d}_emotion.txt").write_text(label)
    return root


def test_ckplus_takes_the_first_frame_as_neutral_and_the_last_ones_as_the_expression(tmp_path):
    rows = to_manifest(CkPlus(root=ckplus(tmp_path)).list_rows().rows)
    assert said(rows) == {
        "S005_001_00000001": "neutral",
        **{f"S005_001_0000000{number}": "disgust" for number in (4, 5, 6)},
    }
    assert set(rows["subject"]) == {"S005"}
    peaks = CkPlus(root=tmp_path, peak_frames=1, neutral_frames=0).list_rows().rows
    assert said(peaks) == {"S005_001_00000006": "disgust"}


def test_no_frame_of_ckplus_has_two_labels(tmp_path):
    ckplus(tmp_path, frames=3)
    with pytest.raises(DataError, match="1 such files without frames"):
        CkPlus(root=tmp_path).list_rows()


@pytest.mark.parametrize("label", ["8.0", "1.5", "", "happy"])
def test_another_label_in_ckplus_is_an_error(tmp_path, label):
    with pytest.raises(DataError, match=r"a number from 0 to 7 in .*_emotion\.txt"):
        CkPlus(root=ckplus(tmp_path, label)).list_rows()


@pytest.mark.parametrize("options", [{"peak_frames": 0}, {"neutral_frames": -1}])
def test_no_peak_is_an_error(tmp_path, options):
    with pytest.raises(ConfigError, match="peak_frames of 1 or more"):
        CkPlus(root=tmp_path, **options)


def test_ckplus_in_folders_knows_the_people(tmp_path):
    listing = CkPlus(root=pictures(tmp_path, "CK+48/happy/S010_006_00000015.png", "CK+48/anger/S011_004_00000017.png"))
    rows = to_manifest(listing.list_rows().rows)
    assert rows.sort("subject").select("subject", "emotion").rows() == [("S010", "happiness"), ("S011", "anger")]
    assert rows["split"].to_list() == ["train", "train"]


@pytest.mark.parametrize("kind", [Kdef, Jaffe, Sfew, CkPlus])
def test_a_folder_without_such_names_is_one_sentence(tmp_path, kind):
    pictures(tmp_path, "holiday/one.jpg")
    with pytest.raises(DataError, match=r"expected pictures named as .* got none among 1 pictures; give the folder"):
        kind(root=tmp_path).list_rows()


def test_every_label_of_a_form_has_a_meaning(tmp_path):
    for kind in (Kdef, Jaffe, Sfew):
        labels = pl.Series(list(kind.naming.labels))
        assert all(label in kind.naming.form.lower() for label in labels)
        assert len(set(kind.naming.labels.values())) == 7
