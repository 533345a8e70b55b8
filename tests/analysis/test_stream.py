"""Rows that other programs get while a video is read, with the times at which its frames were read."""

import json
import socket
import sys
import threading
import types

import numpy as np
import pytest

import affekt
from affekt.analysis.rows import Answer, empty_row
from affekt.analysis.stream import RowStream
from affekt.errors import ConfigError, MissingExtra

GREY = np.full((64, 64, 3), 200, np.uint8)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"ws://127.0.0.1:{free.getsockname()[1]}"


def test_all_who_listen_get_each_row_with_its_times(address):
    client = pytest.importorskip("websockets.sync.client", reason="needs the extra stream")
    stream = RowStream(address)
    try:
        with client.connect(address) as first, client.connect(address, origin="http://absolute") as second:
            for connection in (first, second):
                connection.ping().wait()  # it is listed among those who listen
            stream.send(Answer("v.mp4", [empty_row("v.mp4", "no_face")] * 2, ends=False, read_at=1000.5))
            got = [json.loads(each.recv(timeout=30)) for each in (first, first, second, second)]
        assert [row["input"] for row in got] == ["v.mp4"] * 4
        assert {row["read_at"] for row in got} == {1000.5}
        assert all(row["sent_at"] > row["read_at"] for row in got)
        with (
            pytest.raises(client.InvalidStatus, match="403"),
            client.connect(address, origin="https://example.org"),
        ):
            pass
        with pytest.raises(ConfigError, match=r"expected a free port for stream, got ws://127.*; type: --str"):
            RowStream(address)
    finally:
        stream.close()
    assert "after their frame was read (median), at most" in stream.told()
    RowStream(address).close()  # the port is free again


@pytest.mark.usefixtures("in_folder")
def test_a_video_is_streamed_while_its_table_is_written(address, small_model, write_video, caplog, monkeypatch):
    client = pytest.importorskip("websockets.sync.client", reason="needs the extra stream")
    write_video([GREY] * 12)
    got, opened = [], RowStream.__init__

    def listen(stream, where):
        opened(stream, where)
        connected = threading.Event()

        def receive():
            with client.connect(where) as connection:
                connection.ping().wait()  # it is listed among those who listen
                connected.set()
                got.extend(json.loads(message) for message in connection)

        listener = threading.Thread(target=receive)
        listener.start()
        connected.wait()
        close = stream.close
        stream.close = lambda: (close(), listener.join())

    monkeypatch.setattr(RowStream, "__init__", listen)
    with caplog.at_level("INFO"):
        rows = affekt.predict("video.mp4", stream=address, out="a.parquet", model=small_model, faces="whole").collect()
    assert f"sent the rows to {address}: " in caplog.text
    assert [row["frame"] for row in got] == rows["frame"].to_list() == list(range(12))
    assert [row["p_happiness"] for row in got] == rows["p_happiness"].to_list()
    assert all(0 <= row["sent_at"] - row["read_at"] < 600 for row in got)


@pytest.mark.parametrize(
    "wrong", ["ws://", "ws://127.0.0.1", "http://127.0.0.1:80", "ws://a:b", "tcp", "ws://a:1/path"]
)
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"expected stream as ws://HOST:PORT or lsl, got .*type: --stream ws://127"):
        RowStream(wrong)


@pytest.mark.parametrize(("address", "library"), [("lsl", "pylsl"), ("ws://127.0.0.1:1", "websockets")])
def test_without_the_library_it_says_what_to_install(monkeypatch, address, library):
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=r"type: pip install .*\[(lsl|stream)\]"):
        RowStream(address)


def test_lsl_gets_the_same_lines(monkeypatch):
    pushed = []
    outlet = types.SimpleNamespace(push_sample=lambda sample: pushed.append(json.loads(sample[0])))
    library = types.SimpleNamespace(
        StreamInfo=lambda *told: told, StreamOutlet=lambda info: outlet, IRREGULAR_RATE=0.0, cf_string=3
    )
    monkeypatch.setitem(sys.modules, "pylsl", library)
    stream = RowStream("lsl")
    stream.send(Answer("0", [empty_row("0", "no_face")], ends=True))
    stream.close()
    assert pushed[0]["status"] == "no_face"
    assert pushed[0]["read_at"] is None
    assert stream.told() == "sent the rows to lsl"
