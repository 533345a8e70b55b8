"""Annotated copies: each in a place of its own."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.analysis.annotated_copies import AnnotatedCopies
from affekt.analysis.options import OutputOptions
from affekt.analysis.rows import SCHEMA, Answer, empty_row
from affekt.errors import ConfigError

GREY = np.full((121, 161, 3), 100, np.uint8)


def test_copies_keep_the_way_to_the_picture_and_stay_in_the_folder(tmp_path, monkeypatch):
    for folder in ("work/holiday", "holiday"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    names = ("holiday/a.jpg", str(tmp_path / "b.PNG"), "../c.gif", "../holiday/a.jpg", "holiday/a")
    for name in names:
        Image.fromarray(GREY).save(name, "PNG")
    copies = AnnotatedCopies(names, OutputOptions(draw=tmp_path / "marked"))
    copies.check(has_table=False)
    for name in names:
        copies.draw_picture(Answer(name, [empty_row(name, "no_face")], ends=True))
    written = sorted(str(path.relative_to(tmp_path / "marked")) for path in (tmp_path / "marked").rglob("*.*"))
    absolute = str(tmp_path / "b.PNG.jpg").lstrip("/")
    assert written[:2] == ["c.gif.jpg", "holiday/a.jpg"]
    assert re.fullmatch(r"holiday/a.jpg~[0-9a-f]{8}.jpg", written[2])
    assert re.fullmatch(r"holiday/a~[0-9a-f]{8}.jpg", written[3])
    assert written[4:] == [absolute]
    with Image.open(tmp_path / "marked" / "c.gif.jpg") as image:
        assert image.format == "JPEG"


def test_timelines_of_videos_of_one_name_are_headed_by_their_folders(tmp_path):
    names = tuple(f"films/{folder}/v.mp4" for folder in ("one", "two"))
    copies = AnnotatedCopies(names, OutputOptions(timeline=tmp_path / "overview"))
    rows = [{**empty_row(names[1], "ok"), "time_s": float(second), "track": 1} for second in range(3)]
    table = pl.DataFrame(rows, schema=SCHEMA)
    copies.draw_video(names[1], table, digest="", origin=None, stop_after_s=9.0, moved=lambda _: None)
    assert "<h1>two/v.mp4</h1>" in (tmp_path / "overview" / "films" / "two" / "v.mp4.html").read_text()


@pytest.mark.parametrize("less", [{}, {"hide_faces": "hidden"}, {"timeline_faces": False}])
def test_the_page_of_a_video_has_faces_unless_they_are_hidden_or_not_wanted(tmp_path, write_video, less, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = str(write_video([GREY] * 50))
    outputs = OutputOptions(timeline="overview", **less)
    copies = AnnotatedCopies((name,), outputs)
    box = {"x": 20.0, "y": 20.0, "width": 50.0, "height": 50.0}
    rows = [
        {**empty_row(name, "ok"), **box, "frame": number, "time_s": number / 25, "track": 1} for number in range(50)
    ]
    copies.draw_video(
        name, pl.DataFrame(rows, schema=SCHEMA), digest="", origin=None, stop_after_s=9.0, moved=lambda _: None
    )
    [page] = Path("overview").rglob("*.html")
    assert ("<image" in page.read_text()) == (not less)


def test_a_strip_longer_than_any_jpeg_is_drawn_smaller(tmp_path):
    strip = tmp_path / "strip.png"
    Image.new("RGB", (70_000, 4)).save(strip)
    copies = AnnotatedCopies((str(strip),), OutputOptions(draw=tmp_path / "marked"))
    copies.draw_picture(Answer(str(strip), [empty_row(str(strip), "no_face")], ends=True))
    with Image.open(next((tmp_path / "marked").rglob("*.jpg"))) as drawn:
        assert drawn.size == (65_500, 4)


def test_what_is_no_file_needs_no_place(tmp_path):
    names = ("..", "/", "gone.jpg", "nul\0.jpg", "faces/0.jpg")
    AnnotatedCopies(names, OutputOptions(draw=tmp_path / "marked")).check(has_table=True)
    assert (tmp_path / "marked").is_dir()
    with pytest.raises(ConfigError, match="expected a video to draw a timeline of"):
        AnnotatedCopies(names, OutputOptions(timeline=tmp_path / "overview")).check(has_table=True)
    assert not (tmp_path / "overview").exists()


def test_a_picture_that_was_not_read_and_a_frame_of_a_video_have_no_copy(tmp_path):
    copies = AnnotatedCopies(("bad.jpg", "v.mp4"), OutputOptions(draw=tmp_path / "marked"))
    copies.draw_picture(Answer("bad.jpg", [empty_row("bad.jpg", "unreadable: not a picture")], ends=True))
    copies.draw_picture(Answer("v.mp4", [{**empty_row("v.mp4", "no_face"), "frame": 0, "time_s": 0.0}], ends=False))
    copies.draw_picture(Answer("v.mp4", [], ends=True))
    assert not list(tmp_path.iterdir())
