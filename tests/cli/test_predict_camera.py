"""`affekt predict camera:0`: until Ctrl-C, for a time, or until it goes away; FFmpeg's test picture stands for it."""

import io
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from affekt.cli.main import main

FILMING = """
import sys
from affekt.cli.main import main
from affekt.analysis import video
video.DEVICE_FORMATS = dict.fromkeys(video.DEVICE_FORMATS, "lavfi")
main(["predict", "camera:testsrc=size=64x48:rate=25,realtime", "--faces", "whole", *sys.argv[1:]])
"""


def test_ctrl_c_ends_the_camera_with_a_whole_table(small_model, tmp_path):
    command = [sys.executable, "-c", FILMING, "--model", small_model, "--out", "faces.parquet", "--fps", "12.5"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    ledger = tmp_path / ".faces.parquet.ledger"
    while process.poll() is None and not (ledger.is_file() and ledger.read_bytes().count(b"\n") > 4):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert told.count("the camera runs until Ctrl-C") == 1
    table = pl.read_parquet(tmp_path / "faces.parquet")
    assert table.height >= 4
    assert table["frame"].to_list() == list(range(0, 2 * table.height, 2))
    assert set(table["track"]) == {1}
    assert not ledger.exists()


def test_a_camera_can_be_left_after_a_time(small_model, tmp_path):
    command = [sys.executable, "-c", FILMING, "--model", small_model, "--stop-after", "200ms"]
    run = subprocess.run(command, capture_output=True, check=True)
    assert pl.read_csv(run.stdout)["time_s"].to_list() == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


def test_nothing_runs_until_ctrl_c_where_there_is_no_camera(small_model):
    absent = FILMING.replace("testsrc=size=64x48:rate=25,realtime", "nosuchfilter")
    run = subprocess.run([sys.executable, "-c", absent, "--model", small_model], capture_output=True, text=True)
    assert run.returncode == 1
    assert "the camera runs" not in run.stderr
    assert "no camera nosuchfilter" in run.stdout


def test_a_camera_that_goes_away_fails_the_run(small_model):
    leaving = FILMING.replace("testsrc=size=64x48:rate=25,realtime", "testsrc=size=64x48:rate=25:duration=0.1")
    run = subprocess.run([sys.executable, "-c", leaving, "--model", small_model], capture_output=True, text=True)
    assert run.returncode == 1
    assert "the camera runs until Ctrl-C" in run.stderr
    assert pl.read_csv(io.StringIO(run.stdout))["status"][-1].startswith("unreadable: the camera went away")


def test_a_camera_cannot_be_read_again_to_be_drawn_on(small_model, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["predict", "camera:0", "--model", str(small_model), "--out", "faces.csv", "--draw", "marked"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("affekt: expected pictures and videos to draw on, got a camera; record")
