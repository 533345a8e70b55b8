"""The page for everybody: keyboard, screen reader, phone, dark, calm; and nothing that its policy forbids."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from affekt.analysis.rows import SCHEMA, SMOOTHED_SCHEMA
from affekt.labels import EXPRESSION_COLOURS, LABELS, UNSURE

VIOLATIONS = "window.violations = []; addEventListener('securitypolicyviolation', (e) => violations.push(e.blockedURI))"
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_the_keyboard_alone_starts_stops_and_saves(visit):
    opened = visit()
    press = opened.tab.keyboard.press
    focused = "document.activeElement.id || document.activeElement.textContent"
    reached = []
    for _ in range(5):
        press("Tab")
        reached.append(opened.tab.evaluate(focused))
    assert reached == ["Skip to the controls", "What this is not for", "sample", "camera", "files"]
    assert opened.tab.evaluate("getComputedStyle(document.querySelector('label[for=files]')).outlineStyle") == "solid"
    press("Shift+Tab")
    press("Enter")
    opened.until_rows(2)
    press("Enter")
    opened.until_told("The camera is off.")
    for _ in range(3):
        press("Tab")
    assert opened.tab.evaluate(focused) == "save"
    with opened.tab.expect_download() as download:
        press("Enter")
    assert re.fullmatch(r"affekt-[\dT-]+\.csv", download.value.suggested_filename)


def test_a_screen_reader_hears_names_and_news(opened, astronaut):
    tab = opened.tab
    for name in ("Picture or camera", "What is read", "The last half minute", "What this is not for"):
        assert tab.get_by_role("region", name=name).count() == 1, name
    assert tab.get_by_role("heading", level=1).inner_text() == "affekt"
    assert tab.get_by_label("Choose files").get_attribute("type") == "file"
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    announcer = tab.locator("[aria-live=polite]")
    assert re.match(rf"astronaut\.png: 1 face\. Face 1: ({'|'.join(LABELS)}) (>\s)?[\d.]+\s%", announcer.inner_text())
    assert tab.get_by_role("img", name="The picture astronaut.png").is_visible()
    assert re.search("valence .0", tab.locator("#circumplex").get_attribute("aria-label"))
    assert tab.get_by_role("row", name=re.compile(r"happiness (>\s)?[\d.]+\s%")).count() == 1


def test_a_phone_needs_no_sideways_scrolling(visit, astronaut):
    width = 320
    phone = {"width": width, "height": 640}
    opened = visit(viewport=phone, device_scale_factor=2, is_mobile=True, has_touch=True)
    assert not opened.tab.evaluate(WIDE)
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    assert not opened.tab.evaluate(WIDE)
    for name in ("Start camera", "Save csv", "Forget all"):
        box = opened.tab.get_by_role("button", name=name).bounding_box()
        assert box["height"] >= 44, name
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width, name
    headline = opened.tab.locator("#headline")
    assert headline.evaluate("(line) => line.scrollWidth <= line.clientWidth"), headline.inner_text()


def test_on_a_phone_no_label_hides_a_face_or_another_label(visit, astronaut_rgb):
    opened = visit(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([astronaut_rgb, astronaut_rgb[:, ::-1]], axis=1)).save(buffer, "PNG")
    opened.choose({"name": "pair.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    opened.until_told("pair.png: 2 faces")
    drawn = """([x, y]) => {
      const overlay = document.getElementById("overlay");
      const [left, top] = [x / 1024 * overlay.width, y / 512 * overlay.height].map(Math.round);
      return overlay.getContext("2d").getImageData(left, top, 1, 1).data[3];
    }"""
    for row in opened.rows():
        x, y, width, height = (float(row[name]) for name in ("x", "y", "width", "height"))
        assert opened.tab.evaluate(drawn, [x + width / 2, y + height / 2]) == 0
        assert opened.tab.evaluate(drawn, [x, y + height / 2]) > 0
    words = opened.tab.evaluate(
        """async () => {
          const { areOverlapping } = await import("/view/stage.js");
          const at = (x, y) => ({ x, y, width: 10, height: 4 });
          return [at(0, 0), at(9, 3), at(10, 0), at(0, 4)].map((other) => areOverlapping(at(0, 0), other));
        }"""
    )
    assert words == [True, True, False, False]


KEEP_LABELS = """
  const draw = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    if (this.canvas.id === "overlay") {
      const label = { text, x: x - 8, y: y - 12.5, width: this.measureText(text).width + 16, height: 24 };
      (this.canvas.labels ??= []).push(label);
    }
    return draw.apply(this, arguments);
  };
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function () {
    this.canvas.labels = [];
    return clear.apply(this, arguments);
  };
