"""A video dropped on the page: its frames at their own times, and the table and episodes that Python gives."""

import base64
import io
import re
from fractions import Fraction

import av
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import affekt
from affekt.analysis.rows import SCORES, SMOOTHED_SCHEMA
from affekt.analysis.shots import SMALL_SIZE, ShotCounter
from affekt.analysis.smoothing import MedianSmoother
from affekt.analysis.video import read_frames
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.people.episodes import SCHEMA as EPISODE_SCHEMA
from affekt.people.episodes import find_episodes
from affekt.people.options import SummaryOptions
from affekt.people.rows import timed

VIOLATIONS = "window.violations = []; addEventListener('securitypolicyviolation', (e) => violations.push(e.blockedURI))"
NUMBERS = 8
"""Squares in which a frame shows its number."""


def write_film(path, pictures, pts, *, rate=Fraction(1000), options=None):
    """Write pictures, shown at pts in units of one by the rate, as VP8."""
    with av.open(path, "w", options=options or {}) as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt, stream.bit_rate, stream.gop_size = "yuv420p", 3_000_000, 8
        stream.codec_context.time_base = stream.time_base = 1 / rate
        for picture, at in zip(pictures, pts, strict=True):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = at, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def numbered(count):
    pictures = []
    for number in range(count):
        squares = np.array([255 * (number >> bit & 1) for bit in range(NUMBERS)], np.uint8)
        pictures.append(Image.fromarray(np.kron(np.tile(squares, (2, 1)), np.ones((32, 32), np.uint8))).convert("RGB"))
    return pictures


@pytest.fixture(scope="module")
def film(tmp_path_factory, astronaut_rgb):
    """A face that smiles, and after a cut another view of it, whose smile is painted over by and by."""
    portrait = Image.fromarray(astronaut_rgb).crop((90, 0, 410, 240))
    wide = Image.fromarray(astronaut_rgb[:, ::-1]).resize((240, 240))
    after = Image.new("RGB", (320, 240), (60, 90, 70))
    after.paste(wide, (70, 0))
    pictures = [portrait] * 14 + [after] * 12
    return write_film(tmp_path_factory.mktemp("film") / "two views.webm", pictures, range(0, 2600, 100))


@pytest.fixture(scope="module")
def watched(open_visit, film):
    """Let the page read the film, and return the visit, its table and its episodes."""
    visit = open_visit(before=lambda visit: visit.tab.add_init_script(VIOLATIONS))
    visit.choose(film)
    visit.until_told("two views.webm: 26 frames read. 2 faces")
    table = pl.read_csv(io.BytesIO(visit.saved().encode()), schema=SMOOTHED_SCHEMA)
    with visit.tab.expect_download() as download:
        visit.tab.get_by_role("button", name="Save episodes").click()
    episodes = pl.read_csv(download.value.path(), schema=EPISODE_SCHEMA)
    yield visit, table, episodes
    visit.context.close()


def test_its_table_is_that_of_predict(watched, film, model):
    _, found, _ = watched
    expected = affekt.predict(film, model=model)
    for name in ("frame", "track", "shot", "face", "status", "emotion"):
        assert found[name].to_list() == expected[name].to_list(), name
    np.testing.assert_allclose(found["time_s"], expected["time_s"], atol=1e-3)
    assert found["track"].unique().sort().to_list() == [1, 2]
    # A browser turns a film's colours into red, green and blue in its own way.
    for name in ("x", "y", "width", "height"):
        np.testing.assert_allclose(found[name], expected[name], atol=4)
    for name in (*SCORES, *(f"raw_{name}" for name in SCORES)):
        np.testing.assert_allclose(found[name], expected[name], atol=0.05)


def test_its_episodes_are_those_of_summarize(watched):
    _, table, episodes = watched
    expected = affekt.summarize(table).episodes.select(EPISODE_SCHEMA.names())
    assert len(episodes) == len(expected) >= 2
    for name in EPISODE_SCHEMA:
        if EPISODE_SCHEMA[name] == pl.String:
            assert episodes[name].to_list() == expected[name].to_list()
        else:
            np.testing.assert_allclose(episodes[name], expected[name], atol=2e-6)


def test_it_is_looked_at_again_by_time_and_by_episode(watched):
    visit, table, episodes = watched
    tab = visit.tab
    tab.get_by_label("Time in the video").fill("0.35")
    tab.get_by_text("two views.webm · Face 1").wait_for()
    at = table.filter(frame=3).row(0, named=True)
    shown = tab.locator("#bars tr", has_text=at["emotion"]).locator(".value").inner_text()
    assert float(shown.removesuffix("\N{NO-BREAK SPACE}%").lstrip("<> \N{NO-BREAK SPACE}")) == pytest.approx(
        100 * at["confidence"], abs=1
    )
    last = tab.locator("#episodes button").last
    last.click()
    tab.get_by_text(f"two views.webm · Face {episodes['person'][-1]}").wait_for()
    assert float(tab.get_by_label("Time in the video").input_value()) == pytest.approx(episodes["apex_s"][-1], abs=1e-3)
    assert tab.locator("#episodes tr").count() == len(episodes)


