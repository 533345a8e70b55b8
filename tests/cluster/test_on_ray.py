"""Ray: the same rows as without it, whatever becomes of the workers. One test starts a real cluster on this machine."""

import importlib
import re
import shutil
import sys
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
from affekt.cluster.on_ray import Work, _done, on_ray, written
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


@pytest.fixture
def kills(monkeypatch):
    """Return the benchmark of kills, whose small version is a test here."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    return importlib.import_module("ray_kills")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds Ray's workers in /proc")
def test_a_real_cluster_gives_the_rows_of_one_machine_though_workers_and_the_driver_are_killed(
    kills, tmp_path, monkeypatch
):
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kills, "MOST_S", START_AND_WORK_S)
    options = kills.Options(pictures=300, web=120, every_s=(0, 0.1), most_kills=3, faces="whole")
    try:
        given = kills.write_inputs(tmp_path, options)
        lines = [*kills.workers_killed(given, tmp_path, options), kills.driver_killed(tmp_path, options)]
    except SystemExit as stop:
        # Busy machines start Ray too slowly; then the driver was ended, with -9.
        if re.search("expected Ray to start here|got exit code -9", str(stop)):
            pytest.skip(f"Ray does not start here, or too slowly: {stop}")
        raise
    assert lines[0].startswith("326 inputs, 19 bad ones for 14 reasons.")
    assert 1 <= int(lines[1].split()[0]) <= 3
    assert lines[2].startswith("One process, 16 shards (")
    assert "Started again, it read inputs of" in lines[3]


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


def test_on_gpus_each_task_asks_for_one(played):
    analyzer = SimpleNamespace(folder=Path("model"), options=AnalyzerOptions(), session=SimpleNamespace(runtime="cuda"))
    assert list(on_ray([], SimpleNamespace(), analyzer, SimpleNamespace(folder="parts"), "ray")) == []
    assert (played.asked["num_cpus"], played.asked["num_gpus"]) == (1, 1)


def test_another_affekt_on_a_worker_ends_in_one_sentence(faces, small_model, played, monkeypatch):
    opened = (Analyzer(small_model), {"affekt_version": "9"})
    monkeypatch.setattr("affekt.cluster.on_ray._opened", lambda *_: opened)
    with pytest.raises(DataError, match=r"expected the same affekt .*, got affekt_version 9 on .* in place of 0\."):
        predict(faces, engine="ray", out="newer", model=small_model, faces="whole")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_a_full_disk_and_missing_rights_on_a_worker_end_in_one_sentence(faces, small_model, played, monkeypatch, error):
    def refused(*_):
        raise error

    monkeypatch.setattr("pathlib.Path.write_bytes", refused)
    with pytest.raises(DataError, match=rf"expected to write parts/part-.*, got {error.strerror}; .* folder") as told:
        predict(faces, engine="ray", out="parts", model=small_model, faces="whole")
    assert "\n" not in str(told.value)
    assert not list(Path("parts").iterdir())


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
