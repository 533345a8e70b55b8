"""Copies for ethics boards: where a face is, the copy shows something else, in every picture and every frame."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import affekt
from affekt.analysis.annotated_video import write_annotated_video
from affekt.analysis.hiding import HELD_S, FacesInTime, cover, hide_faces
from affekt.analysis.rows import SCHEMA, empty_row
from affekt.analysis.video import read_frames
from affekt.cli.main import main
from drawn_faces import draw_face, no_units, prototype_units, random_identity

FACE = draw_face(random_identity(np.random.default_rng(3)), prototype_units("happiness", 1.0), size=64)
WAYS = ["box", "pixelate", "blur"]


def room(width=320, height=180):
    blocks = np.random.default_rng(0).integers(0, 255, (height // 6, width // 6, 3)).astype(np.uint8)
    return np.array(Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC))


def with_face(left, top):
    picture = room()
    picture[top : top + 64, left : left + 64] = FACE
    return picture


def row(left, top, **more):
    return {**empty_row("v.mp4", "ok"), "x": left, "y": top, "width": 64.0, "height": 64.0, **more}


def likeness(copy_rgb, left, top, original=FACE):
    """Return how alike a part of a copy is to the face there, as a correlation of details; 1 is the same."""
    details = []
    for pixels in (copy_rgb[top : top + 64, left : left + 64], original):
        grey = Image.fromarray(pixels).convert("L")
        # What a few coarse squares keep, the colour of hair and skin, is taken away.
        coarse = grey.resize((4, 4), Image.Resampling.BOX).resize(grey.size, Image.Resampling.BICUBIC)
        details.append(np.asarray(grey, float) - np.asarray(coarse, float))
    return float((details[0] * details[1]).sum() / (np.linalg.norm(details[0]) * np.linalg.norm(details[1]) + 1e-9))


@pytest.mark.parametrize("how", WAYS)
def test_a_picture_loses_its_faces_and_nothing_else(how):
    picture, found = with_face(40, 50), [row(40.0, 50.0), row(280.0, 150.0), {**empty_row("a", "no_face")}]
    hidden = np.asarray(hide_faces(Image.fromarray(picture), found, how))
    assert likeness(picture, 40, 50) == pytest.approx(1)
    assert abs(likeness(hidden, 40, 50)) < 0.25
    changed = (hidden != picture).any(axis=2)
    margin = 20  # a third of the box, rounded up
    assert not changed[:, 40 + 64 + margin : 280 - margin].any()
    assert not changed[: 50 - margin].any()
    assert changed[150:, 280:].mean() > 0.9  # what reaches beyond the edge is covered as well
    if how != "blur":
        assert len(np.unique(hidden[50:114, 40:104].reshape(-1, 3), axis=0)) <= 25


def test_a_box_beyond_the_picture_covers_nothing():
    picture = Image.fromarray(room())
    for how in WAYS:
        cover(picture, np.array([[400.0, 10.0, 500.0, 60.0], [-50.0, -50.0, -10.0, 20.0]]), how)
    assert (np.asarray(picture) == room()).all()


@pytest.mark.parametrize("how", WAYS)
def test_no_frame_shows_a_face_that_was_found_around_it(write_video, tmp_path, how):
    places = [(20 + 8 * number, 40 + 3 * (number % 5)) for number in range(30)]
    path = write_video([with_face(*place) for place in places])
    # Nobody was found at the beginning, in the middle for 0.4 s, and at the end.
    seen = [number for number in range(30) if 4 <= number < 10 or 20 <= number < 27]
    found = [row(*map(float, places[number]), frame=number, time_s=number / 25, track=1) for number in seen]
    rows = pl.DataFrame(found, schema=SCHEMA)
    write_annotated_video(str(path), rows, tmp_path / "copy.mp4", hide_how=how)
    original, copy = (list(read_frames(str(name))) for name in (path, tmp_path / "copy.mp4"))
    assert [frame.time_s for frame in copy] == pytest.approx([frame.time_s for frame in original], abs=2e-3)
    for place, before, after in zip(places, original, copy, strict=True):
        assert likeness(before.image_rgb, *place) > 0.8
        assert abs(likeness(after.image_rgb, *place)) < 0.3
    corner = (slice(140, 180), slice(0, 10))
    assert np.abs(copy[15].image_rgb[corner].astype(int) - original[15].image_rgb[corner]).mean() < 15


def test_a_copy_ends_where_looking_ended_and_nobody_is_hidden_where_nobody_was(write_video, tmp_path):
    path = write_video([room()] * 20)
    unseen = pl.DataFrame([{**empty_row("v.mp4", "no_face"), "frame": 0, "time_s": 0.0}], schema=SCHEMA)
    write_annotated_video(str(path), unseen, tmp_path / "copy.mp4", hide_how="box", stop_after_s=0.2)
    copy = list(read_frames(str(tmp_path / "copy.mp4")))
    assert len(copy) == 5
    assert np.abs(copy[0].image_rgb.astype(int) - room()).mean() < 15


@given(
    times=st.lists(st.integers(0, 100), min_size=2, max_size=6, unique=True).map(sorted),
    corners=st.lists(st.tuples(*[st.integers(0, 300)] * 4), min_size=6, max_size=6),
    share=st.floats(0, 1),
)
def test_the_straight_way_between_two_boxes_is_covered(times, corners, share):
    found = [
        {**empty_row("v", "ok"), "time_s": time / 10, "track": 7, "x": x, "y": y, "width": w + 1.0, "height": h + 1.0}
        for time, (x, y, w, h) in zip(times, corners, strict=False)
    ]
    faces = FacesInTime(pl.DataFrame(found, schema=SCHEMA))
    for before, after in pairwise(found):
        time_s, x, y, width, height = (
            (1 - share) * before[name] + share * after[name] for name in ("time_s", "x", "y", "width", "height")
        )
        [(left, top, right, bottom)] = faces.boxes_xyxy(time_s)
        assert left <= x
        assert top <= y
        assert right >= x + width
        assert bottom >= y + height


def test_a_face_stays_covered_for_a_second_before_and_after(tmp_path):
    found = [row(100.0, 50.0, time_s=time_s, track=1, frame=int(time_s * 25)) for time_s in (5.0, 5.04)]
    faces = FacesInTime(pl.DataFrame(found, schema=SCHEMA))
    assert len(faces.boxes_xyxy(5.0 - HELD_S)) == len(faces.boxes_xyxy(5.04 + HELD_S)) == 1
    assert len(faces.boxes_xyxy(3.9)) == len(faces.boxes_xyxy(6.1)) == 0
    sizes = [np.ptp(faces.boxes_xyxy(time_s)[0, [0, 2]]) for time_s in (5.02, 5.5, 6.0)]
    assert sizes == sorted(sizes)


@pytest.fixture
def here(detector, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("here")
def test_a_drawn_person_is_seen_in_no_frame_of_the_copy(small_model, write_video, tmp_path, capsys):
    face = draw_face(random_identity(np.random.default_rng(1)), no_units(), size=120)
    places, frames = [(20 + 4 * number, 20) for number in range(24)], []
    for left, top in places:
        frames.append(room())
        frames[-1][top : top + 120, left : left + 120] = face
    write_video(frames, "film.mp4")
    Image.fromarray(frames[0]).save("still.png")
    arguments = ["--faces", "yunet", "--detect-every", "3", "--hide-faces", "hidden", "--hide-how", "pixelate"]
    main(["predict", "film.mp4", "still.png", "--model", str(small_model), "--out", "faces.csv", *arguments])
    assert "wrote copies without the faces that were found into hidden" in capsys.readouterr().err
    rows = pl.read_csv("faces.csv").filter(status="ok")
    assert rows["input"].unique().sort().to_list() == ["film.mp4", "still.png"]
    copies = [*read_frames("hidden/film.mp4")]
    assert len(copies) == 24
    middle = face[36:100, 28:92]
    for (left, top), copy in zip(places, copies, strict=True):
        assert abs(likeness(copy.image_rgb, left + 28, top + 36, middle)) < 0.4
    still = np.asarray(Image.open("hidden/still.png.jpg"))
    assert abs(likeness(still, 20 + 28, 20 + 36, middle)) < 0.4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"largest": True}, "expected all faces of all frames to hide, got largest, which leaves some out; leave out"),
        ({"every_s": 0.2}, "got every_s, which leaves some out; leave out --every, or hide_faces in a run of its own"),
        ({"draw": "hidden"}, "expected a folder of its own for each kind of copies, got hidden twice; name another"),
        ({"hide_how": "paint"}, "expected hide_how as box, pixelate or blur, got 'paint'; type: hide_how='box'"),
        ({"shard": "1/2", "out": "parts"}, "expected shard or engine without hide_faces, which needs the whole table"),
    ],
)
def test_what_would_leave_a_face_visible_is_refused(small_model, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(room()).save("a.png")
    with pytest.raises(affekt.ConfigError, match=sentence):
        affekt.predict("a.png", hide_faces="hidden", model=small_model, faces="whole", **options)
    assert not Path("hidden").exists()


def test_marked_copies_and_those_without_faces_are_made_in_one_run(small_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(room()).save("a.png")
    outputs = affekt.OutputOptions(draw="marked", hide_faces="hidden")
    affekt.predict("a.png", outputs=outputs, model=small_model, faces="whole")
    marked, hidden = (np.asarray(Image.open(f"{folder}/a.png.jpg")) for folder in ("marked", "hidden"))
    assert np.ptp(hidden, axis=(0, 1)).max() <= 2 < np.ptp(marked, axis=(0, 1)).min()
