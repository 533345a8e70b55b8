"""A picture dropped on the page: read in the browser as Python reads it, and kept there."""

import base64
import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.analysis.analyzer import Analyzer
from affekt.analysis.rows import SCHEMA, SCORES, origin_words
from affekt.models.card import SHIPPED, read_card

DROP = """([name, encoded]) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "image/png" }));
  const options = { dataTransfer, bubbles: true, cancelable: true };
  for (const kind of ["dragenter", "dragover", "drop"])
    document.getElementById("stage").dispatchEvent(new DragEvent(kind, options));
}"""

FORGET_AT = """(text) => {
  const status = document.getElementById("status");
  window.forgetting = new Promise((resolve) => {
    new MutationObserver((_, watch) => {
      if (!status.textContent.startsWith(text)) return;
      watch.disconnect();
      document.getElementById("forget").click();
      resolve();
    }).observe(status, { childList: true });
  });
}"""


def encoded(image_rgb):
    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, "PNG")
    return buffer.getvalue()


def drop(opened, name, image_rgb):
    opened.tab.evaluate(DROP, [name, base64.b64encode(encoded(image_rgb)).decode()])


def table(opened):
    return pl.read_csv(opened.saved().encode(), schema=SCHEMA)


def assert_as_python_reads_it(found, model, image_rgb, box_pixels=0.01):
    expected = Analyzer(model).analyze(image_rgb)
    assert len(found) == len(expected) > 0
    assert found["emotion"].to_list() == expected["emotion"].to_list()
    for name in ("x", "y", "width", "height"):
        np.testing.assert_allclose(found[name], expected[name], atol=box_pixels)
    for name in SCORES:
        if expected[name].null_count() == 0:
            np.testing.assert_allclose(found[name], expected[name], atol=2e-3)
    np.testing.assert_allclose(found["face_score"], expected["face_score"], atol=1e-4)


def test_a_dropped_picture_is_read_as_python_reads_it(opened, model, astronaut_rgb):
    drop(opened, "portrait.png", astronaut_rgb)
    opened.until_told("portrait.png: 1 face")
    found = table(opened)
    assert found["input"].to_list() == ["portrait.png"]
    assert found["status"].to_list() == ["ok"]
    assert_as_python_reads_it(found, model, astronaut_rgb)
    assert opened.tab.locator("#headline .word").inner_text() == found["emotion"][0]


def turned_by_45_degrees(image_rgb):
    return np.asarray(Image.fromarray(image_rgb).rotate(45, Image.Resampling.BICUBIC, expand=True))


@pytest.mark.parametrize("turned", [np.rot90, lambda image: image[::-1, ::-1], turned_by_45_degrees])
def test_a_turned_face_is_read_as_python_reads_it(opened, model, astronaut_rgb, turned):
    # Close to the face, as on a portrait, and so large that its picture is shrunk.
    portrait = Image.fromarray(astronaut_rgb[30:230, 120:320]).resize((700, 700))
    picture = np.ascontiguousarray(turned(np.asarray(portrait)))
    drop(opened, "turned.png", picture)
    opened.until_told("turned.png: 1 face")
    # Views follow the tilt that an earlier look found: its last digits move a few of their pixels by a grey level.
    assert_as_python_reads_it(table(opened), model, picture, box_pixels=0.05)


def test_a_face_that_fills_its_picture_upside_down_is_read_as_python_reads_it(opened, model, astronaut_rgb):
    face = np.asarray(Image.fromarray(astronaut_rgb[55:169, 178:268]).resize((112, 112)).rotate(180))
    drop(opened, "face.png", face)
    opened.until_told("face.png: 1 face")
    assert_as_python_reads_it(table(opened), model, face, box_pixels=0.05)


def test_a_picture_dropped_before_the_network_is_there_is_read_once_it_is(visit, astronaut_rgb):
    held = []

    def hold_back(visit):
        visit.context.route("**/model.onnx", lambda route: held.append(route))

    opened = visit(ready=False, before=hold_back)
    drop(opened, "early.png", astronaut_rgb)
    opened.until_told("then the files are read")
    while not held:
        opened.tab.wait_for_timeout(50)
    held[0].continue_()
    opened.until_told("early.png: 1 face")
    assert [row["input"] for row in opened.rows()] == ["early.png"]


@pytest.mark.parametrize(("width", "height"), [(1400, 1050), (397, 512), (90, 90)])
def test_sizes_that_are_shrunk_padded_and_enlarged_keep_to_python(opened, model, astronaut_rgb, width, height):
    image_rgb = np.asarray(Image.fromarray(astronaut_rgb[:400, 40:440]).resize((width, height)))
    drop(opened, "resized.png", image_rgb)
    opened.until_told("resized.png: 1 face")
    assert_as_python_reads_it(table(opened), model, image_rgb)


