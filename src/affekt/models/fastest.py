"""Which runtime is fastest for a network on this machine: measured once, and cached under `AFFEKT_HOME`."""

import hashlib
import importlib.metadata
import json
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime

from affekt.cores import core_count, processor
from affekt.errors import ConfigError, DataError, ModelError
from affekt.files import affekt_home, write_text
from affekt.models.runtimes import Engine, RuntimeName, installed_runtimes, open_engine

CACHE_FILE = "runtimes.json"
MEASURED_S = 0.2
"""How long each runtime is given to show its speed."""
WARNING, FATAL = 2, 4
"""onnxruntime's levels of what it logs to standard error; the first is its default."""


def fastest_runtime(
    model: Path | bytes, example: np.ndarray, *, threads: int | None = None, name: str = ""
) -> RuntimeName:
    """Return the runtime that is fastest for an ONNX file, or for its content, here.

    CUDA is taken unmeasured where it starts. With onnxruntime alone there is nothing to measure. The example is a usual
    call, (faces, channels, size, size) float32. The measurement is cached under `name` where the network's weights
    change and its speed does not, else under the network's hash.
    """
    if "cuda" in installed_runtimes() and _cuda_starts(model, threads):
        return "cuda"
    installed: list[RuntimeName] = [runtime for runtime in installed_runtimes() if runtime != "cuda"]
    if len(installed) == 1:
        return installed[0]
    cached = _cached()
    # onnxruntime is asked itself: it is also packed as onnxruntime-gpu.
    versions = (f"onnxruntime {onnxruntime.__version__}", f"openvino {importlib.metadata.version('openvino')}")
    key = ", ".join((name or _hash(model), processor(), f"{threads or core_count()} threads", *versions))
    if cached.get(key) not in installed:
        speeds = {runtime: _speed(model, runtime, example, threads) for runtime in installed}
        cached[key] = max(installed, key=speeds.__getitem__)
        # Where nothing can be kept, the next process measures again.
        with suppress(ConfigError, DataError):
            write_text(affekt_home() / CACHE_FILE, json.dumps(cached, indent=2) + "\n")
    return cached[key]


def _speed(model: Path | bytes, runtime: RuntimeName, example: np.ndarray, threads: int | None) -> float:
    """Return the faces per second of a runtime, 0 where it cannot open the network and onnxruntime still may."""
    try:
        return faces_per_s(open_engine(model, runtime, threads=threads), example)
    except ModelError:
        if runtime == "onnxruntime":
            raise
        return 0.0


def _cuda_starts(model: Path | bytes, threads: int | None) -> bool:
    """Return whether CUDA runs here: onnxruntime-gpu lists it on every machine, also those without a GPU."""
    # Its complaint is for those who asked for CUDA.
    onnxruntime.set_default_logger_severity(FATAL)
    try:
        open_engine(model, "cuda", threads=threads)
    except ConfigError:
        return False
    finally:
        onnxruntime.set_default_logger_severity(WARNING)
    return True


def faces_per_s(engine: Engine, example: np.ndarray, measured_s: float = MEASURED_S) -> float:
    """Return the speed of the fastest of several calls, after two that are not counted."""
    engine(example)
    engine(example)
    fastest_s, end_s = float("inf"), time.perf_counter() + measured_s
    while time.perf_counter() < end_s or fastest_s == float("inf"):
        start_s = time.perf_counter()
        engine(example)
        fastest_s = min(fastest_s, time.perf_counter() - start_s)
    return len(example) / fastest_s


def _cached() -> dict[str, RuntimeName]:
    try:
        read = json.loads((affekt_home() / CACHE_FILE).read_text(encoding="utf-8"))
    except (ConfigError, OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _hash(model: Path | bytes) -> str:
    try:
        content = model if isinstance(model, bytes) else model.read_bytes()
    except OSError as error:
        raise ModelError(f"expected to read {model}, got {error.strerror}; check who may read it") from error
    return hashlib.sha256(content).hexdigest()[:16]
