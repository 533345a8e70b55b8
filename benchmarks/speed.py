"""How fast affekt is, beside what people use today: crops, pictures, a video, growth, and the floor; by turns, medians.

`make bench` runs it. Run it on a machine that does nothing else. With `--data`, a FER+ manifest, the accuracy on its
split val, FER+'s PublicTest, stands beside the speed.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import tyro
from environments import HERE, python_of
from frozen_training import run_job
from speed_pictures import crops, write_crowd, write_video
from speed_report import Found, write_report
from tqdm import tqdm

from affekt.data.drawn import drawn_manifest
from affekt.data.manifest import read_manifest, read_row_rgb, select_split, write_table
from affekt.export.model_folder import export_model
from affekt.export.onnx_file import write_onnx
from affekt.faces.preprocessing import Preprocessing
from affekt.labels import PROBABILITY_COLUMNS
from affekt.models.card import ONNX_FILE, Card
from affekt.models.network import Network
from affekt.models.runtimes import installed_runtimes
from affekt.models.shipped import model_folder

SPLIT = "val"
EMOTIEFFLIB = "EfficientNet-B0, 224 px"
FER_LABELS = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
"""`fer`'s names that are not affekt's; contempt it does not know."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    model: Path = Path("affekt")
    """A model that comes with affekt, or a model folder."""
    data: Path | None = None
    """A FER+ manifest: int8 is calibrated on it, and accuracy measured."""
    repetitions: int = 5
    """Turns; tables show medians."""
    seconds: float = 0.5
    """How long each figure of a turn is measured."""
    sizes: tuple[int, ...] = (1, 4, 16, 64, 256, 512)
    """Crops a call."""
    faces: tuple[int, ...] = (1, 4, 16, 64)
    """Faces a picture."""
    pictures: tuple[int, ...] = (10, 100, 1000, 10000)
    """Pictures a run."""
    frames: int = 50
    """Frames of the video."""
    out: Path = HERE / "results.md"
    """Where the page goes; its chart beside it."""


@dataclass
class Bench:
    """The jobs of one benchmark."""

    options: Options
    folder: Path
    found: Found = field(default_factory=Found)

    def ours(self, kind: str, **job: Any) -> dict[str, Any]:
        """Run a job in affekt's own environment."""
        job = {"kind": kind, "model": str(model_folder(self.options.model)), "seconds": self.options.seconds, **job}
        return run_job(Path(sys.executable), "speed_ours.py", job, self.folder)

    def peers(self, kind: str, **job: Any) -> dict[str, Any]:
        """Run a job in the peers' environment."""
        job = {"kind": kind, "seconds": self.options.seconds, **job}
        return run_job(python_of("peers", "--no-deps"), "speed_peers.py", job, self.folder)


def systems(bench: Bench, manifest: pl.DataFrame | None) -> dict[str, tuple[Path, str]]:
    """Return what runs in affekt's environment: by name, the model folder and the runtime."""
    full, int8, other = model_folder(bench.options.model), bench.folder / "int8", bench.folder / "efficientnet"
    drawn = drawn_manifest(identities=12, pictures_per_identity=16, size=96, seed=0)
    given = manifest if manifest is not None else drawn.with_columns(split=pl.lit("train"))
    split = SPLIT if manifest is not None else "train"
    exported = export_model(full, int8, precision="int8", manifest=given, split=split, force=True)
    bench.found.lost_points = exported.lost_points
    card = Card(
        name="efficientnet_b0",
        architecture="efficientnet_b0",
        hidden_units=256,
        heads=("expression",),
        preprocessing=Preprocessing(input_size=224),
    )
    card.write(other)
    write_onnx(Network(card.architecture, card.hidden_units, card.heads), card, other / ONNX_FILE)
    listed = {f"affekt fp32, {runtime}": (full, str(runtime)) for runtime in installed_runtimes()}
    listed |= {f"affekt int8, {runtime}": (int8, str(runtime)) for runtime in installed_runtimes()}
    return {**listed, f"{EMOTIEFFLIB}, onnxruntime": (other, "onnxruntime")}


def measure_crops(bench: Bench, listed: dict[str, tuple[Path, str]]) -> None:
    """Time crops through every network, by turns."""
    options = bench.options
    grey = bench.folder / "crops.npy"
    np.save(grey, crops(max(options.sizes), 48, 1)[..., 0])
    turns: dict[str, list[dict[str, float]]] = {}
    for repetition in tqdm(range(options.repetitions), unit="turn", desc="crops"):
        for name in list(listed)[:: 1 if repetition % 2 == 0 else -1]:
            folder, runtime = listed[name]
            sizes = options.sizes if folder.name != "efficientnet" else [1, 16]
            result = bench.ours("crops", model=str(folder), runtime=runtime, sizes=sizes)
            turns.setdefault(name, []).append(result["call_s"])
        for name, call_s in bench.peers("crops", crops=str(grey), sizes=[1, 64]).items():
            turns.setdefault(name, []).append(call_s)
    for name, calls in turns.items():
        bench.found.call_s[name] = {int(size): statistics.median(turn[size] for turn in calls) for size in calls[0]}


