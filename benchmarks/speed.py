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
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tyro
from before import check
from environments import HERE, python_of
from floor import multiply_adds
from jobs import Jobs, kept_jobs
from speed_found import DECODED, DETECTOR, REFERENCE, Found
from speed_pictures import crops, write_crowd, write_video
from speed_report import write_report
from tqdm import tqdm

from affekt.data.manifest import read_manifest, read_row_rgb, select_split
from affekt.faces.preprocessing import Preprocessing
from affekt.files import write_parquet
from affekt.labels import PROBABILITY_COLUMNS
from affekt.models.card import ONNX_FILE, Card, model_folder, read_card, shipped_models
from affekt.models.runtimes import installed_runtimes
from drawn_faces import drawn_manifest

SPLIT = "val"
FER_LABELS = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
"""`fer`'s names that are not affekt's; contempt it does not know."""
PICTURES = 240
"""Pictures a call, of one face each: enough that the first and the last, with which a core waits, do not count."""
PEERS_PICTURES = 24
"""The peers take one picture after another: more would only take longer."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    models: tuple[Path, ...] = tuple(Path(name) for name in shipped_models() if not name.endswith("-int8"))
    """Models that come with affekt, or model folders; each is exported in all precisions. Pictures, growth and floor
    look at the first."""
    data: Path | None = None
    """A FER+ manifest: int8 is calibrated on it, and accuracy measured."""
    repetitions: int = 3
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


@dataclass(frozen=True)
class Bench:
    """The jobs of one benchmark, the folder they share, and what they found."""

    options: Options
    folder: Path
    jobs: Jobs
    found: Found = field(default_factory=Found)

    def ours(self, kind: str, **job: Any) -> Any:
        """Run a job in affekt's own environment."""
        job = {"kind": kind, "model": str(model_folder(self.options.models[0])), "seconds": self.options.seconds, **job}
        return self.jobs.run(Path(sys.executable), "speed_ours.py", job, self.folder)

    def peers(self, kind: str, **job: Any) -> Any:
        """Run a job in the peers' environment."""
        job = {"kind": kind, "seconds": self.options.seconds, **job}
        return self.jobs.run(python_of("peers", "--no-deps"), "speed_peers.py", job, self.folder)


def affekt_files(bench: Bench, manifest: pl.DataFrame | None) -> dict[str, Path]:
    """Return affekt's model folders: each model as it is, and exported to fp32 and int8."""
    from affekt.exporting.model_folder import write_model_folder

    drawn = drawn_manifest(identities=12, pictures_per_identity=16, size=96, seed=0)
    given = manifest if manifest is not None else drawn.with_columns(split=pl.lit("train"))
    split = SPLIT if manifest is not None else "train"
    folders = {}
    for model in map(model_folder, bench.options.models):
        name, own = model.name, f"{model.name} {read_card(model).precision}"
        bench.found.shipped.append(own)
        folders |= {own: model, f"{name} int8": bench.folder / f"{name}-int8"}
        if f"{name} fp32" not in folders:
            folders[f"{name} fp32"] = bench.folder / f"{name}-fp32"
            write_model_folder(model, folders[f"{name} fp32"])
        int8 = folders[f"{name} int8"]
        exported = write_model_folder(model, int8, precision="int8", manifest=given, split=split, force=True)
        bench.found.lost_points[name] = exported.lost_points
        bench.found.multiply_adds[name] = multiply_adds(folders[f"{name} fp32"] / ONNX_FILE)
    return folders


def reference_file(bench: Bench) -> Path:
    """Write the network of EmotiEffLib's default, with random weights, and return its model folder."""
    import torch

    from affekt.exporting.onnx_file import write_onnx
    from affekt.networks.network import Network

    torch.manual_seed(0)
    folder = bench.folder / "efficientnet"
    preprocessing = Preprocessing(input_size=224)
    card = Card(
        name="efficientnet_b0",
        architecture="efficientnet_b0",
        hidden_units=256,
        heads=("expression",),
        preprocessing=preprocessing,
    )
    card.write(folder)
    write_onnx(Network(card.architecture, card.hidden_units, card.heads), card, folder / ONNX_FILE)
    bench.found.multiply_adds[REFERENCE] = multiply_adds(folder / ONNX_FILE)
    return folder


def measure_crops(bench: Bench, folders: dict[str, Path], reference: Path) -> None:
    """Time crops through every network, by turns."""
    options = bench.options
    grey = bench.folder / "crops.npy"
    np.save(grey, crops(64, 48, 1)[..., 0])
    jobs = {
        f"{name}, {runtime}": {"model": str(folder), "runtime": runtime, "sizes": options.sizes}
        for name, folder in folders.items()
        for runtime in installed_runtimes()
    }
    jobs[REFERENCE] = {"model": str(reference), "runtime": "onnxruntime", "sizes": [1, 16]}
    turns: dict[str, list[dict[str, dict[str, float]]]] = {}
    for repetition in tqdm(range(options.repetitions), unit="turn", desc="crops"):
        for name in list(jobs)[:: 1 if repetition % 2 == 0 else -1]:
            turns.setdefault(name, []).append(bench.ours("crops", **jobs[name]))
        for name, calls in bench.peers("crops", crops=str(grey), sizes=[1, 64]).items():
            turns.setdefault(name, []).append(calls)
    for name, calls in turns.items():
        bench.found.calls[name] = {
            int(size): {key: statistics.median(turn[size][key] for turn in calls) for key in figures}
            for size, figures in calls[0].items()
        }


