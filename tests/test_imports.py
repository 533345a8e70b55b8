"""The layers of the design: left never imports right, and the small install never meets torch."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "affekt"
LAYERS = (
    "faces",
    "models",
    "analysis",
    "data",
    "networks",
    "training",
    "evaluation",
    "exporting",
    "server",
    "cli",
)
BASE = ("errors", "labels", "files", "ledger", "cores", "progress", "text_table", "__init__")


def layer(module: str) -> int:
    part = module.split(".")[1] if "." in module else "__init__"
    return LAYERS.index(part) + 1 if part in LAYERS else 0


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name for name in names if name.split(".")[0] == "affekt"}


def module_name(path: Path) -> str:
    return ".".join(("affekt", *path.relative_to(ROOT).with_suffix("").parts))


SOURCES = sorted(ROOT.rglob("*.py"))


def test_the_layers_are_known():
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in SOURCES}
    assert parts <= {*LAYERS, *BASE, "__main__"}


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_left_never_imports_right(path):
    # The package itself and its `python -m` stand above all layers: they offer what the layers do.
    is_top = path in (ROOT / "__main__.py", ROOT / "__init__.py")
    own = LAYERS.index("cli") + 1 if is_top else layer(module_name(path))
    right = sorted(name for name in imported(path) if layer(name) > own)
    assert not right


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize("package", ["labels", "faces", "models", "analysis", "data", "evaluation", "server"])
def test_the_small_install_never_imports_torch(package):
    folder = ROOT / package
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{package}.py"]
    code = "\n".join(f"import {module_name(path).removesuffix('.__init__')}" for path in paths)
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
