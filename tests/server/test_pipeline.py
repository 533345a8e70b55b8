"""The pipeline: requests share passes of the network, nothing is lost, nothing is done for who has gone."""

import threading
from concurrent.futures import wait

import numpy as np
import pytest

from affekt.analysis.analyzer import Analyzer
from affekt.errors import ModelError
from affekt.server import pipeline as pipeline_module
from affekt.server.decoding import Decoder, DecodeTime
from affekt.server.load import Load
from affekt.server.pipeline import Job, Pipeline, opened_once
from affekt.server.settings import Settings


@pytest.fixture
def analyzer(small_model):
    return Analyzer(small_model)


@pytest.fixture
def batches(monkeypatch):
    """Return the list of how many faces each pass of the network took."""
    seen = []
    monkeypatch.setattr(Load, "count_batch", lambda load, faces: seen.append(faces))
    return seen


def make(analyzer):
    return Pipeline(analyzer, Settings(megapixels=0.01, faces=5), Load(max_requests=1, max_bytes=1))


def job(content, name="0", faces="whole"):
    return Job(name, content, faces, 0.0, DecodeTime(60))


class Gate:
    """Holds the first pass of the network until it is opened."""

    def __init__(self, session):
        self.session, self.predict_itself = session, session.predict
        self.entered, self.opened = threading.Event(), threading.Event()

    def predict(self, crops, **options):
        self.entered.set()
        assert self.opened.wait(30)
        return self.predict_itself(crops, **options)


def test_pictures_that_arrive_during_a_pass_share_the_next_one(analyzer, picture, batches, monkeypatch):
    gate = Gate(analyzer.session)
    monkeypatch.setattr(analyzer.session, "predict", gate.predict)
    pipeline = make(analyzer)
    first = job(picture(0), "first")
    pipeline.submit(first)
    assert gate.entered.wait(30)
    others = [job(picture(grey), str(grey)) for grey in range(0, 250, 25)]
    for other in others:
        pipeline.submit(other)
    while pipeline._ready.qsize() < len(others):
        threading.Event().wait(0.01)
    gate.opened.set()
    answers = [other.answer.result(30) for other in others]
    pipeline.close()
    assert batches == [1, 10]
    assert [answer.rows[0]["input"] for answer in answers] == [str(grey) for grey in range(0, 250, 25)]
    # Each one got its own face's scores, not a neighbour's.
    assert np.all(np.diff([answer.rows[0]["valence"] for answer in answers]) > 0)


def test_who_has_gone_costs_nothing_more(analyzer, picture, monkeypatch):
    decoded = []
    monkeypatch.setattr(Decoder, "__call__", lambda decoder, content, time_left: decoded.append(content))
    pipeline = make(analyzer)
    gone = job(picture())
    assert gone.answer.cancel()
    pipeline.submit(gone)
    pipeline.close()
    assert decoded == []


def test_a_picture_of_one_pixel_is_answered(analyzer, picture):
    pipeline = make(analyzer)
    for side in (1, 3, 4):
        one = job(picture(side=side))
        pipeline.submit(one)
        assert one.answer.result(30).rows[0]["status"] == "ok"
    pipeline.close()


def test_closing_answers_what_was_taken(analyzer, picture):
    pipeline = make(analyzer)
    jobs = [job(picture(grey)) for grey in range(100)]
    for one in jobs:
        pipeline.submit(one)
    pipeline.close()
    assert all(one.answer.result(0).rows[0]["status"] == "ok" for one in jobs)
    assert not pipeline.is_alive


def test_a_pass_that_fails_is_told_to_those_in_it_and_the_next_one_works(analyzer, picture, monkeypatch):
    pipeline = make(analyzer)
    with monkeypatch.context() as broken:
        broken.setattr(analyzer.session, "predict", lambda crops, **options: 1 / 0)
        failed = job(picture())
        pipeline.submit(failed)
        with pytest.raises(ZeroDivisionError):
            failed.answer.result(30)
    mended = job(picture())
    pipeline.submit(mended)
    assert mended.answer.result(30).rows[0]["status"] == "ok"
    pipeline.close()


def test_more_pictures_than_may_wait_for_the_network_are_all_answered(analyzer, picture, batches, monkeypatch):
    monkeypatch.setattr(pipeline_module, "READY_PICTURES", 2)
    monkeypatch.setattr(pipeline_module, "CROPS_PER_BATCH", 3)
    pipeline = make(analyzer)
    jobs = [job(picture(grey) if grey % 3 else b"garbage") for grey in range(60)]
    for one in jobs:
        pipeline.submit(one)
    wait([one.answer for one in jobs], 30)
    pipeline.close()
    assert sum(batches) == 40
    assert max(batches) <= 3
    statuses = [one.answer.result(0).rows[0]["status"] for one in jobs]
    assert statuses == ["ok" if grey % 3 else "unreadable: not a picture" for grey in range(60)]


def test_a_detector_that_cannot_be_had_is_not_looked_for_at_every_picture(analyzer, picture, monkeypatch):
    asked = []

    def absent(faces):
        asked.append(faces)
        raise ModelError("expected the face detector, got no network")

    monkeypatch.setattr(analyzer, "detector", absent)
    pipeline = make(analyzer)
    jobs = [job(picture(), faces="yunet") for _ in range(5)]
    for one in jobs:
        pipeline.submit(one)
        with pytest.raises(ModelError, match="no network"):
            one.answer.result(30)
    pipeline.close()
    assert asked == ["yunet"]


def test_a_failure_is_believed_for_a_while_only():
    made = []

    def make():
        made.append(1)
        if len(made) == 1:
            raise ModelError("not yet")
        return "thing"

    patient, hasty = (opened_once(make, retry_failed_s=seconds) for seconds in (60, 0))
    for _ in range(2):
        with pytest.raises(ModelError, match="not yet"):
            patient()
    assert len(made) == 1
    assert (hasty(), hasty()) == ("thing", "thing")
    assert len(made) == 2


def test_there_are_as_many_decoders_as_threads(analyzer):
    pipeline = Pipeline(analyzer, Settings(threads=3), Load(max_requests=1, max_bytes=1))
    assert (pipeline._decoders.qsize(), pipeline._finders._max_workers) == (3, 3)
    pipeline.close()
