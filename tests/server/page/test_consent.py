"""A browser that cannot run the network: asked before anything is sent, and told where it goes; a server that lacks a
file: no such question.
"""

import pytest


@pytest.fixture
def cannot_compute(visit):
    """Open the page in a browser to which the runtime's files do not come."""

    def without_runtime(visit):
        visit.context.route("**/vendor/**", lambda route: route.abort())

    opened = visit(ready=False, before=without_runtime)
    opened.tab.get_by_role("dialog").wait_for()
    return opened


def posts(opened):
    return [request for request in opened.requests if request.method != "GET"]


def test_it_asks_and_keeps_pictures_here_when_told_so(cannot_compute):
    dialog = cannot_compute.tab.get_by_role("dialog", name="Send pictures to the server?")
    assert "leave this device" in dialog.inner_text()
    assert cannot_compute.tab.evaluate("document.activeElement.textContent") == "Keep them here"
    cannot_compute.tab.keyboard.press("Escape")
    cannot_compute.until_told("nothing was sent")
    assert cannot_compute.tab.locator("#files").is_disabled()
    assert cannot_compute.tab.get_by_role("button", name="Start camera").is_disabled()
    cannot_compute.tab.get_by_role("button", name="Use the server instead").click()
    dialog.get_by_role("button", name="Keep them here").click()
    cannot_compute.until_told("nothing was sent")
    assert posts(cannot_compute) == []


def refuse(route):
    route.fulfill(status=503, content_type="application/problem+json", body='{"detail": "expected a detector"}')


@pytest.mark.parametrize(
    ("file", "answered", "told"),
    [
        ("/detector.onnx", refuse, "/detector.onnx: expected a detector. Reload"),
        ("/detector.onnx", lambda route: route.abort(), "/detector.onnx: Failed to"),
        ("/model/card.json", lambda route: route.abort(), "/model/card.json: Failed to"),
        ("/model/card.json", lambda route: route.fulfill(status=502, body="<p>"), "the server answered 502"),
    ],
)
def test_a_file_that_does_not_come_is_told_of_and_nothing_is_asked(visit, file, answered, told):
    opened = visit(ready=False, before=lambda visit: visit.context.route(f"**{file}", answered))
    opened.tab.locator("body[data-state=failed]").wait_for()
    opened.until_told(told)
    assert not opened.tab.get_by_role("dialog").is_visible()
    assert not opened.tab.locator("#ask").is_visible()
    assert opened.tab.locator("#files").is_disabled()
    assert posts(opened) == []


def test_once_allowed_the_server_reads_the_picture_and_the_page_says_so(cannot_compute, astronaut):
    cannot_compute.tab.get_by_role("button", name="Send them to the server").click()
    cannot_compute.until_ready()
    assert posts(cannot_compute) == []
    assert "Pictures are sent to" in cannot_compute.tab.locator("#privacy").inner_text()
    assert "stay on this device" not in cannot_compute.tab.locator("body").inner_text()
    cannot_compute.choose(astronaut)
    cannot_compute.until_told("astronaut.png: 1 face")
    (sent,) = posts(cannot_compute)
    assert sent.url == f"{cannot_compute.address}v1/analyze"
    assert sent.post_data_buffer == astronaut.read_bytes()
    (row,) = cannot_compute.rows()
    assert row["status"] == "ok"
    assert sum(float(row[name]) for name in row if name.startswith("p_")) == pytest.approx(1, abs=1e-5)


def test_once_allowed_the_server_reads_the_camera(cannot_compute):
    cannot_compute.tab.get_by_role("button", name="Send them to the server").click()
    cannot_compute.until_ready()
    cannot_compute.tab.get_by_role("button", name="Start camera").click()
    cannot_compute.until_told("Frames go to the server.")
    cannot_compute.until_rows(2)
    cannot_compute.tab.get_by_role("button", name="Stop camera").click()
    assert {row["input"] for row in cannot_compute.rows()} == {"camera-1"}
    assert {request.headers["content-type"] for request in posts(cannot_compute)} == {"image/jpeg"}
