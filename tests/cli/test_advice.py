"""What commands advise is typed as it stands, from a folder of faces to the report; wrong turns end in a sentence."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from affekt.cli.main import main
from affekt.data.manifest import encode_png, read_manifest, read_row_rgb, write_manifest
from affekt.models.card import read_card
from affekt.models.learnt_rows import write_learnt_rows
from drawn_faces import drawn_manifest

QUICK = {"train": ("--epochs", "1"), "evaluate": ("--resamples", "20", "--mistakes", "0")}
"""What is typed beside the advice, to be done soon."""


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Write 96 drawn faces of 12 people into folders named after their expressions."""
    folder = tmp_path_factory.mktemp("drawn") / "my faces"
    rows = drawn_manifest(identities=12, pictures_per_identity=8, size=48, seed=0)
    for number, row in enumerate(rows.iter_rows(named=True)):
        place = folder / row["emotion"]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row['subject'].replace('/', '-')}_{number}.png").write_bytes(encode_png(read_row_rgb(row)))
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def typed(capsys, line):
    """Run a command as a shell would, and return the commands that it advises."""
    words = shlex.split(line)
    assert words[0] == "affekt"
    main([*words[1:], *QUICK.get(words[1], ())])
    return re.findall(r"affekt (?:data \w+|[a-z]+) .*?(?=, and|, or|$)", capsys.readouterr().out, re.M)


def refused(capsys, line):
    with pytest.raises(SystemExit) as stop:
        main(shlex.split(line)[1:])
    assert stop.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("affekt: expected ")
    return said


def test_each_command_from_a_folder_to_the_report_is_advised_by_the_one_before(faces, capsys, tmp_path):
    line, commands = f"affekt data import folder '{faces}' --out faces.parquet --subject-pattern '{{subject}}_*'", []
    while line and not line.startswith("affekt export"):
        commands.append(line.split()[1:3])
        line = next(iter(typed(capsys, line)), None)
    assert [first for first, _ in commands] == ["data", "data", "data", "train", "evaluate"]
    divided = read_manifest("faces-split.parquet")
    assert dict(divided["split"].value_counts().iter_rows()) == {"train": 64, "val": 16, "test": 16}
    assert (tmp_path / "report" / "report.html").is_file()


def test_a_folder_is_imported_and_divided_by_the_training_itself(faces, capsys):
    line = f"affekt train affekt-head --data '{faces}' --subject-pattern '{{subject}}_*' --out runs/mine"
    [advised] = typed(capsys, line)
    assert advised.startswith("affekt evaluate runs/mine --data runs/mine/manifest.parquet --split test")
    made = read_manifest("runs/mine/manifest.parquet")
    assert made["subject"].n_unique() == 12
    assert set(made["split"]) == {"train", "val", "test"}
    assert made.group_by("subject").agg(pl.col("split").n_unique())["split"].max() == 1
    assert "without a finished model" in refused(capsys, line)


def test_a_learning_curve_is_measured_and_advises_a_training_on_all_rows(faces, capsys):
    line = f"affekt train affekt-head --data '{faces}' --subject-pattern '{{subject}}_*' --out runs/mine --curve 40,80"
    [everyone] = typed(capsys, line)
    assert everyone.startswith("affekt train affekt-head --data runs/mine/manifest.parquet --out runs/mine-all")
    figures = json.loads(Path("runs/mine/report/metrics.json").read_text(encoding="utf-8"))
    assert {"40 rows", "80 rows"} <= set(figures["models"])
    assert "got both" in refused(capsys, f"{line} --folds 5")
    typed(capsys, f"{line} --resume")


@pytest.mark.parametrize("folds", ["", " --folds 2"])
def test_people_in_two_splits_of_a_folder_are_divided_as_advised_and_then_all_goes_on(faces, capsys, folds):
    for split in ("train", "test"):
        shutil.copytree(faces, Path("own", split))
    line = f"affekt train affekt-head --data own --subject-pattern '{{subject}}_*' --out runs/mine{folds}"
    said = refused(capsys, line)
    assert "got 'drawn-0-0000' and 11 more in train and in test of runs/mine/manifest.parquet" in said
    assert not list(Path("runs/mine").glob("fold-*"))
    typed(capsys, said.partition("anew with: ")[2])
    again = f"affekt train affekt-head --data runs/mine/manifest-split.parquet --out runs/mine{folds}"
    [advised, *_] = typed(capsys, again)
    typed(capsys, advised)


