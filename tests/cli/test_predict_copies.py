"""`affekt predict --draw` and `--timeline`: each input has its own copy, also where a run was stopped."""

import io
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import affekt
from affekt.analysis import annotated_video
from affekt.cli.main import main
from affekt.files import require_folder
from affekt.ledger import Ledger


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of four pictures."""
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        picture(tmp_path / "faces" / f"{number}.jpg", 60 * number)
    return tmp_path


@pytest.fixture(autouse=True)
def usual_signals():
    """Take back what the command does about signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def predict(small_model):
    """Return a function that runs the command on whole faces."""
    return lambda *arguments: main(["predict", *arguments, "--model", str(small_model), "--faces", "whole"])


def picture(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((64, 64, 3), grey, np.uint8)).save(path, "JPEG")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def inputs_of(table):
    return pl.read_csv(table)["input"].unique().sort().to_list()


def unwanted(*arguments, **named):
    raise AssertionError("nothing is to be looked at")


def stopped_after(monkeypatch, inputs):
    """Let the ledger be interrupted after some inputs."""
    add, added = Ledger.add, []

    def adding(ledger, record, **named):
        if len(added) == inputs:
            raise KeyboardInterrupt
        added.append(record)
        add(ledger, record, **named)

    monkeypatch.setattr(Ledger, "add", adding)


def test_a_run_that_goes_on_draws_the_copies_that_the_one_before_was_not_asked_for(
    predict, folder, monkeypatch, capsys
):
    with monkeypatch.context() as patched:
        stopped_after(patched, 2)
        with pytest.raises(SystemExit):
            predict("faces", "--out", "faces.csv")
    predict("faces", "--out", "faces.csv", "--draw", "marked")
    assert "going on after 2 of 4 inputs\n" in capsys.readouterr().err
    assert files(folder / "marked") == [f"faces/{number}.jpg" for number in range(4)]


def test_a_run_that_goes_on_draws_the_copies_that_went_away_meanwhile(predict, folder, monkeypatch, capsys):
    arguments = ("faces", "--out", "faces.csv", "--draw", "marked")
    with monkeypatch.context() as patched:
        stopped_after(patched, 2)
        with pytest.raises(SystemExit):
            predict(*arguments)
    (folder / "marked" / "faces" / "0.jpg").unlink()
    kept = (folder / "marked" / "faces" / "1.jpg").stat().st_ino
    predict(*arguments)
    assert "going on after 2 of 4 inputs" in capsys.readouterr().err
    assert files(folder / "marked") == [f"faces/{number}.jpg" for number in range(4)]
    assert (folder / "marked" / "faces" / "1.jpg").stat().st_ino == kept


def test_copies_of_one_place_are_told_apart(predict, folder, monkeypatch):
    picture(folder / "set" / "a.jpg", 0)
    picture(folder / "set" / "a", 50)
    picture(folder / "below" / "set" / "a.jpg", 100)
    monkeypatch.chdir(folder / "below")
    predict("set/a.jpg", "../set/a.jpg", "../set/a", "--out", "../faces.csv", "--draw", "../marked")
    copies = files(folder / "marked" / "set")
    assert len(copies) == 3
    assert copies[0] == "a.jpg"
    assert copies[1].startswith("a.jpg~")
    assert copies[2].startswith("a~")
    greys = {name: np.asarray(Image.open(folder / "marked" / "set" / name))[-20:].min() for name in copies}
    assert greys["a.jpg"] > greys[copies[2]] > greys[copies[1]]


def test_timelines_of_one_place_are_told_apart(predict, folder, write_video, monkeypatch):
    (folder / "below").mkdir()
    for name in ("v.mp4", "below/v.mp4"):
        write_video([np.full((64, 64, 3), 200, np.uint8)] * 25, name)
    monkeypatch.chdir(folder / "below")
    arguments = ("--timeline", "../overview", "--draw", "../marked", "--out", "../faces.csv")
    predict("v.mp4", "../v.mp4", *arguments)
    assert len(files(folder / "overview")) == 4 + 1, "a record of them"
    assert len(files(folder / "marked")) == 2


