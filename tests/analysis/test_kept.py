"""What earlier runs found is kept by content: a rerun looks at what is new, and its table is as from scratch."""

import json
import logging
import os
import re
import shlex
import shutil
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import affekt
from affekt.analysis.analyzer import Analyzer
from affekt.cli.main import main
from affekt.cluster.predict import predict
from affekt.errors import ConfigError, DataError
from affekt.files import content_of
from affekt.ledger import Ledger

ENDINGS = ["csv", "parquet", "jsonl"]


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch, write_video):
    """Work beside a folder of two interviews and two portraits."""
    monkeypatch.chdir(tmp_path)
    Path("study").mkdir()
    for name, light in (("a.mp4", 90), ("c.mp4", 160)):
        write_video([np.full((64, 64, 3), light + number, np.uint8) for number in range(20)], f"study/{name}")
    for number in (0, 3):
        portrait(f"study/{number}.png", 60 * number)
    return tmp_path / "study"


@pytest.fixture(autouse=True)
def told(caplog):
    """Record what is told."""
    caplog.set_level(logging.INFO, "affekt")
    return caplog


@pytest.fixture
def run(small_model, monkeypatch, told):
    """Return a function that predicts, and returns the names of the inputs that were looked at."""
    looked_at = []
    answers = Analyzer.answers

    def counted(analyzer, pictures, **named):
        names = list(pictures)
        looked_at.extend(names)
        return answers(analyzer, names, **named)

    monkeypatch.setattr(Analyzer, "answers", counted)

    def predicted(*paths, out="faces.parquet", **options):
        looked_at.clear()
        told.clear()
        predict(paths or "study", out=out, **{"model": small_model, "faces": "whole", **options})
        assert not list(Path().glob(".*ledger"))
        return [name.rpartition("/")[2] for name in looked_at]

    return predicted


def portrait(path, grey):
    Image.fromarray(np.full((64, 64, 3), grey, np.uint8)).save(path)


def table_of(out):
    return Path(out).read_bytes() if not out.endswith("parquet") else pl.read_parquet(out)


def same(out, other):
    one, two = table_of(out), table_of(other)
    return one.equals(two) if isinstance(one, pl.DataFrame) else one == two


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_more_portrait_is_all_that_is_looked_at(run, told, ending):
    out, scratch = f"faces.{ending}", f"scratch.{ending}"
    assert run(out=out) == ["0.png", "3.png", "a.mp4", "c.mp4"]
    assert run(out=out) == []
    assert f"keeping 4 of 4 inputs as they are in {out}" in told.messages
    summary = told.messages[-9:]
    portrait("study/2.png", 200)
    assert run(out=out) == ["2.png"]
    assert "3 pictures: 3 faces" in told.messages
    assert "2 videos, 40 frames: 40 faces of 2 people" in told.messages
    assert "2 videos, 40 frames: 40 faces of 2 people" in summary
    run(out=scratch)
    assert same(out, scratch)
    assert run("study/2.png", "study/c.mp4", "study/0.png", out=out, force=True) == []
    run("study/2.png", "study/c.mp4", "study/0.png", out=scratch, force=True)
    assert same(out, scratch)
    assert run("study/0.png", out=out, force=True) == []
    assert run("study", out=out) == ["2.png", "3.png", "a.mp4", "c.mp4"]


def test_what_has_another_name_or_place_is_known_by_its_content(run):
    run()
    Path("study/a.mp4").rename("study/b.mp4")
    Path("study/3.png").rename("study/5.png")
    shutil.copy("study/0.png", "study/1.png")  # of another time
    assert run() == ["1.png"]
    run(out="scratch.parquet")
    assert same("faces.parquet", "scratch.parquet")
    assert run(str(Path("study").absolute())) == [], "the same files in other words"
    assert pl.read_parquet("faces.parquet")["input"].str.starts_with("/").all()


