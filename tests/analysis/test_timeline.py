"""The picture and the page of a video."""

import base64
import io
import os
import re
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.analysis import timeline
from affekt.analysis.rows import SCHEMA, empty_row
from affekt.analysis.timeline import LINE_COLOURS, MOST_PEOPLE, PICTURE_WIDTH, people_of
from affekt.labels import EXPRESSION_COLOURS, LABELS, PROBABILITY_COLUMNS


def table(tracks, fps=10, valence=0.5):
    """Return rows of people seen from one time to another, given as {track: [(start_s, stop_s), ...]}."""
    rows = []
    for track, spans in tracks.items():
        for start_s, stop_s in spans:
            for time_s in np.arange(start_s, stop_s, 1 / fps):
                row = {**empty_row("v.mp4", "ok"), "frame": round(time_s * fps), "time_s": time_s, "track": track}
                row |= dict(zip(PROBABILITY_COLUMNS, [0.3, 0.7, *[0.0] * 6], strict=True))
                rows.append({**row, "valence": valence, "arousal": None if valence is None else -1.0})
    return pl.DataFrame(rows, schema=SCHEMA)


def write_timelines(name, rows, folder, **options):
    return timeline.write_timelines(name, rows, {kind: folder / f"v.{kind}" for kind in ("svg", "html")}, **options)


def paths(svg, colour):
    return re.findall(rf'<path d="M([^"]*)"[^>]*(?:fill|stroke)="{colour}"', svg)


def heights(element, above=0.0):
    """Yield where each text stands, from the upper edge on."""
    moved = re.fullmatch(r"translate\(\S+ (\S+)\)", element.get("transform", ""))
    above += float(moved[1]) if moved else 0.0
    if element.tag.endswith("text"):
        yield above + float(element.get("y"))
    for child in element:
        yield from heights(child, above)


def test_the_bands_fill_their_height_by_the_probabilities(tmp_path):
    svg = write_timelines("clips/v.mp4", table({0: [(0, 4)]}), tmp_path)[0].read_text()
    ElementTree.fromstring(svg)
    filled = {}
    for label in LABELS:
        (outline,) = paths(svg, EXPRESSION_COLOURS[label])
        y = np.array([point.split()[1] for point in outline.rstrip("Z").split("L")], float)
        filled[label] = y.max() - y.min()
    assert sum(filled.values()) == pytest.approx(90, abs=0.5)
    assert filled["happiness"] == pytest.approx(63, abs=0.2)


def test_valence_lies_above_the_middle_and_arousal_below(tmp_path):
    svg = write_timelines("v.mp4", table({0: [(0, 4)]}), tmp_path)[0].read_text()
    valence, arousal = (paths(svg, colour)[0] for colour in LINE_COLOURS.values())
    y = [float(line.split("L")[0].split()[1]) for line in (valence, arousal)]
    assert y[1] - y[0] == pytest.approx(1.5 * 35)


def test_a_long_absence_cuts_the_bands(tmp_path):
    svg = write_timelines("v.mp4", table({0: [(0, 2), (5, 7)]}), tmp_path)[0].read_text()
    assert len(paths(svg, EXPRESSION_COLOURS["happiness"])) == 2


def test_looks_far_apart_are_drawn_as_one_band(tmp_path):
    svg = write_timelines("v.mp4", table({0: [(0, 60)]}, fps=0.5), tmp_path)[0].read_text()
    assert len(paths(svg, EXPRESSION_COLOURS["happiness"])) == 1


def test_people_come_in_the_order_of_appearance_and_glimpses_are_left_out():
    rows = table({0: [(0, 1)], 1: [(0, 4)], 2: [(1, 1.2)], **{n: [(0, 0.8)] for n in range(3, 40)}})
    tracks = [person["track"][0] for person in people_of(rows)]
    assert tracks == sorted(tracks)
    assert tracks[:2] == [0, 1]
    assert 2 not in tracks
    assert len(tracks) == MOST_PEOPLE


