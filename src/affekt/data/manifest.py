"""The manifest: one Parquet table per data set. Importers write it, everything else reads only it.

| column | type | meaning |
|---|---|---|
| path, image | text, bytes | a file or a member of a tar, or the picture's encoded bytes; each row has one of both |
| split | text | `train`, `val`, `test`, or a name of the data set's own |
| source, source_id | text | the data set, and the picture's name in it; the pair is unique |
| emotion | text | a label: one of the eight expressions, or a name of the data set's own; null if unknown |
| votes | floats | a soft label: a number for each label of the manifest, in their order, 1 together; else null |
| valence, arousal | float | in [-1, 1], null if unknown |
| valence_arousal_origin | text | `rated` by people, `projected` from votes, `predicted`, `synthetic`; null for none |
| box_xyxy | 4 floats | the face in pixels, with an area; null says the whole picture is the face |
| landmarks_xy | 5 x 2 floats | eyes, nose, corners of the mouth in pixels, as YuNet gives them; null if unknown |
| subject | text | the person, where known |
| pixel_sha256 | text | hash of the decoded pixels |

Any further column is a group attribute. `manifest_labels` says which labels a manifest has, and in which order.
"""

import hashlib
import io
import shlex
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from affekt.analysis.archives import TAR_ENDINGS
from affekt.analysis.remote import ONE_SLASH, is_address
from affekt.data.shards import read_source
from affekt.data.text_table import read_text_table, refuse_absent
from affekt.errors import DataError, PictureError, first_line, says_what_to_type
from affekt.faces.pictures import read_rgb
from affekt.files import in_six_digits, write_parquet
from affekt.labels import LABELS, MOST_CHARACTERS, is_label, ordered_labels

SCHEMA: dict[str, pl.DataType] = {
    "path": pl.String(),
    "image": pl.Binary(),
    "split": pl.String(),
    "source": pl.String(),
    "source_id": pl.String(),
    "emotion": pl.String(),
    "votes": pl.Array(pl.Float32, len(LABELS)),
    "valence": pl.Float32(),
    "arousal": pl.Float32(),
    "valence_arousal_origin": pl.String(),
    "box_xyxy": pl.Array(pl.Float32, 4),
    "landmarks_xy": pl.Array(pl.Float32, (5, 2)),
    "subject": pl.String(),
    "pixel_sha256": pl.String(),
}

PARQUET = b"PAR1"
"""What each Parquet file begins with."""
SPLITS = ("train", "val", "test")
"""The splits in their order; a data set's own further splits come after them, by name."""

_OTHER_NAMES = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}
SPLIT_NAMES = {
    f"{name}{end}": split
    for name, split in ({split: split for split in SPLITS} | _OTHER_NAMES).items()
    for end in ("", "set", "_set", "-set", " set")
}
"""What data sets call their splits, in lower case, and the split that is meant."""

ORIGINS = ("rated", "projected", "predicted", "synthetic")

_BOX = pl.col("box_xyxy")
_LEFT, _TOP, _RIGHT, _BOTTOM = _EDGES = [_BOX.arr.get(edge) for edge in range(4)]
_SOUND = pl.all_horizontal(*(edge.is_finite() for edge in _EDGES), _RIGHT > _LEFT, _BOTTOM > _TOP)
HAS_EMPTY_BOX = _BOX.is_not_null() & ~_SOUND.fill_null(value=False)
"""Whether a row's box is there but has no area, or an edge that is no finite number."""

STRUCTURE_RULES: dict[str, pl.Expr] = {
    "exactly one of path and image": pl.col("path").is_null() == pl.col("image").is_null(),
    "a split": pl.col("split").is_null(),
    "a source and a source_id": pl.col("source").is_null() | pl.col("source_id").is_null(),
    f"an origin among {', '.join(ORIGINS)} or null": ~pl.col("valence_arousal_origin").is_in(ORIGINS),
    "votes that sum to 1 and are not negative": ((pl.col("votes").arr.sum() - 1).abs() > 1e-3)
    | (pl.col("votes").arr.min() < 0),
    "a box_xyxy with right > left and bottom > top, or null": HAS_EMPTY_BOX,
    "each (source, source_id) once": pl.struct("source", "source_id").is_duplicated(),
}
LABEL_RULES: dict[str, pl.Expr] = {
    f"an emotion in lower case, of up to {MOST_CHARACTERS} characters, or null": ~pl.col("emotion").map_elements(
        is_label, return_dtype=pl.Boolean
    ),
    **{
        f"{name} in [-1, 1] or null": ~pl.col(name).is_between(-1, 1) | pl.col(name).is_nan()
        for name in ("valence", "arousal")
    },
}
"""What is expected of a row, and whether it breaks that."""