"""


def test_on_a_phone_the_labels_of_three_faces_do_not_overlap(visit, astronaut_rgb):
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    opened = visit(before=lambda visit: visit.tab.add_init_script(KEEP_LABELS), **phone)
    buffer = io.BytesIO()
    Image.fromarray(np.hstack([astronaut_rgb[:420, 90:390]] * 3)).save(buffer, "PNG")
    opened.choose({"name": "three.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    opened.until_told("three.png: 3 faces")
    labels = opened.tab.evaluate("document.getElementById('overlay').labels")
    assert sorted(label["text"][0] for label in labels) == ["1", "2", "3"]
    assert any(" " in label["text"] for label in labels)
    for place, one in enumerate(labels):
        for other in labels[:place]:
            is_beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            is_above = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
            assert is_beside or is_above, (one, other)
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= 360
    assert opened.tab.locator("#past").is_hidden()  # no empty timeline beside a picture
    assert not opened.tab.evaluate(WIDE)


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(visit, scheme):
    opened = visit(ready=False, color_scheme=scheme)
    opened.tab.locator(".bars th").first.wait_for()
    look = """(selector) => {
      const element = document.querySelector(selector);
      const backs = [];
      for (let at = element; at; at = at.parentElement) backs.push(getComputedStyle(at).backgroundColor);
      return [getComputedStyle(element).color, backs.find((back) => back !== "rgba(0, 0, 0, 0)")];
    }"""
    for selector in (
        ".notice",
        ".notice a",
        ".claim",
        ".privacy",
        ".headline",
        ".bars th",
        ".lead",
        ".welcome",
        ".primary",
        ".button",
        ".status",
        ".legend",
        ".purpose li",
        ".purpose h2",
    ):
        one, other = sorted(map(luminance, opened.tab.evaluate(look, selector)))
        assert (other + 0.05) / (one + 0.05) >= 4.5, selector
    ground = luminance(opened.tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (ground > 0.5) == (scheme == "light")


def test_who_wants_little_motion_gets_little(visit):
    opened = visit(ready=False, reduced_motion="reduce")
    opened.tab.locator(".fill").first.wait_for(state="attached")
    assert opened.tab.evaluate("getComputedStyle(document.querySelector('.fill')).transitionDuration") == "0s"


def test_nothing_breaks_the_policy_and_nothing_comes_from_elsewhere(visit, astronaut):
    opened = visit(before=lambda visit: visit.tab.add_init_script(VIOLATIONS))
    opened.tab.get_by_role("button", name="Start camera").click()
    opened.until_rows(2)
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    opened.saved()
    assert opened.tab.evaluate("violations") == []
    assert opened.tab.evaluate("crossOriginIsolated") is True
    assert opened.problems == []
    assert all(request.url.startswith((opened.address, f"blob:{opened.address}")) for request in opened.requests)


def test_the_notice_names_the_law(visit):
    text = visit(ready=False).tab.locator("body").inner_text()
    for words in ("An expression is not a feeling", "Article 5(1)(f)", "at work or in education", "Not for diagnosis"):
        assert words in text


def test_names_colours_and_columns_are_pythons(visit):
    found = visit(ready=False).tab.evaluate(
        """async () => {
          const { LABELS, COLOURS } = await import("/labels.js");
          const { UNSURE } = await import("/affect/colours.js");
          const { Session } = await import("/session.js");
          const faces = [{ boxXyxy: [1, 2, 3, 4], score: 1, probabilities: Array(8).fill(0.125), point: [0, 0] }];
          const { Following, peopleOf } = await import("/people.js");
          const still = new Session();
          still.add("a.png", peopleOf(faces));
          const moving = new Session();
          moving.add("camera-1", new Following().update(faces, 0), { frame: 0, timeS: 0 });
          return [LABELS, COLOURS, UNSURE, still.csv().split("\\n")[0], moving.csv().split("\\n")[0]];
        }"""
    )
    assert found == [list(LABELS), EXPRESSION_COLOURS, UNSURE, ",".join(SCHEMA), ",".join(SMOOTHED_SCHEMA)]


@pytest.mark.parametrize(("width", "rows"), [(1100, 1), (900, 2)])
def test_saving_and_forgetting_stay_side_by_side(visit, width, rows):
    opened = visit(viewport={"width": width, "height": 800})
    tops = opened.tab.eval_on_selector_all("#controls button", "each => each.map(one => one.offsetTop)")
    assert tops[-1] == tops[-2]
    assert len(set(tops)) == rows
