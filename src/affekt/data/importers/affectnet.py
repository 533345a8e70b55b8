"""AffectNet (Mollahosseini et al. 2017), both releases: which one lies in the folder is found by its layout."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from affekt.data.importers.affectnet_csv import find_lists, list_csv_release
from affekt.data.importers.affectnet_npy import SETS, list_npy_release
from affekt.data.importers.listing import Listing
from affekt.errors import DataError
from affekt.files import affekt_home


@dataclass(frozen=True, kw_only=True)
class AffectNet:
    """AffectNet: the 2017 release with csv lists or the 2021 release with npy annotations."""

    root: Positional[Path]
    """Folder that holds Manually_Annotated (2017) or train_set and val_set (2021)."""
    release: Literal["auto", "2017", "2021"] = "auto"
    """Which release to read; auto goes by what lies in the folder."""
    lists: Literal["manual", "automatic"] = "manual"
    """Lists of the 2017 release: labels given by people, or predicted by a network."""
    cache: Path | None = None
    """Folder that keeps the 2021 annotations once read; by default annotations in AFFEKT_HOME or ~/.cache/affekt."""

    def list_rows(self) -> Listing:
        """List what the release's own files describe.

        Raises:
            DataError: the folder is of neither release, or of both.
        """
        if self._release() == "2017":
            return list_csv_release(self.root, self.lists)
        return list_npy_release(self.root, self.cache or affekt_home() / "annotations")

    def _release(self) -> str:
        if self.release != "auto":
            return self.release
        has_csv = bool(find_lists(self.root, self.lists))
        has_npy = any((self.root / name / "annotations").is_dir() for name in SETS)
        if has_csv and has_npy:
            raise DataError(f"expected one release of AffectNet in {self.root}, got both; add --release 2017 or 2021")
        if not has_csv and not has_npy:
            raise DataError(
                f"expected AffectNet in {self.root}, with Manually_Annotated/training.csv (2017) or "
                "train_set/annotations (2021), got neither; give the folder that holds Manually_Annotated or train_set"
            )
        return "2017" if has_csv else "2021"
