"""The page of the speed benchmark."""

import os
import platform
import shlex
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from environments import HERE
from frozen_training import cpu_model
from speed_chart import write_chart
from speed_found import OURS, REFERENCE, STRAIGHT, Found, aims, growth

from affekt.files import written_whole
from affekt.models.card import model_folder, read_card

LIBRARIES = ("affekt", "onnxruntime", "openvino", "numpy", "pillow", "av")
PEERS = ("fer", "deepface", "tensorflow-cpu", "keras", "opencv-contrib-python-headless")


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, all columns but the first to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def crops_table(found: Found) -> str:
    """Return speed, latency and accuracy of every system."""
    reference = found.crops_per_s(REFERENCE)
    rows = []
    for name in sorted(found.calls, key=found.crops_per_s, reverse=True):
        figure = found.accuracy_of(name)
        weights = "" if name.startswith((OURS, "fer")) else " (random weights)"
        speed = found.crops_per_s(name)
        rows.append(
            [
                f"{name}{weights}",
                f"{speed:,.0f}",
                f"{speed / reference:.1f}",
                f"{1e3 * found.calls[name][1]['s']:.2f}",
                f"{figure[0]:.3f} [{figure[1]:.3f}, {figure[2]:.3f}]" if figure else "",
            ]
        )
    return table(["system", "crops/s", "times EfficientNet-B0", "one crop, ms", "accuracy"], rows)


def aims_in_words(found: Found, cores: int) -> str:
    """Return the aims as a table, and why any was missed below it."""
    held = aims(found, cores)
    rows = [[aim.wanted, aim.found, "reached" if aim.reached else "**missed**"] for aim in held]
    whys = [f"* Missed, {aim.wanted}: {aim.why}" for aim in held if not aim.reached]
    header = ["aim", "found", "reached by the fastest file or export"]
    return "\n\n".join([table(header, rows), *(["\n".join(whys)] if whys else [])])


def pictures_table(found: Found) -> str:
    """Return pictures and frames per second of every package as a whole."""
    rows = []
    for name, each in found.pictures.items():
        frames = f"{1 / each['frame_s']:.1f}" if "frame_s" in each else ""
        faces = f"{each['faces']:.2f}" if "faces" in each else ""
        rows.append([name, f"{1 / each['s']:.1f}", frames, faces])
    return table(
        ["from the file on, one face each", "pictures/s", "frames/s of a video", "faces found per picture"], rows
    )


def growth_tables(found: Found) -> str:
    """Return how the cost grows with crops per call, faces per picture and pictures per run."""
    ours = {name: found.calls[name] for name in found.ours()}
    sizes = sorted({size for calls in ours.values() for size in calls})
    crops = [[name] + [f"{1e3 * calls[size]['s'] / size:.3f}" for size in sizes] for name, calls in ours.items()]
    crowds = [
        [str(faces), f"{each['faces']:.0f}", f"{1e3 * each['s']:.1f}", f"{each['peak_mb']:.0f}"]
        for faces, each in found.crowds.items()
    ]
    many = [
        [f"{count:,}", f"{each['s']:.2f}", f"{1e3 * each['s'] / count:.2f}", f"{each['peak_mb']:.0f}"]
        for count, each in found.many.items()
    ]
    return "\n\n".join(
        (
            "Milliseconds per crop, by crops per call:",
            table(["system", *map(str, sizes)], crops),
            f"Faces in one 640 x 480 picture, detector included, {found.shipped[0]}:",
            table(["faces", "found", "ms per picture", "peak memory, MB"], crowds),
            f"Pictures of one face in one run, {found.shipped[0]}:",
            table(["pictures", "s", "ms per picture", "peak memory, MB"], many),
            "Is it a straight line?",
            straight_lines(found),
        )
    )


def straight_lines(found: Found) -> str:
    """Return, for all that grows, the slope and the departure from a straight line, and the verdict in words."""
    measured = {f"crops per call, {name}": found.calls[name] for name in found.ours()}
    measured |= {"faces per picture": found.crowds, "pictures per run": found.many}
    rows, bent = [], []
    for name, each in measured.items():
        time, memory = growth(each, "s"), growth(each, "peak_mb")
        bent += [f"{what} of {name}" for what, one in (("time", time), ("memory", memory)) if not one.straight]
        rows.append(
            [
                name,
                f"{time.first:,} to {time.last:,}",
                f"{1e3 * time.further:.2f}",
                f"{100 * time.off:.0f} %",
                f"{each[time.first]['peak_mb']:.0f} to {each[time.last]['peak_mb']:.0f}",
                f"{100 * memory.off:.0f} %",
            ]
        )
    header = ["", "from, to", "ms for each further one", "off the line", "peak memory, MB", "off the line"]
    listed = "".join(f"\n* {each}" for each in bent)
    verdict = f"Not straight:\n{listed}" if bent else "Time and memory grow in a straight line in all of them."
    rule = f"Straight is what lies within {100 * STRAIGHT:.0f} % of the line through its first and last measurement."
    return f"{table(header, rows)}\n\n{rule} {verdict}"


