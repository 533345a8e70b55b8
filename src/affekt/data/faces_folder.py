"""What is learnt from, be it a manifest or a folder of faces: the folder is imported, and divided where it is not."""

import logging
from pathlib import Path

import polars as pl

from affekt.data.manifest import read_manifest, write_manifest
from affekt.data.splits import split_rows, split_text, with_subjects

MANIFEST = "faces.parquet"
"""The manifest that a run makes of a folder, in its own folder."""

_logger = logging.getLogger(__name__)


def manifest_for(
    data: str | Path | pl.DataFrame,
    out: Path,
    *,
    subject_pattern: str | None,
    seed: int,
    resume: bool = False,
    divided: bool = True,
) -> tuple[pl.DataFrame, Path]:
    """Return the manifest that a run learns from, and its file.

    A folder, [split/]expression/picture, is imported into the run's own. If its tree has no splits, its rows are
    divided into train, val and test, or left undivided. `subject_pattern` is that of `with_subjects`. A run that is
    resumed finds the manifest that it made before.

    Raises:
        ConfigError, DataError: the data or the pattern is not as expected.
    """
    place = Path(data) if isinstance(data, str | Path) else Path("frame")
    if isinstance(data, pl.DataFrame) or not place.is_dir():
        manifest = read_manifest(data)
        return manifest if subject_pattern is None else with_subjects(manifest, subject_pattern), place
    made = out / MANIFEST
    if resume and made.is_file():
        return read_manifest(made), made
    from affekt.data.importers.engine import ImportOptions, import_dataset
    from affekt.data.importers.own import Folder

    manifest = import_dataset(Folder(root=place), ImportOptions(out=made, subject_pattern=subject_pattern)).manifest
    if divided and manifest["split"].n_unique() == 1:
        manifest = split_rows(manifest, seed=seed)
        write_manifest(manifest, made)
    for line in (str(made), *split_text(manifest).splitlines(), ""):
        _logger.info("%s", line)
    return manifest, made