@pytest.mark.parametrize(
    ("glimpses", "said"),
    [(0, None), (1, "1 more person, seen for less time"), (30, "30 more people, seen for less time")],
)
def test_the_picture_and_the_page_say_how_many_are_left_out(tmp_path, glimpses, said):
    rows = table({0: [(0, 4)], **{n: [(0, 0.3)] for n in range(1, glimpses + 1)}})
    for path in write_timelines("v.mp4", rows, tmp_path):
        svg = ElementTree.fromstring(re.findall(r"<svg.*?</svg>", path.read_text(), re.DOTALL)[-1])
        notes = [text for text in svg.itertext() if "more p" in text]
        assert notes == ([f"{said}: in the table only"] if said else [])
        lowest = max(heights(svg))
        assert float(svg.get("height")) - 24 < lowest < float(svg.get("height"))


def test_an_hour_draws_no_more_points_than_pixels(tmp_path):
    picture, page = write_timelines("v.mp4", table({0: [(0, 3700)]}, fps=5), tmp_path)
    assert len(paths(picture.read_text(), LINE_COLOURS["arousal"])[0].split("L")) <= PICTURE_WIDTH + 1
    assert page.stat().st_size < 5_000_000
    assert ">1:00:00<" in picture.read_text()


def test_the_page_holds_everything_and_its_name_is_harmless(tmp_path):
    svg, html = write_timelines("a/<b>&.mp4", table({0: [(0, 4)]}), tmp_path)
    assert (svg, html) == (tmp_path / "v.svg", tmp_path / "v.html")
    text = html.read_text()
    assert "<h1>a/&lt;b&gt;&amp;.mp4</h1>" in text
    assert not re.search(r'(src|href)="', text)
    assert all(f">{name}</li>" in text for name in (*LABELS, "valence", "arousal"))


def test_a_name_that_is_no_utf8_is_shown(tmp_path):
    for written in write_timelines(os.fsdecode(b"caf\xe9.mp4"), table({0: [(0, 4)]}), tmp_path):
        assert written.suffix == ".svg" or r"<h1>caf\xe9.mp4</h1>" in written.read_text()


@pytest.mark.parametrize(("origin", "said"), [("projected", "projected, not rated"), ("rated", None), (None, None)])
def test_valence_and_arousal_that_nobody_rated_are_called_so_once(tmp_path, origin, said):
    for path in write_timelines("v.mp4", table({0: [(0, 4)], 1: [(0, 4)]}), tmp_path, origin=origin):
        assert re.findall(r">Valence and arousal: (.*)\.<", path.read_text()) == ([said] if said else [])


def test_what_is_not_reliable_is_hatched_in_place_of_bands_and_said(tmp_path):
    rows = table({0: [(0, 10)]}).with_columns(reliable=~pl.col("time_s").is_between(2, 4.95))
    for path in write_timelines("v.mp4", rows, tmp_path):
        text = path.read_text()
        assert ">person 0, 0.0 to 9.9 s, 70 % reliable<" in text
        assert ">not reliable</" in text.replace("<title>not reliable", "")
        per_s = (float(re.search(r'viewBox="0 0 (\d+)', text)[1]) - 84) / 9.9
        drawn = r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="(\d+)" fill="url\(#hatched\)"><'
        hatched = re.findall(drawn, text)
        assert [float(height) for *_, height in hatched] == [90, 70]
        assert [float(each) / per_s for each in hatched[0][:2]] == pytest.approx([2, 3], abs=0.01)
        assert len(paths(text, EXPRESSION_COLOURS["happiness"])) == 2
    short = table({0: [(0, 10)]}).with_columns(reliable=~pl.col("time_s").is_between(2, 2.45))
    for path in write_timelines("v.mp4", short, tmp_path):
        assert len(paths(path.read_text(), EXPRESSION_COLOURS["happiness"])) == 1
        assert "url(#hatched)" not in path.read_text()
    plain = write_timelines("v.mp4", table({0: [(0, 10)]}), tmp_path)
    assert not any("reliable" in re.sub(r"<style>.*?</style>", "", each.read_text(), flags=re.DOTALL) for each in plain)