def floor_table(found: Found) -> str:
    """Return each stage's time beside the least that a core needs for its arithmetic or its bytes."""
    rows = []
    for stage in found.floor["stages"]:
        arithmetic_s = stage["multiply_adds"] / found.floor["multiply_adds_per_s"]
        memory_s = stage["touched_bytes"] / found.floor["bytes_per_s"]
        least_s = max(arithmetic_s, memory_s)
        rows.append(
            [
                stage["name"],
                f"{stage['multiply_adds'] / 1e6:.2f}",
                f"{stage['touched_bytes'] / 1e6:.2f}",
                f"{1e3 * least_s:.4f}",
                f"{1e3 * stage['measured_s']:.3f}",
                f"{stage['measured_s'] / least_s:.1f}",
            ]
        )
    header = ["stage, one face", "million multiply-adds", "MB touched", "least, ms", "measured, ms", "times the least"]
    return table(header, rows)


def page(found: Found, chart: str | None, *, load: float, took_s: float, arguments: list[str]) -> str:
    """Return the results page."""
    cores = len(os.sched_getaffinity(0))
    lost = "; ".join(
        f"{name} " + " and ".join(f"{points:.2f} of {what.replace('ccc', 'CCC')}" for what, points in each.items())
        for name, each in found.lost_points.items()
    )
    kept = read_card(model_folder("affekt-int8")).export
    rates = found.floor["multiply_adds_per_s"] / 1e9, found.floor["bytes_per_s"] / 1e9
    pins = [
        line.split("==")
        for line in (HERE / "requirements-peers.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    ]
    peers = ", ".join(f"{name} {pin}" for name, pin in pins if name in PEERS)
    # Folders are this machine's own affair.
    shown = [Path(argument).name if os.sep in argument else argument for argument in arguments]
    return f"""# How fast affekt is, beside what people use today

Written by `benchmarks/speed.py`; [README.md](README.md) says what is and is not measured. Whole trainings against
Keras are in [results-training.md](results-training.md).

{crops_table(found)}

Each system turns crops into probabilities, at the best of the batch sizes that were tried; "one crop" is a call with a
single one. These files come with affekt: {", ".join(found.shipped)}. Its other rows are exports of these, made by
this benchmark. What int8 lost on {"the pictures of FER+ PublicTest" if chart else "drawn faces"}, in points
(hundredths; a gain is below 0): {lost}.
`affekt-int8`, which comes with affekt too, is such an export of `affekt`, calibrated on other crops. On pictures of
FER+ Training that are held back it lost {kept["lost_points"]["accuracy"]:.2f} points of accuracy
([more](../docs/affekt.md#in-8-bits)).
{"Accuracy: FER+ PublicTest, majority rule, one crop, 95 % interval." if chart else "Without `--data`, no accuracy."}
{f"{chr(10)}![Accuracy against crops per second]({chart}){chr(10)}" if chart else ""}
## Aims

{aims_in_words(found, cores)}

## Pictures and video, detector included

{pictures_table(found)}

## How the cost grows

{growth_tables(found)}

## The least time

{floor_table(found)}

All on one core: numpy's matrix product reaches {rates[0]:.0f} billion float32 multiply-adds per second there, and a
copy {rates[1]:.1f} GB/s. A run over many pictures gives each core one of its own. {found.floor["runtime"]} classified.
What stays in the cache can be faster than a copy, and a runtime can multiply faster than numpy: such a stage takes
less than 1 times the least.

## How it was measured

* Machine: {cpu_model()}, {cores} cores; load average before the start {load:.2f}
* Versions: python {platform.python_version()}, {", ".join(_versions())}; peers: {peers}
* Command: `python benchmarks/speed.py {shlex.join(shown)}`
* When: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; it took {took_s / 60:.0f} min
"""


def _versions() -> list[str]:
    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return found


def write_report(found: Found, out: Path, *, load: float, took_s: float, arguments: list[str]) -> None:
    """Write the page and, where accuracy was measured, its chart beside it; print the page."""
    chart = out.with_suffix(".png") if found.accuracy else None
    if chart is not None:
        write_chart(found, chart)
    text = page(found, chart.name if chart else None, load=load, took_s=took_s, arguments=arguments)
    print(text)
    with written_whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