def measure_pictures(bench: Bench, folders: dict[str, Path]) -> None:
    """Time pictures and a video from the file on, by turns: affekt as it ships and in int8, its detector, the peers."""
    paths = [str(write_crowd(bench.folder / "1.jpg", 1))] * PICTURES
    video = str(write_video(bench.folder / "video.mp4", bench.options.frames))
    wanted = {name: str(folder) for name, folder in folders.items() if name in bench.found.shipped or "int8" in name}
    turns: dict[str, list[dict[str, float]]] = {}
    for _ in tqdm(range(bench.options.repetitions), unit="turn", desc="pictures and video"):
        turn = {
            name: bench.ours("pictures", model=model, paths=paths)
            | {"frame_s": bench.ours("video", model=model, path=video)["s"]}
            for name, model in wanted.items()
        }
        alone = bench.ours("detector", paths=paths)
        turn |= {DECODED: alone["decoded"], DETECTOR: alone["detector"]}
        turn |= bench.peers("pictures", paths=paths[:PEERS_PICTURES], video=video)
        for name, figures in turn.items():
            turns.setdefault(name, []).append(figures)
    for name, figures in turns.items():
        bench.found.pictures[name] = {key: statistics.median(turn[key] for turn in figures) for key in figures[0]}


def measure_growth(bench: Bench) -> None:
    """Measure what more faces in a picture and more pictures in a run cost."""
    options, found = bench.options, bench.found
    for faces in tqdm(options.faces, unit="picture", desc="faces per picture"):
        crowd = str(write_crowd(bench.folder / f"{faces}.jpg", faces))
        found.crowds[faces] = bench.ours("pictures", paths=[crowd] * 4)
    one = str(write_crowd(bench.folder / "1.jpg", 1))
    for pictures in tqdm(options.pictures, unit="run", desc="pictures per run"):
        found.many[pictures] = bench.ours("many", path=one, pictures=pictures)


def measure_floor(bench: Bench, full: Path) -> None:
    """Measure rates and stages on one core, as each core works for itself when there are many pictures."""
    one, all_cores = write_crowd(bench.folder / "1.jpg", 1), os.sched_getaffinity(0)
    # The job inherits this, and so do the threads of its libraries.
    os.sched_setaffinity(0, {max(all_cores)})
    try:
        bench.found.floor.update(bench.ours("floor", model=str(full), path=str(one)))
    finally:
        os.sched_setaffinity(0, all_cores)


def measure_accuracy(bench: Bench, folders: dict[str, Path], data: Path) -> None:
    """Score affekt and `fer`'s shipped networks on one split by one code: `affekt evaluate`."""
    rows = select_split(read_manifest(data), SPLIT)
    np.save(bench.folder / "split.npy", np.stack([read_row_rgb(row)[..., 1] for row in rows.iter_rows(named=True)]))
    said = bench.peers("classify", crops=str(bench.folder / "split.npy"))
    names = [f"p_{FER_LABELS.get(label, label)}" for label in said["labels"]]
    tables = {}
    for number, (name, answers) in enumerate(said["answers"].items()):
        table = pl.DataFrame(dict(zip(names, np.array(answers).T, strict=True)))
        table = table.with_columns(source_id=rows["source_id"], p_contempt=pl.lit(0.0))
        tables[f"peer{number}"] = name
        write_parquet(table.select("source_id", *PROBABILITY_COLUMNS), bench.folder / f"peer{number}.parquet")
    out = bench.folder / "report"
    command = [sys.executable, "-m", "affekt", "evaluate", *folders.values(), "--runtime", "onnxruntime"]
    command += ["--predictions", *(bench.folder / f"{stem}.parquet" for stem in tables)]
    command += ["--data", data, "--split", SPLIT, "--out", out, "--mistakes", "0"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    scores = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["models"]
    ours = {folder.name: name for name, folder in folders.items()}
    for stem, name in (ours | tables).items():
        figure = scores[stem]["figures"]["accuracy"]
        bench.found.accuracy[name] = (figure["value"], figure["low"], figure["high"])


def main() -> None:
    """Measure and write the page."""
    options = tyro.cli(Options, description=__doc__)
    takes = "eight minutes at its defaults on two AVX-512 cores, and five more the first time, for 1.9 GB of peers"
    check(takes, files=[options.data], models=options.models, out=options.out, disk_gb=3)
    manifest = read_manifest(options.data) if options.data else None
    python_of("peers", "--no-deps")  # what cannot be installed is told before anything is measured
    load, start_s = os.getloadavg()[0], time.monotonic()
    with tempfile.TemporaryDirectory() as temporary, kept_jobs(options.out, options) as jobs:
        bench = Bench(options, Path(temporary), jobs)
        folders = affekt_files(bench, manifest)
        measure_crops(bench, folders, reference_file(bench))
        measure_pictures(bench, folders)
        measure_growth(bench)
        measure_floor(bench, folders[f"{model_folder(options.models[0]).name} fp32"])
        if options.data:
            measure_accuracy(bench, folders, options.data)
        took_s = time.monotonic() - start_s
        write_report(bench.found, options.out, load=load, took_s=took_s, arguments=sys.argv[1:])


if __name__ == "__main__":
    main()