def test_a_few_pictures_become_a_report_and_a_model_that_predicts(faces, capsys, tmp_path):
    line = f"affekt train affekt-head --data '{faces}' --subject-pattern '{{subject}}_*' --out runs/mine --folds 2"
    [everyone] = typed(capsys, line)
    assert everyone.startswith("affekt train affekt-head --data runs/mine/manifest.parquet --out runs/mine-all")
    figures = json.loads(Path("runs/mine/report/metrics.json").read_text(encoding="utf-8"))
    assert (figures["rows"], figures["split"], figures["intervals"]["resampled_by"]) == (96, "out of fold", "subject")
    answers = pl.read_parquet("runs/mine/predictions.parquet")
    assert answers["source_id"].equals(read_manifest("runs/mine/manifest.parquet")["source_id"])
    typed(capsys, "affekt compare runs/mine/fold-1")
    [export] = typed(capsys, everyone)  # the folds say what to expect of it, and nothing more is to be measured
    _, predict = typed(capsys, export)
    typed(capsys, f"{predict.replace('PICTURES', shlex.quote(str(faces)))} --faces whole")
    assert len(pl.read_csv("faces.csv")) == 96
    scored = "affekt evaluate --data runs/mine/manifest.parquet --split train"
    typed(capsys, f"{scored} --predictions faces.csv --out report-of-table")
    said = refused(capsys, f"{scored} runs/mine-all")
    assert "that mine-all did not learn from, got " in said
    assert "; choose another split or other data, or score all the same with seen (--seen)" in said
    main(shlex.split(f"{scored} runs/mine-all --seen --resamples 0 --out seen --mistakes 0")[1:])
    assert capsys.readouterr().out.count("SEEN BEFORE by mine-all: ") == 2
    typed(capsys, "affekt data import csv faces.csv --out again.parquet")
    again = read_manifest("again.parquet")
    assert again["valence_arousal_origin"].unique().to_list() in (["predicted"], [None])
    assert len(again) == 96


def test_rows_that_a_model_learnt_from_in_another_split(faces, capsys, small_model):
    typed(capsys, f"affekt data import folder '{faces}' --out faces.parquet")
    rows = read_manifest("faces.parquet")
    shutil.copytree(small_model, "model")
    learnt = write_learnt_rows(rows[:48], rows[:0], [], Path("model"))
    replace(read_card(small_model), training={"learnt_rows_sha256": learnt}).write(Path("model"))
    again = rows[24:].with_columns(split=pl.lit("test"), source_id="again " + pl.col("source_id"))
    write_manifest(pl.concat([rows[:48], again]), "leaky.parquet")
    line = "affekt evaluate model --runtime onnxruntime --data"
    said = refused(capsys, f"{line} leaky.parquet")
    assert "(24 of 72 rows were learnt from); leave them out with: affekt data check leaky" in said
    typed(capsys, said.partition("out with: ")[2].partition(", or score")[0])
    assert read_manifest("clean.parquet").filter(split="test").height == 48
    typed(capsys, f"{line} clean.parquet")
    write_manifest(again, "elsewhere.parquet")  # what was learnt from is in no split of it: the check would not help
    said = refused(capsys, f"{line} elsewhere.parquet")
    assert "; choose another split or other data, or score all the same with seen (--seen)" in said
    typed(capsys, f"{line} elsewhere.parquet --seen --out seen")


def test_a_folder_given_for_a_manifest(faces, capsys, tmp_path):
    said = refused(capsys, f"affekt data check '{faces}'")
    assert typed(capsys, said.partition("make one with: ")[2]) == ["affekt data check manifest.parquet"]


def test_a_csv_given_for_a_manifest(faces, capsys):
    rows = [f"{path},{path.parent.name}" for path in sorted(faces.rglob("*.png"))]
    Path("my faces.csv").write_text("\n".join(["path,emotion", *rows]), encoding="utf-8")
    said = refused(capsys, "affekt evaluate affekt --data 'my faces.csv'")
    assert "expected a Parquet manifest at my faces.csv, got a csv; make a manifest of it with: affekt data" in said
    assert typed(capsys, said.partition("of it with: ")[2]) == ["affekt data check 'my faces.parquet'"]


