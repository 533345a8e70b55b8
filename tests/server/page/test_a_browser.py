"""Whether the browser tests can run here: where they cannot, this one says why and the others are left out."""

import pytest


def test_a_browser_opens_the_page(lacking, request):
    if lacking:
        pytest.skip(f"browser tests of the live page: {lacking}")
    tab = request.getfixturevalue("visit")(ready=False).tab
    assert tab.title().startswith("affekt")