def to_manifest(rows: pl.DataFrame, *, with_wrong_labels: bool = False) -> pl.DataFrame:
    """Bring rows to the manifest's columns and types; absent columns become null, further ones are kept at the end.

    A value that breaks the contract is refused; `with_wrong_labels` lets unknown emotions and values out of range pass,
    for a check to count.
    """
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in SCHEMA.items() if name not in rows.columns]
    further = [name for name in rows.columns if name not in SCHEMA]
    frame = rows.with_columns(missing).select([*SCHEMA, *further])
    try:
        votes = frame["votes"].drop_nulls()
        width = len(votes[0]) if len(votes) and votes.dtype.is_nested() else len(LABELS)
        # From lists of lists with a null among them polars makes no array at once.
        frame = frame.cast({"landmarks_xy": pl.List(pl.Array(pl.Float32, 2))})
        frame = frame.cast({**SCHEMA, "votes": pl.Array(pl.Float32, width)})  # pyright: ignore[reportArgumentType]
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"expected the manifest's column types, got {error}; see the table in affekt.data.manifest"
        ) from error
    rules = STRUCTURE_RULES if with_wrong_labels else {**STRUCTURE_RULES, **LABEL_RULES}
    for expected, is_broken in rules.items():
        broken = frame.select(is_broken.fill_null(value=False)).to_series().arg_true()
        if len(broken):
            found = in_six_digits(frame.drop("image").row(broken[0], named=True))
            raise DataError(f"expected {expected}, got row {broken[0]}: {found}; mend this row and import again")
    labels = manifest_labels(frame) or LABELS
    if len(votes) and width != len(labels) and not with_wrong_labels:
        wanted = f"votes for each of the {len(labels)} labels {', '.join(labels)}"
        raise DataError(f"expected {wanted}, got {width} numbers; write votes in this order, or leave the column out")
    return frame


def manifest_labels(manifest: pl.DataFrame) -> tuple[str, ...]:
    """Return the labels of a manifest: the emotions of its rows, those of the eight first, then the others by alphabet.

    Where it has votes for the eight, the labels are the eight, even if no row has some of them.
    """
    found, votes = ordered_labels(manifest["emotion"].drop_nulls().unique()), manifest["votes"].drop_nulls()
    has_votes_for_eight = len(votes) > 0 and len(votes[0]) == len(LABELS)
    return LABELS if has_votes_for_eight and set(found) <= set(LABELS) else found


@says_what_to_type
def write_manifest(frame: pl.DataFrame, path: str | Path) -> None:
    """Write a manifest whole or not at all.

    Args:
        frame: one row per face: see `read_manifest`. Absent columns become null, further ones are kept.
        path: the Parquet file.

    Raises:
        DataError: a value breaks the contract, or the file cannot be written.

    Example:
        >>> import polars as pl
        >>> faces = pl.DataFrame({"path": ["a.png"], "split": ["train"], "source": ["mine"], "source_id": ["a"]})
        >>> affekt.write_manifest(faces.with_columns(emotion=pl.lit("fear")), "manifest.parquet")
        >>> affekt.read_manifest("manifest.parquet").select("split", "emotion", "valence").rows()
        [('train', 'fear', None)]
    """
    write_parquet(to_manifest(frame), Path(path))


def is_manifest(path: Path) -> bool:
    """Whether a file is a table as `write_manifest` writes it, whichever affekt did."""
    try:
        return {"split", "source", "source_id", "emotion", "pixel_sha256"} <= pl.read_parquet_schema(path).keys()
    except (pl.exceptions.PolarsError, OSError):
        return False


@says_what_to_type
def read_manifest(data: str | Path | pl.DataFrame | pl.LazyFrame, *, with_wrong_labels: bool = False) -> pl.DataFrame:
    """Read a manifest, the table that describes a data set, or check one that is there already.

    Args:
        data: the Parquet file, as `affekt data import` writes it, or a frame of its rows.
        with_wrong_labels: let unknown emotions and values out of range pass, for a check to count.

    Returns:
        One row per face, with the columns of `affekt.data.manifest.SCHEMA` and then the group attributes. `votes` holds
        a number for each label, 1 together, `box_xyxy` 4 numbers in pixels, `landmarks_xy` 5 points; unknown is null.

    Raises:
        ConfigError: it is neither a path nor a frame.
        DataError: the file is missing, is not a manifest, holds no rows, or a value breaks the contract.

    Example:
        >>> from drawn_faces import drawn_manifest
        >>> faces = drawn_manifest(identities=4, pictures_per_identity=2, size=48, seed=0)
        >>> affekt.write_manifest(faces, "manifest.parquet")
        >>> affekt.read_manifest("manifest.parquet")["source"].unique().to_list()
        ['drawn']
    """
    if isinstance(data, pl.DataFrame | pl.LazyFrame):
        return to_manifest(data.lazy().collect(), with_wrong_labels=with_wrong_labels)
    path = Path(data)
    require_manifest(path)
    try:
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"expected a Parquet manifest at {path}, got {_otherwise(path, error)}") from error
    absent = [name for name in ("split", "source_id", "emotion", "valence", "arousal") if name not in frame.columns]
    if absent and {"input", "face", "status"} <= {*frame.columns}:
        raise DataError(
            f"expected a manifest as data at {path}, got a table of affekt predict; to score it, type: "
            f"affekt evaluate --predictions {shlex.quote(str(path))} --data MANIFEST"
        )
    if absent:
        columns = ", ".join([*frame.columns[:8], *(["..."] if frame.width > 8 else [])])
        raise DataError(
            f"expected the manifest columns {', '.join(absent)} in {path}, got {columns}; "
            "make a manifest with: affekt data import csv --help"
        )
    if frame.is_empty():
        raise DataError(f"expected rows in {path}, got none; import the data set again")
    return to_manifest(frame, with_wrong_labels=with_wrong_labels)


