"""What large jobs cost, on the page: the tables that the model prints for the times of results-predict.md."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_has_the_tables_of_the_measured_times(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from scale_model import Parts, bottlenecks, costs

    parts, page = Parts(), (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    for table in (costs(parts), bottlenecks(parts)):
        assert table in page, "print it anew: python benchmarks/scale_model.py; and mend the sentences beside it"
    for said in (f"{1000 * parts.picture_s:.1f} ms for a picture", f"{parts.video_cpu_s} s for a second of 720p"):
        assert said in page.replace("\n", " "), said
    at_work = int(50_000_000 / parts.kb_per_picture * parts.picture_s)
    assert f"enough for {at_work:,} of the" in page


def test_a_picture_takes_the_sum_of_its_stages(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from scale_model import STAGE_MS, Parts

    assert set(STAGE_MS) == {"decode", "detect", "crop", "classify", "write", "the rest"}
    assert Parts().picture_s == pytest.approx(sum(STAGE_MS.values()) / 1000)
