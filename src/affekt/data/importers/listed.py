"""Sets that list their labels beside pictures by number or name: ExpW's one list, Aff-Wild2's file for each video."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
from tyro.conf import Positional

from affekt.data.importers.listing import Listing, with_face_boxes
from affekt.data.manifest import SCHEMA
from affekt.errors import ConfigError, DataError

EXPW_LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
EXPW_FIELDS = ("name", "face", "top", "left", "right", "bottom", "confidence", "label")
"""Of each line. The box starts with its top, not with its left edge."""
EXPW_LIST = "label.lst"
EXPW_FACES = 91_793

WILD_LABELS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
"""By the numbers of Aff-Wild2; 7 is any other expression, -1 none that was given."""
WILD_FOLDERS = {
    "expression": ["EXPR_Classification_Challenge", "EXPR_Recognition_Challenge", "EXPR_Set"],
    "valence_arousal": ["VA_Estimation_Challenge", "VA_Set"],
}
WILD_SETS = {"Train_Set": "train", "Validation_Set": "val"}
WILD_HEADER = {"expression": "Neutral,Anger,...", "valence_arousal": "valence,arousal"}


@dataclass(frozen=True, kw_only=True)
class ExpW:
    """ExpW: 91,793 faces in pictures of the web, seven expressions, often several faces in a picture."""

    root: Positional[Path]
    """Folder that holds label.lst, or label/label.lst."""
    pictures: Path | None = None
    """Folder that holds the pictures; by default origin or image/origin in that of the list."""

    def list_rows(self) -> Listing:
        """List the faces with their boxes."""
        root = self.root.resolve()
        path = next((each for each in (root / EXPW_LIST, root / "label" / EXPW_LIST) if each.is_file()), None)
        folders = [self.pictures] if self.pictures else [root / "origin", root / "image" / "origin", root / "image"]
        pictures = next((folder.resolve() for folder in folders if folder.is_dir()), None)
        if path is None or pictures is None:
            raise DataError(
                f"expected {EXPW_LIST} and the folder origin under {root}, got {path or 'no list'} and "
                f"{pictures or 'no pictures'}; give the folder that holds them, and the pictures' with pictures "
                "(--pictures)"
            )
        lines = [line.split() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
        whole = [line for line in lines if len(line) == len(EXPW_FIELDS)]
        frame = pl.DataFrame(whole, schema=dict.fromkeys(EXPW_FIELDS, pl.String), orient="row")
        names = {str(number): label for number, label in enumerate(EXPW_LABELS)}
        edges = [pl.col(name).cast(pl.Float32, strict=False) for name in ("left", "top", "right", "bottom")]
        rows = frame.select(
            path=pl.lit(f"{pictures}/") + pl.col("name"),
            source_id=pl.col("name") + "#" + pl.col("face"),
            emotion=pl.col("label").replace_strict(names, default=None),
            box_xyxy=pl.concat_arr(edges),
            source=pl.lit("expw"),
            split=pl.lit("train"),
        )
        labelled = rows.drop_nulls("emotion")
        unique = labelled.unique("source_id", keep="first", maintain_order=True)
        boxed, without = with_face_boxes(unique)
        dropped = {
            f"line has not {len(EXPW_FIELDS)} fields": sum(map(bool, lines)) - len(whole),
            "label outside 0 to 6": len(rows) - len(labelled),
            "face listed again (the first is kept)": len(labelled) - len(unique),
            "no face box": without,
        }
        notes = (
            f"{EXPW_LIST} gives boxes as top, left, right, bottom.",
            "There are no splits and no names of people. affekt data split keeps the faces of one picture together.",
        )
        return Listing(rows=boxed, dropped=dropped, published={"train": EXPW_FACES}, notes=notes)


@dataclass(frozen=True, kw_only=True)
class AffWild2:
    """Aff-Wild2 (ABAW): annotation files of videos, a line for each frame, beside folders of cropped frames."""

    root: Positional[Path]
    """Folder that holds EXPR_Classification_Challenge or VA_Estimation_Challenge."""
    task: Literal["expression", "valence_arousal"] = "expression"
    """Which annotations to read: the two divide the videos into train and validation differently."""
    pictures: Path | None = None
    """Folder that holds a folder of frames for each video; by default cropped_aligned beside the annotations."""
    every: int = 1
    """30 takes every thirtieth frame of a video: neighbouring frames are nearly the same picture."""

    def __post_init__(self) -> None:
        """Refuse a step that is none."""
        if self.every < 1:
            raise ConfigError(f"expected every of 1 or more, got {self.every}; 30 takes a frame per second or so")

    def list_rows(self) -> Listing:
        """List the frames that have a picture and an annotation."""
        root, columns = self.root.resolve(), ("emotion",) if self.task == "expression" else ("valence", "arousal")
        pictures = (self.pictures or root / "cropped_aligned").resolve()
        homes = [home / name for home in (root, root / "annotations") for name in WILD_FOLDERS[self.task]]
        files = [
            (file, split)
            for home in homes
            for name, split in WILD_SETS.items()
            for file in sorted((home / name).glob("*.txt"))
        ]
        if not files or not pictures.is_dir():
            raise DataError(
                f"expected {WILD_FOLDERS[self.task][0]}/Train_Set/*.txt and the frames in {pictures}, got {len(files)} "
                f"files{'' if pictures.is_dir() else ' and no such folder'}; give the folder that holds them, and the "
                "frames' with pictures (--pictures)"
            )
        dropped, rows = Counter[str](), list[tuple[object, ...]]()
        for file, split in files:
            rows += self._frames_of(file, split, pictures, dropped)
        schema = {name: SCHEMA[name] for name in ("path", "source_id", "subject", "split", *columns)}
        frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(source=pl.lit("affwild2"))
        if self.task == "valence_arousal":
            frame = frame.with_columns(valence_arousal_origin=pl.lit("rated"))
        notes = (
            f"{len(files)} videos. Line n after the header is frame n, and its picture is 0000n.jpg.",
            "Each annotation file counts as a person of its own: who appears in several videos is not known.",
            "-1 and -5 say that nothing was given. Expressions other than the seven are left out." if rows else "",
        )
        return Listing(rows=frame, dropped=dict(dropped), notes=tuple(filter(None, notes)))

    def _frames_of(self, file: Path, split: str, pictures: Path, dropped: Counter[str]) -> list[tuple[object, ...]]:
        header, *lines = file.read_text(encoding="utf-8-sig").splitlines() or [""]
        if not any(character.isalpha() for character in header):
            raise DataError(f"expected the header {WILD_HEADER[self.task]} in {file}, got {header!r}; unpack it again")
        folder = pictures / file.stem
        there = set(os.listdir(folder)) if folder.is_dir() else set[str]()  # noqa: PTH208 - a million frames
        rows: list[tuple[object, ...]] = []
        for number, line in enumerate(lines, start=1):
            if (number - 1) % self.every or not line.strip():
                continue
            name = f"{number:05d}.jpg"
            label = self._label(line, f"line {number + 1} of {file}")
            if label is None:
                dropped["no annotation, or another expression"] += 1
            elif name not in there:
                dropped["no picture of the frame"] += 1
            else:
                rows.append((str(folder / name), f"{file.stem}/{number:05d}", file.stem, split, *label))
        return rows

    def _label(self, line: str, where: str) -> tuple[object, ...] | None:
        """Return what an annotation says, None where it says nothing."""
        try:
            if self.task == "expression":
                number = int(line)
                if not -1 <= number <= len(WILD_LABELS):
                    raise ValueError
                return (WILD_LABELS[number],) if 0 <= number < len(WILD_LABELS) else None
            valence, arousal = map(float, line.split(","))
        except ValueError:
            raise DataError(
                f"expected an annotation as under {WILD_HEADER[self.task]} in {where}, got {line[:30]!r}; "
                "unpack it again"
            ) from None
        return (valence, arousal) if max(abs(valence), abs(arousal)) <= 1 else None