def _otherwise(path: Path, error: Exception) -> str:
    """Return what a file is that polars cannot read as Parquet, and how it becomes a manifest."""
    with path.open("rb") as file:
        is_parquet = file.read(len(PARQUET)) == PARQUET
    if is_parquet:
        return f"a damaged one ({first_line(error)}); make it anew with: affekt data import --help"
    if path.suffix.lower() == ".csv":
        made = shlex.quote(str(path.with_suffix(".parquet")))
        return f"a csv; make a manifest of it with: affekt data import csv {shlex.quote(str(path))} --out {made}"
    return "a file of another kind; make one with: affekt data import --help"


def require_manifest(data: str | Path | pl.DataFrame | pl.LazyFrame) -> None:
    """Refuse a path of no file, which costs nothing to find out; raises DataError."""
    if isinstance(data, str | Path):
        path = Path(data)
        name = ONE_SLASH.sub(r"\1://", str(path), 1)
        is_of_tars = is_address(name) or name.lower().endswith(TAR_ENDINGS)
        kind = "folder" if path.is_dir() else "webdataset --in-place" if is_of_tars else ""
        how = f"{kind} {shlex.quote(name)} --out manifest.parquet" if kind else "--help"
        refuse_absent(path, "a manifest", f"make one with: affekt data import {how}")


def division(data: object) -> str:
    """Return the command that divides a manifest's rows anew; a frame goes by the usual name."""
    path = Path(data) if isinstance(data, str | Path) else Path("manifest.parquet")
    divided = path.with_name(f"{path.stem}-split.parquet")
    return shlex.join(["affekt", "data", "split", str(path), "--out", str(divided)])


def select_split(frame: pl.DataFrame, split: str, data: object = None) -> pl.DataFrame:
    """Return the rows of one split; refuse a split without rows, and name the file of the manifest, `data`."""
    rows = frame.filter(pl.col("split") == split)
    if rows.is_empty():
        counts = ", ".join(f"{name} ({count})" for name, count in frame["split"].value_counts(sort=True).iter_rows())
        raise DataError(
            f"expected rows of the split {split!r}, got none among {counts}; choose one of these, or divide the data "
            f"anew with: {division(data)}"
        )
    return rows


def ordered_splits(names: Iterable[str]) -> list[str]:
    """Put train, val and test first, then the other splits by name."""
    return sorted(names, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))


def with_attributes(manifest: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Join the columns of a csv to a manifest as group attributes; rows of neither side need a partner in the other.

    The csv has `source_id`, `source` too where data sets share names, and further columns, which are joined as text.
    """
    table = read_text_table(path, "a csv of attributes", "write source_id,age,gender in it")
    keys = [name for name in ("source", "source_id") if name in table.columns]
    further = [name for name in table.columns if name not in keys]
    taken = [name for name in further if name in manifest.columns]
    if "source_id" not in keys or not further or taken:
        raise DataError(
            f"expected source_id and columns of other names than the manifest's in {path}, got "
            f"{', '.join(table.columns)}; rename {', '.join(taken) or 'the column that names the pictures'}"
        )
    if table.select(pl.struct(keys).is_duplicated().any()).item():
        twice = table.filter(pl.struct(keys).is_duplicated())["source_id"][0]
        raise DataError(f"expected each picture once in {path}, got {twice!r} twice; keep one row of it")
    if manifest.join(table, on=keys, how="semi").is_empty():
        raise DataError(
            f"expected names as in the manifest, such as {manifest['source_id'][0]!r}, in {path}, got "
            f"{table['source_id'][0]!r}; write the manifest's source_id"
        )
    return manifest.join(table, on=keys, how="left", maintain_order="left")


def read_row_rgb(row: dict[str, object]) -> np.ndarray:
    """Decode the picture of one manifest row to (height, width, 3) uint8 RGB; an error names the row."""
    source = row.get("image") or row["path"]
    assert isinstance(source, bytes | str)
    try:
        return read_rgb(source if isinstance(source, bytes) else read_source(source))
    except PictureError as error:
        raise PictureError(f"picture of {row.get('source_id')}: {error}") from error


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode (height, width) or (height, width, 3) uint8 pixels as PNG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pixel_sha256(image_rgb: np.ndarray) -> str:
    """Hash the decoded (height, width, 3) uint8 pixels, so that re-encoded exact copies are found too."""
    digest = hashlib.sha256(str(image_rgb.shape).encode())
    digest.update(np.ascontiguousarray(image_rgb).data)
    return digest.hexdigest()
