"""`--crops`: each face as the network gets it, but as large as in the picture, in a file that its row names."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import affekt
from affekt.analysis.annotated_copies import AnnotatedCopies
from affekt.analysis.options import OutputOptions
from affekt.analysis.rows import Answer, empty_row
from affekt.cli.main import main
from affekt.errors import ConfigError
from affekt.faces.preprocessing import Preprocessing, crop_as_it_is, crop_face
from drawn_faces import draw_face, no_units, random_identity

WANTED = Preprocessing(input_size=32, channels=1, mean=(0.5,), std=(0.25,), crop_margin=0.2, alignment="level")
NOISE = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
EYES_AND_MOUTH = np.array([[90, 80], [130, 80], [110, 100], [95, 120], [125, 120]], float)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_upright_crop_is_the_part_of_the_picture_to_the_pixel():
    crop = crop_as_it_is(NOISE, WANTED, np.array([60.0, 50.0, 160.0, 150.0]), EYES_AND_MOUTH)
    assert (crop == NOISE[40:160, 50:170]).all()


def test_a_small_face_is_as_large_as_the_network_wants_it_and_a_huge_one_fits_into_memory():
    small, huge = np.array([60.0, 50.0, 70.0, 60.0]), np.array([0.0, 0.0, 3000.0, 3000.0])
    assert crop_as_it_is(NOISE, WANTED, small, None).shape == (32, 32, 3)
    assert crop_as_it_is(np.zeros((3000, 3000, 3), np.uint8), WANTED, huge, None).shape == (1024, 1024, 3)
    assert crop_as_it_is(NOISE, WANTED, None, None).shape == (300, 300, 3)


def test_a_tilted_face_is_level_and_shrunk_it_is_what_the_network_gets():
    smooth = np.asarray(Image.fromarray(NOISE).resize((30, 20)).resize((300, 200), Image.Resampling.BICUBIC))
    turn = np.deg2rad(30)
    turned = (EYES_AND_MOUTH - 110) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + 110
    box = np.array([60.0, 60.0, 160.0, 160.0])
    crop = crop_as_it_is(smooth, WANTED, box, turned)
    upright = crop_as_it_is(smooth, WANTED, box, EYES_AND_MOUTH)
    given = crop_face(smooth, WANTED, box, turned)[..., 0].astype(float)

    def away(pixels):
        grey = Image.fromarray(pixels).convert("L")
        return np.abs(np.asarray(grey.resize((32, 32), Image.Resampling.BILINEAR), float) - given).mean()

    assert crop.shape == (120, 120, 3)
    assert away(crop) < 3 < away(upright)


@pytest.mark.usefixtures("detector")
def test_each_row_with_a_face_has_its_crop(small_model, write_video, capsys):
    face = draw_face(random_identity(np.random.default_rng(1)), no_units(), size=120)
    frames = []
    for number in range(10):
        frames.append(np.full((160, 320, 3), 150, np.uint8))
        for left in (10, 170)[: 1 + (number > 4)]:
            frames[-1][20:140, left + number : left + number + 120] = face
    write_video(frames, "film.mp4")
    Path("in").mkdir()
    Image.fromarray(frames[9]).save("in/two.png")
    arguments = ["--faces", "yunet", "--detect-every", "2", "--crops", "crops"]
    main(["predict", "film.mp4", "in", "--model", str(small_model), "--out", "faces.csv", *arguments])
    assert "wrote the crops of faces into crops" in capsys.readouterr().err
    rows = pl.read_csv("faces.csv").filter(status="ok")
    assert len(rows) > 12
    expected = set()
    for row in rows.iter_rows(named=True):
        time = "" if row["time_s"] is None else f"_{row['time_s']:013.6f}s"
        path = Path("crops") / f"{row['input']}{time}_face{row['face']}.png"
        with Image.open(path) as crop:
            assert crop.width == crop.height == pytest.approx(max(row["width"], row["height"]), abs=1)
        expected.add(path)
    assert set(Path("crops").rglob("*.*")) == expected
    film = Image.open(sorted(expected)[0])
    assert np.asarray(film).std() > 20  # a face, not the wall


def test_a_second_run_writes_over_its_own_crops_and_a_folder_below_is_not_looked_at(small_model):
    Path("faces").mkdir()
    Image.fromarray(NOISE).save("faces/a.png")
    for _ in range(2):
        rows = affekt.predict("faces", crops="faces/crops", model=small_model, faces="whole")
        assert len(rows) == 1
    [crop] = Path("faces/crops").rglob("*.png")
    assert crop == Path("faces/crops/faces/a.png_face1.png")
    assert (np.asarray(Image.open(crop).resize((300, 200))).mean((0, 1)) > 100).all()


def test_a_file_of_somebody_else_stays_and_is_told_of_before_the_work(small_model):
    Image.fromarray(NOISE).save("a.png")
    theirs = Path("crops/a.png_face1.png")
    theirs.parent.mkdir()
    Image.fromarray(NOISE[:9]).save(theirs)
    before = theirs.read_bytes()
    with pytest.raises(ConfigError, match=r"own to write over, got another file, crops/a.png_face1.png; name ano"):
        affekt.predict("a.png", crops="crops", model=small_model, faces="whole")
    assert theirs.read_bytes() == before
    Path("crops/notes.png").write_bytes(theirs.read_bytes())
    theirs.unlink()
    affekt.predict("a.png", crops="crops", model=small_model, faces="whole")  # what no crop is named like may stay


def test_who_was_followed_into_another_shot_has_no_crop():
    copies = AnnotatedCopies(("v.mp4",), OutputOptions(crops="crops"))
    row = empty_row("v.mp4", "no_face") | {"time_s": 1.0}
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "PNG")
    copies.write_crops(Answer("v.mp4", [row], ends=False, stills=(file.getvalue(),)))
    assert not Path("crops").exists()
