from contextlib import suppress

import pytest

from affekt.errors import ConfigError
from affekt.server.admission import Admission
from affekt.server.cached import Remembered
from affekt.server.problems import Problem
from affekt.server.settings import Settings


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"port": 70_000}, "expected a port from 0 to 65535, got 70000"),
        ({"queue": 0}, "expected --queue of at least 1, got 0"),
        ({"upload_s": 0}, "expected --upload-s above 0, got 0"),
        ({"body_mb": float("inf")}, "expected --body-mb above 0, got inf"),
        ({"answer_s": float("nan")}, "expected --answer-s above 0, got nan"),
        ({"api_key": ""}, "expected an API key of at least 16 ASCII characters without spaces, got 0 characters"),
        ({"api_key": "sixteen letters, with a space"}, "without spaces"),
    ],
)
def test_what_cannot_be_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Settings(**options)


def test_the_usual_address_is_this_machine_only():
    assert Settings().host == "127.0.0.1"


def test_places_and_room_are_given_back_whatever_happens():
    admission = Admission(most_requests=1, most_bytes=10)
    with suppress(ZeroDivisionError), admission.room() as take, admission.place():
        take(10)
        with pytest.raises(Problem, match="full queue") as full:
            admission.check()
        with pytest.raises(Problem, match="expected room for 1 bytes more"):
            take(1)
        assert (admission.requests, admission.bytes) == (1, 10)
        raise ZeroDivisionError
    assert (full.value.status, full.value.headers) == (503, {"Retry-After": "1"})
    assert (admission.requests, admission.bytes) == (0, 0)


def test_a_failure_is_believed_for_a_while_only():
    made = []

    def make():
        made.append(1)
        if len(made) == 1:
            raise ConfigError("not yet")
        return "thing"

    patient, hasty = (Remembered(make, forget_failure_s=seconds) for seconds in (60, 0))
    for _ in range(2):
        with pytest.raises(ConfigError, match="not yet"):
            patient()
    assert len(made) == 1
    assert (hasty(), hasty()) == ("thing", "thing")
    assert len(made) == 2
