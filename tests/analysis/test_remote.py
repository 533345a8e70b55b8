"""Addresses, read from real servers on loopback: S3's protocol and the web's; secrets are never told."""

import base64
import io
import re
import socket
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt import gather, load, predict
from affekt.analysis.remote import NOBODY, addresses_below, fetched, filesystem, remote_stamp, why, without_secrets
from affekt.cli.main import main
from affekt.errors import ConfigError, DataError, PictureError

pytest.importorskip("s3fs")


def png(grey):
    file = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), grey, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def bucket(s3, tmp_path, monkeypatch, write_video):
    """Fill a bucket with pictures, a video, litter, a tar and a table, and work beside the same files on a disk."""
    video = write_video([np.full((64, 64, 3), 200, np.uint8)] * 5)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for number in range(3):
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(png(100 * number))
            archive.addfile(member, io.BytesIO(png(100 * number)))
    table = io.BytesIO()
    pl.DataFrame({"image": [png(10), png(240)]}).write_parquet(table)
    files = {
        "faces/a.png": png(0), "faces/deep/b.png": png(250), "faces/deep/bad.jpg": b"no picture",
        "faces/video.mp4": video.read_bytes(), "faces/.hidden.png": png(0), "faces/notes.md": b"text",
        "shards/0.tar": tar.getvalue(), "faces.parquet": table.getvalue(),
    }  # fmt: skip
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name, content in files.items():
        s3.pipe_file(f"bucket/{name}", content)
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return "s3://bucket"


def same_rows(remote, local):
    names = remote["input"].str.strip_prefix("s3://bucket/")
    return sorted(remote.with_columns(input=names).rows()) == sorted(local.rows())


def test_a_bucket_gives_the_rows_of_the_same_files_on_a_disk(bucket, small_model):
    given = ("faces", "shards/*.tar", "faces.parquet")
    remote = predict([f"{bucket}/{each}" for each in given], model=small_model, faces="whole", fetch=True)
    local = predict(list(given), model=small_model, faces="whole")
    assert same_rows(remote.drop("frame", "time_s"), local.drop("frame", "time_s"))
    assert remote["frame"].drop_nulls().to_list() == [0, 1, 2, 3, 4]
    assert {status for status in remote["status"] if status != "ok"} == {"unreadable: not a picture"}
    assert remote.equals(load(small_model, fetch=True).analyze([f"{bucket}/{each}" for each in given], faces="whole"))


def test_parts_may_lie_in_a_bucket(bucket, s3, small_model, monkeypatch):
    monkeypatch.setattr("affekt.cluster.job.LEAST_OF_A_PIECE", 1)  # so that each picture is one
    given = [f"{bucket}/faces", f"{bucket}/shards/0.tar"]
    for shard in ("1/2", "2/2", "2/2"):
        table = predict(given, model=small_model, faces="whole", fetch=True, shard=shard, out=f"{bucket}/parts")
    assert table.collect().height
    gathered = gather(f"{bucket}/parts", out="faces.csv").collect()
    assert gathered.equals(predict(given, model=small_model, faces="whole", fetch=True, out="one.csv").collect())
    assert '"fetch": "True"' in Path("faces.csv-metadata.json").read_text(encoding="utf-8")
    part = next(name for name in s3.ls("bucket/parts", detail=False) if "part-000000000000-" in name)
    s3.rm_file(part)
    with pytest.raises(DataError, match="expected all 5 inputs of the job in s3://bucket/parts, got all but 1"):
        gather(f"{bucket}/parts", out="faces.csv")


def test_what_was_written_since_the_last_look_is_found(bucket, s3):
    assert addresses_below(bucket)
    assert addresses_below(f"{bucket}/later/*.png") == []
    s3.pipe_file("bucket/later/a.png", png(0))
    assert addresses_below(f"{bucket}/later/*.png") == ["s3://bucket/later/a.png"]
    before = remote_stamp(f"{bucket}/later/a.png")
    s3.pipe_file("bucket/later/a.png", png(200))
    assert addresses_below(f"{bucket}/later/a.png") == ["s3://bucket/later/a.png"]
    assert remote_stamp(f"{bucket}/later/a.png") != before


def test_duckdb_reads_the_parts_of_tars_where_they_lie_in_a_bucket(bucket, s3, small_model):
    duckdb = pytest.importorskip("duckdb")
    given = f"{bucket}/shards/*.tar"
    predict(given, model=small_model, faces="whole", fetch=True, shard="1/1", out=f"{bucket}/parts")
    connection = duckdb.connect()
    connection.register_filesystem(s3)
    found = connection.sql(f"SELECT input, emotion FROM '{bucket}/parts/*.parquet' ORDER BY input").fetchall()
    assert found == predict(given, model=small_model, faces="whole", fetch=True).select("input", "emotion").rows()
    assert len(found) == 3


READ, LIST, WRITE = "s3:GetObject", "s3:ListBucket", "s3:PutObject"