def test_a_split_without_rows(faces, capsys):
    typed(capsys, f"affekt data import folder '{faces}' --out faces.parquet")
    said = refused(capsys, "affekt evaluate affekt-fast --runtime onnxruntime --data faces.parquet")
    advised = said.partition("anew with: ")[2]
    assert len(typed(capsys, advised)) == 1


def test_people_who_are_not_named(faces, capsys):
    typed(capsys, f"affekt data import folder '{faces}' --out faces.parquet")
    line = "affekt data split faces.parquet --by subject --out split.parquet"
    said = refused(capsys, line)
    assert "expected the person of each row to keep people together, got none in 96 of 96 rows" in said
    assert len(typed(capsys, f"{line} {said.partition('as in: ')[2]}")) == 1


def test_a_person_in_two_splits(faces, capsys):
    typed(capsys, f"affekt data import folder '{faces}' --out faces.parquet --subject-pattern '{{subject}}_*'")
    rows = read_manifest("faces.parquet")
    shared = rows.with_columns(split=pl.Series(["train"] * 48 + ["test"] * 48))
    write_manifest(shared, "shared.parquet")
    said = refused(capsys, "affekt train affekt-head --data shared.parquet --out runs/mine")
    assert "expected each person in one split" in said
    assert len(typed(capsys, said.partition("anew with: ")[2])) == 1


def test_shares_that_do_not_sum_to_one(faces, capsys):
    typed(capsys, f"affekt data import folder '{faces}' --out faces.parquet")
    line = "affekt data split faces.parquet --out split.parquet"
    said = refused(capsys, f"{line} --shares 0.7 0.2 0.2")
    assert len(typed(capsys, f"{line} {said.partition('as in: ')[2]}")) == 1


def test_the_end_of_a_line_in_a_name_is_no_line_of_affekts(faces, capsys):
    typed(capsys, f"affekt data import folder '{faces}' --out faces.parquet")
    main(["data", "split", "faces.parquet", "--out", "my\nfaces.parquet"])
    assert "\nwrote my\\nfaces.parquet\n" in capsys.readouterr().out


MAKERS = {
    "import": "affekt data import folder '{faces}' --out made.parquet",
    "split": "affekt data split faces.parquet --out made.parquet",
    "check": "affekt data check faces.parquet --drop-leaks made.parquet",
}
"""Each command that makes a manifest."""


@pytest.mark.parametrize("verb", MAKERS)
def test_a_manifest_is_written_over_by_the_command_that_made_it_alone(faces, capsys, verb):
    typed(capsys, f"affekt data import folder '{faces}' --out faces.parquet")
    line, made = MAKERS[verb].format(faces=faces), Path("made.parquet")
    typed(capsys, line)
    own = made.read_bytes()
    typed(capsys, line)
    assert read_manifest(made).equals(pl.read_parquet(own))
    edited, other = read_manifest(made).with_columns(note=pl.lit("by hand")), Path("faces.parquet").rename("b.parquet")
    typed(capsys, f"affekt data split {other} --out other.parquet")
    other.rename("faces.parquet")
    for write, got in {
        edited.write_parquet: "one that it did not make",
        lambda path: path.write_bytes(own.replace(b"Polars", b"Others")): "one that another program wrote",
        lambda path: path.write_bytes(Path("other.parquet").read_bytes()): "one by affekt data split .*b.parquet",
        lambda path: path.write_bytes(b"no manifest"): "another file",
    }.items():
        write(made)
        there = made.read_bytes()
        said = refused(capsys, line)
        assert re.search(rf"expected a manifest by affekt data {verb} .* got {got}, made.parquet; name another: ", said)
        assert made.read_bytes() == there
        typed(capsys, f"{line.rpartition(' --')[0]} {said.partition('name another: ')[2]}")
        assert read_manifest("made-manifest.parquet").equals(pl.read_parquet(own))


def test_a_folder_or_csv_given_for_the_manifest_to_write(faces, capsys):
    line = f"affekt data import folder '{faces}'"
    said = refused(capsys, f"{line} --out '{faces}'")
    typed(capsys, f"{line} {said.partition('type: ')[2]}")
    made = faces.with_name("my faces.parquet")
    rows = read_manifest(made)
    made.unlink()
    rows.select("path", "emotion").write_csv("my faces.csv")
    line = "affekt data import csv 'my faces.csv'"
    said = refused(capsys, f"{line} --out 'my faces.csv'")
    typed(capsys, f"{line} {said.partition('type: ')[2]}")
    assert len(read_manifest("my faces.parquet")) == len(rows)
