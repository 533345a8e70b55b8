"""Jobs whose workers and drivers are killed: `python benchmarks/ray_kills.py` (Linux). Nothing may be lost or doubled.

It ends with an error if something was. `--pictures 20000 --faces whole` is for many inputs and kills in a few minutes.
The same inputs, bad ones of every kind among them, are read by one process, as 16 shards, and by Ray while its workers
are killed at random; the three tables must be equal. Then pictures are read from a web server on loopback, which counts
how often each is asked for; the driver is killed, with its cluster, in the middle of the job, and started again. Kills
come after so many seconds in which parts were written: where other programs fill the machine, workers start slowly, and
one that is always killed while it starts would measure that only.
"""

import io
import math
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tyro
from before import check
from jobs import kept_jobs
from PIL import Image
from predict_pictures import head, write_video
from tqdm import tqdm

from affekt import gather, predict
from affekt.analysis.options import FaceFinder
from affekt.analysis.summary import counted
from affekt.cores import core_count, processor

RUNTIME = "onnxruntime"
MOST_S = 3600


@dataclass(frozen=True)
class Options:
    """The jobs.

    Args:
        pictures: small pictures of one face each.
        web: so many of them are read from the web with the driver killed.
        every_s: seconds from the first part after a kill to the next kill, at least and at most.
        most_kills: so many workers are killed at most; one piece may lose eight.
        seed: of pictures and kills.
        faces: who finds the faces; `whole` takes each picture for one, which is quick.
        out: a file to add what was found to.
    """

    pictures: int = 5000
    web: int = 300
    every_s: tuple[float, float] = (1.0, 4.0)
    most_kills: int = 1000
    seed: int = 0
    faces: FaceFinder = "auto"
    out: Path | None = None

    @property
    def command(self) -> list[str]:
        """What begins a job on Ray."""
        return [sys.executable, "-m", "affekt", "predict", "--ray", "--runtime", RUNTIME, "--faces", self.faces]


