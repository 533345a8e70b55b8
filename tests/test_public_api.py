"""The public API: what `import affekt` offers, that it is all and light, and that each example in it runs."""

import ast
import doctest
import inspect
import json
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
from affekt import errors
from affekt.errors import ConfigError
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


def test_python_names_the_name_that_was_meant():
    done = subprocess.run([sys.executable, "-c", "import affekt; affekt.anlyze"], capture_output=True, text=True)
    assert done.stderr.endswith("has no attribute 'anlyze'. Did you mean: 'analyze'?\n")


def refusal(thing, *values, **options):
    """Return the sentence with which a call is refused, after following an advice to ask for help."""
    with pytest.raises(ConfigError) as refused:
        thing(*values, **options)
    sentence = str(refused.value)
    assert sentence.startswith("expected ")
    if asked := re.search(r"; type: help\((affekt\.\w+)\)$", sentence):
        assert "Example:" in inspect.getdoc(eval(asked[1]))
    return sentence


CALLABLE = sorted({*FUNCTIONS, "Analyzer", "AnalyzerOptions", "EvaluateOptions", "OutputOptions", "SummaryOptions"})


@pytest.mark.parametrize("name", CALLABLE)
def test_a_call_with_wrong_options_is_refused_with_what_to_type(name):
    thing, example = getattr(affekt, name), f"affekt.{name}"
    parameters = inspect.signature(thing).parameters
    assert refusal(thing, qqq=1) == f"expected an option of {example}, got 'qqq'; type: help({example})"
    assert f"such a call; type: help({example})" in refusal(thing, *range(50)).replace(
        "another (too many positional arguments)", "such a call"
    )
    named = [each for each in parameters.values() if each.kind is not each.VAR_KEYWORD]
    for each in named:
        mistyped = f"{each.name}{each.name[-1]}"
        assert f"got {mistyped!r}; did you mean {each.name}?" in refusal(thing, **{mistyped: 1})
    needed = [each for each in named if each.default is each.empty]
    in_order = [each.name for each in needed if each.kind is not each.KEYWORD_ONLY]
    if by_name := [f"{each.name}={each.name.upper()}" for each in needed if each.kind is each.KEYWORD_ONLY]:
        in_order = [each.name for each in named if each.kind is not each.KEYWORD_ONLY]
    if needed:
        assert f"like {example}({', '.join([*in_order, *by_name])}), with options by name, got" in refusal(thing)


RECIPE = affekt.find_recipe("affekt-head").recipe


