"""The options of an analyzer: what is no number is refused in one sentence, whose advice works."""

import ast

import numpy as np
import pytest

import affekt


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"threads": "x"}, "expected threads as a whole number, got 'x'"),
        ({"detect_every": 1.5}, "expected detect_every as a whole number, got 1.5"),
        ({"longest_side": True}, "expected longest_side as a whole number, got True"),
        ({"min_confidence": None}, "expected min_confidence as a number, got None"),
        ({"every_s": "200ms"}, "expected every_s as a number, got '200ms'"),
    ],
)
def test_what_is_no_number_is_refused(options, expected):
    with pytest.raises(affekt.ConfigError) as error:
        affekt.AnalyzerOptions(**options)
    sentence, _, advice = str(error.value).partition("; type: ")
    assert sentence == expected
    name, _, value = advice.partition("=")
    assert getattr(affekt.AnalyzerOptions(**{name: ast.literal_eval(value)}), name) == ast.literal_eval(value)


def test_numbers_of_numpy_are_numbers():
    assert affekt.AnalyzerOptions(threads=np.int64(2), every_s=np.float32(0.5)).every_s == 0.5
