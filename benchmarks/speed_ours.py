"""affekt's side of the speed benchmark: python speed_ours.py JOB.json writes the job's result file.

The job says what to do: `crops` through a model folder in a runtime, `pictures` or a `video` from the file on, the
`detector` alone, `many` pictures for time and memory, or the `floor`.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from environments import job_file
from median_time import median_s
from speed_pictures import crops

from affekt.analysis.analyzer import Analyzer
from affekt.cores import core_count
from affekt.faces.detection import FaceDetector
from affekt.faces.pictures import read_rgb
from affekt.models.session import Session


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    # getrusage would begin with what the process that started this one held.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure_crops(job: dict[str, Any]) -> dict[int, dict[str, float]]:
    """Seconds a call and peak memory by crops per call, from uint8 crops to answers."""
    session = Session(Path(job["model"]), runtime=job["runtime"])
    wanted = session.card.preprocessing
    found = {}
    # Memory is the peak so far: small calls come first.
    for size in sorted(job["sizes"]):
        given = crops(size, wanted.input_size, wanted.channels)
        seconds = median_s(lambda given=given: session.predict(given), job["seconds"])
        found[size] = {"s": seconds, "peak_mb": peak_mb()}
    return found


def measure_pictures(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a picture from the files on, with the whole of affekt; its peak memory and the faces found in each."""
    analyzer, paths = Analyzer(job["model"]), job["paths"]
    found = analyzer.analyze(paths)
    seconds = median_s(lambda: analyzer.analyze(paths), job["seconds"])
    faces = found.filter(found["status"] == "ok").height
    return {"s": seconds / len(paths), "peak_mb": peak_mb(), "faces": faces / len(paths)}


def measure_detector(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a picture with the detector alone and with decoder and detector, a picture per core as in the whole."""
    detector, paths = FaceDetector(), job["paths"]
    images_rgb = [read_rgb(path) for path in paths]

    def seconds(look: Callable[[Any], object], given: list[Any]) -> float:
        return median_s(lambda: list(pool.map(look, given)), job["seconds"]) / len(given)

    with ThreadPoolExecutor(core_count()) as pool:
        return {
            "detector": {"s": seconds(detector.detect, images_rgb)},
            "decoded": {"s": seconds(lambda path: detector.detect(read_rgb(path)), paths)},
        }


def measure_video(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a frame of a video from the file on."""
    analyzer = Analyzer(job["model"])
    frames = analyzer.analyze(job["path"])["frame"].n_unique()
    return {"s": median_s(lambda: analyzer.analyze(job["path"]), job["seconds"]) / frames}


def measure_many(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds and peak memory for many pictures, row by row as the predict command takes them."""
    analyzer = Analyzer(job["model"])
    analyzer.analyze(job["path"])
    start_s = time.perf_counter()
    for _ in analyzer.answers(job["path"] for _ in range(job["pictures"])):
        pass
    return {"s": time.perf_counter() - start_s, "peak_mb": peak_mb()}


def measure_floor(job: dict[str, Any]) -> dict[str, Any]:
    """Rates of the cores that this process may use, and what each stage takes on them."""
    import floor

    runtime, stages = floor.stages(Path(job["model"]), Path(job["path"]), job["seconds"])
    found = {"runtime": runtime, "stages": [asdict(stage) for stage in stages]}
    return {"multiply_adds_per_s": floor.matrix_rate(), "bytes_per_s": floor.bandwidth(), **found}


MEASURES = {
    "crops": measure_crops,
    "pictures": measure_pictures,
    "detector": measure_detector,
    "video": measure_video,
    "many": measure_many,
    "floor": measure_floor,
}


def main() -> None:
    """Do the job."""
    job = json.loads(job_file("speed.py").read_text(encoding="utf-8"))
    Path(job["result"]).write_text(json.dumps(MEASURES[job["kind"]](job)), encoding="utf-8")


if __name__ == "__main__":
    main()
