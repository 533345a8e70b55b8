"""What hatchling does before it builds affekt: the face detector's file becomes part of the package, and its addresses.

`AFFEKT_DETECTOR_DIR=DIR pip wheel .` takes the file from that folder, and fails where it is not there or another.
Without it the file is fetched; where that cannot be done, the package is built without it and fetches it when it runs.
GitHub's workflows say in `GITHUB_REPOSITORY` where the project is; a build elsewhere names the placeholder.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # pyright: ignore[reportMissingImports]
from hatchling.metadata.plugin.interface import MetadataHookInterface  # pyright: ignore[reportMissingImports]

PLACEHOLDER = "OWNER/affekt"
"""The repository, as the pages name it: the project has no public address yet."""
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)]+)\)")


class DetectorHook(BuildHookInterface):
    """Brings the file to where `affekt.faces.detector_file` looks first."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy the file before the files of the package are listed."""
        sys.path.insert(0, str(Path(self.root, "src")))
        from affekt.errors import AffektError
        from affekt.faces.detector_file import PACKAGED, YUNET_FILE, copy_detector, yunet_path

        folder = os.environ.get("AFFEKT_DETECTOR_DIR")
        try:
            copy_detector(Path(folder, YUNET_FILE) if folder else yunet_path(), PACKAGED)
        except AffektError as error:
            if folder:
                raise
            self.app.display_warning(f"building without the face detector: {error}")


class AddressHook(MetadataHookInterface):
    """Names the project's page, and leads the README's links there: a package index has no files beside it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the addresses to the package's metadata."""
        repository = os.environ.get("GITHUB_REPOSITORY", PLACEHOLDER)
        source = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
        places = {"Source": "", "Issues": "/issues", "Changelog": "/blob/main/CHANGELOG.md"}
        metadata["urls"] = {name: source + place for name, place in places.items()}
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = with_addresses(readme.replace(PLACEHOLDER, repository), source)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_addresses(readme: str, source: str) -> str:
    """Return the README with links to the repository: of pictures to the files, of all else to their pages."""
    kinds = {"!": "raw", "": "blob"}
    return LINK.sub(lambda found: f"{found[1]}[{found[2]}]({source}/{kinds[found[1]]}/main/{found[3]})", readme)