def test_what_changed_is_looked_at_anew(run, told):
    run()
    before = Path("study/3.png").stat()
    portrait("study/3.png", 7)
    os.utime("study/3.png", ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert Path("study/3.png").stat().st_size == before.st_size, "only a byte in the middle tells them apart"
    assert run() == ["3.png"]
    assert "computing 1 input anew: changed since" in told.messages
    os.utime("study/a.mp4", ns=(0, 0))
    assert run() == ["a.mp4"]


def test_a_hash_of_head_and_tail_with_size_and_time_is_the_content(tmp_path):
    path, marks = tmp_path / "long", set()
    for place in (None, 0, 99_999, 50_000):
        content = bytearray(100_000)
        if place is not None:
            content[place] = 1
        path.write_bytes(content)
        os.utime(path, ns=(5, 5))
        size, time_ns, mark = content_of(str(path))
        assert (size, time_ns) == (100_000, 5)
        marks.add(mark)
    assert len(marks) == 3, "the middle is not read"
    assert content_of(str(tmp_path / "none")) is None


def test_an_option_looks_anew_at_those_whose_rows_it_changes(run, told):
    run()
    assert run(every_s=0.2) == ["a.mp4", "c.mp4"]
    assert "computing 2 inputs anew: every_s 0.0 before, 0.2 now" in told.messages
    assert "keeping 2 of 4 inputs as they are in faces.parquet" in told.messages
    assert run(every_s=0.2, lenient=True) == ["0.png", "3.png"]
    assert run(every_s=0.2, lenient=True, runtime="onnxruntime", threads=1) == []
    assert run(min_confidence=0.5, lenient=True) == ["0.png", "3.png", "a.mp4", "c.mp4"]
    run(out="scratch.parquet", min_confidence=0.5, lenient=True)
    assert same("faces.parquet", "scratch.parquet")


def test_another_model_says_in_one_line_what_is_computed_and_why(run, told, small_model, tmp_path):
    run()
    other = tmp_path / "other-weights"
    shutil.copytree(small_model, other)
    assert run(model=other) == [], "the same files in another folder"
    content = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps({**content, "name": "another"}))
    assert run(model=other) == ["0.png", "3.png", "a.mp4", "c.mp4"]
    [line] = [line for line in told.messages if "anew" in line]
    assert line == "computing 4 inputs anew: model by-light before, another now"
    (other / "card.json").write_text(json.dumps({**content, "name": "another", "licence": "another"}))
    assert len(run(model=other)) == 4
    assert "computing 4 inputs anew: model of other files before, another now" in told.messages


def test_a_table_without_smoothing_columns_gets_them_with_its_first_video(run):
    run("study/0.png", out="faces.jsonl")
    assert run(out="faces.jsonl") == ["3.png", "a.mp4", "c.mp4"]
    run(out="scratch.jsonl")
    assert same("faces.jsonl", "scratch.jsonl")


def test_what_is_drawn_later_computes_no_row_and_is_drawn_once(run, told, tmp_path):
    run()
    copies = {"draw": "marked", "hide_faces": "hidden", "timeline": "overview"}
    assert run(**copies) == []
    drawn = [path for folder in ("marked", "hidden") for path in sorted(Path(folder).rglob("*.*"))]
    assert [path.name for path in drawn] == ["0.png.jpg", "3.png.jpg", "a.mp4", "c.mp4"] * 2
    assert "wrote overview/study/a.mp4.svg and overview/study/a.mp4.html" in told.messages
    times_ns = {path: path.stat().st_mtime_ns for path in drawn}
    portrait("study/4.png", 40)
    assert run(**copies) == ["4.png"]
    assert {path: path.stat().st_mtime_ns for path in drawn} == times_ns
    assert Path("marked/study/4.png.jpg").is_file()
    Path("marked/study/a.mp4").unlink()
    del copies["hide_faces"]
    assert len(run(**copies, min_face=65)) == 5
    assert [path for path in drawn if path.stat().st_mtime_ns != times_ns[path]] == drawn[:4]


