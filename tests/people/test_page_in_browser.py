"""The study page in a real Chromium: values under the pointer, faces by a click, sorting and filtering."""

import base64
import importlib.util
import re
import shutil

import numpy as np
import polars as pl
import pytest
from tests.people.conftest import make_rows, one_expression

import affekt

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        pytest.skip("Chromium and playwright are needed for the study page's tests in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens the page of some rows; what goes wrong or out of it fails the test."""
    wrong, tabs = [], []

    def opening(rows, *, look=None, **options):
        affekt.summarize(rows, out=tmp_path / "study", **options)
        tab = browser.new_page(**(look or {}))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        tab.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
        tab.goto((tmp_path / "study" / "study.html").as_uri())
        tabs.append(tab)
        return tab

    yield opening
    for tab in tabs:
        tab.close()
    assert wrong == []


def test_the_pointer_reads_the_values_of_the_rows(opened):
    rows = make_rows(frames=2500, seed=8)
    tab = opened(rows)
    plot = tab.locator(".plot")
    box, length_s = plot.bounding_box(), float(plot.get_attribute("data-length"))
    time_s, cells = rows["time_s"].to_numpy(), int(plot.get_attribute("data-cells"))
    for share in (0.1008, 0.3308, 0.7108, 0.9508):  # in the middle of cells
        plot.hover(position={"x": share * box["width"], "y": 30})
        # The browser tells the page of the pointer when it draws, and may tell a part of a pixel less.
        there = f"Math.abs(parseFloat(document.querySelector('.cursor').style.left) - {100 * share}) < 0.2"
        tab.wait_for_function(there)
        at = float(tab.locator(".cursor").evaluate("(cursor) => parseFloat(cursor.style.left)")) / 100
        said = tab.locator(".reading output").inner_text()
        cell = int(at * cells)
        near = rows.filter(np.floor(time_s / length_s * cells + 1e-6) == cell)
        best = max(rows.columns[4:12], key=lambda name: near[name].mean())
        value = re.search(rf"{best.removeprefix('p_')} ([\d.]+)", said)[1]
        assert float(value) == pytest.approx(near[best].mean(), abs=0.02)
        valence = re.search(r"valence ([+\u2212][\d.]+)", said)[1].replace("\u2212", "-")
        assert float(valence) == pytest.approx(near["valence"].mean(), abs=0.02)


def test_a_click_shows_the_face_of_the_moment_and_arrows_move_on(opened, write_video):
    frames = np.full((100, 96, 96, 3), 128, np.uint8)
    frames[50:] = 235
    video = str(write_video([*frames]))
    rows = one_expression([0.1] * 50 + [0.9] * 50, fps=25, input=video, x=16.0, y=16.0, width=64.0, height=64.0)
    tab = opened(rows)
    plot, large = tab.locator(".plot"), tab.locator(".reading img")
    assert large.count() == 0
    light = (
        "(image) => { const c = document.createElement('canvas'); const x = c.getContext('2d'); c.width = c.height = 1;"
    )
    light += "x.drawImage(image, 0, 0, 1, 1); return x.getImageData(0, 0, 1, 1).data[0]; }"
    for share, wanted in ((0.2, 128), (0.8, 235)):
        plot.click(position={"x": share * plot.bounding_box()["width"], "y": 30})
        assert large.evaluate(light) == pytest.approx(wanted, abs=4)
        chosen = float(tab.locator(".strip .chosen").get_attribute("data-time"))
        assert chosen == pytest.approx(4 * share, abs=0.12)
    plot.press("ArrowLeft")
    assert float(tab.locator(".strip .chosen").get_attribute("data-time")) <= chosen
    tab.locator(".told tbody tr").first.click()
    assert tab.locator(".strip .chosen").get_attribute("data-time") == "2.0"


def test_people_are_sorted_and_filtered_and_their_timelines_with_them(opened):
    rows = pl.concat([make_rows(f"v{number}.mp4", seed=number, frames=200 + 50 * number) for number in range(4)])
    groups = pl.DataFrame({"input": [f"v{number}.mp4" for number in range(4)], "condition": ["a", "b", "a", "b"]})
    tab = opened(rows, markers=groups)

    def shown(selector):
        return [
            each.get_attribute("data-key").split("\n")[0] for each in tab.locator(selector).all() if each.is_visible()
        ]

    def agree(wanted):
        assert shown("#people tbody tr") == shown(".card") == wanted

    agree(["v0.mp4", "v1.mp4", "v2.mp4", "v3.mp4"])
    tab.get_by_role("button", name="seen, s").click()
    agree(["v3.mp4", "v2.mp4", "v1.mp4", "v0.mp4"])
    tab.get_by_role("button", name="input").click()
    agree(["v0.mp4", "v1.mp4", "v2.mp4", "v3.mp4"])
    tab.locator("th select").select_option("fear")
    people = affekt.summarize(rows).people
    agree(people.sort("share_fear", descending=True)["input"].to_list())
    tab.get_by_role("button", name="input").click()
    tab.get_by_label("condition").select_option("b")
    agree(["v1.mp4", "v3.mp4"])
    assert tab.locator("#counted").inner_text() == "2 of 4 timelines"
    tab.get_by_label("find").fill("V3")
    agree(["v3.mp4"])


def test_a_browser_reads_the_subtitles(browser, tmp_path):
    rows = pl.concat([make_rows(track=track, seed=track) for track in (1, 2)])
    episodes = affekt.summarize(rows, out=tmp_path, formats=("vtt",)).episodes.sort("start_s")
    tab = browser.new_page()
    subtitles = base64.b64encode((tmp_path / "episodes" / "a.mp4.vtt").read_bytes()).decode()
    tab.set_content(f'<video><track default kind="subtitles" src="data:text/vtt;base64,{subtitles}"></video>')
    tab.wait_for_function("document.querySelector('track').readyState === 2")
    cues = tab.evaluate("[...document.querySelector('track').track.cues].map((c) => [c.startTime, c.endTime, c.text])")
    tab.close()
    assert len(cues) == len(episodes) > 10
    times = episodes.select("start_s", "end_s").to_numpy()
    np.testing.assert_allclose([cue[:2] for cue in cues], times, atol=5.1e-4)
    told = [f"person {person}: {expression}" for person, expression in episodes.select("person", "expression").rows()]
    assert [cue[2].partition(" (")[0] for cue in cues] == told


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window_and_both_looks_differ(opened, width):
    grounds = set()
    for scheme in ("light", "dark"):
        look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        markers = pl.DataFrame({"name": ["whole", "rest", "film"], "start": [0, 0, 40], "end": [900, 50, 900]})
        tab = opened(make_rows("a/very/long/name/of/a/folder/and/a/video.mp4"), look=look, markers=markers)
        boxes = [mark.bounding_box() for mark in tab.locator(".marks span").all()]
        assert len({(box["x"], box["y"]) for box in boxes}) == len({box["y"] for box in boxes}) == 3
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        for part in (".stacked", "td[data-label=valence]", "td[data-label=arousal]"):
            box = tab.locator(f"#people tbody tr {part}").first.bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width, f"{part} can be read without scrolling"
        tab.locator(".plot").first.click(position={"x": 100, "y": 50})  # and beside the timeline stands what was there
        assert "arousal" in tab.locator(".reading output").first.inner_text()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        grounds.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
