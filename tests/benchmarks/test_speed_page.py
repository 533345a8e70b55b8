"""The speed benchmark's page: straight lines, aims, and a page and chart that can be written from what was found."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def speed(monkeypatch):
    """The benchmark's modules, which import each other by their bare names, as scripts do."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed_found
    import speed_report

    return speed_found, speed_report


def calls(milliseconds, sizes):
    return {size: {"s": 1e-3 * milliseconds * size, "peak_mb": 100 + 0.01 * size} for size in sizes}


@pytest.fixture
def found(speed):
    """Invented figures: affekt 9 times EfficientNet-B0, int8 twice that."""
    names = speed[0]
    sizes = (1, 16, 512)
    found = names.Found(shipped=["affekt fp16"])
    found.calls = {"affekt fp16, onnxruntime": calls(1, sizes), "affekt int8, openvino": calls(0.5, sizes)}
    found.calls |= {names.REFERENCE: calls(9, (1, 16)), "fer, Keras": calls(0.8, (1, 64))}
    found.multiply_adds = {"affekt": 80e6, names.REFERENCE: 400e6}
    found.lost_points = {"affekt": {"accuracy": 0.1}}
    found.pictures = {"affekt fp16": {"s": 0.012, "frame_s": 0.01, "faces": 1.0}, names.DETECTOR: {"s": 0.008}}
    found.pictures |= {"affekt int8": {"s": 0.01, "frame_s": 0.01, "faces": 1.0}}
    found.pictures |= {names.DECODED: {"s": 0.009}, "fer": {"s": 0.1, "frame_s": 0.1, "faces": 0.5}}
    found.crowds = {faces: {"faces": faces, "s": 0.01 + 0.002 * faces, "peak_mb": 200} for faces in (1, 4, 64)}
    found.many = {count: {"s": 0.1 * count, "peak_mb": 200} for count in (10, 100, 1000)}
    stage = {"name": "classify", "multiply_adds": 80e6, "touched_bytes": 1e4, "measured_s": 0.004}
    found.floor = {"multiply_adds_per_s": 40e9, "bytes_per_s": 1e10, "runtime": "openvino", "stages": [stage]}
    found.accuracy = {"affekt fp16": (0.86, 0.85, 0.87), "affekt int8": (0.855, 0.84, 0.87)}
    found.accuracy |= {"fer, Keras": (0.6, 0.58, 0.62)}
    return found


def test_a_straight_line_is_told_from_a_bent_one(speed):
    line = {1: 1.5, 10: 6.0, 100: 51.0}
    assert speed[0].line_of(line) == pytest.approx((0.5, 0.0))
    slope, off = speed[0].line_of({**line, 10: 12.0})
    assert (slope, off) == pytest.approx((0.5, 0.5))
    assert not speed[0].growth({size: {"s": float(size**2)} for size in line}, "s").straight
    assert speed[0].growth({10: {"s": 3.0}}, "s").straight


def test_aims_are_held_against_what_was_found(speed, found):
    many, one, picture, accuracy = speed[0].aims(found, cores=2)
    assert (many.reached, one.reached, picture.reached, accuracy.reached) == (False, True, True, True)
    assert many.found.startswith("18.0 times (affekt int8, openvino); the default 9.0 times")
    assert "5.0 times fewer" in many.why
    assert "does 3.6 times as many" in many.why
    assert "reach 1,000 crops/s, 9 times" in many.why
    assert one.found.startswith("0.50 ms")
    assert "1.00 ms" in one.why
    assert picture.found == "1.25 times (affekt int8); the default 1.50 times (affekt fp16)"
    assert "1.12 times; with decoding on both sides affekt int8 takes 1.11." in picture.why
    assert accuracy.found == "0.855 (affekt int8, openvino), 0.600 (fer, Keras)"


def test_a_second_model_is_held_by_its_own_figures(speed, found):
    found.calls["affekt-fast fp16, onnxruntime"] = calls(0.4, (1, 512))
    found.multiply_adds["affekt-fast"] = 20e6
    found.shipped.append("affekt-fast fp16")
    found.accuracy["affekt-fast fp16"] = (0.84, 0.83, 0.85)
    many, *_, accuracy = speed[0].aims(found, cores=2)
    assert many.found.startswith("22.5 times (affekt-fast fp16, onnxruntime); the default 9.0 times (affekt fp16")
    assert "affekt-fast has 20 million multiply-adds per crop, 20.0 times fewer" in many.why
    assert accuracy.found.startswith("0.840 (affekt-fast fp16")


def test_page_and_chart(speed, found, tmp_path):
    out = tmp_path / "results.md"
    speed[1].write_report(found, out, load=0.0, took_s=60.0, arguments=["--data", str(tmp_path / "ferplus.parquet")])
    text = out.read_text()
    assert "| affekt int8, openvino | 2,000 | 18.0 | 0.50 | 0.855 [0.840, 0.870] |" in text
    assert "EfficientNet-B0, 224 px, onnxruntime (random weights) | 111 | 1.0 | 9.00 |  |" in text
    assert "Time and memory grow in a straight line in all of them." in text
    assert "| classify | 80.00 | 0.01 | 2.0000 | 4.000 | 2.0 |" in text
    assert "--data ferplus.parquet`" in text
    assert "it took 1 min" in text
    assert str(tmp_path) not in text
    assert "](results.png)" in text
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_a_bent_growth_and_a_missing_accuracy_are_said(speed, found, tmp_path):
    found.many[100]["s"] = 30.0
    found.accuracy = {}
    speed[1].write_report(found, tmp_path / "results.md", load=0.0, took_s=60.0, arguments=[])
    text = (tmp_path / "results.md").read_text()
    assert "Not straight:\n\n* time of pictures per run\n" in text
    assert "no accuracy" in text
    assert not (tmp_path / "results.png").exists()


def test_every_name_in_the_chart_lies_within_its_axes(speed, found, tmp_path, monkeypatch):
    figures = pytest.importorskip("matplotlib.figure")
    from speed_chart import write_chart

    drawn = []
    saved = figures.Figure.savefig
    monkeypatch.setattr(
        figures.Figure, "savefig", lambda self, *given, **how: drawn.append(self) or saved(self, *given, **how)
    )
    found.calls["affekt-fast int8, openvino"] = calls(0.2, (1, 16))
    found.accuracy["affekt-fast int8"] = (0.84, 0.83, 0.85)
    write_chart(found, tmp_path / "chart.png")
    [canvas] = drawn
    names = [(axes, text) for axes in canvas.axes for text in axes.texts]
    assert "affekt-fast int8" in [text.get_text() for _, text in names]
    for axes, text in names:
        place, room = text.get_window_extent(), axes.get_window_extent()
        assert (room.x0 <= place.x0, place.x1 <= room.x1) == (True, True), text.get_text()
