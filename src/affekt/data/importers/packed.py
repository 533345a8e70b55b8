"""Pictures that are packed with their labels: Hugging Face's parquet, WebDataset's tars, DiffusionFER's tar.

What is in them goes into the manifest as it is, encoded; nothing is unpacked to disk.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from tyro.conf import Positional

from affekt.analysis.remote import addresses_below, filesystem, is_address, without_secrets
from affekt.data.importers.listing import Listing
from affekt.data.importers.names import SKIP, name_labels, parse_map
from affekt.data.manifest import SCHEMA, SPLIT_NAMES
from affekt.data.shards import members
from affekt.errors import ConfigError, DataError, first_line
from affekt.faces.kinds import PICTURE_ENDINGS

LFS_POINTER = b"version https://git-lfs"
CLASS_NAMES = ("classnames.txt", "classes.txt")
"""Files beside the shards that name the numbers, a name in each line from 0."""
SHARD_ENDINGS = (".tar", ".tar.gz", ".tgz")
LABEL_FIELDS = ("label", "labels", "emotion", "expression")
POINT = ("valence", "arousal")
DIFFUSIONFER_LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What sets of packed pictures have in common."""

    root: Positional[Path]
    """A file, or a folder that holds several, at any depth."""
    map: tuple[str, ...] = ()
    """What labels mean, as in `--map wut=anger 0=neutral unsure=skip`; numbers without names need it."""
    split: str = "train"
    """Split of the files that name none, as train-00000-of-00002 does."""
    source: str | None = None
    """Name of the data set; by default the folder's."""

    def files(self, endings: tuple[str, ...], what: str) -> list[Path]:
        """Return the files to read, sorted; those of a Git that lacks their content are refused."""
        root = Path(self.root).resolve()
        found = [root] if root.is_file() else sorted(path for end in endings for path in root.rglob(f"*{end}"))
        if not found:
            raise DataError(f"expected {' or '.join(endings)} files of {what} at {root}, got none; check the path")
        for path in found:
            with path.open("rb") as file:
                if file.read(len(LFS_POINTER)) == LFS_POINTER:
                    raise DataError(f"expected {what} in {path}, got a pointer to it; type: git lfs pull")
        return found

    @property
    def base(self) -> str:
        """The folder that the files lie in or below, or its address."""
        address = str(self.root)
        if not is_address(address):
            root = Path(self.root).resolve()
            return str(root.parent if root.is_file() else root)
        fixed = re.split(r"[*?\[]", address)[0]
        is_folder = fixed == address and not address.lower().endswith(SHARD_ENDINGS)
        return (fixed if is_folder else fixed.rpartition("/")[0]).rstrip("/")

    def split_of(self, path: str | Path) -> str:
        """Return the split that a file, or else the nearest folder below the base, is named after."""
        below = PurePosixPath(str(path).removeprefix(self.base)).with_suffix("").parts
        words = [word for part in reversed(below) for word in _words(part)]
        return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), self.split)

    def listing(self, rows: pl.DataFrame, names: dict[str, str]) -> Listing:
        """Return rows with labels: numbers by their names, then names by the map; those without a label are counted."""
        if rows.is_empty():
            raise DataError(f"expected pictures with labels in {self.root}, got none; check the path")
        mapping = parse_map(self.map)
        unmapped = {number: name for number, name in names.items() if number not in mapping}
        rows = rows.with_columns(pl.col("emotion").cast(pl.String).replace(unmapped))
        rows = rows.with_columns(pl.col("emotion").replace({"": None, "-1": None}))
        rows, said = name_labels(rows, "emotion", mapping, f"labels in {self.root}")
        known = pl.any_horizontal(pl.col("emotion", *POINT).is_not_null()) & pl.col("emotion").ne_missing(SKIP)
        kept = rows.filter(known).with_columns(
            source=pl.lit(self.source or self._name()),
            valence_arousal_origin=pl.when(pl.any_horizontal(pl.col(POINT).is_not_null())).then(pl.lit("rated")),
        )
        skipped = int((rows["emotion"] == SKIP).sum())
        dropped = {"mapped to skip": skipped, "no label": len(rows) - len(kept) - skipped}
        return Listing(rows=kept, dropped=dropped, notes=tuple(said))

    def _name(self) -> str:
        place = self.base if is_address(str(self.root)) else str(Path(self.root).resolve())
        return PurePosixPath(place).name.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class HuggingFace(Packed):
    """A data set of the Hugging Face Hub: parquet with a column of pictures and one of labels."""

    image_column: str = "image"
    """Column with the pictures: bytes and path together, as the hub writes them, or bytes alone."""
    label_column: str | None = None
    """Column with the expression, a name or a number; by default label, labels, emotion or expression."""

    def list_rows(self) -> Listing:
        """Read the pictures of every file; the names of numbers come from the files themselves."""
        tables, names = list[pl.DataFrame](), dict[str, str]()
        for path in self.files((".parquet",), "a Hugging Face data set"):
            table, named = self._read(path)
            if names and named and named != names:
                raise DataError(
                    f"expected the same labels in all files of {self.root}, got others in {path}; import each alone"
                )
            names |= named
            tables.append(table)
        rows = pl.concat(tables, how="vertical_relaxed")
        found = self.listing(rows.drop_nulls("image"), names)
        return replace(found, dropped={**found.dropped, "no picture in the row": rows["image"].null_count()})

    def _read(self, path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
        """Return a file's rows, and the names of its labels' numbers."""
        try:
            table, metadata = pl.read_parquet(path, glob=False), pl.read_parquet_metadata(path)
            label = self.label_column or next((name for name in LABEL_FIELDS if name in table.columns), None)
            if self.image_column in table.columns and label in table.columns:
                return self._rows(table, path, label), _class_names(metadata.get("huggingface", ""), label)
        except (pl.exceptions.PolarsError, OSError) as error:
            got = first_line(error)
            raise DataError(
                f"expected a parquet of pictures and labels at {path}, got {got}; download it again"
            ) from error
        raise DataError(
            f"expected columns of pictures and labels in {path}, got {', '.join(table.columns)}; name them with "
            "image_column and label_column (--image-column, --label-column)"
        )

    def _rows(self, table: pl.DataFrame, path: Path, label: str | None) -> pl.DataFrame:
        image, name = pl.col(self.image_column), pl.lit("")
        if isinstance(table.schema[self.image_column], pl.Struct):
            name = pl.concat_str(pl.lit("-"), image.struct.field("path").str.extract("([^/]*)$")).fill_null("")
            image = image.struct.field("bytes")
        # Many sets name all pictures alike, or none: file and row make a name unique.
        row = pl.int_range(pl.len()).cast(pl.String).str.zfill(6)
        split = self.split_of(path)
        return table.select(
            image=image.cast(pl.Binary),
            emotion=pl.col(str(label)).cast(pl.String),
            split=pl.lit(split),
            source_id=pl.concat_str(pl.lit(f"{split}/{path.stem}-"), row, name),
            **{each: pl.col(each) if each in table.columns else pl.lit(None, SCHEMA[each]) for each in POINT},
        )


@dataclass(frozen=True, kw_only=True)
class WebDataset(Packed):
    """WebDataset shards: tars in which files of one name, as 0001.jpg and 0001.cls, are one sample."""

    root: Positional[str | Path]  # pyright: ignore[reportIncompatibleVariableOverride], an address is no path
    """A tar, or a folder that holds several, at any depth; or an address of them, as 's3://bucket/tars/*.tar'."""
    label_field: str | None = None
    """Field of the samples' json with the expression; by default label, labels, emotion or expression."""
    in_place: bool = False
    """Leave the pictures in the tars, and write into the manifest where each is: for more pictures than fit a disk."""

    def list_rows(self) -> Listing:
        """Read every shard as a stream."""
        rows, pictureless, place = list[dict[str, Any]](), 0, "path" if self.in_place else "image"
        for shard in self._shards():
            split, stem = self.split_of(shard), PurePosixPath(shard).stem
            for key, sample in _samples(shard, in_place=self.in_place):
                image = next((sample[end] for end in sample if _is_picture(f"x.{end}")), None)
                if image is None:
                    pictureless += 1
                    continue
                said = self._said(sample, f"{key} of {shard}")
                picture = f"{shard}/{image.decode()}" if self.in_place else image
                rows.append({place: picture, "split": split, "source_id": f"{split}/{stem}/{key}", **said})
        schema = {name: SCHEMA[name] for name in (place, "emotion", "split", "source_id", *POINT)}
        frame = pl.DataFrame(rows, schema=schema)
        unique = frame.unique("source_id", keep="first", maintain_order=True)
        found = self.listing(unique, self._class_names())
        dropped = {"sample without a picture": pictureless, "sample again, in the same tar": len(frame) - len(unique)}
        return replace(found, dropped={**found.dropped, **dropped})

    def _shards(self) -> list[str]:
        address = str(self.root)
        if not is_address(address):
            return list(map(str, self.files(SHARD_ENDINGS, "a WebDataset")))
        if (told := without_secrets(address)) != address:
            raise ConfigError(
                f"expected an address without a key or question mark, which the manifest would keep, got {told}; "
                "put the key into the environment, as the address's library reads it"
            )
        found = [each for each in addresses_below(address) if each.lower().endswith(SHARD_ENDINGS)]
        if not found:
            raise DataError(f"expected tar files of a WebDataset at {address}, got none; check the address")
        return found

    def _said(self, sample: dict[str, bytes], where: str) -> dict[str, Any]:
        """Return what the files of a sample say: its emotion, from the cls where there is one, and its point."""
        try:
            fields = json.loads(sample.get("json", b"{}"))
            said: dict[str, Any] = {name: float(fields[name]) for name in POINT if fields.get(name) is not None}
            names = (self.label_field,) if self.label_field else LABEL_FIELDS
            label = next((str(fields[name]) for name in names if fields.get(name) is not None), None)
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"expected a json of fields, numbers as valence and arousal, in {where}, got {error}; mend the tar"
            ) from error
        if "cls" in sample and not self.label_field:
            label = sample["cls"].decode(errors="replace").strip()
        return {**said, "emotion": label}

    def _class_names(self) -> dict[str, str]:
        folder = self.base
        for place in (folder, folder.rpartition("/")[0]) if Path(self.root).is_file() else (folder,):
            for name in CLASS_NAMES:
                if (text := _text(f"{place}/{name}")) is not None:
                    return {str(number): line.strip() for number, line in enumerate(text.split("\n")) if line.strip()}
        return {}


