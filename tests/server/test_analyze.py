"""`POST /v1/analyze`: pictures in, rows out; for whatever else comes in, its status and one sentence."""

import io
import shutil
import struct
import tempfile
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from python_multipart.exceptions import FormParserError
from starlette.testclient import TestClient

from affekt.analysis import analyzer
from affekt.analysis.rows import SCHEMA
from affekt.errors import AffektWarning, DataError, MissingExtra, ModelError
from affekt.faces.detection import Faces
from affekt.models.card import read_card
from affekt.server.app import make_app

ANALYZE = "/v1/analyze"


def form(*pictures):
    return [("pictures", (name, content)) for name, content in pictures]


def test_a_picture_as_the_body_gives_its_row(client, picture):
    answer = client.post(ANALYZE, content=picture(255), headers={"Content-Type": "image/png"})
    assert answer.status_code == 200
    found = answer.json()
    (row,) = found["rows"]
    assert (found["model"], found["notes"]) == ("by-light", [])
    assert tuple(row) == tuple(SCHEMA)
    assert (row["input"], row["status"], row["emotion"]) == ("0", "ok", "happiness")
    assert (row["x"], row["y"], row["width"], row["height"]) == (0, 0, 40, 40)
    assert row["face_score"] == pytest.approx(0.9)
    assert sum(row[name] for name in row if name.startswith("p_")) == pytest.approx(1)
    assert row["valence"] == pytest.approx(np.tanh(2))


def test_several_files_give_their_rows_in_order_and_a_broken_one_stops_nothing(client, picture):
    files = form(("dark.png", picture(0)), ("broken.jpg", b"no picture"), ("ünïcödé, light.jpg", picture(255, "JPEG")))
    answer = client.post(ANALYZE, files=files)
    assert answer.status_code == 200
    rows = answer.json()["rows"]
    assert [(row["input"], row["status"], row["emotion"]) for row in rows] == [
        ("dark.png", "ok", "neutral"),
        ("broken.jpg", "unreadable: not a picture", None),
        ("ünïcödé, light.jpg", "ok", "happiness"),
    ]


def test_rows_are_those_of_the_analyzer(client, picture, small_model, tmp_path):
    from affekt.analysis.analyzer import load

    path = tmp_path / "grey.jpg"
    path.write_bytes(picture(100, "JPEG"))
    (expected,) = load(small_model, min_confidence=0.6).analyze(path, faces="whole").to_dicts()
    options = {"faces": "whole", "min_confidence": 0.6}
    (row,) = client.post(ANALYZE, params=options, files=form((str(path), path.read_bytes()))).json()["rows"]
    assert row == pytest.approx(expected)
    assert row["emotion"] is None
    assert row["face_score"] is None


def test_the_operator_chooses_defaults_and_a_request_others(settings, picture):
    chosen = replace(settings, min_confidence=0.99, min_face=41.0, prior="uniform", runtime="onnxruntime", threads=1)
    with TestClient(make_app(chosen), "http://localhost") as client:
        of_analyze = client.get("/openapi.json").json()["paths"][ANALYZE]["post"]["parameters"]
        defaults = {one["name"]: one["schema"]["default"] for one in of_analyze}
        assert (defaults["min_confidence"], defaults["min_face"], defaults["min_face_score"]) == (0.99, 41, 0)
        (small,) = client.post(ANALYZE, content=picture(100)).json()["rows"]
        (unsure,) = client.post(f"{ANALYZE}?min_face=0", content=picture(100)).json()["rows"]
        (named,) = client.post(f"{ANALYZE}?min_face=0&min_confidence=0", content=picture(100)).json()["rows"]
    assert (small["status"], unsure["status"], unsure["emotion"]) == ("no_face", "ok", None)
    assert named["emotion"] is not None


