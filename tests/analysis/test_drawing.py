"""What was found, drawn onto the picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from affekt.analysis.drawing import draw_rows, drawn_path, write_drawn
from affekt.analysis.rows import empty_row
from affekt.labels import EXPRESSION_COLOURS, LABELS

GREY = np.full((200, 300, 3), 90, np.uint8)


def face(**changes):
    found = {"face": 0, "x": 100.0, "y": 60.0, "width": 80.0, "height": 100.0, "emotion": "anger", "confidence": 0.8}
    return {**empty_row("a.jpg", "ok"), **found, **changes}


def changed(rows):
    return np.flatnonzero((np.asarray(draw_rows(GREY, rows)) != GREY).any(2).any(1)), np.asarray(draw_rows(GREY, rows))


def test_the_box_has_the_colour_of_its_expression():
    _, drawn = changed([face()])
    assert tuple(drawn[110, 100]) == ImageColor.getrgb(EXPRESSION_COLOURS["anger"])
    assert tuple(drawn[110, 140]) == (90, 90, 90)


def test_the_label_stands_above_the_box_or_in_it_where_there_is_no_room():
    above, _ = changed([face()])
    assert above.min() < 58
    inside, _ = changed([face(y=0.0)])
    assert inside.min() == 0


def test_the_label_of_a_video_names_the_person_first():
    def label(track):
        return (np.asarray(draw_rows(GREY, [face(track=track)]))[:58] != 90).any(2).any(0).sum()

    assert label(None) < label(0) < label(100)


def luminance(colour):
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("emotion", [*LABELS, None])
def test_the_label_can_be_read_on_every_colour(emotion):
    """WCAG 2 asks for a contrast of 3 for large letters; on the darkest of these colours none reaches 4.5."""
    label = np.asarray(draw_rows(GREY, [face(emotion=emotion)]))[45:58, 104:160].reshape(-1, 3)
    shades = [luminance(pixel) for pixel in label.tolist()]
    assert (max(shades) + 0.05) / (min(shades) + 0.05) > 4


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
    drawn = draw_rows(GREY, [face(x=x, y=y, width=width, height=height, valence=1.0, arousal=-1.0, emotion=None)])
    assert drawn.size == (300, 200)


def test_marked_copies_keep_the_way_to_the_picture_and_stay_in_the_folder(tmp_path):
    folder = Path("marked")
    assert drawn_path(folder, "holiday/a.jpg") == folder / "holiday" / "a.jpg"
    assert drawn_path(folder, "/data/b.PNG") == folder / "data" / "b.PNG.jpg"
    assert drawn_path(folder, "../../c.gif") == folder / "c.gif.jpg"
    assert drawn_path(folder, "c.jpg", told_apart=True).match("marked/c.jpg~????????.jpg")
    write_drawn(GREY, [face()], tmp_path / "deep" / "d.jpg")
    with Image.open(tmp_path / "deep" / "d.jpg") as image:
        assert image.format == "JPEG"


def test_a_strip_longer_than_any_jpeg_is_drawn_smaller(tmp_path):
    write_drawn(np.zeros((4, 70_000, 3), np.uint8), [], tmp_path / "strip.jpg")
    with Image.open(tmp_path / "strip.jpg") as drawn:
        assert drawn.size == (65_500, 4)
