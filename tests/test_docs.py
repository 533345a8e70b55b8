"""The documentation against the program: commands exist, options exist, links and pictures are there."""

import dataclasses
import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest

import affekt
from affekt.analysis.options import AnalyzerOptions, OutputOptions
from affekt.cli.compare import CompareCommand
from affekt.cli.data import IMPORTERS
from affekt.cli.demo import DemoCommand
from affekt.cli.main import COMMANDS
from affekt.cli.models import ModelsCommand
from affekt.cli.predict import TIMES
from affekt.cli.setup import SetupCommand
from affekt.cli.train import TrainCommand
from affekt.cluster.gather import gather
from affekt.cluster.predict import predict
from affekt.data.manifest import to_manifest
from affekt.errors import DataError
from affekt.evaluation.run import EvaluateOptions
from affekt.exporting import export
from affekt.exporting.push import push
from affekt.models.card import SHIPPED, read_card
from affekt.people.options import SummaryOptions
from affekt.people.summarize import summarize
from affekt.server.settings import SHORTEST_KEY, Settings
from affekt.training.generations import Chain
from affekt.training.recipe import GROUPS, Augmentation
from affekt.training.recipes import RECIPES

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "results").rglob("*.sh"))
FOLDERS = (ROOT / "docs", ROOT / "results")
PAGES = [*sorted(ROOT.glob("*.md")), *(page for folder in FOLDERS for page in sorted(folder.rglob("*.md")))]


def names(page):
    return str(page.relative_to(ROOT))


def commands(page):
    text = page.read_text().replace("\\\n", " ")
    blocks = text if page.suffix == ".sh" else "\n".join(re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.M | re.S))
    return re.findall(r"^ *affekt (.+)$", blocks, flags=re.M) + re.findall(r"`affekt ([^`\n]+)`", text)


def options_of(command, words):
    classes = {"train": (TrainCommand, Chain, *GROUPS.values()), "evaluate": (EvaluateOptions,)}
    classes |= {"models": (ModelsCommand,), "demo": (DemoCommand,), "setup": (SetupCommand,)}
    classes |= {"predict": (AnalyzerOptions, OutputOptions), "serve": (Settings,), "summarize": (SummaryOptions,)}
    known = {field.name for each in classes.get(command, ()) for field in dataclasses.fields(each)}
    classes |= {"compare": (CompareCommand,)}
    functions = {"push": push, "export": export, "gather": gather, "predict": predict, "summarize": summarize}
    known |= set(inspect.signature(functions[command]).parameters) if command in functions else set()
    known |= {"from"} if command == "setup" else set()
    known |= {"fps", "ray", *(option.removeprefix("--") for option in TIMES)} if command == "predict" else set()
    known |= {f"augmentation.{field.name}" for field in dataclasses.fields(Augmentation)}
    return {name.replace("_", "-") for name in known} | {f"no-{name}" for name in known}


@pytest.mark.parametrize("page", [*PAGES, *SCRIPTS], ids=names)
def test_every_command_in_the_pages_exists(page):
    for line in commands(page):
        words = line.split()
        if line == "--version":
            continue
        assert words[0] in COMMANDS, line
        if words[:2] == ["data", "import"] and words[2] != "NAME":
            assert words[2] in IMPORTERS, line
        if words[0] == "train" and words[1:2] not in ([], ["RECIPE"]):
            assert words[1] in RECIPES, line
        if words[0] != "data" and "--help" not in words:
            used = {word.removeprefix("--") for word in words if word.startswith("--")}
            assert used <= options_of(words[0], words), line


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_local_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_command_and_importer_is_documented():
    text = "\n".join(page.read_text() for page in PAGES)
    for name in [*(f"affekt {command}" for command in COMMANDS), *(f"`{importer}`" for importer in IMPORTERS)]:
        assert name in text, name
    for name in RECIPES:
        assert name in text, name


def test_contributing_names_the_columns_that_an_importer_needs():
    (needed,) = re.findall(r"The rows need the columns (.*?);", (ROOT / "CONTRIBUTING.md").read_text())
    row = {name: [name] for name in re.findall(r"`(\w+)`", needed)}
    assert len(to_manifest(pl.DataFrame(row))) == 1
    for name in row:
        with pytest.raises(DataError):
            to_manifest(pl.DataFrame(row).drop(name))


def test_every_environment_variable_is_in_the_table():
    source = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    source = re.sub(r"^ *>>> .*$", "", source, flags=re.M)
    read = re.findall(r"""environ(?:\.\w+\(|\[|, )["'](\w+)["']""", source)
    read += re.findall(r"""["']([A-Z]\w+)["'] (?:not )?in os\.environ""", source)
    named = re.findall(r"""environ(?:\.\w+\(|\[)(\w+)[\],)]|(\w+) in os\.environ""", source)
    for name in {one or other for one, other in named}:  # a constant, or each of some names
        read += re.findall(rf"""^{name} = ["'](\w+)["']""", source, flags=re.M)
        read += re.findall(r"[A-Z_]+", "".join(re.findall(rf"for {name} in (\(.*?\)):\n.*environ", source)))
    text = (ROOT / "docs" / "predict.md").read_text()
    table = rows_of(text, ("No command needs one.\n\n", "\n\n"))
    listed = {name for row in table for name in re.findall("`(\\w+)`", row[0])}
    assert {"AFFEKT_HOME", "AFFEKT_MIRROR", "AFFEKT_API_KEY", "CURL_CA_BUNDLE", "RANK", "ORT_DISABLE_TELEMETRY"} < set(
        read
    )
    assert listed == {*read, "AFFEKT_DETECTOR_DIR"}  # which make reads
    assert f"at least {SHORTEST_KEY} ASCII characters" in text


