"""How much room tools take on the disk once pip or npm has installed them, each into an empty folder: a row per tool.

    python benchmarks/install_sizes.py affekt "affekt[train]" fer deepface npm:@vladmandic/human

`affekt` is this checkout. Sizes are those of the files, without the bytecode that Python makes of them, and without
what a tool fetches when it is first used. A folder is removed once it is measured; torch with CUDA fills 5 GB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

from before import check

CHECKOUT = Path(__file__).resolve().parents[1]


def megabytes(folder: Path) -> float:
    """Return how many millions of bytes the files below a folder have, a link counted as none."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink()) / 1e6


def install(tool: str, folder: Path) -> list[str]:
    """Return the command that installs a tool and all that it requires into an empty folder."""
    if tool.startswith("npm:"):
        return ["npm", "install", "--prefix", str(folder), tool.removeprefix("npm:")]
    name = tool.replace("affekt", str(CHECKOUT), 1) if tool.partition("[")[0] == "affekt" else tool
    return [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(folder), name]


def row(tool: str, folder: Path, limit_s: float) -> str:
    """Install a tool and return its row of the table: its version, its size, and the largest folders in it."""
    try:
        run = subprocess.run(install(tool, folder), capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return f"| {tool} | not installed within {limit_s:.0f} s | | |"
    if run.returncode:
        said = [line for line in run.stderr.splitlines() if "ERROR" in line.upper()] or ["no reason given"]
        return f"| {tool} | not installed: {said[-1].strip()} | | |"
    packages = folder / "node_modules" if tool.startswith("npm:") else folder
    if tool.startswith("npm:"):
        version = json.loads((packages / tool.removeprefix("npm:") / "package.json").read_text())["version"]
    else:
        wanted = tool.partition("[")[0].replace("_", "-").lower()
        found = {each.name.replace("_", "-").lower(): each.version for each in distributions(path=[str(packages)])}
        version = found[wanted]
    sizes = sorted(((megabytes(each), each.name) for each in packages.iterdir() if each.is_dir()), reverse=True)
    parts = ", ".join(f"{name} {size:,.0f}" for size, name in sizes[:3])
    return f"| {tool} | {version} | {megabytes(packages):,.0f} | {parts} |"


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tools", nargs="+", help="names on PyPI, npm:NAME for npm, affekt for this checkout")
    parser.add_argument("--limit-s", type=float, default=600, help="seconds that an installation may take")
    given = parser.parse_args()
    needs = {"npm": "apt-get install npm"} if any(tool.startswith("npm:") for tool in given.tools) else {}
    check(f"a minute or so per tool, at most {given.limit_s:.0f} s", disk_gb=6, detector=False, needs=needs)
    print("| tool | version | MB | largest folders, MB |\n|---|---|--:|---|", flush=True)
    for tool in given.tools:
        with tempfile.TemporaryDirectory() as folder:
            print(row(tool, Path(folder), given.limit_s), flush=True)


if __name__ == "__main__":
    main()