def measure_pictures(bench: Bench) -> None:
    """Time pictures and a video from the file on, then how the cost grows."""
    options, found = bench.options, bench.found
    one = str(write_crowd(bench.folder / "one.jpg", 1))
    video = str(write_video(bench.folder / "video.mp4", options.frames))
    turns = [
        {
            "affekt": bench.ours("pictures", paths=[one] * 24),
            "video": bench.ours("video", path=video),
            "peers": bench.peers("pictures", paths=[one] * 24, video=video),
        }
        for _ in tqdm(range(max(1, options.repetitions // 2)), unit="turn", desc="pictures")
    ]

    def median(*keys: str) -> float:
        values: list[Any] = list(turns)
        for key in keys:
            values = [value[key] for value in values]
        return statistics.median(values)

    found.pictures_per_s = {"affekt": 24 / median("affekt", "affekt_s")}
    found.pictures_per_s["affekt's detector alone"] = 24 / median("affekt", "detector_s")
    found.frames_per_s = {"affekt": options.frames / median("video", "affekt_s")}
    for name in ("fer", "DeepFace"):
        found.pictures_per_s[name] = 24 / median("peers", name, "pictures_s")
        found.frames_per_s[name] = options.frames / median("peers", name, "video_s")
    for faces in tqdm(options.faces, unit="picture", desc="faces a picture"):
        crowd = str(write_crowd(bench.folder / f"{faces}.jpg", faces))
        result = bench.ours("pictures", paths=[crowd] * 4)
        found.crowds[faces] = {"found": result["faces"] / 4, "picture_s": result["affekt_s"] / 4}
    for pictures in tqdm(options.pictures, unit="run", desc="pictures a run"):
        found.many[pictures] = bench.ours("many", path=one, pictures=pictures)


def measure_accuracy(bench: Bench, listed: dict[str, tuple[Path, str]], data: Path) -> None:
    """Score affekt and `fer`'s shipped networks on one split by one code: `affekt evaluate`."""
    rows = select_split(read_manifest(data), SPLIT)
    grey = np.stack([read_row_rgb(row)[..., 1] for row in rows.iter_rows(named=True)])
    np.save(bench.folder / "split.npy", grey)
    said = bench.peers("classify", crops=str(bench.folder / "split.npy"))
    names = [f"p_{FER_LABELS.get(label, label)}" for label in said["labels"]]
    tables = {"fer-keras": "fer, Keras", "fer-tflite": "fer, TFLite (its default)"}
    for stem, name in tables.items():
        table = pl.DataFrame(dict(zip(names, np.array(said["answers"][name]).T, strict=True)))
        table = table.with_columns(source_id=rows["source_id"], p_contempt=pl.lit(0.0))
        write_table(table.select("source_id", *PROBABILITY_COLUMNS), bench.folder / f"{stem}.parquet")
    full, int8 = (next(path for name, (path, _) in listed.items() if word in name) for word in ("fp32", "int8"))
    out = bench.folder / "report"
    command = [sys.executable, "-m", "affekt", "evaluate", full, int8, "--runtime", "onnxruntime"]
    command += ["--predictions", *(bench.folder / f"{stem}.parquet" for stem in tables)]
    command += ["--data", data, "--split", SPLIT, "--out", out, "--mistakes", "0"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    scores = json.loads((out / "metrics.json").read_text())["models"]
    by_folder = {full.name: "affekt fp32", int8.name: "affekt int8", **tables}
    for stem, name in by_folder.items():
        figure = scores[stem]["figures"]["accuracy"]
        bench.found.accuracy[name] = (figure["value"], figure["low"], figure["high"])


def main() -> None:
    """Measure and write the page."""
    options = tyro.cli(Options, description=__doc__)
    torch.manual_seed(0)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(options, Path(temporary))
        listed = systems(bench, read_manifest(options.data) if options.data else None)
        measure_crops(bench, listed)
        measure_pictures(bench)
        bench.found.floor = bench.ours("floor")
        if options.data:
            measure_accuracy(bench, listed, options.data)
    write_report(bench.found, options.out, load=load, arguments=sys.argv[1:])


if __name__ == "__main__":
    main()