def figures(model):
    card = read_card(SHIPPED / model)
    return card.parameters, card.metrics["ferplus val"]["figures"]


def with_interval(figure):
    value, low, high = (f"{figure[name]:.3f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


@pytest.mark.parametrize("model", ["affekt", "affekt-fast"])
def test_the_pages_give_the_figures_of_the_card(model):
    parameters, found = figures(model)
    assert with_interval(found["accuracy"]) in (ROOT / "README.md").read_text()
    page = re.sub(r"(?<![\w.])\.(?=\d)", "0.", (ROOT / "docs" / "affekt.md").read_text())
    for name in ("accuracy", "macro_f1", "valence_ccc", "arousal_ccc"):
        assert with_interval(found[name]) in page, name
    assert f"{parameters:,}" in page


def rows_of(text, marks):
    """Return the rows of the Markdown table between two marks, each a list of cells, without the head."""
    table = text.partition(marks[0])[2].partition(marks[1])[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]


@pytest.mark.parametrize("page", ["README.md", "docs/comparison.md"])
def test_the_accuracies_are_those_of_the_matrix(page):
    found = json.loads((ROOT / "results" / "wild" / "matrix" / "metrics.json").read_text())
    expected = [
        [f"`{name}`", *(f"{one['models'][name]['figures']['accuracy']['value']:.3f}" for one in found.values())]
        for name in found["ferplus"]["models"]
    ]
    assert rows_of((ROOT / page).read_text(), ("<!-- matrix: accuracy -->", "<!-- end -->")) == expected


def test_the_speeds_are_those_of_the_benchmark():
    text = (ROOT / "benchmarks" / "results.md").read_text()
    crops = rows_of(text, ("Keras are in [results-training.md](results-training.md).\n\n", "\n\n"))
    fastest = {}
    for system, rate, *_ in crops:
        fastest.setdefault(system.partition(",")[0], rate)
    said = (ROOT / "README.md").read_text().partition("## How fast")[2].partition("## ")[0]
    for system in ("affekt fp16", "affekt-fast fp32"):
        assert re.search(rf"\b{fastest[system]}\b", said), system
    pictures = {row[0]: row[1:3] for row in rows_of(text, ("detector included\n\n", "\n\n"))}
    names = {"affekt fp16": "`affekt`", "affekt-fast fp32": "`affekt-fast`", "fer": "`fer`, default detector"}
    names["DeepFace"] = "DeepFace, default detector"
    compared = rows_of((ROOT / "docs" / "comparison.md").read_text(), ("(../benchmarks/results.md)):\n\n", "\n\n"))
    expected = [[names[system], *(str(int(float(rate) + 0.5)) for rate in pictures[system])] for system in names]
    assert compared == expected


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_page_fetches_the_name_from_a_package_index(page):
    """Nobody owns it there: it could be anybody's program."""
    assert not re.findall(r"pip install ['\"]?affekt", page.read_text())


def test_the_citation_names_this_version():
    assert f"version: {affekt.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_page_stands_in_the_navigation_of_the_site():
    named = set(re.findall(r"docs/[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")}
    written = {f"docs/reference/{name}.md" for name in ("commands", "importers", "python")}  # when the site is built
    assert named == pages | written, "name it in mkdocs.yml"


def test_the_licences_name_every_library_that_is_installed_beside_affekt():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: given for name, given in project["optional-dependencies"].items() if name not in ("dev", "docs")}
    needed = {re.split(r"[^\w-]", each)[0] for given in (project["dependencies"], *extras.values()) for each in given}
    page = (ROOT / "LICENSES.md").read_text()
    assert not [name for name in needed - {"affekt"} if not re.search(rf"\b{name}\b", page)], "add it to LICENSES.md"


@pytest.mark.parametrize("name", ["site.py", "house.py"])
def test_a_script_that_is_asked_for_help_writes_nothing(name, tmp_path):
    script = Path(__file__).parents[1] / "scripts" / name
    if name == "site.py":
        pytest.importorskip("yaml")
    run = subprocess.run([sys.executable, script, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"usage: {name}")
    assert not list(tmp_path.iterdir())


def test_the_pages_and_the_package_name_one_address(monkeypatch):
    pytest.importorskip("hatchling")
    from hatch_build import PLACEHOLDER, AddressHook

    for repository in (PLACEHOLDER, "someone/affekt"):
        monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
        monkeypatch.setenv("GITHUB_REPOSITORY", repository)
        metadata = {}
        AddressHook(str(ROOT), {}).update(metadata)
        source = f"https://github.com/{repository}"
        assert metadata["urls"]["Source"] == source
        readme = metadata["readme"]["text"]
        assert f"`git clone {source}`" in readme
        assert f"]({source}/raw/main/docs/pictures/predict-marked.jpg)" in readme
        assert f"]({source}/blob/main/docs/glossary.md#words)" in readme
        assert not re.findall(r"\]\((?!https?:)", readme)  # nothing that a package index could not follow
    assert f'PLACEHOLDER = "{PLACEHOLDER}"' in (ROOT / "scripts" / "site.py").read_text()
    for page in (*PAGES, ROOT / "CITATION.cff"):
        assert set(re.findall(r"github\.com/([\w.-]+/affekt)\b", page.read_text())) <= {PLACEHOLDER}, page
