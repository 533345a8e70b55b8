"""What hatchling does before it builds affekt: the face detector's file becomes part of the package.

`AFFEKT_DETECTOR_DIR=DIR pip wheel .` takes the file from that folder, and fails where it is not there or another.
Without it the file is fetched; where that cannot be done, the package is built without it and fetches it when it runs.
"""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # pyright: ignore[reportMissingImports]


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