def write_inputs(folder: Path, options: Options) -> list[str]:
    """Write pictures, a video, archives, and bad inputs of every kind; return what is to be typed."""
    generator, portrait = np.random.default_rng(options.seed), head()
    (folder / "faces").mkdir(parents=True)
    for number in range(options.pictures):
        picture = Image.fromarray(generator.integers(60, 180, (9, 12, 3), np.uint8)).resize((128, 96))
        side = int(generator.integers(60, 90))
        picture.paste(portrait.resize((side, side)), (int(generator.integers(0, 128 - side)), 96 - side))
        picture.save(folder / "faces" / f"{number:05d}.jpg", quality=90)
    write_video(folder / "faces" / "video.mp4", 1)
    bad = _bad_files((folder / "faces" / "00000.jpg").read_bytes(), (folder / "faces" / "video.mp4").read_bytes())
    (folder / "faces" / "bad").mkdir()
    for name, content in bad.items():
        (folder / "faces" / "bad" / name).write_bytes(content)
    (folder / "faces" / "bad" / "to-itself.jpg").symlink_to("to-itself.jpg")
    (folder / "faces" / "bad" / "to-nowhere.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(folder / "faces" / "bad" / "pipe.jpg")
    archives = [name for name in bad if name.endswith((".tar", ".zip", ".parquet"))]
    return ["faces", *(f"faces/bad/{name}" for name in archives), "absent.jpg", "https://host/not-fetched.jpg"]


def _bad_files(jpeg: bytes, video: bytes) -> dict[str, bytes]:
    """Return files that cannot be read, or are read with a note, by name."""
    several, floats, deep, tar, packed, table = (io.BytesIO() for _ in range(6))
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(several, "GIF", save_all=True, append_images=frames[1:])
    Image.fromarray(np.zeros((8, 8), np.float32)).save(floats, "TIFF")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(deep, "PNG")
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in {"good.jpg": jpeg, "bad.jpg": b"none", "last.jpg": jpeg}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("good.jpg", jpeg)
    pl.DataFrame({"image": [jpeg, None, b"none"]}).write_parquet(table)
    # A PNG says how large it is in its first bytes.
    huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0" + bytes(64)
    return {
        "empty.jpg": b"", "cut.jpg": jpeg[: len(jpeg) // 2], "text.jpg": b"no picture", "huge.png": huge,
        "drawing.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "moving.gif": several.getvalue(),
        "floats.tif": floats.getvalue(), "deep.png": deep.getvalue(), "cut.mp4": video[: len(video) // 2],
        "good.tar": tar.getvalue(), "cut.tar": tar.getvalue()[:2500], "no.tar": b"none", "good.zip": packed.getvalue(),
        "cut.zip": packed.getvalue()[:-30], "table.parquet": table.getvalue(), "no.parquet": b"none",
    }  # fmt: skip


def workers(folder: Path) -> list[int]:
    """Return the processes of Ray's that look at pictures in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::affekt") and (process / "cwd").samefile(folder):
                found.append(int(process.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def with_kills(given: list[str], folder: Path, options: Options) -> int:
    """Run a job on Ray whose workers are killed at random; return how many were."""
    generator, killed, parts = random.Random(options.seed), 0, Path("ray")
    with subprocess.Popen(
        [*options.command, *given, "--out", "ray"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as run:
        there, due_s, last_s = 0, math.inf, time.monotonic() + MOST_S
        while run.poll() is None and time.monotonic() < last_s:
            written = len(list(parts.glob("*.parquet")))
            if due_s == math.inf and written > there:
                due_s = time.monotonic() + generator.uniform(*options.every_s)
            if killed < options.most_kills and time.monotonic() > due_s and (alive := workers(folder)):
                os.kill(generator.choice(alive), signal.SIGKILL)
                killed, due_s, there = killed + 1, math.inf, written
            time.sleep(0.05)
        run.kill()
        assert run.stderr is not None
        said = run.stderr.read()
    if run.returncode != 1:  # it counts what cannot be read
        raise SystemExit(f"expected the job to end, got exit code {run.returncode}:\n{said}")
    return killed


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Serve a folder over HTTP on loopback; yield its address, and how often each file was read."""
    asked = Counter[str]()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked[self.path] += 1
            super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def driver_killed(folder: Path, options: Options) -> str:
    """Kill a driver and its cluster in the middle of a job, and start it again; return what was read a second time."""
    with served(folder) as (address, asked):
        names = [f"{address}/faces/{number:05d}.jpg\n" for number in range(options.web)]
        Path("web.txt").write_text("".join(names), encoding="utf-8")
        command = [*options.command, "web.txt", "--fetch", "--out", "web"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as run:
            last_s = time.monotonic() + MOST_S
            while len(asked) < options.web // 2 and run.poll() is None and time.monotonic() < last_s:
                time.sleep(0.02)
            os.killpg(run.pid, signal.SIGKILL)
        while workers(folder):
            time.sleep(0.1)
        there = len(list(Path("web").glob("*.parquet")))
        subprocess.run(command, capture_output=True, check=True)
        rows = gather("web", out="web.parquet").collect()
    parts = sorted(Path("web").glob("*.parquet"))
    pieces = [set(pl.read_parquet(part)["input"]) for part in parts]
    twice = {f"{address}{path}" for path, count in asked.items() if count > 1}
    again = sum(not twice.isdisjoint(piece) for piece in pieces)
    if rows["input"].n_unique() != options.web or again > core_count():
        raise SystemExit(f"expected at most {core_count()} pieces twice, got {again}, and {rows.height} rows")
    return (
        f"The driver was killed when {there} of {len(parts)} parts were written. "
        f"Started again, it read inputs of {again} a second time, with {counted(core_count(), 'worker')}."
    )


def workers_killed(given: list[str], folder: Path, options: Options) -> Iterator[str]:
    """Read the same inputs in three ways; yield what happened."""
    rest: Any = {"runtime": RUNTIME, "faces": options.faces}
    whole = predict(given, out="one.parquet", **rest).lazy().collect()
    bad = whole.filter(pl.col("status").str.starts_with("unreadable"))
    yield f"{whole['input'].n_unique():,} inputs, {bad.height} bad ones for {bad['status'].n_unique()} reasons."
    for number in tqdm(range(1, 17), desc="shards"):
        predict(given, shard=f"{number}/16", out="shards", **rest)
    start_s = time.monotonic()
    yield f"{with_kills(given, folder, options)} workers were killed in {time.monotonic() - start_s:.0f} s."
    for parts in ("shards", "ray"):
        table = gather(parts, out=f"{parts}.parquet").collect()
        metadata = [pl.read_parquet_metadata(f"{name}.parquet") for name in (parts, "one")]
        metadata[1].pop("inputs")  # by which a rerun on one machine knows its files
        if not table.equals(whole) or metadata[0] != metadata[1]:
            raise SystemExit(f"expected the table of one process, got another from {parts}")
    counts = [len(list(Path(parts).glob("*.parquet"))) for parts in ("shards", "ray")]
    yield f"One process, 16 shards ({counts[0]} parts) and Ray ({counts[1]} parts) gave equal tables."


def main() -> None:
    """Run the jobs, and tell what happened."""
    options = tyro.cli(Options, description=__doc__)
    takes = "hours: the kills alone took 36 minutes with 20,000 pictures on one busy core"
    needs = {"ray": 'pip install ".[ray]"'}
    check(takes, out=options.out, detector=options.faces != "whole", needs=needs)
    with kept_jobs(options.out, options) as jobs, tempfile.TemporaryDirectory() as name, chdir(name):
        given = write_inputs(folder := Path(name), options)
        lines = jobs.lines(lambda: workers_killed(given, folder, options))
        lines += jobs.lines(lambda: [driver_killed(folder, options)])
    lines.append(f"Seed {options.seed}, faces {options.faces}; {processor()}, {counted(core_count(), 'core')}.")
    print(lines[-1])
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