@pytest.mark.parametrize("place", ["taken", "taken/deep"])
@pytest.mark.parametrize("option", ["--draw", "--timeline"])
def test_a_folder_that_cannot_be_is_refused_before_the_work(
    predict, folder, write_video, monkeypatch, capsys, option, place
):
    write_video([np.full((64, 64, 3), 200, np.uint8)])
    (folder / "taken").touch()
    monkeypatch.setattr("affekt.analysis.analyzer.detect_faces", unwanted)
    with pytest.raises(SystemExit) as stop:
        predict("video.mp4", "--out", "faces.csv", option, place)
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"affekt: expected a folder as {option[2:]}, {place}, got the file ")
    advised = told.rpartition("; type: ")[2].split()
    assert advised[0] == option
    require_folder(Path(advised[1]), advised[0][2:])


@pytest.mark.parametrize("option", ["--draw", "--timeline", "--hide-faces", "--crops"])
def test_a_folder_named_like_a_file_is_refused_with_the_name_to_type(predict, folder, write_video, capsys, option):
    write_video([np.full((64, 64, 3), 200, np.uint8)])
    with pytest.raises(SystemExit, match="2"):
        predict("video.mp4", "--out", "faces.csv", option, "seen.html")
    name = option[2:]
    said = f"expected a folder as {name}, got seen.html, named like a file; type: {option} seen, or "
    said += f"{name.replace('-', '_')}='seen' in Python\n"
    assert capsys.readouterr().err.endswith(said)
    assert not (folder / "seen.html").exists()
    predict("video.mp4", "--out", "faces.csv", option, "seen")
    assert (folder / "seen").is_dir()


def test_a_run_that_is_ended_while_it_copies_a_video_only_copies_the_next_time(
    predict, folder, write_video, monkeypatch, capsys
):
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25)
    arguments = ("video.mp4", "--out", "faces.csv", "--draw", "marked")

    def ended(picture, rows):
        os.kill(os.getpid(), signal.SIGTERM)
        return draw(picture, rows)

    draw = annotated_video.draw
    with monkeypatch.context() as patched:
        patched.setattr(annotated_video, "draw", ended)
        with pytest.raises(SystemExit) as stop:
            predict(*arguments)
    assert stop.value.code == 128 + signal.SIGTERM
    assert files(folder / "marked") == []
    assert (folder / ".faces.csv.ledger").is_file()
    table = (folder / "faces.csv").read_bytes()
    monkeypatch.setattr("affekt.analysis.analyzer.detect_faces", unwanted)
    predict(*arguments)
    assert "going on after 1 of 1 inputs" in capsys.readouterr().err
    assert files(folder / "marked") == ["video.mp4"]
    assert (folder / "faces.csv").read_bytes() == table
    assert not (folder / ".faces.csv.ledger").exists()


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self):
        return True


def test_a_bar_moves_while_videos_are_copied(predict, write_video, monkeypatch):
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 4)
    shares = []
    monkeypatch.setattr(
        "affekt.analysis.prediction_run._move_to", lambda bar, place, share: shares.append(place + share)
    )
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    predict("video.mp4", "--out", "faces.csv", "--draw", "marked")
    assert "drawing video 1 of 1" in terminal.getvalue()
    assert shares[-5:] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])


def test_a_video_of_which_no_copy_can_be_made_keeps_no_other_from_its_copy(write_video, predict, capsys, monkeypatch):
    grey = np.full((64, 96, 3), 99, np.uint8)
    for name, picture in {"a.mp4": grey, "b.mp4": grey, "c.mkv": grey[:1, :1]}.items():
        write_video([picture] * 3, name=name, codec="ffv1" if name == "c.mkv" else "mpeg4")
    encoded, made = annotated_video._stream, []

    def refused_once(*arguments):
        made.append(arguments)
        if len(made) == 1:
            raise ValueError("a time that no MP4 can hold")
        return encoded(*arguments)

    monkeypatch.setattr(annotated_video, "_stream", refused_once)
    with pytest.raises(SystemExit) as end:
        predict("a.mp4", "b.mp4", "c.mkv", "--out", "t.csv", "--draw", "marked")
    assert end.value.code == 1
    assert files(Path("marked")) == ["b.mp4", "c.mkv.mp4"]
    told = capsys.readouterr().err
    assert "1 input not drawn\n" in told
    assert f"  expected to write {Path('marked/a.mp4')}, got a time that no MP4 can hold; draw no copy of a.mp4" in told