@pytest.mark.parametrize("out", ["s3:/bucket/parts", Path("s3://bucket/parts")])
def test_an_address_that_became_a_path_is_refused_and_no_folder_made(bucket, small_model, out):
    with pytest.raises(ConfigError, match=r"got s3:/bucket/parts; type: s3://bucket/parts, in Python as text and not"):
        predict("faces", model=small_model, faces="whole", shard="1/1", out=out)
    assert not Path("s3:").exists()


@pytest.mark.parametrize(
    ("address", "reason"),
    [("s3://bucket/a.png", NOBODY), ("hf://nobody", "no address of a file")],
)
def test_where_nobody_answers_or_an_address_is_none_it_is_said_in_words(monkeypatch, s3, address, reason):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    type(s3).clear_instance_cache()
    with pytest.raises(DataError, match=rf"expected an address to look at, got {address}: {reason}; check it, and"):
        addresses_below(address)
    type(s3).clear_instance_cache()


@pytest.mark.parametrize(
    ("rights", "sentence"),
    [
        (
            (READ, LIST),
            r"expected a folder that can be written at s3://bucket/parts, got an error \(not allowed\); check",
        ),
        (
            (READ, WRITE),
            r"expected an address to look at, got s3://bucket/faces: not allowed; check it, and the keys in",
        ),
    ],
)
def test_a_right_that_is_missing_ends_predict_in_one_sentence(bucket, may, small_model, rights, sentence, capsys):
    may(*rights)
    given = ["--fetch", "--model", str(small_model), "--faces", "whole", "--shard", "1/1"]
    with pytest.raises(SystemExit) as stop:
        main(["predict", f"{bucket}/faces", *given, "--out", f"{bucket}/parts"])
    said = capsys.readouterr().err.splitlines()[-1]
    assert stop.value.code in (1, 2)
    assert re.search(sentence, said), said
    assert "AccessDenied" not in said


def test_pictures_that_may_not_be_read_are_rows_that_say_so(bucket, may, small_model):
    may(LIST)
    rows = predict([f"{bucket}/faces", f"{bucket}/shards/0.tar"], model=small_model, faces="whole", fetch=True)
    assert set(rows["status"]) == {"unreadable: not allowed"}
    assert rows.height == 5


def test_parts_that_may_not_be_listed_or_read_are_not_gathered(bucket, may, small_model):
    predict("faces", model=small_model, faces="whole", shard="1/1", out=f"{bucket}/parts")
    for rights, expected in {(READ,): "a folder of parts that can be read", (LIST,): "a part that can be read"}.items():
        may(*rights)
        with pytest.raises(DataError, match=rf"expected {expected} at {bucket}/parts, got an error \(not allowed\)"):
            gather(f"{bucket}/parts", out="gathered.parquet")
    may(READ, LIST)
    assert gather(f"{bucket}/parts", out="gathered.parquet").collect().height == 8


def test_without_fetch_nothing_is_touched(small_model):
    rows = predict("s3://bucket/a.png", model=small_model, faces="whole")
    assert rows["status"].to_list() == [
        "unreadable: an address, which is read only with --fetch (fetch=True in Python)"
    ]


def test_what_is_not_there_or_too_large_is_said(bucket, monkeypatch):
    for address in ("s3://bucket/gone.png", "s3://nowhere/a.png"):
        with pytest.raises(PictureError, match=f"{address}: no such file"):
            fetched(address)
    assert remote_stamp("s3://bucket/gone.png") is None
    size, tag = remote_stamp(f"{bucket}/faces/a.png")
    assert (size, bool(tag)) == (len(png(0)), True)
    monkeypatch.setattr("affekt.analysis.remote.MOST_BYTES", 10)
    with pytest.raises(PictureError, match=r"s3://bucket/faces/a\.png: over the limit of 10 bytes"):
        fetched(f"{bucket}/faces/a.png")


def test_the_command_ends_in_one_sentence_where_an_address_cannot_be_had(bucket, small_model, capsys):
    for address, sentence in {
        "s3://bucket/none/": "expected pictures, got none in s3://bucket/none/",
        "what://bucket/a.png": "expected an address that can be read, got one that begins with what://; those that",
    }.items():
        with pytest.raises(SystemExit) as stop:
            main(["predict", address, "--fetch", "--model", str(small_model), "--faces", "whole", "--out", "a.csv"])
        said = capsys.readouterr().err
        assert stop.value.code in (1, 2)
        assert sentence in said or "no such file" in said


