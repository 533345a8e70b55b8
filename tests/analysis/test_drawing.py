"""What was found, drawn onto the picture."""

import os

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageColor

from affekt.analysis.drawing import draw
from affekt.analysis.inputs import shown
from affekt.analysis.rows import SCHEMA, empty_row
from affekt.errors import ConfigError, DataError
from affekt.labels import EXPRESSION_COLOURS, LABELS

GREY = np.full((200, 300, 3), 90, np.uint8)


def face(**changes):
    found = {"face": 0, "x": 100.0, "y": 60.0, "width": 80.0, "height": 100.0, "emotion": "anger", "confidence": 0.8}
    return {**empty_row("a.jpg", "ok"), **found, **changes}


def changed(rows):
    return np.flatnonzero((np.asarray(draw(GREY, rows)) != GREY).any(2).any(1)), np.asarray(draw(GREY, rows))


def test_the_box_has_the_colour_of_its_expression():
    _, drawn = changed([face()])
    assert tuple(drawn[110, 100]) == ImageColor.getrgb(EXPRESSION_COLOURS["anger"])
    assert tuple(drawn[110, 140]) == (90, 90, 90)


def columns_changed(picture, row):
    return np.flatnonzero((np.asarray(draw(picture, [row])) != picture).any(2).any(0))


def test_the_label_stands_outside_of_the_box_where_there_is_room():
    above, _ = changed([face()])
    assert above.min() < 58
    small = {"y": 0.0, "width": 16.0, "height": 16.0}
    beside = columns_changed(GREY, face(x=100.0, **small))
    assert (beside.min(), beside.max() > 130) == (99, True)
    before = columns_changed(GREY, face(x=280.0, **small))
    assert (before.min() < 240, before.max()) == (True, 297)
    inside = columns_changed(GREY[:, :90], face(x=4.0, y=0.0, width=80.0, height=100.0))
    assert (inside.min(), inside.max()) == (3, 85)


def test_the_label_of_a_video_names_the_person_first():
    def label(track):
        return (np.asarray(draw(GREY, [face(track=track)]))[:58] != 90).any(2).any(0).sum()

    assert label(None) < label(0) < label(100)


def luminance(colour):
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("emotion", [*LABELS, None])
def test_the_label_can_be_read_on_every_colour(emotion):
    """WCAG 2 asks for a contrast of 3 for large letters; on the darkest of these colours none reaches 4.5."""
    label = np.asarray(draw(GREY, [face(emotion=emotion)]))[45:58, 104:160].reshape(-1, 3)
    shades = [luminance(pixel) for pixel in label.tolist()]
    assert (max(shades) + 0.05) / (min(shades) + 0.05) > 4


def test_a_grey_box_is_seen_on_a_wall_of_its_own_grey():
    wall = np.full((200, 300, 3), ImageColor.getrgb(EXPRESSION_COLOURS["neutral"]), np.uint8)
    drawn = np.asarray(draw(wall, [face(emotion="neutral")])).astype(int)
    walls, label = drawn[110, 95:110].sum(axis=1), drawn[40:62, 140].sum(axis=1)
    assert [line.min() < wall[0, 0].sum() / 3 for line in (walls, label)] == [True, True]


@pytest.mark.parametrize(("x", "outside"), [(100.0, slice(183, None)), (220.0, slice(0, 217))])
def test_the_disc_stands_beside_a_box_that_ends_with_the_picture(x, outside):
    with_disc, without = (
        np.asarray(draw(GREY, [face(x=x, y=95.0, valence=valence, arousal=valence)])) for valence in (0.5, None)
    )
    columns = np.flatnonzero((with_disc != without).any(2).any(0))
    assert len(columns) > 20
    assert set(columns) <= set(range(300)[outside])


def test_the_dot_stands_where_valence_and_arousal_say():
    def dot(valence, arousal):
        plain, point = (changed([face(valence=v, arousal=a)])[1] for v, a in ((0.0, 0.0), (valence, arousal)))
        return np.argwhere((plain != point).any(2)).mean(0)

    assert dot(0.9, 0.0)[1] > dot(-0.9, 0.0)[1]
    assert dot(0.0, 0.9)[0] < dot(0.0, -0.9)[0]


@pytest.mark.parametrize("row", [empty_row("a.jpg", "no_face"), empty_row("a.jpg", "unreadable: not a picture")])
def test_a_row_without_a_face_draws_nothing(row):
    assert not len(changed([row])[0])


@pytest.mark.parametrize("box", [(-50.0, -50.0, 400.0, 300.0), (290.0, 190.0, 60.0, 60.0), (5.0, 5.0, 3.0, 3.0)])
def test_a_box_may_reach_beyond_the_picture_or_be_tiny(box):
    x, y, width, height = box
    drawn = draw(GREY, [face(x=x, y=y, width=width, height=height, valence=1.0, arousal=-1.0, emotion=None)])
    assert drawn.size == (300, 200)


def test_all_kinds_of_pictures_are_drawn_on_and_stay_as_they_are(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    original = Image.open(tmp_path / "a.png")
    grey = GREY.copy()
    kinds = (grey, original, tmp_path / "a.png", str(tmp_path / "a.png"))
    drawn = [np.asarray(draw(picture, [face(input=str(tmp_path / "a.png"))])) for picture in kinds]
    assert all(np.array_equal(drawn[0], other) for other in drawn)
    assert not np.array_equal(drawn[0], GREY)
    assert np.array_equal(grey, GREY)
    assert np.array_equal(original, GREY)


def test_rows_may_be_a_frame_and_those_of_other_inputs_are_left_out(tmp_path):
    odd = str(tmp_path / os.fsdecode(b"caf\xe9.png"))
    for name in (odd, str(tmp_path / "b.png")):
        Image.fromarray(GREY).save(name, "PNG")
    rows = [face(input=shown(odd)), face(input=str(tmp_path / "b.png"), x=10.0)]
    table = pl.DataFrame(rows, schema=SCHEMA)
    for place, name in enumerate((odd, str(tmp_path / "b.png"))):
        assert np.array_equal(draw(name, table), draw(GREY, table[place]))
    assert np.array_equal(draw(tmp_path / "b.png", table.head(0)), GREY)


@pytest.mark.parametrize("changes", [{"input": "b.jpg"}, {"frame": 1}])
def test_rows_of_several_pictures_are_not_drawn_over_each_other(changes):
    with pytest.raises(DataError, match=r"expected the rows of one picture, got those of 2 pictures or frames; choose"):
        draw(GREY, [face(), face(**changes)])


def test_rows_of_another_picture_are_refused_with_what_to_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Image.fromarray(GREY).save(name)
    told = r"expected rows of a.png, got those of b.png; type: affekt.draw\('a.png', affekt.analyze\('a.png'\)\)$"
    with pytest.raises(DataError, match=told):
        draw("a.png", [face(input="b.png")])
    with pytest.raises(DataError, match=r"got those of .* and others"):
        draw("a.png", [face(input="b.png"), face(input="c.png")])
    # The same file under another name, and rows of what had no path, are this picture's.
    for name in (str(tmp_path / "a.png"), "./a.png", "0"):
        assert not np.array_equal(draw("a.png", [face(input=name)]), GREY)


@pytest.mark.parametrize("rows", [None, 3, "a.png", [None], [{"x": 1}], pl.DataFrame({"x": [1]}), pl.LazyFrame()])
def test_what_are_no_rows_is_refused_in_one_sentence(rows):
    with pytest.raises(ConfigError, match=r"as affekt.analyze returns them, got \w+; type: affekt.draw\(picture,"):
        draw(GREY, rows)
