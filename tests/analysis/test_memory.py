"""Memory of a run in a container: it goes by the cores that the container may use, not by those of its host."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

MOST_MB = {"large.jpg": 800, "sixteen-bit.png": 600}  # the second takes 745 where it passes through float64
MEASURED = """
import os, sys, threading
from pathlib import Path

from affekt import cores

os.sched_getaffinity = lambda process: range(64)
cores.cgroup_quota = lambda: float(sys.argv[1])
import affekt

most, analyzer = 0, affekt.load(runtime="onnxruntime")
before, faces = threading.active_count(), 0
for answer in analyzer.answers([sys.argv[2]] * 12):
    most, faces = max(most, threading.active_count() - before), faces + len(answer.rows)
# Of ru_maxrss a part can be the parent's, from before the program began.
peak_kb = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(most, faces, int(peak_kb) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.parametrize("name", MOST_MB)
def test_a_quota_of_two_on_a_host_of_64_cores_bounds_threads_and_memory(detector, tmp_path, name):
    large = Image.fromarray(astronaut()).resize((6000, 4000))
    if name == "sixteen-bit.png":
        large = Image.fromarray(np.asarray(large.convert("L")).astype(np.uint16) * 257)
    large.save(tmp_path / name, quality=80, compress_level=1)
    command = [sys.executable, "-c", MEASURED, "2", name]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert not ran.returncode, ran.stderr
    threads, faces, peak_mb = map(float, ran.stdout.split())
    assert threads == 2
    assert faces == 12
    assert peak_mb < MOST_MB[name]
