"""Runtimes: what executes an ONNX network. onnxruntime is always there, OpenVINO and CUDA where they are installed."""

import importlib.util
import io
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np
import onnxruntime

from affekt.cores import core_count
from affekt.errors import ConfigError, MissingExtra, ModelError

RuntimeName = Literal["onnxruntime", "openvino", "cuda"]
RuntimeChoice = Literal["auto", "onnxruntime", "openvino", "cuda"]
CUDA_PROVIDER = "CUDAExecutionProvider"
LEFT_BY_PARENT: list[Any] = []
"""What OpenVINO had open when this process was forked: freed here, it would wait for threads that are not."""


class OnnxRuntimeEngine:
    """A network in onnxruntime, on the processor or on a CUDA device; threads may share it."""

    def __init__(self, model: Path | bytes, *, threads: int, runtime: RuntimeName = "onnxruntime") -> None:
        """Open a network; `threads` share each call."""
        self._where = _where(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads are left unpinned: a pinned one waits for whatever else runs on its core.
        providers = ["CPUExecutionProvider"] if runtime == "onnxruntime" else [CUDA_PROVIDER, "CPUExecutionProvider"]
        self.runtime: RuntimeName = runtime
        # Its own fallback would print to standard output, where the rows go.
        self._session = onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)
        if runtime == "cuda" and CUDA_PROVIDER not in self._session.get_providers():
            raise ConfigError(
                "expected a CUDA device for onnxruntime, got none that starts; choose the runtime onnxruntime"
            )
        wanted = self._session.get_inputs()[0]
        self._input, self._shape = wanted.name, [side if isinstance(side, int) else None for side in wanted.shape]
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Map (faces, channels, size, size) float32 to the network's named outputs."""
        _refuse_other_shape(faces, self._shape, self._where)
        answers = self._session.run(self._outputs, {self._input: faces})
        return {name: np.asarray(answer) for name, answer in zip(self._outputs, answers, strict=True)}


class OpenVinoEngine:
    """A network in OpenVINO on the processor; threads may share it."""

    runtime: RuntimeName = "openvino"

    def __init__(self, model: Path | bytes, *, threads: int, half: bool = False) -> None:
        """Compile a network; `threads` share each call, and as many calls run at once as the cores allow."""
        self._model, self._where = model, _where(model)
        self._options: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": max(threads, core_count()),
            "NUM_STREAMS": max(1, core_count() // threads),
            # Left to itself, OpenVINO rounds to bf16 where the processor can, also a network that was exported in fp32.
            "INFERENCE_PRECISION_HINT": "bf16" if half and openvino_has_bf16() else "f32",
        }
        self._opening = threading.Lock()
        self._open()

    def _open(self) -> None:
        core = _openvino().Core()
        source = io.BytesIO(self._model) if isinstance(self._model, bytes) else str(self._model)
        self._compiled = core.compile_model(core.read_model(source), "CPU", self._options)
        self._of_thread = threading.local()
        sides = self._compiled.inputs[0].partial_shape
        self._shape = [side.get_length() if side.is_static else None for side in sides]
        self._process = os.getpid()

    def __call__(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        """Map (faces, channels, size, size) float32 to the network's named outputs."""
        # Into a child process, a fork, the network's threads did not come along.
        if self._process != os.getpid():
            with self._opening:
                if self._process != os.getpid():
                    LEFT_BY_PARENT.append((self._compiled, self._of_thread))
                    self._open()
        _refuse_other_shape(faces, self._shape, self._where)
        request = getattr(self._of_thread, "request", None)
        if request is None:
            request = self._of_thread.request = self._compiled.create_infer_request()
        answers = request.infer([faces], share_inputs=True)
        return {output.get_any_name(): np.array(answers[output]) for output in self._compiled.outputs}


Engine = OnnxRuntimeEngine | OpenVinoEngine


def _where(model: Path | bytes) -> str:
    return "the network" if isinstance(model, bytes) else str(model)


def _refuse_other_shape(faces: np.ndarray, wanted: list[int | None], where: str) -> None:
    if len(wanted) != faces.ndim or any(side not in (None, got) for side, got in zip(wanted, faces.shape, strict=True)):
        sides = ", ".join("any" if side is None else str(side) for side in wanted)
        raise ModelError(
            f"expected a card that asks for faces of the shape ({sides}), as {where} does, got {faces.shape}; export "
            "the model again"
        )


def installed_runtimes() -> list[RuntimeName]:
    """Return the runtimes that can be opened here, onnxruntime first."""
    openvino: list[RuntimeName] = ["openvino"] if importlib.util.find_spec("openvino") is not None else []
    cuda: list[RuntimeName] = ["cuda"] if CUDA_PROVIDER in onnxruntime.get_available_providers() else []
    return ["onnxruntime", *openvino, *cuda]


def _openvino() -> ModuleType:
    """Import OpenVINO without what reports each import to its makers; it then takes a stand-in of its own."""
    # What affekt looks at is nobody's business. A program that has imported OpenVINO before has decided for itself.
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    import openvino

    return openvino


def openvino_has_bf16() -> bool:
    """Return whether OpenVINO is installed and computes in bfloat16 on this processor."""
    if importlib.util.find_spec("openvino") is None:
        return False
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def open_engine(model: Path | bytes, runtime: RuntimeName, *, threads: int | None = None, half: bool = False) -> Engine:
    """Open an ONNX file, or its content, in a runtime; `threads` share each call, None takes all of this process.

    With `half`, OpenVINO may compute in bfloat16 where the processor can: enough for features to train on, while the
    probabilities of a shipped network came out up to .05 away.
    """
    if runtime not in get_args(RuntimeName):
        known = ", ".join(get_args(RuntimeChoice))
        raise ConfigError(f"expected a runtime among {known}, got {runtime!r}; auto takes the fastest")
    if runtime not in installed_runtimes():
        if runtime == "openvino":
            raise MissingExtra("openvino", "openvino")
        raise ConfigError(
            "expected an onnxruntime with CUDA, got one without; "
            "type: pip install onnxruntime-gpu, or choose the runtime onnxruntime"
        )
    threads = threads or core_count()
    try:
        if runtime == "openvino":
            return OpenVinoEngine(model, threads=threads, half=half)
        return OnnxRuntimeEngine(model, threads=threads, runtime=runtime)
    except ConfigError:
        raise
    except Exception as error:  # each runtime raises classes of its own for each cause, none of them public
        why = " ".join(str(error).split())
        if runtime == "cuda":
            raise ConfigError(
                f"expected a CUDA device that starts, got {why}; choose the runtime onnxruntime"
            ) from error
        raise ModelError(f"expected an ONNX model in {_where(model)}, got {why}; export it again") from error