def test_a_summary_is_that_of_affekt_summarize_and_reads_no_face_anew(run, told):
    run()
    assert run(summary="study-of-two") == []
    assert "wrote 7 files into study-of-two" in told.messages
    affekt.summarize("faces.parquet", out="again")
    for name in ("people.csv", "episodes.csv", "bins.csv", "pictures.csv", "methods.md"):
        assert (Path("again") / name).read_bytes() == (Path("study-of-two") / name).read_bytes()
    assert "study-of-two" in Path("study-of-two/study.html").read_text(encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"expected a table beside a summary, got no file .*; type: --out faces\.parquet"
    ):
        predict("study", summary="s", faces="whole")
    with pytest.raises(
        ConfigError, match=r"than a file of the summary, got s/people\.csv as out; type: --out s/people-faces"
    ):
        run(out="s/people.csv", summary="s")
    Path("notes").touch()
    with pytest.raises(ConfigError, match=r"expected a folder as summary, notes, got the file .*; type: --summary "):
        run(summary="notes")


def test_a_table_without_a_face_has_no_summary_and_stays(run, told):
    Path("bad.png").write_text("no picture", encoding="utf-8")
    run("bad.png", out="t.csv", summary="s")
    assert [line for line in told.messages if line.startswith("no summary in s: expected faces, got none in the table")]
    assert pl.read_csv("t.csv").height == 1


def test_crops_and_features_are_read_from_the_pictures_again(run, told):
    run("study/0.png", "study/3.png")
    assert run("study/0.png", "study/3.png", crops="crops") == ["0.png", "3.png"]
    assert "computing 2 inputs anew: crops are made while an input is read" in told.messages
    assert run("study/0.png", "study/3.png", crops="crops") == []
    shutil.rmtree("crops")
    assert run("study/0.png", "study/3.png", crops="crops") == ["0.png", "3.png"]
    assert len(list(Path("crops").rglob("*.png"))) == 2


def test_what_could_not_be_read_is_tried_again_and_what_is_gone_stays(run):
    Path("study/9.png").write_text("no picture", encoding="utf-8")
    assert len(run()) == 5
    assert run() == ["9.png"]
    names = ["study/0.png", "study/3.png", "study/a.mp4"]
    run(*names, out="few.csv")
    before = Path("few.csv").read_bytes()
    for name in names[1:]:
        Path(name).unlink()
    assert run(*names, out="few.csv") == []
    assert Path("few.csv").read_bytes() == before


