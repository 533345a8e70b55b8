"""The public API: what `import affekt` offers, that it is all and light, and that each example in it runs."""

import ast
import doctest
import inspect
import re
import subprocess
import sys
import types
import typing
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import affekt
from drawn_faces import draw_face, prototype_units, random_identity

NAMES = sorted(set(affekt.__all__) - {"__version__"})
FUNCTIONS = {name for name in NAMES if inspect.isfunction(getattr(affekt, name))}
YUNET = Path(__file__).resolve().parents[1] / ".." / "shared" / "models" / "face_detection_yunet_2026may.onnx"


def test_it_offers_what_it_says_and_nothing_else():
    assert affekt.__all__ == sorted(affekt.__all__)
    assert dir(affekt) == affekt.__all__
    for name in affekt.__all__:
        assert getattr(affekt, name) is not None
    modules = {name for name, value in vars(affekt).items() if isinstance(value, types.ModuleType)}
    assert all(vars(affekt)[name].__name__ == f"affekt.{name}" for name in modules if not name.startswith("_"))
    assert {name for name in vars(affekt) if not name.startswith("_")} - modules <= set(affekt.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'affekt' has no attribute 'recognise'"):
        affekt.recognise  # noqa: B018
    assert not hasattr(affekt, "os")
    assert not hasattr(affekt, "Path")


def after(code: str, *absent: str) -> set[str]:
    """Run code in a process without some libraries, and return the modules that it loads."""
    without = f"import sys\nfor name in {absent!r}: sys.modules[name] = None\n"
    program = f"{without}{code}\nprint('\\n'.join(name for name, module in sys.modules.items() if module))"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_import_affekt_loads_nothing_heavy():
    loaded = after("import affekt")
    assert not {"numpy", "polars", "onnxruntime", "PIL", "tqdm", "tyro", "torch"} & loaded


def test_every_name_is_there_without_the_extras():
    extras = ("torch", "torchvision", "timm", "scipy", "matplotlib", "skimage", "fastapi", "openvino", "onnx")
    assert "affekt.analysis.analyzer" in after("from affekt import *", *extras)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_documented(name):
    thing = getattr(affekt, name)
    documented = inspect.getdoc(thing)
    assert documented
    assert "Example:" in documented
    if callable(thing) and not isinstance(thing, type):
        given = [each for each in inspect.signature(thing).parameters if not each.startswith("_")]
        missing = [each for each in given if f"\n    {each}: " not in documented]
        assert not missing
        assert len(given) <= 6 or name in ("load", "predict", "train", "evaluate")


@pytest.mark.parametrize("name", [*sorted(FUNCTIONS), "Analyzer", "AnalyzerOptions", "EvaluateOptions"])
def test_help_shows_what_a_python_caller_passes_and_gets(name):
    signature = inspect.signature(getattr(affekt, name))
    assert "Annotated" not in str(signature)
    if name in FUNCTIONS - {"show_progress", "write_manifest"}:
        assert signature.return_annotation not in (signature.empty, typing.Any, object, None)


def test_a_path_may_be_a_string_wherever_a_python_caller_names_one():
    for name in ("data", "out", "attributes", "models", "predictions"):
        assert "str | " in str(inspect.signature(affekt.evaluate).parameters[name].annotation)
    assert inspect.signature(affekt.evaluate).return_annotation == "Evaluation"
    assert inspect.signature(affekt.export).parameters["data"].annotation == "str | Path | pl.DataFrame | None"
    assert inspect.signature(affekt.predict).return_annotation == "pl.DataFrame | pl.LazyFrame"


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Work beside a portrait and a picture of nobody, with a detector that need not be fetched."""
    if not YUNET.is_file():
        pytest.skip(f"needs shared/models/{YUNET.name} beside the checkout")
    home = tmp_path / "home" / "detectors"
    home.mkdir(parents=True)
    (home / YUNET.name).write_bytes(YUNET.read_bytes())
    monkeypatch.setenv("AFFEKT_HOME", str(home.parent))
    monkeypatch.setenv("AFFEKT_MIRROR", "")  # for the example that sets it, to be undone
    identity = random_identity(np.random.default_rng(0))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Image.fromarray(draw_face(identity, prototype_units("happiness", 1.0), size=256)).save("portrait.png")
    Image.new("RGB", (64, 64), "grey").save("empty.png")


def examples():
    found = []
    for name in NAMES:
        thing = getattr(affekt, name)
        found += doctest.DocTestFinder(recurse=False).find(thing, f"affekt.{name}", globs={"affekt": affekt})
    return [test for test in found if test.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
@pytest.mark.usefixtures("pictures")
def test_each_example_runs(example):
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    said: list[str] = []
    with warnings.catch_warnings():
        failed = doctest.DocTestRunner(optionflags=options).run(example, out=said.append).failed
    assert not failed, "".join(said)


def test_no_example_is_left_out():
    assert {test.name for test in examples()} == {f"affekt.{name}" for name in NAMES}


def sentences_with_options():
    """Return what errors say of options, outside the rooms that only a command line reaches."""
    rooms = [path for path in Path(affekt.__file__).parent.rglob("*.py") if path.parent.name not in ("cli", "server")]
    for path in rooms:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise):
                parts = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
                sentence = " ".join(part for part in parts if isinstance(part, str))
                if "--" in re.sub(r"affekt (data|train|export|setup) .*|--help", "", sentence):
                    yield sentence


def test_an_error_that_advises_an_option_names_its_parameter_for_python_callers():
    sentences = list(sentences_with_options())
    assert len(sentences) > 10
    for sentence in sentences:
        parameters = [name.replace("-", "_") for name in re.findall(r"--(?:no-)?([a-z-]+)", sentence)]
        text = re.sub(r"--[a-z-]+", "", sentence)
        assert not parameters or any(re.search(rf"\b{name}\b", text) for name in parameters), sentence