def test_a_photograph_on_its_side_is_turned_upright(opened, astronaut_rgb):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(astronaut_rgb)).save(buffer, "JPEG", quality=95, exif=exif)
    opened.choose({"name": "phone.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    opened.until_told("phone.jpg: 1 face")
    row = table(opened).row(0, named=True)
    assert row["x"] == pytest.approx(174, abs=8)
    assert row["y"] == pytest.approx(60, abs=25)


def test_a_webp_on_its_side_is_read_as_python_reads_it(opened, model, astronaut_rgb):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(astronaut_rgb)).save(buffer, "WEBP", lossless=True, exif=exif)
    opened.choose({"name": "phone.webp", "mimeType": "image/webp", "buffer": buffer.getvalue()})
    opened.until_told("phone.webp: 1 face")
    assert_as_python_reads_it(table(opened), model, astronaut_rgb)


@pytest.mark.parametrize("broken", [b"RIFF", b"EXIF\xff\xff\xff\xff", b"EXIF\x08\0\0\0II*\0\xff\xff\xff\xff"])
def test_a_webp_whose_exif_breaks_off_is_taken_as_it_is(opened, astronaut_rgb, broken):
    buffer = io.BytesIO()
    Image.fromarray(astronaut_rgb).save(buffer, "WEBP")
    opened.choose({"name": "odd.webp", "mimeType": "image/webp", "buffer": buffer.getvalue() + broken})
    opened.until_told("odd.webp: 1 face")
    row = table(opened).row(0, named=True)
    assert row["x"] == pytest.approx(174, abs=8)
    assert row["y"] == pytest.approx(60, abs=25)


def test_of_an_animation_the_first_frame_is_read_and_not_numbered(opened, astronaut_rgb):
    buffer = io.BytesIO()
    frames = [Image.fromarray(astronaut_rgb), Image.new("RGB", (512, 512))]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=10_000)
    opened.choose({"name": "moving.webp", "mimeType": "image/webp", "buffer": buffer.getvalue()})
    opened.until_told("moving.webp: 1 face")
    assert table(opened)["frame"].to_list() == [None]


def test_of_two_faces_each_can_be_chosen(opened, astronaut_rgb):
    pair = np.concatenate([astronaut_rgb, astronaut_rgb[:, ::-1]], axis=1)
    drop(opened, "pair.png", pair)
    opened.until_told("pair.png: 2 faces")
    faces = opened.tab.locator("#people button")
    assert faces.all_inner_texts() == ["Face 1", "Face 2"]
    assert faces.nth(0).get_attribute("aria-pressed") == "true"
    faces.nth(1).click()
    assert faces.nth(1).get_attribute("aria-pressed") == "true"
    assert faces.nth(0).get_attribute("aria-pressed") == "false"
    rows = table(opened)
    assert rows["face"].to_list() == [1, 2]
    shown = opened.tab.locator("#bars .value").all_inner_texts()
    shares = [rows[name][1] for name in SCORES[:8]]
    expected = [
        "> 99 %" if share >= 0.995 else "< 1 %" if share < 0.005 else f"{100 * share:.0f} %" for share in shares
    ]
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in shown] == expected


def test_of_a_crowd_the_surest_are_told_and_all_are_kept(opened, astronaut_rgb):
    crowd = np.tile(np.asarray(Image.fromarray(astronaut_rgb).resize((160, 160))), (3, 4, 1))
    drop(opened, "crowd.png", crowd)
    opened.until_told("crowd.png: 12 faces")
    told = opened.tab.locator("#status").inner_text()
    assert "Face 8: " in told
    assert "Face 9: " not in told
    assert told.endswith("4 more are in the table")
    assert len(table(opened)) == 12


def test_what_has_no_face_and_what_is_no_picture_become_rows(opened):
    grey = {"name": "grey, plain.png", "mimeType": "image/png", "buffer": encoded(np.full((80, 90, 3), 90, np.uint8))}
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture"}
    opened.choose(grey, text)
    opened.until_told("notes.txt cannot be read")
    rows = table(opened)
    assert rows["input"].to_list() == ["grey, plain.png", "notes.txt"]
    assert rows["status"][0] == "no_face"
    assert rows["status"][1] == "unreadable: it is no picture that this browser reads; save it as JPEG or PNG"
    assert opened.tab.locator("#headline").inner_text() == "No face"
    assert rows["p_neutral"].null_count() == 2