def test_rows_of_a_file_that_is_gone_from_a_folder_go_only_if_asked(run, told):
    run()
    Path("study/3.png").unlink()
    Path("study/a.mp4").rename("study/b.mp4")
    before = Path("faces.parquet").read_bytes()
    sentence = (
        "expected a table of these inputs to write over, got one with rows of 1 file that is gone, such as study/3.png"
        ", in faces.parquet; to keep them name another table, such as faces-new.parquet, or to leave them out type: "
        "--force, force=True in Python"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        run(min_face=10)  # the renamed one is computed anew, so it is not lost
    assert Path("faces.parquet").read_bytes() == before
    assert run("study", "study/3.png", out="faces.parquet") == [], "it is named"
    assert run(force=True) == []
    assert "leaving out rows of 1 file that is gone, such as study/3.png" in told.messages
    assert pl.read_parquet("faces.parquet")["input"].unique().sort().to_list() == [
        f"study/{name}" for name in ("0.png", "b.mp4", "c.mp4")
    ]


def test_archives_are_kept_and_tables_of_pictures_are_not(run):
    with zipfile.ZipFile("some.zip", "w") as archive:
        archive.write("study/0.png")
        archive.write("study/3.png")
    pl.DataFrame({"path": ["study/3.png"]}).write_parquet("list.parquet")
    assert run("some.zip", "list.parquet") == ["some.zip", "list.parquet"]
    Path("some.zip").rename("other.zip")
    assert run("other.zip", "list.parquet", force=True) == ["list.parquet"]
    assert pl.read_parquet("faces.parquet")["input"].to_list() == [
        "other.zip/study/0.png",
        "other.zip/study/3.png",
        "study/3.png",
    ]


def test_a_table_for_spreadsheets_and_odd_names_are_kept(run):
    names = ["=1.png", os.fsdecode(b"\xe9.png"), "two\nlines, and a comma.png", "007"]
    for name in names:
        portrait("study/0.png", 9)
        shutil.copy("study/0.png", name)
    run(*names, out="safe.csv", csv_safe=True)
    assert run(*names, out="safe.csv", csv_safe=True) == []
    run(*names, out="scratch.csv", csv_safe=True)
    assert same("safe.csv", "scratch.csv")
    assert run(*names, out="safe.csv") == []
    run(*names, out="plain.csv")
    assert same("safe.csv", "plain.csv")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_that_was_edited_is_neither_lost_nor_trusted(run, told, ending):
    out, scratch = f"faces.{ending}", f"scratch.{ending}"
    run(out=out)
    run(out=scratch)
    read, write = {
        "csv": (pl.read_csv, pl.DataFrame.write_csv),
        "parquet": (pl.read_parquet, pl.DataFrame.write_parquet),
        "jsonl": (pl.read_ndjson, pl.DataFrame.write_ndjson),
    }[ending]
    write(read(out).with_columns(emotion=pl.lit("anger")), out)  # as many rows, of the same inputs
    before = Path(out).read_bytes()
    with pytest.raises(ConfigError, match=rf"expected {out} as affekt wrote it, .* such as faces-new\.{ending}, or "):
        run(out=out)
    assert Path(out).read_bytes() == before
    assert len(run(out=out, force=True)) == 4
    assert f"computing all anew: {out} does not say which files it was made from, or was changed" in told.messages
    assert same(out, scratch)
    assert run(out=out) == []


def test_a_table_whose_metadata_another_program_kept_is_checked_row_by_row(run):
    run()
    said = {key: value for key, value in pl.read_parquet_metadata("faces.parquet").items() if key != "ARROW:schema"}
    pl.read_parquet("faces.parquet").reverse().write_parquet("faces.parquet", metadata=said)
    with pytest.raises(
        DataError, match=r"expected rows of study/0\.png in faces\.parquet, got some of study/c\.mp4: it"
    ):
        run()
    content = Path("faces.parquet").read_bytes()
    start = content.rindex(b"Polars")  # as pyarrow writes it, which keeps metadata
    Path("faces.parquet").write_bytes(content[:start] + b"parqut" + content[start + 6 :])
    with pytest.raises(ConfigError, match=r"faces\.parquet as affekt wrote it, got one that another program wrote"):
        run()


def test_the_metadata_beside_a_table_are_no_others(run):
    beside = Path("faces.csv-metadata.json")
    beside.write_text('{"@context": "http://www.w3.org/ns/csvw"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"metadata of affekt's own .* got another file, {beside}; name another"):
        run(out="faces.csv")
    run(out="faces.csv", force=True)
    run(out="faces.csv")
    said = json.loads(beside.read_text(encoding="utf-8"))
    del said["table_sha256"]  # of an older affekt
    beside.write_text(json.dumps(said), encoding="utf-8")
    assert run(out="faces.csv") == []
    beside.unlink()
    with pytest.raises(ConfigError, match=rf"expected faces\.csv as affekt wrote it, got one without its {beside}"):
        run(out="faces.csv")


def test_a_kill_between_a_table_and_its_metadata_is_no_edit(run, monkeypatch, small_model, tmp_path):
    run("study/0.png", out="faces.csv")
    replace = Path.replace

    def killed(path, target):
        if Path(target).name == "faces.csv":
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            predict("study/3.png", out="faces.csv", model=small_model, faces="whole", force=True)
    assert Path("faces.csv").is_file()
    assert run("study/0.png", "study/3.png", out="faces.csv") == ["0.png"], "the ledger has the other"
    assert pl.read_csv("faces.csv")["input"].to_list() == ["study/0.png", "study/3.png"]


@pytest.mark.parametrize("out", ["list.parquet", "./list.parquet", "x/../list.parquet", "link.parquet"])
def test_no_table_is_written_over_an_input(run, out):
    Path("link.parquet").symlink_to("list.parquet")
    pl.DataFrame({"path": ["study/3.png"]}).write_parquet("list.parquet")
    before = Path("list.parquet").read_bytes()
    for inputs in (["list.parquet"], ["list.parquet", "study"]):
        with pytest.raises(ConfigError, match=r"another file as out than the input .*; type: --out \S*-new\.parquet"):
            run(*inputs, out=out, force=True)
    assert Path("list.parquet").read_bytes() == before


def test_the_ledger_of_another_version_is_told_of_once(run, told):
    Path(".faces.parquet.ledger").write_bytes(
        b'{"ledger": 1, "model": "affekt", "record": "input, rows"}\n.["a", []]\n'
    )
    assert len(run()) == 4
    assert told.messages[0] == (
        "starting anew: another version of affekt left .faces.parquet.ledger, which this one cannot go on with"
    )
    run()
    assert not [line for line in told.messages if "another version" in line]


def test_a_stopped_run_goes_on_from_its_ledger_and_from_the_table(run, told, monkeypatch):
    run("study/0.png", "study/c.mp4")
    add = Ledger.add

    def adding(ledger, record, **named):
        if ledger.units == 1:
            raise KeyboardInterrupt
        add(ledger, record, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "add", adding)
        with pytest.raises(KeyboardInterrupt, match="stopped; 3 of 4 inputs are kept, and the same call goes on"):
            run()
    assert pl.read_parquet("faces.parquet")["input"].n_unique() == 2
    assert run(every_s=0.1) == ["a.mp4", "c.mp4"], "a picture that the ledger holds is not of another step"
    assert "going on after 2 of 4 inputs" in told.messages
    run(out="scratch.parquet", every_s=0.1)
    assert same("faces.parquet", "scratch.parquet")


def test_ctrl_c_says_what_is_kept_and_the_command_that_goes_on(small_model, monkeypatch, capsys):
    typed = ["study/0.png", "study/3.png", "study/a.mp4", "--faces", "whole", "--out", "my faces.csv"]
    add = Ledger.add

    def adding(ledger, record, **named):
        if ledger.units == 2:
            raise KeyboardInterrupt
        add(ledger, record, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "add", adding)
        with pytest.raises(SystemExit, match="130"):
            main(["predict", *typed, "--model", str(small_model)])
    said, advice = capsys.readouterr().err.strip().splitlines()[-1].split("; type: affekt ")
    assert said == "affekt: stopped; 2 of 3 inputs are kept, and the same call goes on"
    main(shlex.split(advice))
    assert "going on after 2 of 3 inputs" in capsys.readouterr().err
    assert pl.read_csv("my faces.csv").height == 22


def test_gathered_tables_follow_the_same_rule(small_model, run):
    from affekt.cluster.gather import gather

    run("study/0.png")
    predict("study/3.png", out="parts", shard="1/1", model=small_model, faces="whole")
    Path("study/0.png").rename("elsewhere.png")  # the parts may come from other machines
    with pytest.raises(ConfigError, match=r"with 1 more, such as study/0\.png, in faces\.parquet; .* type: --force"):
        gather("parts", "faces.parquet")
    [part] = Path("parts").iterdir()
    with pytest.raises(
        ConfigError, match=r"a table beside its parts as out, got parts/part-.* in parts; type: --out parts\.parquet"
    ):
        gather("parts", part, force=True)
    assert gather("parts", "faces.parquet", force=True).collect()["input"].to_list() == ["study/3.png"]
    assert run("study/3.png") == ["3.png"], "the parts do not say which files they were made from"
