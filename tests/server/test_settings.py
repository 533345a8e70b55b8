import pytest

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
        ({"api_key": ""}, "expected an API key of at least 16 ASCII characters without spaces, got 0 characters"),
        ({"api_key": "sixteen letters, with a space"}, "without spaces"),
    ],
)
def test_what_cannot_be_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Settings(**options)


def test_the_usual_address_is_this_machine_only():
    assert Settings().host == "127.0.0.1"
