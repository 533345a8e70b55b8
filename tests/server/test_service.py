"""The real server on loopback, with clients that are slow, rude or many: each its proper status, and alive after."""

import gc
import json
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import httpx2
import pytest

from affekt.server import run
from affekt.server.pipeline import Pipeline

HEAD = b"POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


def connected(client):
    return closing(socket.create_connection((client.base_url.host, client.base_url.port), timeout=30))


def read_to_the_end(connection):
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def wait_for_metric(client, line):
    for _ in range(3000):
        if line in client.get("/metrics").text:
            return
        time.sleep(0.01)
    raise AssertionError(f"{line} never came")


def is_alive(client, picture):
    answer = client.post("/v1/analyze", content=picture())
    while answer.status_code in (408, 503):  # where a test makes the limits of time tight, and the machine is busy
        answer = client.post("/v1/analyze", content=picture())
    return answer.status_code == 200 and client.get("/v1/health").json()["status"] == "ok"


@pytest.fixture
def gate(monkeypatch):
    """Hold every picture before it is looked at, until the gate is opened."""
    opened, find_faces = threading.Event(), Pipeline._find_faces

    def held(pipeline, job):
        assert opened.wait(30)
        find_faces(pipeline, job)

    monkeypatch.setattr(Pipeline, "_find_faces", held)
    yield opened
    opened.set()


def test_a_client_that_sends_its_body_too_slowly_is_told_so(serve, settings, picture, monkeypatch):
    monkeypatch.setattr(run, "DRAIN_S", 0.2)
    with serve(replace(settings, upload_s=1.0)) as client, connected(client) as slow:
        slow.sendall(HEAD + b"Content-Length: 1000\r\n\r\nfirst bytes")
        answer = read_to_the_end(slow)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()
        assert b"expected the request within 1 s, got a part of it" in answer
        assert is_alive(client, picture)


def test_a_client_that_never_ends_its_head_is_hung_up_on(serve, settings, picture, monkeypatch):
    monkeypatch.setattr(run, "HEAD_S", 0.3)
    with serve(settings) as client, connected(client) as silent, connected(client) as dripping:
        dripping.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert read_to_the_end(silent) == b""
        assert read_to_the_end(dripping) == b""
        assert is_alive(client, picture)


def test_a_client_that_is_slow_over_its_second_head_is_hung_up_on(serve, settings, monkeypatch):
    with serve(settings) as client, connected(client) as slow:
        slow.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 200 OK")
        monkeypatch.setattr(run, "HEAD_S", 0.2)
        slow.sendall(b"GET /v1/health HT")
        assert b"HTTP/1.1" not in read_to_the_end(slow)


def test_an_aborted_upload_leaves_nothing_behind(serve, settings, picture):
    with serve(settings) as client:
        for body in (b"Content-Length: 1000000\r\n\r\nbegun", b"Transfer-Encoding: chunked\r\n\r\n5\r\nbegun"):
            with connected(client) as rude:
                rude.sendall(HEAD + body)
                time.sleep(0.1)
                # Closed with a reset, as by a process that is killed.
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert is_alive(client, picture)
        lines = client.get("/metrics").text.splitlines()
        assert 'affekt_requests_total{path="/v1/analyze",status="400"} 2.0' in lines
        assert "affekt_bytes_in_hand 0.0" in lines


def chunked(content, size):
    pieces = (content[place : place + size] for place in range(0, len(content), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_body_in_crumbs_is_refused_and_one_in_chunks_is_not(serve, settings, picture):
    content, head = picture().ljust(200_000, b"\0"), HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serve(settings) as client:
        for size, status in ((1, b"400"), (64, b"200"), (100_000, b"200")):
            with connected(client) as sender:
                # What comes after the refusal may be lost with the connection.
                sender.sendall(head + chunked(content[: 1500 if size == 1 else None], size))
                assert read_to_the_end(sender).startswith(b"HTTP/1.1 " + status)
        assert is_alive(client, picture)


def test_one_picture_too_long_to_decode_costs_no_other_more_than_its_time(serve, settings, picture):
    progressive = picture(kind="JPEG", side=4900, progressive=True)
    last = progressive.rindex(b"\xff\xda")
    endless = progressive[:-2] + progressive[last:-2] * 80 + progressive[-2:]
    with serve(replace(settings, decode_s=0.2)) as client, ThreadPoolExecutor(4) as pool:
        bad = [pool.submit(client.post, "/v1/analyze", files=[("pictures", endless)] * 3) for _ in range(3)]
        assert is_alive(client, picture)
        for one in bad:
            statuses = [row["status"] for row in one.result().json()["rows"]]
            assert set(statuses) <= {
                "unreadable: too long to decode, or its decoder failed",
                "unreadable: the pictures before it in its request took all the time for decoding",
            }


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_of_a_hundred_megabytes_is_refused_and_the_client_told(serve, settings, picture, is_announced):
    piece = bytes(1_000_000)
    pieces = (piece for _ in range(100))
    headers = {"Content-Length": "100000000"} if is_announced else {}
    with serve(settings) as client:
        answer = client.post("/v1/analyze", content=pieces, headers=headers)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert is_alive(client, picture)


def test_who_asks_for_another_protocol_gets_this_one_and_nothing_is_logged(serve, settings, caplog):
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"}
    with serve(settings) as client:
        assert client.get("/v1/health", headers=asked).status_code == 200
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET", b"G" * 70_000, b"GET / HTTP/1.1"])
def test_what_is_no_http_is_refused(serve, settings, picture, garbage):
    with serve(settings) as client, connected(client) as odd:
        odd.sendall(garbage + b"\r\n\r\n")
        assert read_to_the_end(odd).startswith(b"HTTP/1.1 400 ")
        assert is_alive(client, picture)


@pytest.mark.parametrize(
    "path", ["/v1/health", "/v1/model", "/docs", "/openapi.json", "/labels.js", "/model/model.onnx"]
)
def test_head_answers_what_get_does_but_for_the_body(serve, settings, path):
    with serve(settings) as client:
        whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content)) > "0"


