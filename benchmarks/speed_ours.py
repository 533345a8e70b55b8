"""affekt's side of the speed benchmark: python speed_ours.py JOB.json writes the job's result file.

The job says what to do: `crops` through a model folder in a runtime, `pictures` or a `video` from the file on, `many`
pictures for time and memory, or the `floor`.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from speed_pictures import crops

from affekt.cores import core_count
from affekt.faces.detection import FaceDetector
from affekt.faces.pictures import read_rgb
from affekt.inference.analyzer import Analyzer
from affekt.models.session import Session


def median_s(call: Callable[[], object], measured_s: float) -> float:
    """Return the median seconds of a call, after one that is not counted; at least three are."""
    call()
    times: list[float] = []
    end_s = time.perf_counter() + measured_s
    while len(times) < 3 or time.perf_counter() < end_s:
        start_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - start_s)
    return statistics.median(times)


def measure_crops(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a call by crops a call, from uint8 crops to answers."""
    session = Session(Path(job["model"]), runtime=job["runtime"])
    wanted = session.card.preprocessing
    given = crops(max(job["sizes"]), wanted.input_size, wanted.channels)
    seconds = {size: median_s(lambda size=size: session.predict(given[:size]), job["seconds"]) for size in job["sizes"]}
    return {"call_s": seconds, "runtime": session.runtime}


def measure_pictures(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds for some pictures from the files on, with the whole of affekt and with its detector alone."""
    analyzer, detector = Analyzer(job["model"]), FaceDetector()
    found = analyzer.analyze(job["paths"])
    return {
        "affekt_s": median_s(lambda: analyzer.analyze(job["paths"]), job["seconds"]),
        "detector_s": median_s(lambda: _detect(detector, job["paths"]), job["seconds"]),
        "faces": found.filter(found["status"] == "ok").height,
        "pictures": len(job["paths"]),
    }


def _detect(detector: FaceDetector, paths: Iterable[str]) -> None:
    with ThreadPoolExecutor(core_count()) as pool:
        list(pool.map(lambda path: detector.detect(read_rgb(path)), paths))


def measure_video(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds for a video from the file on."""
    analyzer = Analyzer(job["model"])
    frames = analyzer.analyze(job["path"])["frame"].n_unique()
    return {"affekt_s": median_s(lambda: analyzer.analyze(job["path"]), job["seconds"]), "frames": frames}


def measure_many(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds and peak memory for many pictures, row by row as `affekt predict` takes them."""
    analyzer = Analyzer(job["model"])
    analyzer.analyze(job["path"])
    start_s = time.perf_counter()
    rows = sum(len(answer.rows) for answer in analyzer.answers(job["path"] for _ in range(job["pictures"])))
    seconds = time.perf_counter() - start_s
    return {"seconds": seconds, "rows": rows, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure_floor(job: dict[str, Any]) -> dict[str, Any]:
    """This processor's rates and what each stage takes."""
    from dataclasses import asdict

    import floor

    found = [asdict(stage) for stage in floor.stages(Path(job["model"]), job["seconds"])]
    return {"multiply_adds_per_s": floor.matrix_rate(), "bytes_per_s": floor.bandwidth(), "stages": found}


MEASURES = {
    "crops": measure_crops,
    "pictures": measure_pictures,
    "video": measure_video,
    "many": measure_many,
    "floor": measure_floor,
}


def main() -> None:
    """Do the job."""
    job = json.loads(Path(sys.argv[1]).read_text())
    Path(job["result"]).write_text(json.dumps(MEASURES[job["kind"]](job)))


if __name__ == "__main__":
    main()
