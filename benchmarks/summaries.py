"""The figures of docs/people.md: how often an interval holds the true mean, what episodes find, and what it costs.

python benchmarks/summaries.py intervals     # simulated people, a minute
python benchmarks/summaries.py episodes      # the drawn video of docs/pictures/predict.py, whose story is known
python benchmarks/summaries.py cost          # ten hours of one person
"""

import argparse
import resource
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from before import check
from scipy.signal import lfilter

import affekt
from affekt.labels import LABELS, PROBABILITY_COLUMNS
from affekt.people.averages import block_interval
from affekt.people.options import Format

PEOPLE, FRAMES_PER_S = 300, 5
THRESHOLDS = ((0.5, 0.3, 0.5), (0.5, 0.5, 0.5), (0.5, 0.3, 0.0), (0.5, 0.5, 0.0), (0.7, 0.3, 0.5))
"""Start, end, least duration in seconds."""
FORMATS: tuple[tuple[Format, ...], ...] = (("csv",), ("csv", "page"))
TEN_HOURS, CAMERA_FRAMES_PER_S = 900_000, 25


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", choices=("intervals", "episodes", "cost"))
    figures = parser.parse_args().figures
    check("a minute at most", disk_gb=1, detector=figures == "episodes")
    {"intervals": intervals, "episodes": episodes, "cost": cost}[figures]()


def wandering(
    generator: np.random.Generator, shape: tuple[int, ...], frames_per_s: float, forget_s: float
) -> np.ndarray:
    """Return series of mean 0 and variance 1 along axis 0 that forget themselves with a time constant."""
    kept = np.exp(-1 / (frames_per_s * forget_s))
    warm_up = 200
    noise = generator.normal(size=(shape[0] + warm_up, *shape[1:]))
    return np.asarray(lfilter([np.sqrt(1 - kept**2)], [1, -kept], noise, axis=0))[warm_up:]


def intervals() -> None:
    """Count how often the interval of a mean holds 0, which is the true one."""
    print("| seconds seen | block, s | 0.5 s | 1 s | 2 s |\n|--:|--:|--:|--:|--:|")
    for seen_s, block_s in product((25, 30, 60, 300), (5, 10)):
        cells = [f"{coverage(seen_s, block_s, forget_s):.2f}" for forget_s in (0.5, 1.0, 2.0)]
        print(f"| {seen_s} | {block_s} | {' | '.join(cells)} |", flush=True)


def coverage(seen_s: int, block_s: float, forget_s: float) -> float:
    """Return the share of simulated people whose interval holds their true mean; NaN without an interval."""
    frames, generator = seen_s * FRAMES_PER_S, np.random.default_rng(0)
    held = []
    for _ in range(PEOPLE):
        scores = wandering(generator, (frames,), FRAMES_PER_S, forget_s)[:, None]
        low, high = block_interval(np.arange(frames) / FRAMES_PER_S, scores, np.ones(frames), block_s)
        held.append(np.nan if np.isnan(low[0]) else low[0] <= 0 <= high[0])
    return float(np.mean(held))


def episodes() -> None:
    """Print the episodes of the drawn video at several thresholds, raw and smoothed."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "pictures"))
    import predict as pictures  # pyright: ignore[reportMissingImports]

    print("story:", *(f"person {n}: {', '.join(story)}" for n, story in enumerate(pictures.STORIES, 1)), sep="\n  ")
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "two.mp4")
        pictures._write_video(video)
        for smooth_s in (0.0, 0.5):
            rows = affekt.predict(video, smooth_s=smooth_s)
            for start, end, least_s in THRESHOLDS:
                found = affekt.summarize(
                    rows, start_probability=start, end_probability=end, least_episode_s=least_s
                ).episodes
                print(f"smoothed over {smooth_s} s, start {start}, end {end}, least {least_s} s: {len(found)} episodes")
                if (start, end, least_s) == THRESHOLDS[0]:
                    for episode in found.select("person", "expression", "start_s", "end_s").iter_rows():
                        print("  person {}: {} from {:.2f} to {:.2f} s".format(*episode))


def cost() -> None:
    """Print the processor time and the peak of memory of a summary of ten hours."""
    generator = np.random.default_rng(0)
    logits = 2 * wandering(generator, (TEN_HOURS, len(LABELS)), CAMERA_FRAMES_PER_S, 1.0)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    rows = pl.DataFrame(
        {
            "input": "a.mp4",
            "time_s": np.arange(TEN_HOURS) / CAMERA_FRAMES_PER_S,
            "track": 1,
            "emotion": [LABELS[index] for index in p.argmax(1)],
            **dict(zip(PROBABILITY_COLUMNS, p.T, strict=True)),
            "valence": np.tanh(logits[:, 0] / 3),
            "arousal": np.tanh(logits[:, 1] / 3),
            "status": "ok",
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        rows.write_parquet(Path(folder, "faces.parquet"))
        del rows, logits, p
        for formats in FORMATS:
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            study = Path(folder, "study")
            affekt.summarize(Path(folder, "faces.parquet"), out=study, baseline="centre", formats=formats)
            took = f"{time.process_time() - began_cpu_s:.1f} s of processor time, {time.perf_counter() - began_s:.1f} s"
            peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"{TEN_HOURS:,} rows, {' '.join(formats)}: {took}; peak of memory so far {peak_gb:.2f} GB")


if __name__ == "__main__":
    main()
