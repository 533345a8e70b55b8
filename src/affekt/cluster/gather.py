"""`affekt.gather`: the parts of a job become the table that one machine would have written."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.errors import says_what_to_type
from affekt.files import refuse_input

if TYPE_CHECKING:
    import polars as pl

    from affekt.cluster.parts import Parts

OF_A_PART = ("job", "first_input", "inputs", "inputs_of_job", "faces_found", "unreadable", "notes")
"""What tells of one part; all else in its metadata is the table's."""


@says_what_to_type
def gather(
    folder: str | Path, out: str | Path, *, by: str | None = None, csv_safe: bool = False, force: bool = False
) -> "pl.LazyFrame":
    """Make one table of the parts of a job, after a check that no input is missing and none is there twice.

    Its rows stand in the order in which one machine would have written them.

    Args:
        folder: The folder that was `out` of `affekt predict` with `--shard` or `--ray`.
        out: The table: .csv, .parquet or .jsonl; with `by`, a new folder.
        by: A column, `emotion`, `status` or `reliable`: one folder of Parquet files per value, as Hive names them.
        csv_safe: Put an apostrophe before names in csv that a spreadsheet would take for formulas.
        force: Write over `out` even if affekt did not write it, or wrote it of other inputs.

    Returns:
        A lazy polars frame over the finished table, which may be larger than memory.

    Raises:
        ConfigError: `out` cannot be written.
        DataError: inputs are missing, or there twice, or parts come from several jobs.

    Example:
        >>> for shard in ("1/2", "2/2"):
        ...     part = affekt.predict(["portrait.png", "empty.png"], shard=shard, out="parts")
        >>> affekt.gather("parts", out="faces.parquet").collect()["input"].to_list()
        ['portrait.png', 'empty.png']
    """
    from affekt.analysis.table import (
        check_data_set,
        check_table,
        refuse_lists,
        scan_data_set,
        scan_table,
        write_data_set,
        write_table,
    )
    from affekt.cluster.parts import Parts

    table, parts = Path(out), Parts(folder)
    _refuse_among_parts(table, parts.folder, by)
    if by is None:
        check_table(table, force=force)
    else:
        check_data_set(table, by)
    metadata = _checked(parts)
    refuse_input(table, [Path(parts.folder, name) for name in metadata])
    if by is None and table.is_file() and not force:
        inputs = parts.scan(list(metadata)).select("input").unique().collect()
        check_table(table, names=inputs["input"].to_list(), are_here=False)
    schema, names = parts.schema(metadata), list(metadata)
    if by is None:
        refuse_lists(table, schema)
    described = {name: value for name, value in next(iter(metadata.values())).items() if name not in OF_A_PART}
    described["notes"] = "; ".join(_notes(parts, metadata))
    if by is not None:
        write_data_set(lambda: parts.frames(names, schema), table, by, schema, described)
        return scan_data_set(table, schema, by)
    is_safe = csv_safe and table.suffix.lower() == ".csv"
    write_table(lambda: parts.frames(names, schema), table, schema, described, is_safe)
    return scan_table(table, schema)


def _refuse_among_parts(table: Path, folder: str, by: str | None) -> None:
    """Refuse a table in the folder of its parts: whoever reads all files there would count each row twice."""
    from affekt.analysis.inputs import is_below
    from affekt.analysis.remote import is_address
    from affekt.analysis.table import FORMATS
    from affekt.errors import ConfigError

    if is_address(folder) or not is_below(str(table), Path(folder)):
        return
    place = Path(folder) if Path(folder).name not in ("", "..") else Path(folder).resolve()
    ending = f"-by-{by}" if by else table.suffix.lower() if table.suffix.lower() in FORMATS else ".csv"
    raise ConfigError(
        f"expected a table beside its parts as out, got {table} in {folder}; type: "
        f"--out {shlex.quote(str(place.with_name(f'{place.name}{ending}')))}"
    )


def _checked(parts: "Parts") -> dict[str, dict[str, str]]:
    """Return the metadata of each part, in the order of the listing, when they are those of one whole job."""
    from affekt.errors import DataError

    metadata = {name: parts.metadata(name) for name in parts.names()}
    if not metadata:
        raise DataError(
            f"expected parts in {parts}, got none; name the folder that shards wrote into, as in: affekt "
            "predict corpus/ --shard 1/16 --out parts, or shard='1/16', out='parts' in Python"
        )
    first = next(iter(metadata.values()))
    for name, found in metadata.items():
        if found["job"] != first["job"]:
            differ = [key for key in found if key not in OF_A_PART and found[key] != first.get(key)]
            raise DataError(
                f"expected the parts of one job in {parts}, got several, with other "
                f"{', '.join(differ) or 'inputs'} in {name}; move the parts of the others away"
            )
    place, before, missing = 0, "", 0
    for name, found in metadata.items():
        begins, inputs = int(found["first_input"]), int(found["inputs"])
        if begins < place:
            raise DataError(
                f"expected each input once, got {place - begins:,} of {before} in {name} too; delete the older of both"
            )
        missing += begins - place
        place, before = begins + inputs, name
    if missing := missing + int(first["inputs_of_job"]) - place:
        raise DataError(
            f"expected all {int(first['inputs_of_job']):,} inputs of the job in {parts}, got all but "
            f"{missing:,}; run the shards again that did not finish: what is there is kept"
        )
    return metadata


def _notes(parts: "Parts", metadata: dict[str, dict[str, str]]) -> list[str]:
    """Return what one machine would have noted."""
    import polars as pl

    from affekt.analysis.summary import Summary

    of_parts = dict.fromkeys(note for found in metadata.values() for note in found["notes"].split("; ") if note)
    is_animation = pl.col("frame").is_not_null() & pl.col("time_s").is_null()
    animations = parts.scan(list(metadata)).filter(is_animation).select(pl.col("input").n_unique()).collect().item()
    return [*of_parts, *Summary(animations=animations).notes()]
