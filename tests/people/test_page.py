"""The study page: what it shows is what the tables say, strangers' names are text, and it stays small."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.people.conftest import make_rows, one_expression

import affekt
from affekt.labels import EXPRESSION_COLOURS, LABELS
from affekt.people import page as page_module
from affekt.people.moments import MOST_MOMENTS, MOST_OF_PERSON, moments_of
from affekt.people.page import HEIGHT, MOST_CELLS, MOST_PEOPLE, lines_of
from affekt.people.rows import people_rows

STRANGER = "<script>alert(1)</script>\x1b[31m&\"'.mp4"


def page_of(rows, tmp_path, **options):
    affekt.summarize(rows, out=tmp_path / "study", **options)
    return (tmp_path / "study" / "study.html").read_text(encoding="utf-8")


def cards(html):
    return re.findall(r'<article class="card".*?</article>', html, re.DOTALL)


def points(svg, label):
    """Return the points of a curve, x in cells and y in units from the top."""
    found = []
    for piece in re.search(rf'<path data-label="{label}"[^>]* d="([^"]*)"', svg)[1].split("M")[1:]:
        x, y, steps = re.match(r"(\d+) (-?\d+)l([-\d ]+)", piece).groups()
        moved = np.array(steps.split(), int).reshape(-1, 2).cumsum(axis=0) + np.array([x, y], int)
        found += [*moved[:-1]]
    return np.array(found)


def faces(html):
    """Return the pictures in a page, decoded."""
    found = re.findall(r'<img [^>]*src="data:image/jpeg;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def test_curves_are_the_means_of_the_rows(tmp_path):
    rows = make_rows(frames=3000, seed=4)
    [card] = cards(page_of(rows, tmp_path))
    time_s, length_s = rows["time_s"].to_numpy(), float(re.search(r'data-length="([^"]+)"', card)[1])
    cell = np.floor(time_s / length_s * MOST_CELLS + 1e-6).astype(int)
    upto = np.zeros(MOST_CELLS)
    for label in LABELS:
        upto += np.bincount(cell, rows[f"p_{label}"].to_numpy()) / np.bincount(cell)
        x, y = points(card, label).T
        assert x.tolist() == list(range(1, 2 * MOST_CELLS, 2))
        np.testing.assert_allclose(1 - y / HEIGHT, upto, atol=0.5 / HEIGHT + 1e-9)
    valence = np.bincount(cell, rows["valence"].to_numpy()) / np.bincount(cell)
    np.testing.assert_allclose(1 - 2 * points(card, "valence").T[1] / HEIGHT, valence, atol=1 / HEIGHT + 1e-9)


def test_where_nobody_was_seen_nothing_is_drawn_and_what_is_not_reliable_is_hatched(tmp_path):
    rows = one_expression([0.9] * 100, reliable=[True] * 90 + [False] * 10)
    html = page_of(rows.filter(~pl.col("time_s").is_between(4, 6.95)), tmp_path)
    [card] = cards(html)
    legend = html.partition('<ul class="legend"')[2].partition("</ul>")[0]
    assert re.findall(r"</svg>(.*?)</li>", legend) == ["not reliable", "not seen"]
    assert "not reliable" not in page_of(rows.drop("reliable"), tmp_path / "all").partition("<section>")[0]
    short = one_expression([0.9] * 100, reliable=[True] * 50 + [False] * 5 + [True] * 45)
    assert "<rect" not in cards(page_of(short, tmp_path / "short"))[0], "drawn over, as an episode goes on"
    x = points(card, "happiness").T[0]
    assert x.tolist() == [*range(1, 80, 2), *range(141, 180, 2)]
    hatched = '<rect x="90.00%" width="10.00%" height="100%" fill="url(#hatched)"/>'
    assert re.findall(r'<svg class="doubted">(.*?)</svg>', card) == [hatched]


def test_axes_are_named_and_markers_have_two_ends(table, tmp_path):
    [card, *_] = cards(page_of(table, tmp_path))
    assert re.findall(r'class="axis">([^<]*)<', card) == ["probability", "valence, arousal"]
    scales = re.findall(r'class="value" style="top:(\d+)%">([^<]*)<', card)
    assert scales == list(zip(2 * ["0", "50", "100"], ["1", "0.5", "0", "+1", "0", "\N{MINUS SIGN}1"], strict=True))
    assert "border-width: 0 2px" in (tmp_path / "study" / "study.html").read_text().partition(".marks span")[2][:400]


def test_the_density_is_a_histogram_over_time_and_episodes_are_where_they_are(tmp_path):
    rows = make_rows(frames=2000, seed=2)
    html = page_of(rows, tmp_path)
    [card] = cards(html)
    drawn = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", card)}
    cells = np.floor((rows.select("valence", "arousal").to_numpy() * [1, -1] + 1) * 12).clip(0, 23).astype(int)
    assert drawn == set(map(tuple, cells.tolist()))
    episodes = pl.read_csv(tmp_path / "study" / "episodes.csv").filter(expression="happiness")
    path = re.search(rf'class="strip-of".*?fill="{EXPRESSION_COLOURS["happiness"]}" d="([^"]*)"', card)[1]
    spans = np.array(re.findall(r"M(\d+) 0H(\d+)", path), float)
    wanted = episodes.select("start_s", "end_s").to_numpy() * 2 * MOST_CELLS / float(card.split('data-length="')[1][:6])
    assert len(spans) == len(wanted) > 3
    np.testing.assert_allclose(spans, wanted, atol=2)


def test_names_of_strangers_are_text_and_nothing_is_loaded(table, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text(f'input,track,person\na.mp4,0,"<b>Ada</b>{chr(27)}"\n')
    rows = table.with_columns(pl.col("input").replace("b/b.mp4", STRANGER))
    markers = pl.DataFrame({"input": ["a.mp4", STRANGER], "name": ["<i>film", "x"], "<u>group": ["<s>", "</script>"]})
    html = page_of(rows, tmp_path, join=names, markers=markers)
    assert html.count("<script") == 1
    assert not re.search(r"<(b|i|u|s)>\w", html)
    assert "&lt;b&gt;Ada&lt;/b&gt;\\x1b" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m&amp;&#34;&#39;.mp4" in html
    assert not re.search(r'(?:src|href)="(?!data:image/jpeg)', html)
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html


def test_each_person_and_interval_has_a_row_and_each_person_a_timeline(table, tmp_path):
    markers = pl.DataFrame({"name": ["rest", "film"], "start": [0, 10], "end": [10, 30], "condition": ["c1", "c2"]})
    html = page_of(table, tmp_path, markers=markers.with_columns(input=pl.lit(None, pl.String)))
    people = pl.read_csv(tmp_path / "study" / "people.csv")
    assert len(people) == 6
    rows = re.findall(r"<tr data-key.*?</tr>", html, re.DOTALL)
    assert len(rows) == len(people)
    for row, found in zip(rows, people.to_dicts(), strict=True):
        cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
        name = found["input"]
        assert cells[:4] == [str(found["person"]), name, found["marker"], found["condition"]]
        assert cells[4] == f"{found['seen_s']:.1f}"
        shares = re.findall(r'<i style="width:([\d.]+)%', row)
        assert sum(map(float, shares)) == pytest.approx(100, abs=0.1)
    assert "A row per person, input and marked interval." in html
    assert len(cards(html)) == 3
    assert all(f'<option value="{value}">' in html for value in ("rest", "film", "c1", "c2"))


def test_with_a_baseline_the_table_says_what_lies_over_it_and_who_has_none(table, tmp_path):
    marks = {"input": ["a.mp4", "a.mp4"], "name": ["rest", "film"], "start": [0, 4], "end": [4, 40]}
    html = page_of(table, tmp_path, markers=pl.DataFrame(marks), baseline="rest")
    people = pl.read_csv(tmp_path / "study" / "people.csv")
    assert re.findall(r"<th>(\w+) <br>over baseline</th>", html) == ["valence", "arousal"]
    assert "From valence and arousal in this table each person's baseline was subtracted, their median in rest." in html
    rows = re.findall(r"<tr data-key.*?</tr>", html, re.DOTALL)
    for row, found in zip(rows, people.to_dicts(), strict=True):
        over = found["valence_over_baseline"]
        assert ("no baseline" in row) == (over is None) == (found["person"] == 1)
        assert over is None or f'data-label="valence" data-value="{over}'[:-2] in row
    first, second = cards(html)[:2]
    rest = table.filter(input="a.mp4", track=0).filter(pl.col("time_s") < 4)["valence"].median()
    assert f"baseline {rest:+.2f}".replace("-", "\N{MINUS SIGN}") in first
    assert second.count("no baseline") == 2
    assert "over baseline" not in page_of(table, tmp_path)


def test_a_person_with_a_name_counts_once_and_references_have_a_line_each(table, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("input,track,person\na.mp4,0,Ada\nb/b.mp4,0,Ada\n")
    html = page_of(table, tmp_path, join=names)
    assert "2 people in 2 videos" in html
    assert "A row per person and input." in html
    assert "3 people in 2 videos" in page_of(table, tmp_path)
    assert re.search(r"References:</p>\s*<p class=\"methods\">\* Canny[^\n]*\n\* Carlstein[^\n]*\n\* Hesterberg", html)
    assert "\\n" not in html.partition("<script>")[0]


def test_names_of_markers_have_room_beside_or_above_each_other():
    assert lines_of([0, 0, 1, 5], [9, 1, 5, 6]) == [0, 1, 1, 1]
    assert lines_of([0, 1, 2], [5, 5, 5]) == [0, 1, 2]


def test_without_the_inputs_there_are_no_faces_and_a_sentence(table, tmp_path):
    boxes = table.with_columns(x=10.0, y=10.0, width=30.0, height=30.0)
    html = page_of(boxes, tmp_path)
    assert "<img" not in html
    assert (
        "The page has no faces of 2 videos, which are not where the table says or cannot be read: a.mp4, b/b.mp4."
        in html
    )
    assert "click it for the face" not in html
    assert "<title>study: 3 people in 2 videos</title>" in html
    asked = page_of(boxes, tmp_path, faces=False)
    assert "asked to show no faces" in asked
    assert "not where the table says" not in asked


def test_faces_are_those_of_their_moments(tmp_path, write_video):
    # The left face turns from dark to light at 2 s, the right one stays green.
    frames = np.full((100, 96, 160, 3), 128, np.uint8)
    frames[:, 16:80, 8:72] = np.where(np.arange(100) < 50, 20, 235)[:, None, None, None]
    frames[:, 16:80, 88:152] = (20, 200, 20)
    video = str(write_video([*frames]))
    left, right = (
        one_expression([0.1] * 50 + [0.9] * 50, fps=25, track=track, input=video, x=x, y=16.0, width=64.0, height=64.0)
        for track, x in ((1, 8.0), (2, 88.0))
    )
    first, second = cards(page_of(pl.concat([left, right]), tmp_path))
    times = np.array(re.findall(r'<figure data-time="([^"]+)"', first), float)
    shown = faces(first)[1:]  # the first is the portrait
    assert MOST_OF_PERSON - 5 < len(times) == len(shown) <= MOST_OF_PERSON
    assert max(shown[0].shape[:2]) <= 112
    middles = np.array([face[30:50, 30:50].mean() for face in shown])
    assert ((middles > 128) == (times >= 2)).all()
    assert re.search(r'data-time="2.0" class="apex"', first)
    assert all(face[40, 40, 1] > 150 > face[40, 40, 0] for face in faces(second))


def test_a_page_of_many_people_is_bounded_and_says_what_it_leaves_out(tmp_path):
    people = [make_rows(f"{number}.mp4", frames=20 + number % 7, seed=number) for number in range(MOST_PEOPLE + 30)]
    html = page_of(pl.concat(people), tmp_path)
    assert len(cards(html)) == MOST_PEOPLE
    assert "30 more people, seen for less time, are in the tables only." in html
    assert len(html) < 60_000 * MOST_PEOPLE


def test_hours_of_one_person_take_no_more_than_minutes(tmp_path):
    short, long = (len(page_of(make_rows(frames=frames), tmp_path / str(frames))) for frames in (2000, 40_000))
    assert long < 1.3 * short + 20_000


def test_moments_are_apexes_and_between_and_reliable_ones_first():
    rows = [make_rows(frames=900, track=track, seed=track, start_s=60.0 * track) for track in range(60)]
    rows = pl.concat(rows).with_columns(x=1.0, y=1.0, width=20.0, height=20.0, reliable=pl.col("p_fear") < 0.4)
    ordered = people_rows(rows.lazy(), None, 1.0)
    episodes = affekt.summarize(rows).episodes
    chosen = moments_of(ordered, episodes)
    assert len(chosen) <= MOST_MOMENTS
    assert chosen["used"].all()
    apexes = set(episodes.filter(person="0").top_k(10, by="peak_probability")["apex_s"])
    times_s = chosen.filter(person="0")["time_s"]
    assert len(times_s) == MOST_MOMENTS // 60
    assert apexes <= set(times_s)
    assert np.diff(times_s).max() < ordered.filter(person="0")["time_s"].max() / 4


def test_a_model_without_expressions_or_without_valence_gives_a_page_too(tmp_path):
    rows = make_rows(frames=200)
    points_alone = page_of(rows.select("input", "time_s", "track", "valence", "arousal", "status"), tmp_path / "one")
    assert 'class="bands"' not in points_alone
    assert 'class="lines"' in points_alone
    bands_alone = page_of(rows.drop("valence", "arousal"), tmp_path / "two")
    assert 'class="lines"' not in bands_alone
    assert 'class="bands"' in bands_alone


def portraits(count, tmp_path, **columns):
    """Return rows of pictures as light as their faces are happy, and write these."""
    p = np.linspace(0.3, 0.95, count)
    for number, happy in enumerate(p):
        Image.fromarray(np.full((60, 60, 3), round(255 * happy), np.uint8)).save(tmp_path / f"{number}.png")
    rows = one_expression(p, x=0.0, y=0.0, width=60.0, height=60.0, time_s=pl.Series([None] * count, dtype=pl.Float64))
    names = pl.Series("input", [str(tmp_path / f"{number}.png") for number in range(count)])
    return rows.with_columns(names, pl.lit(None, pl.Int64).alias("track"), **columns)


def test_pictures_are_a_gallery_by_expression_the_surest_first_and_the_unreliable_apart(tmp_path):
    rows = portraits(10, tmp_path, reliable=pl.Series([True] * 8 + [False] * 2))
    summary = affekt.summarize(rows, out=tmp_path / "study")
    assert summary.people.is_empty()
    assert sorted(path.name for path in summary.written) == ["codebook.csv", "methods.md", "pictures.csv", "study.html"]
    html = (tmp_path / "study" / "study.html").read_text()
    happy, unreliable = re.findall(r'<div class="gallery">(.*?)\n</div>', html, re.DOTALL)
    lights = [[face.mean() / 255 for face in faces(part)] for part in (happy, unreliable)]
    wanted = rows["p_happiness"].to_list()
    np.testing.assert_allclose(lights[0], wanted[7::-1], atol=0.01)
    np.testing.assert_allclose(lights[1], wanted[:7:-1], atol=0.01)
    assert "10 faces in pictures" in html
    assert "not reliable" in html
    table = pl.read_csv(tmp_path / "study" / "pictures.csv")
    assert table["confidence"].is_sorted(descending=True)


def test_a_gallery_is_bounded_and_a_picture_that_went_away_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(page_module, "MOST_PORTRAITS", 5)
    rows = portraits(9, tmp_path)
    (tmp_path / "8.png").unlink()
    html = page_of(rows, tmp_path)
    assert "of which the first 5 are shown" in html
    assert html.count("not found") == 1
    assert len(faces(html)) == 4


def test_where_one_dimension_never_changes_only_the_other_has_an_interval(tmp_path):
    rows = make_rows(frames=3000, seed=4)
    [card] = cards(page_of(rows.with_columns(pl.lit(0.25).alias("arousal")), tmp_path))
    assert re.findall(r'class="interval" d="M\S+ -0.25([HV])', card) == ["H"]
    assert card.count('class="interval"') == 1


def test_the_drawings_are_well_formed(table, tmp_path):
    drawings = re.findall(r"<svg.*?</svg>", page_of(table, tmp_path), re.DOTALL)
    assert drawings
    assert {ElementTree.fromstring(svg).tag.rpartition("}")[2] for svg in drawings} == {"svg"}
