"""Where an aim stands on a page of the benchmarks, the page says whether it was reached, and the scripts write that."""

import re
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
RATIOS = (BENCHMARKS / "results-ratios.md").read_text(encoding="utf-8")


def test_an_aim_is_reached_at_most_or_at_least(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from speed_found import held

    assert [held(1.5, 1.5), held(1.51, 1.5)] == ["1.5: reached", "1.5: **missed**"]
    assert [held(150, 150, least=True), held(149.9, 150, least=True)] == ["150: reached", "150: **missed**"]


def test_a_ratio_reaches_its_aim_by_the_clock_and_by_cpu(monkeypatch):
    for module in ("skimage", "tyro"):
        pytest.importorskip(module)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from ratios import HEADER, Cost, _line

    lines = [_line("work", "other", 1.0, Cost(wall_ms, cpu_ms), Cost(4, 8)) for wall_ms, cpu_ms in ((4, 8), (3, 9))]
    assert lines[0] == "| work | other | 4.0 (8.0) | 4.0 (8.0) | 1.00 | 1.00 | 1: reached |"
    assert lines[1].endswith("| 0.75 | 1.12 | 1: **missed** |")
    assert {line.count("|") for line in (*HEADER, *lines)} == {8}
    assert "\n".join(HEADER) in RATIOS


def test_the_page_of_ratios_says_what_its_figures_say():
    rows = re.findall(r"\| ([\d.]+) \| ([\d.]+) \| ([\d.]+): (reached|\*\*missed\*\*) \|$", RATIOS, re.M)
    assert len(rows) == len(RATIOS[RATIOS.index("|---|") :].splitlines()) - 1
    for *ratios, aim, verdict in rows:
        assert verdict == ("reached" if max(map(float, ratios)) <= float(aim) else "**missed**")


@pytest.mark.parametrize("name", ["results-training.md", "results-training-2048.md"])
def test_the_pages_of_trainings_say_what_their_figures_say(name, monkeypatch):
    for module in ("tyro", "tqdm", "torch", "safetensors"):
        pytest.importorskip(module)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from frozen_training import Measurement, table

    page = (BENCHMARKS / name).read_text(encoding="utf-8")
    rows = re.findall(r"\| ([\d.]+) \| 30: (reached|\*\*missed\*\*) \|$", page, re.M)
    assert len(rows) == page.count(" | fp32 | ") + page.count(" | bf16 | ") > 0
    assert all((float(times) >= 30) == (verdict == "reached") for times, verdict in rows)
    made = table([Measurement("xception", 512, 128, {"keras": [60.0], "affekt": [2.0], "affekt bf16": [2.1]})], 15)
    assert made["aim"].to_list() == ["30: reached", "30: **missed**"]
    assert f"| {' | '.join(made.columns)} |" in page


def test_every_aim_of_predict_says_whether_it_was_reached():
    page = (BENCHMARKS / "results-predict.md").read_text(encoding="utf-8")
    aims = re.findall(r"([\d.]+) [^(\d]+\(aim ([\d.]+): (reached|\*\*missed\*\*)\)", page)
    assert len(aims) == page.count("(aim ") == 6
    for found, aim, verdict in aims:
        most = aim in ("1.5", "800")
        reached = float(found) <= float(aim) if most else float(found) >= float(aim)
        assert verdict == ("reached" if reached else "**missed**")