@dataclass(frozen=True, kw_only=True)
class DiffusionFer:
    """DiffusionFER: generated faces, seven expressions, valence and arousal rated by two people."""

    root: Positional[Path]
    """diffusionfer.tar, or the folder that it holds, with labels.csv."""

    def list_rows(self) -> Listing:
        """List what labels.csv names; the folders' names are the words of the prompts, not labels."""
        root = self.root.resolve()
        if root.is_file():
            files = {name.partition("/")[2]: content for name, content in members(str(root))}
            text, there = files.get("labels.csv", b"").decode("utf-8-sig"), files.keys()
        else:
            table = root / "labels.csv"
            text, files = table.read_text(encoding="utf-8-sig") if table.is_file() else "", dict[str, bytes]()
            there = {str(PurePosixPath(*path.relative_to(root).parts)) for path in root.rglob("*.*")}
        listed = list(csv.DictReader(io.StringIO(text)))
        if not listed or not {"image", "expression", *POINT} <= listed[0].keys():
            raise DataError(
                f"expected labels.csv with image, expression, valence and arousal in {root}, got "
                f"{', '.join(listed[0]) if listed else 'no such table'}; give diffusionfer.tar or the folder it holds"
            )
        names = {str(number): label for number, label in enumerate(DIFFUSIONFER_LABELS)}
        frame = pl.DataFrame(listed).filter(pl.col("image").is_in(list(there)))
        rows = frame.select(
            *(pl.col(name).cast(pl.Float32, strict=False) for name in POINT),
            emotion=pl.col("expression").replace_strict(names, default=None),
            source_id="image",
            split=pl.lit("train"),
            source=pl.lit("diffusionfer"),
            valence_arousal_origin=pl.lit("rated"),
        )
        pictures = pl.Series([files[name] if files else str(root / name) for name in frame["image"]])
        rows = rows.with_columns(pictures.alias("image" if files else "path"))
        notes = ("Faces are generated, and the labels are what two people saw; the folders say what was asked for.",)
        return Listing(rows=rows, dropped={"picture is not there": len(listed) - len(frame)}, notes=notes)


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z]+", name.lower())