def test_a_file_that_cannot_be_read_takes_nothing_from_those_that_can(opened, astronaut):
    portrait = {"name": astronaut.name, "mimeType": "image/png", "buffer": astronaut.read_bytes()}
    opened.choose(portrait, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture"})
    opened.until_told("notes.txt cannot be read")
    assert opened.tab.locator("#status").inner_text().startswith("astronaut.png: 1 face. Face 1: happiness")
    assert opened.tab.locator("#headline .word").inner_text() == "happiness"
    assert opened.tab.locator("#past").is_hidden()  # a picture has none
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    assert "notes" not in opened.tab.locator("#status").inner_text()


def test_several_files_show_as_a_strip_and_are_looked_at_again(opened, astronaut, astronaut_rgb):
    tab, tiles = opened.tab, opened.tab.locator("#strip button")
    both = {"name": "both.png", "mimeType": "image/png", "buffer": encoded(np.hstack([astronaut_rgb] * 2))}
    opened.choose(both)
    opened.until_told("both.png: 2 faces")
    assert tab.locator("#strip").is_hidden()  # one needs no tile
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture"}
    opened.choose(text, {"name": astronaut.name, "mimeType": "image/png", "buffer": astronaut.read_bytes()})
    opened.until_told("astronaut.png: 1 face")
    assert opened.tab.locator("#status").inner_text().count("notes.txt cannot be read") == 1
    assert tiles.all_inner_texts() == ["both.png", "!\nnotes.txt", "astronaut.png"]
    assert [tile.get_attribute("aria-pressed") for tile in tiles.all()] == ["false", "false", "true"]
    tiles.first.click()
    tab.get_by_role("img", name="The picture both.png").wait_for()
    tab.get_by_role("button", name="Face 2").click()
    second = table(opened).filter(input="both.png", face=2).row(0, named=True)
    shown = tab.locator("#point").inner_text()
    assert f"{abs(second['valence']):.2f}" in shown
    assert tiles.first.get_attribute("aria-pressed") == "true"
    tiles.nth(1).click()
    opened.until_told("notes.txt cannot be read")
    tab.get_by_role("button", name="Start camera").click()
    opened.until_told("The camera is on")
    assert [tile.get_attribute("aria-pressed") for tile in tiles.all()] == ["false"] * 3


def test_a_sample_shows_what_the_page_does(opened):
    opened.tab.get_by_role("button", name="Try a sample picture").click()
    opened.until_told("sample.jpg: 1 face. Face 1: happiness")
    assert [row["input"] for row in opened.rows()] == ["sample.jpg"]


def test_a_sample_that_does_not_come_is_told(opened):
    opened.context.set_offline(True)
    try:
        opened.tab.get_by_role("button", name="Try a sample picture").click()
        opened.until_told("The sample did not come")
    finally:
        opened.context.set_offline(False)
    opened.problems.clear()  # the browser's own note of it
    opened.tab.get_by_role("button", name="Try a sample picture").click()
    opened.until_told("sample.jpg: 1 face")
    assert [row["input"] for row in opened.rows()] == ["sample.jpg"]


def test_numbers_round_to_what_people_read(opened, astronaut):
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    code = """([signs, shares]) => import("./view/words.js")
      .then(({ signed, percent }) => [signs.map(signed), shares.map(percent)])"""
    signs, shares = opened.tab.evaluate(code, [[-0.004, 0, -0.006, 0.5], [1, 0.995, 0.99, 0.006, 0.004, 0]])
    assert signs == ["0.00", "0.00", "\N{MINUS SIGN}0.01", "+0.50"]
    shown = [text.replace("\N{NO-BREAK SPACE}", " ") for text in shares]
    assert shown == ["> 99 %", "> 99 %", "99 %", "1 %", "< 1 %", "< 1 %"]


def test_valence_and_arousal_say_where_they_come_from(opened, astronaut):
    origins = ["projected", "80 % projected, 20 % rated", "rated", None]
    code = """origins => import("./view/words.js").then(({ originWords }) => origins.map(originWords))"""
    assert opened.tab.evaluate(code, origins) == [origin_words(origin) for origin in origins]
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    origin = origin_words(read_card(SHIPPED / "affekt").valence_arousal_origin)
    assert origin
    assert opened.tab.locator("#point").inner_text().endswith(origin)


def test_what_is_forgotten_cannot_be_saved(opened, astronaut):
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    opened.tab.get_by_role("button", name="Forget all").click()
    assert opened.tab.get_by_role("button", name="Save csv").is_disabled()
    assert opened.tab.locator("#headline").inner_text() == "No face"
    opened.choose(astronaut)
    opened.until_told("astronaut.png: 1 face")
    assert len(table(opened)) == 1


@pytest.mark.parametrize("moment", ["Reading 0.png", "1.png: "])
def test_forgetting_stops_the_pictures_that_wait(opened, astronaut_rgb, moment):
    buffer = encoded(astronaut_rgb)
    lot = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": buffer} for n in range(12)]
    # Pressed from inside the page, at the very moment.
    opened.tab.evaluate(FORGET_AT, moment)
    opened.choose(*lot)
    opened.tab.evaluate("forgetting")
    opened.choose({"name": "after.png", "mimeType": "image/png", "buffer": buffer})
    opened.until_told("after.png: 1 face")
    assert table(opened)["input"].to_list() == ["after.png"]


def test_with_the_cable_pulled_it_goes_on(opened, astronaut):
    opened.context.set_offline(True)
    try:
        opened.choose(astronaut)
        opened.until_told("astronaut.png: 1 face")
        rows = table(opened)
    finally:
        opened.context.set_offline(False)
    assert rows["status"].to_list() == ["ok"]
    assert rows["emotion"].to_list() == [opened.tab.locator("#headline .word").inner_text()]