def test_what_changed_after_a_kill_is_looked_at_anew_and_what_went_stays(predict, folder, monkeypatch, capsys):
    names = [f"faces/{number}.jpg" for number in range(4)]
    with monkeypatch.context() as interrupted:
        stopped_after(interrupted, 3)
        with pytest.raises(SystemExit, match="130"):
            predict(*names, "--out", "t.csv", "--draw", "marked")
    (folder / "faces/0.jpg").unlink()
    shutil.rmtree("marked")
    picture(folder / "faces/2.jpg", 255)
    left = folder / "marked" / "deeper" / f".0123abcd.{2**22 + 1}.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    capsys.readouterr()
    with pytest.raises(SystemExit, match="1"):
        predict(*names, "--out", "t.csv", "--draw", "marked")
    told = capsys.readouterr().err
    assert "going on after 2 of 4 inputs" in told
    assert "1 input not drawn\n  faces/0.jpg: no such file\n" in told
    rows = pl.read_csv("t.csv")
    assert rows["status"].to_list() == ["ok"] * 4
    assert rows["valence"][2] > rows["valence"][3] > rows["valence"][1] > rows["valence"][0]
    assert files(folder / "marked") == ["faces/1.jpg", "faces/2.jpg", "faces/3.jpg"]
    assert not Path(".t.csv.ledger").exists()


def test_a_folder_of_copies_that_goes_during_a_run_is_made_again(predict, folder, monkeypatch):
    add, added = Ledger.add, []

    def adding(ledger, record, **named):
        added.append(record)
        if len(added) == 3:
            shutil.rmtree("marked")
        add(ledger, record, **named)

    monkeypatch.setattr(Ledger, "add", adding)
    predict("faces", "--out", "t.csv", "--draw", "marked")
    assert files(folder / "marked") == [f"faces/{number}.jpg" for number in range(4)]


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("--draw", "faces/0.jpg"),
        ("--hide-faces", "faces/0.jpg"),
        ("--draw", "v.mp4"),
        ("--hide-faces", "v.mp4"),
        ("--timeline", "v.mp4.svg"),
        ("--timeline", "v.mp4.html"),
        ("--crops", "faces/0.jpg_face1.png"),
        ("--summary", "people.csv"),
        ("--summary", "study.html"),
    ],
)
def test_what_is_written_beside_a_table_replaces_what_affekt_made_alone(
    predict, folder, write_video, monkeypatch, capsys, option, place
):
    video = write_video([np.full((64, 64, 3), 200, np.uint8)] * 25, "v.mp4")
    arguments = ("faces", "v.mp4", "--out", "t.csv", option, "made")
    mine = folder / "made" / place
    mine.parent.mkdir(parents=True)
    picture(mine.with_suffix(".jpg"), 3)  # a picture where a picture is wanted
    mine.with_suffix(".jpg").rename(mine)
    if place == "v.mp4":
        mine.write_bytes(Path(video).read_bytes())
    before = mine.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("affekt.analysis.analyzer.detect_faces", unwanted)
        with pytest.raises(SystemExit, match="2"):
            predict(*arguments)
    said = capsys.readouterr().err
    assert f"made/{place}; " in said
    assert mine.read_bytes() == before
    mine.unlink()
    for more in ((), ("--min-confidence", "0.5")):  # and those of another run are affekt's own
        predict(*arguments, *more)
        assert mine.is_file()


def test_copies_of_earlier_runs_are_no_inputs_of_others(predict, folder, write_video, capsys):
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25, "v.mp4")
    predict("faces", "v.mp4", "--out", "a.csv", "--draw", "marked", "--hide-faces", "hidden", "--crops", "crops")
    predict("faces", "v.mp4", "--hide-faces", "hidden2", "--hide-how", "blur", "--out", "b.csv")
    affekt.summarize("a.csv", out="study", formats=("csv", "png"))
    capsys.readouterr()
    predict(".", "--out", "c.csv")
    inputs = inputs_of("c.csv")
    assert inputs == [*(f"./faces/{number}.jpg" for number in range(4)), "./v.mp4"]
    made = sum(len([*Path(place).rglob("*.*")]) for place in ("marked", "hidden", "hidden2", "crops", "study/figures"))
    assert f"passed over {made} copies that affekt made" in capsys.readouterr().err
    predict("**/*.jpg", "**/*.mp4", "--out", "d.csv")
    assert sorted(str(Path(name)) for name in inputs_of("d.csv")) == [str(Path(name)) for name in inputs]
    capsys.readouterr()
    predict("hidden", "--out", "e.csv")  # whoever names them means them
    assert "passed over" not in capsys.readouterr().err
    assert "hidden/v.mp4" in inputs_of("e.csv")
    predict("marked/faces/0.jpg", "crops", "--out", "f.csv")
    assert len(inputs_of("f.csv")) == 1 + 4 + 25