def _class_names(metadata: str, label: str | None) -> dict[str, str]:
    """Return the names of a label's numbers as the hub's library writes them into a file, where it does."""
    try:
        feature = json.loads(metadata)["info"]["features"][label]
        return {str(number): name for number, name in enumerate(feature["names"])}
    except (ValueError, KeyError, TypeError):
        return {}


def _text(place: str) -> str | None:
    """Return the text of a file on a disk or at an address, None where there is none."""
    if not is_address(place):
        return Path(place).read_text(encoding="utf-8-sig") if Path(place).is_file() else None
    files, path = filesystem(place)
    return files.cat_file(path).decode("utf-8-sig") if files.exists(path) else None


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURE_ENDINGS


def _samples(shard: str, *, in_place: bool) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield each sample of a shard: what comes before the first dot of the names, and its files by what comes after.

    In place, a picture's name in the tar stands for what is in it.
    """
    key, sample = "", dict[str, bytes]()
    for name, content in members(shard, lambda name: not (in_place and _is_picture(name))):
        folder, _, file = name.rpartition("/")
        if file.startswith("."):
            continue
        stem, _, ending = file.partition(".")
        found = f"{folder}/{stem}" if folder else stem
        if sample and (found != key or ending.lower() in sample):
            yield key, sample
            sample = {}
        key = found
        sample[ending.lower()] = name.encode() if in_place and _is_picture(name) else content
    if sample:
        yield key, sample
