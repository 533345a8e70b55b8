"""Print the figures that the code of affekt is held to, beside the wanted ones: `python scripts/house.py [TREE]`.

Sizes, functions and imports are read from the source, which is not run. What `affekt predict` needs is counted twice:
all that its imports lead to, those inside functions included, which is what its rarest option takes; and what a plain
`affekt predict FOLDER --out t.csv` of one picture had loaded at its end. The last figure is of a run, too: one small
`affekt evaluate affekt`, traced. A reader who follows that run meets each function of affekt when it is called first. A
stop is a place where the next function lies in another file; it is a return if that file was open before.
TREE is another checkout to measure, such as an older commit; the environment is the one that runs this script.
`python scripts/house.py --plan` writes the plan in docs/architecture.md anew: every file with its first sentence.
"""

import argparse
import ast
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).parents[1]
PAGE = HERE / "docs" / "architecture.md"
LONGEST_FILE, LONGEST_FUNCTION, PARAMETERS = 350, 60, 6
SMALL = 60
"""Lines under which a module with a single importer counts as cut too small."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function of the source."""

    name: str
    lines: int
    parameters: int


@dataclass(frozen=True)
class House:
    """The source of one package, read from its files."""

    source: Path
    """The folder of the package `affekt`."""

    @cached_property
    def files(self) -> dict[str, Path]:
        """Return every module's file by the module's name; drawn faces, a package of their own today, apart."""
        return {
            ".".join(("affekt", *path.relative_to(self.source).with_suffix("").parts)).removesuffix(".__init__"): path
            for path in sorted(self.source.rglob("*.py"))
            if "drawn" not in path.relative_to(self.source).parts
        }

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Return every module's syntax tree."""
        return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.files.items()}

    @cached_property
    def lines(self) -> dict[str, int]:
        """Return every module's number of lines."""
        return {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in self.files.items()}

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """Return the modules that each module imports, inside functions and for type checking included."""
        return {name: set(self._imported(tree)) - {name} for name, tree in self.trees.items()}

    def _imported(self, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in self.files)
            elif isinstance(node, ast.ImportFrom) and node.module in self.files:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in self.files else node.module

    @property
    def functions(self) -> list[Function]:
        """Return all functions; `self` and `cls` are no parameters."""
        found = []
        for module, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                    count = len([argument for argument in named if argument.arg not in ("self", "cls")])
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    found.append(Function(name=f"{module}.{node.name}", lines=lines, parameters=count))
        return found

    @property
    def long_signatures(self) -> list[str]:
        """Return the functions with more than 6 parameters."""
        return sorted(function.name for function in self.functions if function.parameters > PARAMETERS)

    @property
    def small_modules(self) -> list[str]:
        """Return the modules with exactly one importer and fewer than 60 lines."""
        importers = {name: [other for other, found in self.imports.items() if name in found] for name in self.files}
        return [
            name
            for name, found in importers.items()
            if len(found) == 1 and self.lines[name] < SMALL and self.files[name].name != "__init__.py"
        ]

    def reachable(self, start: str) -> set[str]:
        """Return the modules that importing one brings, at any time; the public door `affekt` leads no further."""
        found, waiting = set(), [start]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            parents = {".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)}
            waiting += [*parents, *(self.imports[name] if name != "affekt" else ())]
        return found

    @property
    def cycles(self) -> list[tuple[str, ...]]:
        """Return the groups of modules that import one another, directly or by way of others.

        The door `affekt` is left out: it offers what the rooms do, and they ask it for the version alone.
        """
        after = {name: self._after(name) for name in self.files}
        groups = {
            tuple(sorted(other for other in after[name] if name in after[other]))
            for name in after
            if name in after[name]
        }
        return sorted(groups)

    def _after(self, start: str) -> set[str]:
        found: set[str] = set()
        waiting = list(self.imports[start])
        while waiting:
            name = waiting.pop()
            if name not in found and name != "affekt":
                found.add(name)
                waiting += self.imports[name]
        return found


LAYERS = (
    "faces",
    "models",
    "analysis",
    "data",
    "people",
    "networks",
    "training",
    "evaluation",
    "exporting",
    "cluster",
    "server",
    "cli",
)
"""The packages from the lowest to the highest: none imports one that stands after it."""


def plan(house: House) -> str:
    """Return every file of affekt with the first sentence of its docstring, the layers from the lowest to the highest.

    A star marks the files that a plain `affekt predict` loads, a plus those that others of its options need.
    """
    loaded, needed = loaded_by_predict(HERE), house.reachable("affekt.cli.predict")
    width = max(len(path.name) for path in house.files.values()) + 1
    lines = ["affekt/"]
    for room in ["", *LAYERS]:
        inside = {name: path for name, path in house.files.items() if _room(house, path) == room}
        if room:
            lines += ["", f"{room}/", f"    {_first_sentence(house.trees[f'affekt.{room}'])}"]
        for name, path in inside.items():
            if path.name == "__init__.py" and name != "affekt":
                continue
            folder = f"{path.parent.name}/" if path.parent.name not in (room, "affekt") else ""
            star = "*" if name in loaded else "+" if name in needed else " "
            lines.append(f" {star} {folder + path.name:<{width}}  {_first_sentence(house.trees[name])}")
    return "\n".join(line.rstrip() for line in lines)


def planned_page() -> tuple[str, str, str]:
    """Return the page on the architecture: what stands before its plan, the plan, and what stands after it."""
    before, start, rest = PAGE.read_text(encoding="utf-8").partition(
        "<!-- the plan, written by scripts/house.py --plan -->\n```text\n"
    )
    found, end, after = rest.partition("\n```\n<!-- end of the plan -->\n")
    return before + start, found, end + after


def _room(house: House, path: Path) -> str:
    parts = path.relative_to(house.source).parts
    return parts[0] if len(parts) > 1 else ""


def _first_sentence(tree: ast.Module) -> str:
    text = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    return re.split(r"(?<!\bal)(?<!\.)\.\s", text)[0].removesuffix(".")


TRACED = """
import inspect, sys, threading
from pathlib import Path
from affekt.cli.main import main

source, *arguments = sys.argv[1:]
called = {}

def note(frame, event, _):
    code = frame.f_code
    is_function = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")  # no class, no module
    if event == "call" and is_function and code.co_filename.startswith(source) and code.co_filename.endswith(".py"):
        called[code.co_filename, code.co_qualname] = None

threading.setprofile(note)
sys.setprofile(note)
try:
    main(arguments)
finally:
    sys.setprofile(None)
    print("\\nCALLED", *(Path(file).relative_to(source) for file, _ in called), sep="\\n")
"""


def evaluation_stops(tree: Path) -> tuple[int, int, int]:
    """Return the stops of one evaluation, the files among them, and the stops that return to a file read before."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "faces.parquet"
        draw = (
            "import sys; from pathlib import Path; from affekt.data.manifest import write_manifest; "
            "from drawn_faces import drawn_manifest; "
            "write_manifest(drawn_manifest(identities=8, pictures_per_identity=8, size=48, seed=0), Path(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", draw, data], env=_environment(HERE), check=True)
        arguments = ["evaluate", "affekt", "--data", data, "--out", f"{folder}/report", "--resamples", "20"]
        source = str(tree / "src" / "affekt")
        run = subprocess.run(
            [sys.executable, "-c", TRACED, source, *arguments],
            env=_environment(tree),
            check=True,
            capture_output=True,
            text=True,
        )
    files = run.stdout.partition("\nCALLED\n")[2].split()
    stops = [file for place, file in enumerate(files) if place == 0 or file != files[place - 1]]
    return len(stops), len(set(stops)), len(stops) - len(set(stops))


LOADED = """
import sys
from affekt.cli.main import main

main(sys.argv[1:])
print("\\nLOADED", *(name for name in sys.modules if name.partition(".")[0] == "affekt"), sep="\\n")
"""


def loaded_by_predict(tree: Path) -> list[str]:
    """Return the modules of affekt that are loaded when the faces of a folder have been written as a table.

    The picture is taken for a face, so that no detector's file is needed, and no runtime is measured; the modules are
    the same.
    """
    with tempfile.TemporaryDirectory() as folder:
        draw = "import sys; from PIL import Image; Image.new('RGB', (64, 64)).save(sys.argv[1])"
        subprocess.run([sys.executable, "-c", draw, f"{folder}/a.png"], check=True)
        arguments = ["predict", folder, "--out", f"{folder}/t.csv", "--faces", "whole", "--runtime", "onnxruntime"]
        run = subprocess.run(
            [sys.executable, "-c", LOADED, *arguments],
            env=_environment(tree),
            check=True,
            capture_output=True,
            text=True,
        )
    return run.stdout.partition("\nLOADED\n")[2].split()


def _environment(tree: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(tree / "src")}


def main() -> None:
    """Print the table, or write the plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", nargs="?", type=Path, default=HERE)
    parser.add_argument("--plan", action="store_true")
    options = parser.parse_args()
    if options.plan:
        before, _, after = planned_page()
        PAGE.write_text(before + plan(House(HERE / "src" / "affekt")) + after, encoding="utf-8")
        return
    tree = options.tree.resolve()
    house = House(tree / "src" / "affekt")
    sizes = sorted(house.lines.values())
    longest = max(house.functions, key=lambda function: function.lines)
    predict = house.reachable("affekt.cli.predict")
    loaded = loaded_by_predict(tree)
    stops, places, returns = evaluation_stops(tree)
    rows = [
        ("lines of affekt, drawn faces apart", f"{sum(sizes):,}", "at most 12,500"),
        ("files", len(sizes), "at most 100"),
        ("lines of the median file", round(statistics.median(sizes)), "120 to 220"),
        ("lines of the longest file", sizes[-1], "at most 350"),
        ("lines that `affekt predict` loads, plain", f"{sum(house.lines[name] for name in loaded):,}", "at most 3,600"),
        ("and may need, with every option", f"{sum(house.lines[name] for name in predict):,}", ""),
        ("lines of the longest function", f"{longest.lines} ({longest.name})", "at most 60"),
        ("functions with more than 6 parameters", len(house.long_signatures), "at most 5"),
        ("modules with one importer, under 60 lines", len(house.small_modules), "at most 5"),
        ("import cycles", len(house.cycles), "0"),
        ("stops of one evaluation", f"{stops} in {places} files, {returns} returns", "at most 43"),
    ]
    for figure, found, wanted in rows:
        print(f"{figure:<43} {found!s:<58} {wanted}")
    for name, lines in house.lines.items():
        if lines > LONGEST_FILE:
            print(f"long file: {name}, {lines} lines")
    for function in house.functions:
        if function.lines > LONGEST_FUNCTION:
            print(f"long function: {function.name}, {function.lines} lines")
    for name in house.long_signatures:
        print(f"more than {PARAMETERS} parameters: {name}")
    for name in house.small_modules:
        print(f"one importer, under {SMALL} lines: {name}")
    for names in house.cycles:
        print(f"import cycle: {', '.join(names)}")


if __name__ == "__main__":
    main()