def test_the_prior_of_the_operator_counts(settings, picture):
    confidences = []
    for prior in (None, "fear=0.9"):
        with TestClient(make_app(replace(settings, prior=prior)), "http://localhost") as client:
            confidences.append(client.post(ANALYZE, content=picture(100)).json()["rows"][0]["p_fear"])
    assert confidences[1] > confidences[0]


@pytest.mark.parametrize("origin", [None, "projected"])
def test_the_answer_says_where_valence_and_arousal_come_from(settings, picture, tmp_path, origin):
    folder = shutil.copytree(settings.model, tmp_path / "model")
    replace(read_card(folder), valence_arousal_origin=origin).write(folder)
    with TestClient(make_app(replace(settings, model=folder)), "http://localhost") as client:
        assert client.post(ANALYZE, content=picture()).json()["valence_arousal_origin"] == origin


def test_of_too_many_faces_the_surest_are_answered_for_and_a_note_says_so(settings, picture, monkeypatch):
    class ThreeFaces:
        def __init__(self, **options):
            self.options = options

        def detect(self, image_rgb, *, looks_again=True):
            boxes = np.array([[0, 0, 20, 20], [5, 5, 30, 30], [9, 9, 39, 39]], np.float32)
            return Faces(boxes, np.zeros((3, 5, 2)), np.array([0.9, 0.8, 0.7], np.float32))

    monkeypatch.setattr("affekt.analysis.analyzer.FaceDetector", ThreeFaces)
    with TestClient(make_app(replace(settings, faces=2)), "http://localhost") as client:
        found = client.post(ANALYZE, files=form(("crowd.png", picture()))).json()
        asked = {"largest": True, "min_face": 12, "min_face_score": 0.75}
        chosen = client.post(ANALYZE, params=asked, files=form(("crowd.png", picture()))).json()
    assert [row["face_score"] for row in found["rows"]] == pytest.approx([0.9, 0.8])
    assert found["notes"] == ["crowd.png: only the surest 2 of 3 faces"]
    assert [row["width"] for row in chosen["rows"]] == [25]
    assert chosen["notes"] == ["crowd.png: 1 of 3 faces, as the options ask"]


def encoded(kind, width, height):
    buffer = io.BytesIO()
    Image.new("1", (width, height)).save(buffer, kind)
    return buffer.getvalue()


def problem(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    found = answer.json()
    assert found["status"] == status
    assert "\n" not in found["detail"]
    return found["detail"]


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ({"content": b""}, 422, "got an empty body"),
        ({"content": b"garbage"}, 422, "got: not a picture; send JPEG, PNG or WebP, for instance"),
        (
            {"content": encoded("PNG", 6000, 5000)},
            422,
            "6000x5000 pixels, over the limit of 25,000,000; send a smaller",
        ),
        ({"content": encoded("PNG", 20_000, 20_000)}, 422, "over the limit of 25,000,000 pixels; send a smaller one"),
        ({"content": encoded("PNG", 40, 40)[:45]}, 422, "got: image file is truncated; send all of the file"),
        ({"content": encoded("PNG", 40, 40)[:45] + bytes(40)}, 422, "; save it anew, as JPEG or PNG"),
        ({"content": b"\0\0\0\x18ftypheic"}, 422, "got: a HEIC photograph; convert it to JPEG first"),
        ({"json": {"url": "http://127.0.0.1/x.jpg"}}, 422, "addresses are not fetched"),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "expected a picture, got text/plain"),
        ({"content": b"x", "headers": {"Content-Encoding": "gzip"}}, 415, "send it uncompressed"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "Missing boundary"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}}, 400, "multipart"),
        ({"data": {"pictures": "text"}, "files": form(("a.png", b"x"))}, 422, "got text in one named 'pictures'"),
        (
            {"files": [("file", ("a.png", b"x"))]},
            422,
            "expected files in parts named pictures, got a file in one named",
        ),
        ({"files": form(*((f"{n}.png", b"x") for n in range(33)))}, 422, "expected at most 32 pictures"),
        ({"content": bytes(20_000_001)}, 413, "expected at most 20 MB per request"),
        ({"params": {"faces": "haar"}}, 422, "expected faces to be 'auto', 'yunet', 'cascade' or 'whole', got 'haar'"),
        ({"params": {"min_confidence": 2}}, 422, "expected min_confidence to be at most 1, got '2'; see /docs"),
        ({"params": {"min_confidence": "x"}}, 422, "expected min_confidence to be a number, got 'x'"),
        ({"params": {"min_face": -1}}, 422, "expected min_face to be at least 0, got '-1'"),
        ({"params": {"most_faces": 1.5}}, 422, "expected most_faces to be a whole number, got '1.5'"),
        (
            {"params": {"most_faces": "9" * 5000}},
            422,
            f"expected most_faces to be a whole number, exceeded maximum size, got '{'9' * 100}';",
        ),
        ({"params": {"largest": "maybe"}}, 422, "expected largest to be true or false, got 'maybe'"),
        ({"params": {"min-face": 1}}, 422, "expected no option min-face (did you mean min_face?); see /docs"),
        ({"params": {"zzz": 1}}, 422, "expected no option zzz (there are faces, min_confidence, largest, most_faces, "),
    ],
)
def test_what_cannot_be_answered_has_its_status_and_a_sentence(client, picture, request_, status, sentence):
    assert sentence in problem(client.post(ANALYZE, **request_), status)
    assert client.post(ANALYZE, content=picture()).status_code == 200