def test_its_table_of_episodes_fits_a_phone(watched):
    visit, _, _ = watched
    desk = visit.tab.viewport_size
    visit.tab.set_viewport_size({"width": 360, "height": 740})
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    try:
        assert visit.tab.locator("#episodes tr").first.is_visible()
        assert not visit.tab.evaluate(wide)
    finally:
        visit.tab.set_viewport_size(desk)


def test_its_timeline_is_saved_as_a_picture(watched):
    visit, _, _ = watched
    with visit.tab.expect_download() as download:
        visit.tab.get_by_role("button", name="Save timeline").click()
    assert download.value.suggested_filename.endswith("timeline.png")
    with Image.open(download.value.path()) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}
    assert (0x7A, 0x88, 0x00) in colours
    assert (0xD6, 0x33, 0x6C) in colours


def test_nothing_of_it_is_sent_and_the_policy_holds(watched, address):
    visit, _, _ = watched
    assert visit.tab.evaluate("violations") == []
    assert visit.problems == []
    for request in visit.requests:
        assert request.method == "GET"
        assert request.url.startswith((address, f"blob:{address}"))


@pytest.fixture(scope="module")
def plain_tab(chromium, address):
    """Open a page of the service's origin that does nothing, from which the page's modules can be had."""
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(f"{address}labels.js")
    yield tab
    context.close()


READ = """async ([encoded, everyS]) => {
  const { Film } = await import("/film.js");
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const film = await Film.open(new File([bytes], "film.webm", { type: "video/webm" }));
  const canvas = new OffscreenCanvas(256, 64).getContext("2d");
  const found = [];
  for await (const { bitmap, timeS, frame } of film.frames(everyS)) {
    canvas.drawImage(bitmap, 0, 0);
    const { data } = canvas.getImageData(0, 32, 256, 1);
    const bits = Array.from({ length: 8 }, (_, bit) => (data[4 * (32 * bit + 16)] > 127 ? 2 ** bit : 0));
    found.push([bits.reduce((sum, bit) => sum + bit), timeS, frame]);
  }
  return found;
}"""

FILMS = {
    "even": ([40 * number for number in range(20)], {}),
    "thirds": ([round(1000 * number / 30) for number in range(20)], {}),
    "a recording that does not say how long it is": ([33 * number for number in range(12)], {"live": "1"}),
    "pauses": ([0, 40, 80, 120, 1120, 1160, 1200, 1600, 1640], {}),
    "slower": ([0, 17, 33, 50, 67, 100, 133, 167, 200], {}),
    "one frame": ([0], {}),
}


@pytest.mark.parametrize("name", FILMS)
def test_each_frame_is_read_once_at_its_own_time(plain_tab, tmp_path, name):
    pts, options = FILMS[name]
    path = write_film(tmp_path / "film.webm", numbered(len(pts)), pts, options=options)
    found = plain_tab.evaluate(READ, [in_base64(path), 0])
    # Of a recording without a length, Chromium never shows the last frame.
    expected = range(len(pts) - (options != {}))
    assert [number for number, _, _ in found] == [frame for _, _, frame in found] == list(expected)
    np.testing.assert_allclose([time_s for _, time_s, _ in found], np.array(pts)[expected] / 1000, atol=1e-6)


@pytest.mark.parametrize("every_s", [0.2, 0.25])
def test_some_frames_are_those_that_predict_takes(plain_tab, tmp_path, every_s):
    path = write_film(tmp_path / "film.webm", numbered(40), [round(1000 * number / 30) for number in range(40)])
    expected = [(frame.number, frame.time_s) for frame in read_frames(str(path), every_s=every_s)]
    found = plain_tab.evaluate(READ, [in_base64(path), every_s])
    assert [(number, pytest.approx(time_s, abs=1e-6)) for number, time_s, _ in found] == expected
    assert {frame for _, _, frame in found} == {None}


def in_base64(path):
    return base64.b64encode(path.read_bytes()).decode()


def test_stopping_keeps_what_was_read(opened, film):
    opened.choose(film)
    opened.tab.locator("#read", has_text=re.compile(r"0\.[3-9] of|1\.\d of")).wait_for()
    opened.tab.get_by_role("button", name="Stop", exact=True).click()
    opened.until_told("then stopped")
    rows = opened.rows()
    assert 3 < len(rows) < 26
    assert rows[0]["raw_p_happiness"] != ""
    assert opened.tab.get_by_label("Time in the video").is_visible()
    assert opened.tab.get_by_role("button", name="Stop", exact=True).is_hidden()


def test_what_no_browser_plays_is_told_beside_what_worked(opened, astronaut):
    portrait = {"name": astronaut.name, "mimeType": "image/png", "buffer": astronaut.read_bytes()}
    opened.choose({"name": "odd.mp4", "mimeType": "video/mp4", "buffer": b"no film"}, portrait)
    opened.until_told("odd.mp4 cannot be read: this browser does not play it")
    opened.until_told("astronaut.png: 1 face")
    assert [row["status"][:10] for row in opened.rows()] == ["unreadable", "ok"]
    assert opened.tab.get_by_role("button", name="odd.mp4").get_attribute("title").startswith("odd.mp4 cannot")