def test_cuts_are_thin_lines_that_the_legend_names(tmp_path):
    rows = table({0: [(0, 3), (6, 9)]}).with_columns(shot=pl.when(pl.col("time_s") < 5).then(1).otherwise(2))
    picture, page = (path.read_text() for path in write_timelines("v.mp4", rows, tmp_path))
    assert re.findall(r'<path class="cut" d="M([\d.]+) 0V', picture) == [f"{6 / 8.9 * PICTURE_WIDTH:.1f}"]
    assert ">cut</text>" in picture
    assert '<li class="cut">cut</li>' in page


def test_the_page_shows_the_largest_face_of_each_person_that_counts(tmp_path, write_video):
    # The left half turns from dark to light at 2 s, the right one stays green.
    frames = np.full((40, 96, 192, 3), 20, np.uint8)
    frames[20:, :, :96], frames[:, :, 96:] = 235, (20, 200, 20)
    video = str(write_video([*frames], times_s=[number / 10 for number in range(40)]))
    later = pl.col("time_s") >= 2
    width = pl.when(later & (pl.col("track") == 0)).then(60.0).otherwise(40.0)
    rows = table({0: [(0, 4)], 1: [(0, 4)]}).with_columns(
        x=pl.col("track") * 100.0 + 10, y=pl.lit(10.0), width=width, height=width, reliable=pl.lit(True)
    )
    for doubted, wanted in ((pl.lit(False), 235), (later, 20)):
        told = rows.with_columns(reliable=~doubted)
        picture, page = (each.read_text() for each in write_timelines("v.mp4", told, tmp_path, video=video))
        found = re.findall(r'<image href="data:image/jpeg;base64,([^"]+)"', page)
        faces = [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]
        assert faces[0].mean() == pytest.approx(wanted, abs=12)
        assert faces[1][20, 20, 1] > 150 > faces[1][20, 20, 0]
        assert "<image" not in picture
    for absent in (None, f"{video}.gone"):
        assert "<image" not in write_timelines("v.mp4", rows, tmp_path, video=absent)[1].read_text()


def test_what_is_said_of_a_person_stays_in_view_in_the_page(tmp_path):
    picture, page = (path.read_text() for path in write_timelines("v.mp4", table({0: [(0, 60)]}), tmp_path))
    names, drawing = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert 'class="names"' in names
    assert [said in names for said in (">person 0, ", ">expression<", ">+1<")] == [True] * 3
    assert ">expression<" not in drawing
    assert picture.count(">expression<") == 1


def test_a_model_without_valence_draws_bands_alone(tmp_path):
    svg = write_timelines("v.mp4", table({0: [(0, 4)]}, valence=None), tmp_path, origin="projected")[0].read_text()
    assert "projected" not in svg
    assert not paths(svg, LINE_COLOURS["arousal"])
    assert paths(svg, EXPRESSION_COLOURS["happiness"])


def test_nobody_gives_no_file(tmp_path):
    assert write_timelines("v.mp4", pl.DataFrame([empty_row("v.mp4", "no_face")], schema=SCHEMA), tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_what_a_stranger_wrote_into_name_or_card_is_text(tmp_path):
    script = "<script>alert(1)</script>\x1b[31m"
    picture, page = write_timelines(
        f"{script[:9]}\x1b.mp4".replace("/", ""), table({0: [(0, 3)]}), tmp_path, origin=script
    )
    for written in (picture, page):
        text = written.read_text()
        assert "<script" not in text
        assert "\x1b" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m" in text
    ElementTree.parse(picture)
