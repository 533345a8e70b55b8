"""Three drawn videos with cuts, two people at once, and people who leave and return: their summary and their story."""

import importlib.util
import re
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

import affekt
from affekt.models.card import shipped_models

STORY = Path(__file__).parents[2] / "docs" / "pictures" / "people.py"
LATE_S = 0.6
"""By how much an episode may start and end beside its story: a face turns into the next expression in half a second."""


@pytest.fixture(scope="module")
def story():
    pytest.importorskip("playwright")
    spec = importlib.util.spec_from_file_location("story_of_people", STORY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study(story, detector_home, tmp_path_factory):
    """Make the videos, read them and summarise them, with two marked intervals and a condition."""
    if "affekt" not in shipped_models():
        pytest.skip("no model ships in this checkout")
    work = tmp_path_factory.mktemp("three")
    videos = [story.write_video(work / name, shots) for name, shots in story.VIDEOS.items()]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AFFEKT_HOME", str(detector_home))
        affekt.predict(videos, out=work / "faces.parquet")
    rows = pl.read_parquet(work / "faces.parquet")
    story.names(rows).write_csv(work / "people.csv")
    marks = [(name, start, end, marker) for name in story.VIDEOS for start, end, marker in ((0, 6, "a"), (6, 14, "b"))]
    markers = pl.DataFrame(marks, schema=["input", "start", "end", "name"], orient="row")
    markers = markers.with_columns(condition=pl.when(input="second.mp4").then(pl.lit("two")).otherwise(pl.lit("one")))
    formats = ("csv", "xlsx", "vtt", "elan", "page")
    summary = affekt.summarize(
        work / "faces.parquet", out=work / "study", join=work / "people.csv", markers=markers, formats=formats
    )
    return rows, summary, work


def spells(story):
    """Return who shows what from when to when, as one table."""
    return pl.DataFrame([spell for name in story.VIDEOS for spell in story.told(name)])


def test_no_track_spans_a_cut_and_each_is_one_person(story, study):
    rows, _, _ = study
    seen = rows.drop_nulls("track")
    assert (seen.group_by("input", "track").agg(pl.col("shot").n_unique())["shot"] == 1).all()
    for name, shots in story.VIDEOS.items():
        assert rows.filter(pl.col("input").str.ends_with(name))["shot"].n_unique() == len(shots)


def test_every_interval_holds_the_right_person_for_the_time_they_were_there(story, study):
    _, summary, _ = study
    people = summary.people.with_columns(pl.col("input").str.split("/").list.last())
    told, found = spells(story), 0
    for name in story.VIDEOS:
        for marker, start_s, end_s in (("a", 0, 6), ("b", 6, 14)):
            there = told.filter(input=name).with_columns(
                seen_s=(pl.min_horizontal("end_s", pl.lit(end_s)) - pl.max_horizontal("start_s", pl.lit(start_s)))
            )
            wanted = dict(there.filter(pl.col("seen_s") > 0).group_by("person").agg(pl.col("seen_s").sum()).iter_rows())
            got = dict(people.filter(input=name, marker=marker).select("person", "seen_s").iter_rows())
            # Who comes or leaves does so within half a second.
            assert got == pytest.approx(wanted, abs=2 * story.TURN_S)
            found += len(got)
    assert found == len(people)
    assert people.filter(input="second.mp4")["condition"].unique().to_list() == ["two"]


def test_episodes_are_those_of_the_story(story, study):
    _, summary, _ = study
    wanted = []
    for spell in spells(story).filter(pl.col("expression") != "neutral").to_dicts():
        last = wanted[-1] if wanted else {}
        if (
            all(last.get(key) == spell[key] for key in ("input", "person", "expression"))
            and last["end_s"] == spell["start_s"]
        ):
            last["end_s"] = spell["end_s"]
        else:
            wanted.append(spell)
    found = summary.episodes.with_columns(
        pl.col("input").str.split("/").list.last(), pl.col("expression").cast(pl.String)
    )
    order = ["input", "person", "start_s"]
    wanted, found = pl.DataFrame(wanted).sort(order), found.sort(order)
    assert found.select("input", "person", "expression").rows() == wanted.select("input", "person", "expression").rows()
    assert found["start_s"].to_list() == pytest.approx(wanted["start_s"].to_list(), abs=LATE_S)
    assert found["end_s"].to_list() == pytest.approx(wanted["end_s"].to_list(), abs=LATE_S)


def test_the_page_holds_each_person_with_faces_and_the_files_open(study):
    _, summary, work = study
    html = (work / "study" / "study.html").read_text(encoding="utf-8")
    cards = re.findall(r'<article class="card".*?</article>', html, re.DOTALL)
    names = [re.search(r"<h3>person (\w+)</h3>", card)[1] for card in cards]
    whole = summary.people.select("input", "person").unique(maintain_order=True)
    assert sorted(names) == sorted(whole["person"])
    assert all(card.count('src="data:image/jpeg;base64,') > 10 for card in cards)
    assert len(html) < 3_000_000
    with zipfile.ZipFile(work / "study" / "summary.xlsx") as book:
        assert book.testzip() is None
    for path in (work / "study" / "episodes").rglob("*.vtt"):
        assert path.read_text(encoding="utf-8").startswith("WEBVTT\n")
    tiers = [path.read_text(encoding="utf-8") for path in (work / "study" / "episodes").rglob("*.txt")]
    assert sum(text.count("\n") - 1 for text in tiers) == len(summary.episodes)
    assert pl.read_csv(work / "study" / "people.csv")["seen_s"].to_list() == pytest.approx(
        summary.people["seen_s"].to_list(), abs=1e-3
    )
