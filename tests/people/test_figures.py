"""Timelines for papers: their size, what colour stands where, gaps and cuts, and files that are the same each time."""

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageColor
from tests.people.conftest import one_expression

import affekt
from affekt.errors import MissingExtra
from affekt.labels import EXPRESSION_COLOURS
from affekt.people import figures

BANDS_ROW = 0.3
"""Of the height of a figure: within the bands, near the middle of them."""


@pytest.fixture
def study():
    """Return a table: 2 s neutral and 2 s happy in one shot, 2 s nobody, a cut, then 4 s of another person."""
    first = one_expression([0.02] * 20 + [0.95] * 20, valence=0.5, arousal=-0.25, shot=1)
    second = one_expression([0.02] * 40, valence=0.0, arousal=0.0, shot=2).with_columns(pl.col("time_s") + 6, track=1)
    rows = pl.concat([first, second.select(first.columns)])
    # Else the seven others are alike.
    calm = rows["p_happiness"] < 0.5
    return rows.with_columns(p_neutral=pl.when(calm).then(0.9).otherwise(pl.col("p_neutral")))


def colour_at(picture, time_s, length_s, row):
    """Return the colour at a time; the axes' frame, which is black, tells where the times are."""
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    height = round(row * len(pixels))
    dark = np.flatnonzero((pixels[height] < 40).all(axis=1))
    left, right = dark[dark < len(pixels[0]) / 2].max(), dark.max()
    return tuple(pixels[height, round(left + (right - left) * time_s / length_s)])


def near(colour, other):
    return np.abs(np.subtract(colour, ImageColor.getrgb(other))).max() < 8


def test_a_figure_has_the_width_of_a_column_and_each_colour_at_its_time(study, tmp_path):
    written = affekt.summarize(study, out=tmp_path, formats=("png", "pdf")).written
    names = ["a.mp4_person-0.pdf", "a.mp4_person-0.png", "a.mp4_person-1.pdf", "a.mp4_person-1.png"]
    assert sorted(path.name for path in written if path.parent.name == "figures") == names
    with Image.open(tmp_path / "figures" / "a.mp4_person-0.png") as picture:
        assert picture.width == pytest.approx(85 / 25.4 * 300, abs=2)
        for time_s, colour in ((1, "neutral"), (3, "happiness")):
            assert near(colour_at(picture, time_s, 9.9, 0.25), EXPRESSION_COLOURS[colour]), time_s
        for time_s in (5, 8):
            assert near(colour_at(picture, time_s, 9.9, 0.25), figures.UNSEEN), time_s
    assert (tmp_path / "figures" / "a.mp4_person-1.pdf").read_bytes().startswith(b"%PDF-")


def test_a_cut_is_a_dark_line_in_each_persons_figure(study, tmp_path, monkeypatch):
    affekt.summarize(study, out=tmp_path / "cut", formats=("png",))
    affekt.summarize(study.with_columns(shot=1), out=tmp_path / "none", formats=("png",))
    for person in "01":
        one, two = (
            np.asarray(Image.open(tmp_path / folder / "figures" / f"a.mp4_person-{person}.png").convert("L")).astype(
                int
            )
            for folder in ("none", "cut")
        )
        columns = np.flatnonzero((one - two > 60).sum(axis=0) > 100)
        assert 1 <= len(columns) <= 6, "one thin line over both drawings"


def test_inputs_of_one_name_are_told_apart_by_their_folders(study, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    titles = []
    monkeypatch.setattr(Figure, "suptitle", lambda self, title, **look: titles.append(title))
    parts = [study.with_columns(input=pl.lit(f"films/{folder}/a.mp4")) for folder in ("one", "two")]
    affekt.summarize(pl.concat(parts), out=tmp_path, formats=("png",))
    assert titles == [f"{folder}/a.mp4, person {person}" for folder in ("one", "two") for person in "01"]


def test_the_legend_names_what_is_drawn_beside_expressions(study, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    legends = []
    monkeypatch.setattr(Figure, "legend", lambda self, handles, **look: legends.append(handles))
    doubted = study.with_columns(reliable=pl.col("time_s") >= 1, shot=1)
    for rows in (study, doubted, study.filter(track=0)):
        affekt.summarize(rows, out=tmp_path / "s", formats=("png",))
    told = [[handle.get_label() for handle in handles][10:] for handles in legends]
    assert told == [["not seen", "cut"]] * 2 + [["not reliable", "not seen"], ["not seen"], []]


def test_markers_begin_and_end_with_a_line_in_both_drawings(study, tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    lines = []
    monkeypatch.setattr(Axes, "axvline", lambda self, x, **look: lines.append(x))
    markers = pl.DataFrame({"name": ["rest", "film"], "start": [0, 2], "end": [1, 99], "input": "a.mp4"})
    affekt.summarize(study.filter(track=0), out=tmp_path, markers=markers, formats=("png",))
    assert sorted(lines) == [1, 1, 2, 2]


def test_the_same_table_gives_the_same_files_and_what_is_not_asked_for_goes(study, tmp_path):
    for folder in ("one", "two"):
        affekt.summarize(study, out=tmp_path / folder, formats=("png", "pdf"))
    for path in (tmp_path / "one" / "figures").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "figures" / path.name).read_bytes()
    affekt.summarize(study, out=tmp_path / "one", formats=("csv",))
    assert not list((tmp_path / "one" / "figures").iterdir())


def test_names_of_people_and_inputs_stay_in_the_folder(study, tmp_path):
    join = pl.DataFrame({"input": "../a.mp4", "track": [0, 1], "person": ["../Ada $x_1$", "Bob/.."]})
    join.write_csv(tmp_path / "join.csv")
    there = study.with_columns(input=pl.lit("../a.mp4"))
    affekt.summarize(there, out=tmp_path / "s", join=tmp_path / "join.csv", formats=("png",))
    names = sorted(path.name for path in (tmp_path / "s" / "figures").rglob("*.png"))
    assert names == ["a.mp4_person-Bob_.png", "a.mp4_person-_Ada_x_1_.png"]


def test_an_hour_is_drawn_in_steps_that_keep_its_means():
    random = np.random.default_rng(0)
    rows = one_expression(random.random(36_000), valence=random.random(36_000), seen_s=0.1)
    binned = figures._binned(rows, 3600 / figures.MOST_BINS)
    assert len(binned) <= figures.MOST_BINS + 2
    assert binned["valence"][1:-1].mean() == pytest.approx(rows["valence"].mean(), abs=1e-3)
    assert (binned["time_s"][0], binned["time_s"][-1]) == pytest.approx((0, 3600))


def test_without_matplotlib_the_extra_is_named_before_anything_is_written(study, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"affekt\[evaluate\]|\[evaluate\]"):
        affekt.summarize(study, out=tmp_path / "s", formats=("csv", "png"))
    assert not (tmp_path / "s").exists()