def test_a_form_that_breaks_off_is_refused_rather_than_answered_in_part(client, picture):
    part = b'--y\r\nContent-Disposition: form-data; name="pictures"; filename="a.png"\r\n\r\n' + picture() + b"\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=y"}
    assert len(client.post("/v1/analyze", content=part + part + b"--y--\r\n", headers=headers).json()["rows"]) == 2
    answer = client.post("/v1/analyze", content=part + part[:-20], headers=headers)
    assert answer.status_code == 400
    assert "the last part breaks off" in answer.json()["detail"]


def test_a_form_that_only_the_library_below_refuses_is_refused_too(client, picture, monkeypatch):
    async def refusing(parser):
        raise FormParserError("no boundary at index 2")

    monkeypatch.setattr("affekt.server.uploads._FormParser.parse", refusing)
    assert "got: no boundary at index 2; send" in problem(client.post(ANALYZE, files=form(("a.png", picture()))), 400)


@pytest.mark.parametrize("charset", ["raw_unicode_escape", "unicode_escape", "punycode", "undefined", "utf-16", "x"])
def test_a_form_in_an_odd_charset_is_refused_before_its_names_are_decoded(client, picture, charset):
    part = b'--B\r\nContent-Disposition: form-data; name="pictures"; filename="\\ud800.jpg"\r\n\r\n'
    body = part + picture() + b"\r\n--B--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary=B; charset={charset}"}
    assert f"got one in {charset}" in problem(client.post(ANALYZE, content=body, headers=headers), 400)
    headers = {"Content-Type": "multipart/form-data; boundary=B; charset=UTF-8"}
    assert client.post(ANALYZE, content=body, headers=headers).json()["rows"][0]["input"] == "\\ud800.jpg"


def test_chunks_beyond_the_limit_are_refused_though_no_length_was_announced(client):
    assert "20 MB" in problem(client.post(ANALYZE, content=(bytes(1_000_000) for _ in range(30))), 413)


def test_an_option_that_comes_twice_is_a_problem(client, picture):
    answer = client.post(f"{ANALYZE}?min_confidence=high&min_confidence=0.5", content=picture())
    assert "expected min_confidence once, got it 2 times" in problem(answer, 422)