def test_forgetting_ends_a_film(opened, film):
    opened.choose(film)
    opened.tab.locator("#read", has_text=re.compile(r"\d of \d")).wait_for()
    opened.tab.get_by_role("button", name="Forget all").click()
    opened.until_told("Everything is forgotten.")
    opened.tab.locator("#working").wait_for(state="hidden")
    assert opened.tab.get_by_role("button", name="Save csv").is_disabled()
    assert opened.tab.locator("#past").is_visible()
    opened.tab.get_by_text("The last half minute").wait_for()
    opened.tab.get_by_role("button", name="Try a sample").click()
    opened.until_told("sample.jpg: 1 face")


def series(seed, people=2):
    """Make people's scores over time: bumps of expressions, gaps, and a cut."""
    random = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        time_s = np.cumsum(random.choice([0.1, 0.1, 0.1, 0.1, 0.3, 2.5], 60))
        logits = np.cumsum(random.normal(0, 0.9, (60, 8)), axis=0)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        shots = 1 + (np.arange(60) >= random.integers(20, 60))
        for at in range(60):
            point = random.uniform(-1, 1, 2)
            rows.append((person, float(time_s[at]), int(shots[at]), shares[at].tolist(), point.tolist()))
    return rows


@given(seed=st.integers(0, 2**31), people=st.integers(1, 3))
@settings(max_examples=12, deadline=None)
def test_episodes_are_found_as_python_finds_them(plain_tab, seed, people):
    rows = series(seed, people)
    found = plain_tab.evaluate(
        """async (rows) => {
          const { findEpisodes } = await import("/affect/episodes.js");
          const people = [];
          for (const [person, timeS, shot, probabilities, point] of rows)
            (people[person] ??= []).push({ timeS, shot, probabilities, point });
          return findEpisodes(people).map(({ track, label, startS, apexS, endS, mean, peak, meanPoint }) =>
            [String(track), label, startS, apexS, endS, endS - startS, mean, peak, ...meanPoint]);
        }""",
        rows,
    )
    table = pl.DataFrame(
        {
            "input": ["a.webm"] * len(rows),
            "person": [str(row[0]) for row in rows],
            "track": [row[0] for row in rows],
            "shot": [row[2] for row in rows],
            "time_s": [row[1] for row in rows],
            **{name: [row[3][place] for row in rows] for place, name in enumerate(PROBABILITY_COLUMNS)},
            **{name: [row[4][place] for row in rows] for place, name in enumerate(("valence", "arousal"))},
        }
    )
    options = SummaryOptions()
    expected = find_episodes(timed(table, options.longest_gap_s), options).drop("input").rows()
    assert [row[:2] for row in found] == [[*row[:2]] for row in expected]
    np.testing.assert_allclose([row[2:] for row in found], [row[2:] for row in expected], atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_medians_are_pythons(plain_tab, seed):
    rows = series(seed, 1)
    found = plain_tab.evaluate(
        """async (rows) => {
          const { medians } = await import("/affect/smoothing.js");
          const moments = rows.map(([, timeS, , probabilities, point]) => ({ timeS, probabilities, point }));
          return medians(moments, 0.5).map(({ probabilities, point }) => [...probabilities, ...point]);
        }""",
        rows,
    )
    smoother = MedianSmoother(0.5)
    for _, time_s, _, shares, point in rows:
        smoother.add(1, time_s, np.array(shares), np.array(point))
    expected = [smoother.smoothed(1, row[1], len(LABELS)) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def small_copies(seed):
    """Make the small copies of a film with a wandering view, cuts, a flash, a fade and a dissolve."""
    random = np.random.default_rng(seed)
    width, height = SMALL_SIZE
    scenes = [random.uniform(0, 255, (height, width + 60, 3)) for _ in range(5)]
    copies = []
    for scene in scenes[:4]:
        for step in range(40):
            view = scene[:, step // 4 : step // 4 + width] + random.normal(0, 1, (height, width, 3))
            copies.append(255 - view if step == 20 else view)
    for step in range(24):  # a dissolve into the last scene
        share = min(1.0, step / 12)
        copies.append((1 - share) * scenes[3][:, 10 : 10 + width] + share * scenes[4][:, :width])
    copies += [copies[-1] * share for share in np.linspace(1, 0, 12)]
    return [np.clip(np.rint(copy), 0, 255).astype(np.float32).reshape(-1, 3) for copy in copies]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("step_s", [0.04, 0.2])
def test_shots_are_numbered_as_python_numbers_them(plain_tab, seed, step_s):
    copies = small_copies(seed)
    found = plain_tab.evaluate(
        """async ([copies, stepS]) => {
          const counter = new (await import("/affect/shots.js")).ShotCounter();
          copies.forEach((copy, at) => counter.add(copy, at * stepS));
          return counter.all();
        }""",
        [[copy.ravel().astype(int).tolist() for copy in copies], step_s],
    )
    counter = ShotCounter()
    expected = [shot for at, copy in enumerate(copies) for shot in counter.add(copy, at * step_s)] + counter.finish()
    assert found == expected
    assert max(found) >= 4
