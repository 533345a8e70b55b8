"""What the image is built of: the health check reaches the service, whatever proxy the container is told of."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from starlette.formparsers import MultiPartParser

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"


def health_check():
    """Return the words of the Dockerfile's health check, as docker reads them."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    return json.loads(re.search(r"^HEALTHCHECK .*?CMD (\[.*\])$", text, flags=re.M)[1])


def test_the_health_check_passes_by_a_proxy(serve, settings):
    environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    environment |= {"http_proxy": NOBODY, "HTTP_PROXY": NOBODY}
    program, *words = health_check()
    assert program == "python"
    with serve(settings) as client:
        here = [word.replace("127.0.0.1:8000", f"127.0.0.1:{client.base_url.port}") for word in words]
        subprocess.run([sys.executable, *here], env=environment, check=True)
    assert subprocess.run([sys.executable, *here], env=environment, capture_output=True).returncode == 1


def test_the_oldest_starlette_that_is_taken_keeps_parts_in_memory_and_reads_ranges_once():
    # Before 0.46 large parts went to files, since the name below was another; before 0.49.1 a header of many ranges
    # held the service up (CVE-2025-62727). 0.120.1 is the first fastapi that takes it.
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"starlette>=0.49.1", "fastapi>=0.120.1"} <= set(extras["serve"])
    assert hasattr(MultiPartParser, "spool_max_size")