@pytest.mark.parametrize(
    ("call", "said"),
    {
        'affekt.train("affekt", "x", None)': "out as str or Path, got None; type: help(affekt.train)",
        'affekt.train("affekt", "x", "y", seed="3")': "seed as a whole number, got '3'; type: seed=3",
        'affekt.export(3, "x")': "run as str or Path, got 3; type: help(affekt.export)",
        'affekt.load(every_s="0.2s")': "every_s as a number, got '0.2s'; type: every_s=0.2",
        "affekt.load(stop_after_s=None)": "stop_after_s as a number, got None; type: stop_after_s=0.2",
        "affekt.load(largest=1)": "largest as True or False, got 1; type: largest=True",
        "affekt.load(most_faces=True)": "most_faces as a whole number, got True; type: most_faces=2",
        'affekt.predict("x", options={})': "options as AnalyzerOptions, got dict; type: help(affekt.predict)",
        'affekt.predict("x", fps=5)': "an option of affekt.predict, got 'fps'; type: every_s=0.2",
        'affekt.load(fps="5")': "an option of affekt.load, got 'fps'; type: every_s=0.2",
        'affekt.predict("x", draw=5)': "draw as str or Path or None, got 5; type: help(affekt.OutputOptions)",
        'affekt.summarize("x.csv", bin_s="3")': "bin_s as a number, got '3'; type: bin_s=3.0",
        "affekt.summarize(None)": "a table of `affekt predict` as a path or a polars frame, got NoneType; type: affekt"
        ".predict('VIDEO', out='faces.parquet')",
        "affekt.evaluate(predictions=5, data='x')": "paths of models and tables, got 5; type: help(affekt.evaluate)",
        "affekt.evaluate(5, data='x')": "models as str or Path or Sequence, got 5; type: help(affekt.evaluate)",
        "affekt.evaluate('affekt', data='x', by='subjct')": "by as row or subject, got 'subjct'; type: by='subject'",
        "affekt.predict('x', hide_how='X')": "hide_how as box, pixelate or blur, got 'X'; type: hide_how='box'",
        "affekt.train('affekt', 'x', 'y', validation=0.1)": "validation as str, got 0.1; type: validation='0.1'",
        "affekt.cross_validate('affekt', 'x', 'y', seed='3')": "seed as a whole number, got '3'; type: seed=3",
        "affekt.cross_validate('affekt', 'x', 'y', folds='a')": "folds as a whole number or subject, got 'a'; type: ",
        "RECIPE.with_options(epochs='3')": "epochs as a whole number, got '3'; type: epochs=3",
        "RECIPE.with_options(epochs=1.5)": "epochs as a whole number, got 1.5; type: epochs=15",
        "RECIPE.with_options(heads='expression')": "heads as a tuple of expression or valence_arousal, got 'expression'"
        "; type: heads=('expression',)",
        "affekt.summarize('x.csv', formats='xlsx,csv')": "formats as a tuple of csv, parquet, xlsx, vtt, elan, page, "
        "png or pdf, got 'xlsx,csv'; type: formats=('xlsx', 'csv')",
        "affekt.evaluate('affekt', 'x')": "a call like affekt.evaluate(models, data=DATA), with options by name, got",
        "affekt.train(RECIPE, 'x', 'y', epochs=3)": "an option of affekt.train, got 'epochs'; type: recipe.with_op",
        "affekt.analyze('x', model=affekt.load())": "an option of affekt.analyze, got 'model'; call its own method, as "
        "in model.analyze",
        "RECIPE.with_options(mean=0.5)": "mean as a tuple of a number, got 0.5; type: mean=(0.5,)",
        "RECIPE.with_options(schedule='cosin')": "schedule as plateau or cosine, got 'cosin'; type: schedule='cosine'",
        "RECIPE.with_options(augmentation={})": "augmentation as Augmentation, got dict; type: help(affekt.Recipe)",
        "affekt.Recipe.of()": "a call like affekt.Recipe.of(architecture), with options by name, got another",
        "affekt.analyze('x', model='affekt')": "an option of affekt.analyze, got 'model'; type: affekt.load(model='aff",
        "affekt.train('affekt', 'x', 'y', epochs=3)": "an option of affekt.train, got 'epochs'; type: affekt.find_reci"
        "pe('affekt').recipe.with_options(epochs=3), and go on with that",
        **{
            f"affekt.{call}, device='gpu')": "a device auto, cpu, cuda or mps, got 'gpu'; auto is usual (--device auto)"
            for call in ("train('affekt', 'x', 'y'", "cross_validate('affekt', 'x', 'y'", "evaluate('affekt', data='x'")
        },
        "affekt.write_manifest([], 'x')": "frame as polars.DataFrame, got list; type: help(affekt.write_manifest)",
    }.items(),
)
def test_a_value_of_another_type_is_refused_with_what_to_type(call, said):
    with pytest.raises(ConfigError, match=f"^expected {re.escape(said)}"):
        eval(call)


@pytest.mark.parametrize("name", ["affekt", "affekt-head"])
def test_what_a_wrong_call_is_advised_can_be_typed_and_is_of_the_same_recipe(name):
    with pytest.raises(ConfigError, match="; type: ") as refused:
        affekt.train(name, "x", "y", epochs=3)
    advised = eval(str(refused.value).partition("; type: ")[2].partition(", and go on")[0])
    assert advised == affekt.find_recipe(name).recipe.with_options(epochs=3)


def test_numbers_of_numpy_lists_and_any_kind_of_path_are_taken(tmp_path):
    options = affekt.AnalyzerOptions(every_s=np.float32(0.5), most_faces=np.int64(3))
    assert (options.every_s, options.most_faces) == (0.5, 3)
    recipe = RECIPE.with_options(epochs=np.int64(3), heads=["expression"])
    assert json.loads(json.dumps([recipe.schedule.epochs, recipe.network.heads])) == [3, ["expression"]]

    class Place:
        def __fspath__(self):
            return str(tmp_path / "none.parquet")

    with pytest.raises(affekt.DataError, match=r"none\.parquet, got no such file"):
        affekt.read_manifest(Place())


def after(code: str, *absent: str) -> set[str]:
    """Run code in a process without some libraries, and return the modules that it loads."""
    without = f"import sys\nfor name in {absent!r}: sys.modules[name] = None\n"
    program = f"{without}{code}\nprint('\\n'.join(name for name, module in sys.modules.items() if module))"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_import_affekt_loads_nothing_heavy():
    loaded = after("import affekt") - after("")  # coverage loads something of its own
    assert not {"numpy", "polars", "onnxruntime", "PIL", "tqdm", "tyro", "torch"} & loaded
    # Until affekt itself is imported, Ctrl-C shows a traceback.
    assert not {"affekt.errors", "inspect"} & loaded


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


def test_the_example_of_the_check_of_calls_runs(monkeypatch):
    monkeypatch.setattr(errors, "_takes", {})  # others are not told of a function that is no affekt's
    names = {"says_what_to_type": errors.says_what_to_type, "Literal": typing.Literal, "numpy": np}
    (example,) = doctest.DocTestFinder(recurse=False).find(errors.says_what_to_type, "says_what_to_type", globs=names)
    said: list[str] = []
    assert not doctest.DocTestRunner().run(example, out=said.append).failed, "".join(said)


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
