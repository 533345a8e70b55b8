import dataclasses
import inspect

import pytest
import reference

from affekt.analysis.options import AnalyzerOptions
from affekt.errors import ConfigError
from affekt.server.settings import Settings


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"port": 70_000}, "expected a port from 0 to 65535, got 70000"),
        ({"queue": 0}, "expected --queue of at least 1, got 0"),
        ({"upload_s": 0}, "expected --upload-s above 0, got 0"),
        ({"body_mb": float("inf")}, "expected --body-mb above 0, got inf"),
        ({"answer_s": float("nan")}, "expected --answer-s above 0, got nan"),
        ({"allow_origin": ("example.org",)}, "expected --allow-origin with scheme and host alone, got example.org"),
        ({"allow_origin": ("https://example.org/app",)}, "type: --allow-origin https://example.org"),
        ({"allow_host": ("a.example:8000",)}, "expected --allow-host as a name alone, got a.example:8000"),
        ({"allow_host": ("https://a.example",)}, "type: --allow-host faces.example.org"),
        ({"allow_host": ("*.example",)}, "as a name alone, got [*].example"),
        ({"min_confidence": 60}, "expected a min_confidence from 0 to 1, got 60; 0 names every face"),
        ({"threads": -1}, "expected threads of at least 0, got -1"),
        ({"api_key": ""}, "expected an API key of at least 16 ASCII characters without spaces, got 0 characters"),
        ({"api_key": "sixteen letters, with a space"}, "without spaces"),
    ],
)
def test_what_cannot_be_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Settings(**options)


def test_the_usual_address_is_this_machine_only():
    assert Settings().host == "127.0.0.1"


def test_what_predict_takes_too_has_its_default_and_its_words():
    said = " ".join(inspect.getdoc(AnalyzerOptions).split()).replace("Pictures, or batches of faces,", "Pictures")
    of_predict = {each.name: each for each in dataclasses.fields(AnalyzerOptions)}
    shared = [each for each in dataclasses.fields(Settings) if each.name in of_predict]
    assert {"runtime", "threads", "prior", "min_face", "min_face_score", "min_confidence"} < {e.name for e in shared}
    words = {name: " ".join(text.split()) for name, text in reference.field_texts(Settings)}
    for each in shared:
        assert (each.default, each.type) == (of_predict[each.name].default, of_predict[each.name].type)
        assert f" {each.name}: {words[each.name]} " in said


def test_the_analyzer_is_opened_with_them():
    chosen = {"runtime": "onnxruntime", "threads": 3, "prior": "uniform", "min_face": 24.0, "longest_side": 320}
    assert Settings(**chosen).analyzer_options() == AnalyzerOptions(**chosen)
