"""Build the pages as a site, strictly: `python scripts/site.py [FOLDER]`, by default build/site.

The pages lie where they lie in the project, so that their links lead to the same places; the reference beside them is
written from the code (reference.py). A link to a file that is no page, such as a source file, becomes a link to the
repository where GITHUB_REPOSITORY names one, and plain text elsewhere. Needs `affekt[docs]`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from reference import commands_page, importers_page, python_page

HERE = Path(__file__).parents[1]
PAGES = ("*.md", "docs/**/*.md", "benchmarks/*.md", "results/**/*.md")
COPIED = ("docs/site.css", "docs/**/*.png", "docs/**/*.jpg", "benchmarks/*.png", "results/**/*.png")
REPOSITORY = os.environ.get("GITHUB_REPOSITORY")
PLACEHOLDER = "OWNER/affekt"
"""As the pages name the repository; scripts/hatch_build.py does the same for the package."""
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")


def main(out: Path) -> int:
    """Write the pages, the reference and the configuration beside each other, and build the site from them."""
    work = HERE / "build" / "site-source"
    shutil.rmtree(work, ignore_errors=True)
    pages = [path for pattern in PAGES for path in sorted(HERE.glob(pattern))]
    for path in pages:
        place = work / "pages" / path.relative_to(HERE)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(with_links(path, set(pages)), encoding="utf-8")
    for path in (path for pattern in COPIED for path in HERE.glob(pattern)):
        place = work / "pages" / path.relative_to(HERE)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    reference = work / "pages" / "docs" / "reference"
    reference.mkdir()
    for name, page in (("commands", commands_page), ("importers", importers_page), ("python", python_page)):
        (reference / f"{name}.md").write_text(page(), encoding="utf-8")
    configuration = yaml.safe_load((HERE / "mkdocs.yml").read_text(encoding="utf-8"))
    configuration |= {"docs_dir": str(work / "pages"), "site_dir": str(out.resolve())}
    if REPOSITORY:
        configuration["repo_url"] = f"https://github.com/{REPOSITORY}"
    (work / "mkdocs.yml").write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", work / "mkdocs.yml"]
    # Its makers warn, at each build, of a next mkdocs that is not out.
    return subprocess.run(command, check=False, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}).returncode


def with_links(page: Path, pages: set[Path]) -> str:
    """Return a page whose links to files that are no pages lead to the repository, or are plain text."""

    def replaced(link: re.Match[str]) -> str:
        text, target, _ = link.groups()
        place = (page.parent / target).resolve()
        if place in pages or place.suffix in (".png", ".jpg"):
            return link[0]
        address = f"https://github.com/{REPOSITORY}/blob/main/{os.path.relpath(place, HERE)}"
        return f"[{text}]({address})" if REPOSITORY else text

    text = page.read_text(encoding="utf-8")
    return LINK.sub(replaced, text.replace(PLACEHOLDER, REPOSITORY or PLACEHOLDER))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "build" / "site")
    sys.exit(main(parser.parse_args().folder))