def test_unknown_paths_and_methods_are_problems(client):
    for path, instead in (("/v2/analyze", "did you mean /v1/analyze?"), ("/v1/health/", "did you mean /v1/health?")):
        assert problem(client.get(path), 404) == f"expected a path that this service has, got {path}; {instead}"
    assert problem(client.get("/elsewhere"), 404).endswith("got /elsewhere; see /docs")
    answer = client.get(ANALYZE)
    assert "expected POST for /v1/analyze, got GET" in problem(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_a_bomb_is_refused_by_its_size_before_it_is_decoded(settings, picture):
    small = picture()
    # The size stands at the ninth byte of the first chunk, whose checksum follows it.
    head = small[12:16] + struct.pack(">II", 60_000, 60_000) + small[24:29]
    bomb = small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]
    with TestClient(make_app(replace(settings, megapixels=0.01)), "http://localhost") as client:
        assert "limit" in problem(client.post(ANALYZE, content=bomb), 422)
        detail = problem(client.post(ANALYZE, content=picture(side=101)), 422)
        assert "101x101 pixels, over the limit of 10,000" in detail
        assert client.post(ANALYZE, content=picture(side=100)).status_code == 200


def test_large_parts_stay_in_memory(client, monkeypatch):
    def no_file(*arguments, **options):
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8))
    large = io.BytesIO()
    noise.save(large, "PNG")
    assert len(large.getvalue()) > 1_400_000
    assert client.post(ANALYZE, files=form(("large.png", large.getvalue()))).status_code == 200


@pytest.mark.parametrize("error", [ModelError, DataError])
def test_without_a_detector_crops_are_answered_and_pictures_refused(settings, picture, monkeypatch, error):
    def absent(**options):
        raise error("expected the face detector at /secret/place, got no network")

    def not_installed():
        raise MissingExtra("skimage", "cascade")

    monkeypatch.setattr("affekt.analysis.analyzer.FaceDetector", absent)
    monkeypatch.setattr("affekt.analysis.analyzer.CascadeDetector", not_installed)
    with TestClient(make_app(settings), "http://localhost") as client:
        answer = client.post(ANALYZE, content=picture())
        assert "expected a face detector for faces=auto, got none" in problem(answer, 503)
        assert "/secret/place" not in answer.text
        assert '[cascade]"' in problem(client.post(f"{ANALYZE}?faces=cascade", content=b"x"), 503)
        assert client.post(f"{ANALYZE}?faces=whole", content=picture()).status_code == 200


def test_where_only_the_cascade_can_be_had_it_finds_the_faces_and_a_note_says_so(settings, picture, monkeypatch):
    def absent(**options):
        raise ModelError("expected the face detector at /secret/place, got no network")

    monkeypatch.setattr("affekt.analysis.analyzer.CascadeDetector", analyzer.FaceDetector)
    monkeypatch.setattr("affekt.analysis.analyzer.FaceDetector", absent)
    slow = "faces found with scikit-image's cascade, which misses more and is many times slower"
    told = pytest.warns(AffektWarning, match=f"{slow}: expected the face detector at /secret/place")
    with told, TestClient(make_app(settings), "http://localhost") as client:
        found = client.post(ANALYZE, content=picture()).json()
        assert "got none" in problem(client.post(f"{ANALYZE}?faces=yunet", content=picture()), 503)
    assert found["rows"][0]["status"] == "ok"
    assert found["notes"] == [slow]


def test_a_failure_of_ours_is_a_problem_too_and_the_service_goes_on(settings, picture, monkeypatch):
    app = make_app(settings)
    with TestClient(app, "http://localhost", raise_server_exceptions=False) as client:
        with monkeypatch.context() as broken:
            broken.setattr("affekt.server.pipeline.rows_of", lambda *arguments, **options: 1 / 0)
            detail = problem(client.post(ANALYZE, content=picture()), 500)
        assert detail == "the service failed at this request; its log says where, please report it"
        assert client.post(ANALYZE, content=picture()).status_code == 200
