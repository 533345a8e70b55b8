"""What the manifest scripts of this folder share: pictures and labels from a tar, faces as predict finds them."""

import csv
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from affekt.data.importers.engine import found_face
from affekt.data.manifest import pixel_sha256, write_manifest
from affekt.faces.pictures import read_rgb

Row = dict[str, object]


def labelled_pictures(tar: Path, folder: str) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield each row of `folder/labels.csv` in a tar with the encoded bytes of its picture."""
    with tarfile.open(tar) as archive:
        files = {member.name.removeprefix("./"): member for member in archive.getmembers()}

        def content(name: str) -> bytes:
            file = archive.extractfile(files[f"{folder}/{name}"])
            assert file is not None
            return file.read()

        for row in csv.DictReader(io.StringIO(content("labels.csv").decode())):
            yield row, content(row["image"])


def with_face(row: Row, image: bytes) -> Row:
    """Add a picture to a manifest row: its bytes, its hash and YuNet's face; without one the whole picture counts."""
    image_rgb = read_rgb(image)
    box, landmarks = found_face(image_rgb, None)
    found = {"box_xyxy": box, "landmarks_xy": landmarks}
    return {**row, "image": image, "pixel_sha256": pixel_sha256(image_rgb), **found}


def share(text: str) -> float:
    """Return a number in 0-1 that a text always gets, to carve splits by name and not by chance."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 0x1_0000_0000


def write(rows: list[Row], out: Path) -> None:
    """Write the manifest and print its counts."""
    frame = pl.DataFrame(rows, infer_schema_length=None)
    write_manifest(frame, out)
    counts = frame.group_by("split", "emotion").len().sort("split", "emotion")
    print("\n".join(f"{split:8} {emotion or '-':10} {count:6}" for split, emotion, count in counts.iter_rows()))
    print(f"no face found in {frame['box_xyxy'].null_count()} of {frame.height}: the whole picture is taken")
