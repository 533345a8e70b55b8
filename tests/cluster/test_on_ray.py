"""Ray: the same rows as without it, whatever becomes of the workers. One test starts a real cluster on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from affekt import gather, predict
from affekt.analysis.analyzer import Analyzer
from affekt.analysis.options import AnalyzerOptions
from affekt.cluster import RAY_ADDRESS
from affekt.cluster.job import planned
from affekt.cluster.on_ray import Work, _done, written
from affekt.errors import ConfigError, DataError

START_AND_WORK_S = 300


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Work in a folder of pictures, bad ones among them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("affekt.cluster.job.LEAST_OF_A_PIECE", 1)  # so that each picture is one
    (tmp_path / "faces").mkdir()
    for number in range(12):
        Image.fromarray(np.full((64, 64, 3), 20 * number, np.uint8)).save(f"faces/{number:02}.png")
    Path("faces/03.png").write_bytes(b"no picture")
    return "faces"


def kill_a_worker(folder):
    """Kill a process of Ray's that looks at pictures in a folder; return whether there was one."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::affekt") and (process / "cwd").samefile(folder):
                os.kill(int(process.name), signal.SIGKILL)
                return True
        except OSError:  # it ended meanwhile
            continue
    return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds Ray's workers in /proc")
def test_a_real_cluster_gives_the_rows_of_one_machine_though_a_worker_is_killed(faces, small_model, tmp_path):
    pytest.importorskip("ray")
    given = [faces, "--model", str(small_model), "--faces", "whole", "--runtime", "onnxruntime"]
    command = [sys.executable, "-m", "affekt", "predict", *given, "--ray", "--out", "parts"]
    environment = os.environ | {"AFFEKT_HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as run:
        due_s, was_killed = time.monotonic() + START_AND_WORK_S, False
        while run.poll() is None and time.monotonic() < due_s and not was_killed:
            was_killed = kill_a_worker(tmp_path)
            time.sleep(0.05)
        try:
            _, said = run.communicate(timeout=START_AND_WORK_S)
        except subprocess.TimeoutExpired:
            run.kill()
            pytest.skip("Ray is too slow here")
    if "expected Ray to start here" in said:
        pytest.skip(f"Ray does not start here: {said.strip()}")
    assert run.returncode == 1, said
    assert was_killed
    assert "on Ray: 12 of 12 inputs, 11 faces" in said
    whole = predict(faces, model=small_model, faces="whole", runtime="onnxruntime")
    assert gather("parts", out="faces.parquet").collect().equals(whole)


class PlayedRay:
    """A Ray that does each task at once, in this process; the first try of those in `lost` never ends."""

    class exceptions:
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            pass

    def __init__(self, lost=()):
        self.lost, self.begun, self.cancelled, self.asked = set(lost), 0, [], {}

    def is_initialized(self):
        return True

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, function):
        def options(**asked):
            self.asked = asked
            return SimpleNamespace(remote=lambda *given: self.begin(lambda: function(*given)))

        return SimpleNamespace(options=options)

    def begin(self, work):
        self.begun += 1
        is_lost = self.begun in self.lost
        return (self.begun, is_lost, None if is_lost else work())

    def wait(self, tasks, timeout):
        return [task for task in tasks if not task[1]], []

    def get(self, task):
        if isinstance(task[2], Exception):
            raise task[2]
        return task[2]

    def cancel(self, task, force):
        self.cancelled.append(task[0])


@pytest.fixture
def played(monkeypatch):
    ray = PlayedRay(lost=[2])
    monkeypatch.setitem(sys.modules, "ray", ray)
    return ray


def test_the_rows_are_those_of_one_machine_in_whatever_order(faces, small_model, played, monkeypatch):
    monkeypatch.setattr("affekt.cluster.on_ray.SLOW", 0.0)
    whole = predict(faces, model=small_model, faces="whole")
    table = predict(faces, engine="ray", out="parts", model=small_model, faces="whole")
    assert table.collect().equals(whole)
    assert gather("parts", out="faces.parquet").collect().equals(whole)
    assert played.cancelled == [2]
    assert played.asked == {"num_cpus": 1, "num_gpus": 0, "max_retries": 8, "name": "affekt"}
    begun = played.begun
    assert predict(faces, engine="ray", out="parts", model=small_model, faces="whole").collect().equals(whole)
    assert played.begun == begun == 13


def test_another_affekt_on_a_worker_ends_in_one_sentence(faces, small_model, played, monkeypatch):
    opened = (Analyzer(small_model), {"affekt_version": "9"})
    monkeypatch.setattr("affekt.cluster.on_ray._opened", lambda *_: opened)
    with pytest.raises(DataError, match=r"expected the same affekt .*, got affekt_version 9 on .* in place of 0\."):
        predict(faces, engine="ray", out="newer", model=small_model, faces="whole")


def test_an_input_that_kills_each_worker_stops_the_job_in_one_sentence(played):
    piece = SimpleNamespace(names=("a.png", "b.png"))
    lost = PlayedRay.exceptions.RayError("worker died")
    with pytest.raises(DataError, match=r"from a\.png to b\.png to be read, got their worker lost 9 times"):
        list(_done(played, [piece], lambda _: played.begin(lambda: lost)))
    absent = PlayedRay.exceptions.RayTaskError("No module named 'affekt'")
    with pytest.raises(DataError, match="expected affekt on each machine of the cluster, got one without"):
        list(_done(played, [piece], lambda _: (0, False, absent)))


def test_what_is_no_engine_is_refused(faces, small_model):
    for engine in ("dask", "", "camera:0"):
        with pytest.raises(ConfigError, match="expected ray, or the address of a Ray cluster such as head:6379"):
            predict(faces, engine=engine, out="parts", model=small_model, faces="whole")
    with pytest.raises(ConfigError, match="expected shard or engine, got both"):
        predict(faces, engine="ray", shard="1/2", out="parts", model=small_model, faces="whole")
    assert all(map(RAY_ADDRESS.fullmatch, ("auto", "local", "head:6379", "ray://10.0.0.1:10001")))
    assert not any(map(RAY_ADDRESS.fullmatch, ("faces", "faces/", "camera:0", "C:/faces", "--out")))


def test_a_machine_without_the_files_says_so(faces, small_model):
    job, pieces = planned(["faces/00.png"], Analyzer(small_model), "whole")
    work = Work(job, str(small_model), AnalyzerOptions(), "parts", str(Path.cwd()))
    shutil.rmtree(faces)
    assert "expected faces/00.png on each machine, got none on" in written(pieces[0], work)
    assert "expected the folder /nowhere on each machine" in written(pieces[0], replace(work, folder="/nowhere"))
