"""The layers of the design: what stands lower never imports what stands higher, nor the small install torch."""

import os
import re
import subprocess
import sys

import pytest
from house import HERE, LAYERS, House

HOUSE = House(HERE / "src" / "affekt")
BASE = ("errors", "labels", "files", "ledger", "cores", "terminal")


def layer(module: str) -> int:
    """Return 0 for the ground floor, then the place among the layers."""
    part = module.partition(".")[2].partition(".")[0]
    return LAYERS.index(part) + 1 if part in LAYERS else 0


def test_the_layers_are_known():
    parts = {name.split(".")[1] for name in HOUSE.files if name != "affekt"}
    assert parts == {*LAYERS, *BASE, "__main__"}


@pytest.mark.parametrize("module", HOUSE.files)
def test_a_module_never_imports_what_stands_above_it(module):
    # The package itself and its `python -m` stand above all layers: they offer what the layers do.
    own = len(LAYERS) if module in ("affekt", "affekt.__main__") else layer(module)
    above = sorted(name for name in HOUSE.imports[module] if layer(name) > own)
    assert not above


def test_only_the_demo_imports_drawn_faces():
    users = [
        name for name, path in HOUSE.files.items() if re.search(r"^ *(from|import) drawn_faces", path.read_text(), re.M)
    ]
    assert users == ["affekt.cli.demo"]


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "package", ["labels", "faces", "models", "analysis", "data", "people", "evaluation", "cluster", "server"]
)
def test_the_small_install_never_imports_torch(package):
    code = "\n".join(f"import {name}" for name in HOUSE.files if f"{name}.".startswith(f"affekt.{package}."))
    assert code
    assert not {"torch", "timm", "torchvision"} & modules_after(code)


def test_onnxruntime_reports_to_nobody(tmp_path):
    # Else onnxruntime 1.32 leaves the number of its session in the temporary folder as soon as it is imported.
    code = "import affekt.models.session, os\nassert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = kept | {"TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_openvino_reports_to_nobody(tmp_path):
    pytest.importorskip("openvino")
    # Else it sends each import to its makers, and keeps a number of this user's for that.
    code = (
        "import sys\nfrom affekt.models.runtimes import openvino_has_bf16\nopenvino_has_bf16()\n"
        "assert 'openvino' in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry.')]"
    )
    hidden = ("CI", "TF_BUILD", "JENKINS_URL")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_reading_pictures_asks_no_address(tmp_path):
    refusing = (
        "import sys\n"
        "def refuse(event, details):\n"
        "    assert event not in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'), (event, details)\n"
        "sys.addaudithook(refuse)\nfrom affekt.__main__ import main\nmain()"
    )
    sample = HERE / "src" / "affekt" / "server" / "page" / "sample.jpg"
    words = ["predict", str(sample), "--faces", "whole", "--out", "faces.csv", "--summary", "study"]
    subprocess.run([sys.executable, "-c", refusing, *words], cwd=tmp_path, check=True)
    assert (tmp_path / "study" / "study.html").is_file()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["data", "--help"], ["data", "import", "--help"]]
)
def test_help_loads_nothing_heavy(arguments):
    loaded = modules_after(f"from affekt.cli.main import main\nmain({arguments!r})")
    assert not {"torch", "timm", "polars", "matplotlib", "scipy"} & loaded


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "mobilenetv2", "--help"],
        ["evaluate", "--help"],
        ["models", "--help"],
        ["predict", "--help"],
        ["summarize", "--help"],
        ["gather", "--help"],
        ["serve", "--help"],
    ],
)
def test_the_help_of_a_command_never_loads_torch(arguments):
    loaded = modules_after(
        "from affekt.cli.main import main\n"
        "import contextlib, os\n"
        "with open(os.devnull, 'w') as nowhere, contextlib.redirect_stdout(nowhere):\n"
        f"    try:\n        main({arguments!r})\n    except SystemExit as stop:\n        assert not stop.code"
    )
    assert "torch" not in loaded