def test_many_clients_at_once_each_get_their_own_rows(serve, settings, picture):
    with serve(settings) as client, ThreadPoolExecutor(16) as pool:

        def ask(number):
            answer = client.post("/v1/analyze", files=[("pictures", (f"{number}.png", picture(number)))])
            (row,) = answer.json()["rows"]
            return answer.status_code, row["input"], row["valence"]

        answers = list(pool.map(ask, range(0, 256, 2)))
        assert [(status, name) for status, name, _ in answers] == [
            (200, f"{number}.png") for number in range(0, 256, 2)
        ]
        valences = [valence for *_, valence in answers]
        assert valences == sorted(valences)
        assert len(set(valences)) > 100


def test_beyond_the_queue_is_a_503_that_says_when_to_come_back(serve, settings, picture, gate):
    with serve(replace(settings, queue=2)) as client, ThreadPoolExecutor(8) as pool:
        taken = [pool.submit(client.post, "/v1/analyze", content=picture()) for _ in range(2)]
        wait_for_metric(client, "affekt_requests_in_hand 2.0")
        refused = client.post("/v1/analyze", content=picture())
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "expected a place among 2 requests, got a full queue" in refused.json()["detail"]
        assert client.get("/v1/health").status_code == 200
        gate.set()
        assert [one.result().status_code for one in taken] == [200, 200]
        assert is_alive(client, picture)


def test_uploads_beyond_the_memory_for_them_are_a_503(serve, settings, picture):
    with serve(replace(settings, waiting_mb=0.1)) as client, connected(client) as holding:
        holding.sendall(HEAD + b"Content-Length: 200000\r\n\r\n" + bytes(60_000))
        wait_for_metric(client, "affekt_bytes_in_hand 60000.0")
        refused = client.post("/v1/analyze", content=bytes(60_000))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert is_alive(client, picture)


def test_an_answer_that_takes_too_long_is_a_503_and_its_place_is_free_again(serve, settings, picture, gate, caplog):
    with serve(replace(settings, answer_s=0.2)) as client:
        late = client.post("/v1/analyze", content=picture())
        assert (late.status_code, late.headers["retry-after"]) == (503, "1")
        assert "affekt_requests_in_hand 0.0" in client.get("/metrics").text
        gate.set()
        assert is_alive(client, picture)
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_who_hangs_up_gives_up_its_place(serve, settings, picture, gate):
    content = picture()
    with serve(settings) as client:
        with connected(client) as leaving:
            leaving.sendall(HEAD + f"Content-Length: {len(content)}\r\n\r\n".encode() + content)
            wait_for_metric(client, "affekt_requests_in_hand 1.0")
        wait_for_metric(client, "affekt_requests_in_hand 0.0")
        gate.set()
        assert is_alive(client, picture)


def test_shutting_down_answers_what_was_taken(serve, settings, picture, gate):
    with ThreadPoolExecutor(4) as pool:
        with serve(settings) as client:
            address = f"{client.base_url}/v1/analyze"
            taken = [pool.submit(httpx2.post, address, content=picture(), trust_env=False) for _ in range(3)]
            wait_for_metric(client, "affekt_requests_in_hand 3.0")
            threading.Timer(0.5, gate.set).start()
        assert [json.loads(one.result().text)["rows"][0]["status"] for one in taken] == ["ok"] * 3