@pytest.fixture
def web(tmp_path):
    """Serve a folder over HTTP on loopback; what is called `secret` nobody may read."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if "locked" in self.path:
                self.send_error(403)
            else:
                self.path = self.path.partition("?")[0]
                super().do_GET()

        do_HEAD = do_GET

    (tmp_path / "a.png").write_bytes(png(250))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_web_is_read_and_no_key_in_an_address_is_told(web, small_model, tmp_path, caplog, monkeypatch):
    pytest.importorskip("aiohttp")
    monkeypatch.chdir(tmp_path)
    caplog.set_level("DEBUG", "affekt")
    names = [f"{web}/{name}?token=most-secret\n" for name in ("a.png", "locked.png", "gone.png")]
    Path("list.txt").write_text("".join(names), encoding="utf-8")
    table = predict("list.txt", out="faces.csv", model=small_model, faces="whole", fetch=True).collect()
    assert table["status"].to_list() == ["ok", "unreadable: not allowed", "unreadable: no such file"]
    assert table["input"][0].startswith(f"{web}/a.png?~")
    written = [path.read_text() for path in tmp_path.iterdir() if path.name.startswith("faces.csv")]
    assert not [text for text in [*written, caplog.text] if "most-secret" in text]


class BreaksOff(io.BytesIO):
    """A file of which only the first half is had."""

    def read(self, size=-1):
        there = len(self.getvalue()) // 2
        if self.tell() + max(size, 1) > there:
            raise self.error
        return super().read(size)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("The HTTP server doesn't appear to support range requests."), "its server sends files as a whole"),
        (type("ClientPayloadError", (Exception,), {})(), "the connection broke off"),
        (TimeoutError(), "no answer in time"),
        (PermissionError(), "not allowed"),
    ],
)
@pytest.mark.parametrize("name", ["video.mkv", "faces.tar", "faces.zip", "faces.png"])
def test_an_address_that_fails_while_it_is_read_is_a_row_and_ends_no_run(
    tmp_path, monkeypatch, write_video, small_model, name, error, reason
):
    content = {"video.mkv": write_video([np.full((64, 64, 3), 200, np.uint8)] * 5, "video.mkv").read_bytes()}
    tar, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive, zipfile.ZipFile(packed, "w") as zipped:
        for number in range(20):
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(png(0))
            archive.addfile(member, io.BytesIO(png(0)))
            zipped.writestr(f"{number}.png", png(0))
    file = BreaksOff(
        content.get(name) or {"faces.tar": tar, "faces.zip": packed}.get(name, io.BytesIO(png(0))).getvalue()
    )
    file.error = error
    files = SimpleNamespace(open=lambda *_: file, size=lambda _: None, invalidate_cache=lambda: None)
    monkeypatch.setattr("affekt.analysis.remote.filesystem", lambda address: (files, address))
    (tmp_path / "own.png").write_bytes(png(0))
    given = [f"https://host/{name}?key=secret", str(tmp_path / "own.png")]
    statuses = predict(given, model=small_model, faces="whole", fetch=True)["status"].to_list()
    assert statuses[-1] == "ok"
    assert reason in statuses[-2]
    assert "secret" not in str(statuses)


def test_a_server_that_says_nothing_is_given_up(monkeypatch):
    pytest.importorskip("aiohttp")
    monkeypatch.setattr("affekt.analysis.remote.SILENT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/a.png"
        with pytest.raises(PictureError, match=f"{address}: no answer in time"):
            fetched(address)


def test_an_address_that_holds_its_picture_needs_no_fetch_and_is_told_in_short(small_model, tmp_path):
    encoded = base64.b64encode(png(250)).decode()
    (tmp_path / "list.txt").write_text(f"data:image/png;base64,{encoded}\n", encoding="utf-8")
    given = [f"data:image/png;base64,{encoded[:40]}\n{encoded[40:]}", str(tmp_path / "list.txt"), "data:;base64,A"]
    for fetch in (False, True):
        rows = predict(given, model=small_model, faces="whole", fetch=fetch)
        assert rows["status"].to_list() == ["ok", "ok", "unreadable: not in base64"]
        assert rows["input"].str.contains("^data:[a-z/]*;base64,~[0-9a-f]{8}$").all()
    assert load(small_model).analyze(given[0], faces="whole")["status"].to_list() == ["ok"]


def test_secrets_are_taken_out_of_addresses():
    assert without_secrets("https://me:word@host/a.jpg") == "https://host/a.jpg"
    assert without_secrets("https://host/a?id=1") != without_secrets("https://host/a?id=2")
    assert without_secrets("a?b.jpg") == "a?b.jpg"
    assert why(ValueError("https://me:word@host")) == "no address of a file"
    assert why(KeyError("https://me:word@host")) == "KeyError"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nobody.invalid"])
def test_a_place_that_nobody_answers_at_is_no_absent_file(host):
    with pytest.raises(PictureError, match=f"http://{host}/a.png: {NOBODY}$"):
        fetched(f"http://{host}/a.png")


def test_a_library_that_is_missing_is_named(monkeypatch):
    def absent(_):
        raise ImportError

    monkeypatch.setattr("fsspec.url_to_fs", absent)
    with pytest.raises(ConfigError, match="got one that begins with gs://; type: pip install gcsfs"):
        filesystem("gs://bucket/a.png")
