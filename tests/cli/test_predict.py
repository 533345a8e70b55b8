"""`affekt predict`: a folder of good and bad pictures becomes a full table, whatever happens on the way."""

import io
import os
import random
import re
import shlex
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.cli.main import main
from affekt.cli.predict import TIMES, in_seconds
from affekt.errors import ConfigError


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Write good pictures of every kind and bad ones, and return the folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    rgb = Image.fromarray(generator.integers(0, 256, (60, 40, 3), dtype=np.uint8))
    for name, mode in {"grey.jpg": "L", "cmyk.jpg": "CMYK", "palette.png": "P", "alpha.png": "RGBA"}.items():
        rgb.convert(mode).save(folder / name)
    Image.fromarray(np.full((30, 30), 40_000, np.uint16)).save(folder / "sixteen.png")
    rgb.save(folder / "moving.gif", save_all=True, append_images=[rgb.rotate(90), rgb.rotate(180)])
    rgb.save(folder / "really-a-png.jpg", "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter
    rgb.save(folder / "rotated.jpg", exif=exif)
    rgb.save(folder / "ünïcödé näme, with comma.png")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("not a picture")
    (folder / "truncated.png").write_bytes((folder / "alpha.png").read_bytes()[:500])
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "notes.md").write_text("passed over")
    (folder / "round.jpg").symlink_to("round.jpg")
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.jpg")
    (folder / os.fsdecode(b"latin\xe9.png")).write_bytes((folder / "palette.png").read_bytes())
    (folder / "two\nlines.png").write_bytes((folder / "palette.png").read_bytes())
    (folder / "no.mp4").write_text("no video")
    Image.fromarray(np.ones((9, 9), np.float32)).save(folder / "fractions.tif")
    # A header of 20,000 x 20,000 pixels over the data of a small picture.
    small = (folder / "alpha.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 20_000, 20_000) + small[24:29]
    (folder / "bomb.png").write_bytes(small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:])
    return folder


def run(*arguments):
    main(["predict", *map(str, arguments)])


def test_a_mixed_folder_gives_a_full_table_twice_the_same(pictures, small_model, capsys):
    for name in ("one.parquet", "two.parquet"):
        with pytest.raises(SystemExit) as stop:
            run(pictures, "--model", small_model, "--faces", "whole", "--out", name)
        assert stop.value.code == 1
    one, two = pl.read_parquet("one.parquet"), pl.read_parquet("two.parquet")
    assert one.equals(two)
    assert one.height == 20
    assert one["input"].is_sorted()
    problems = dict(one.filter(pl.col("status") != "ok").select("input", "status").iter_rows())
    assert {name.rpartition("/")[2] for name in problems} == {
        "bomb.png",
        "empty.jpg",
        "fractions.tif",
        "gone.jpg",
        "no.mp4",
        "pipe.jpg",
        "round.jpg",
        "text.jpg",
        "truncated.png",
    }
    assert all(status.startswith("unreadable: ") for status in problems.values())
    assert problems[str(pictures / "bomb.png")] == "unreadable: over the limit of 178,956,970 pixels"
    rotated = one.filter(pl.col("input").str.ends_with("rotated.jpg"))
    assert rotated.select("width", "height").row(0) == (60, 40)
    told = capsys.readouterr().err
    assert "11 pictures: 11 faces" in told
    assert "9 unreadable" in told
    assert "of 1 picture with several frames or pages the first was looked at" in told
    assert pl.read_parquet_metadata("one.parquet")["notes"].startswith("of 1 picture with several frames")
    assert one.filter(pl.col("frame") == 0)["input"].to_list() == [str(pictures / "moving.gif")]
    assert "passed over 1 file" in told


def test_the_table_goes_to_standard_output(pictures, small_model, capsys):
    run(pictures / "grey.jpg", "--model", small_model, "--faces", "whole")
    captured = capsys.readouterr()
    table = pl.read_csv(captured.out.encode())
    assert table.height == 1
    assert table["input"][0].endswith("grey.jpg")
    assert "1 picture: 1 face" in captured.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_standard_output_is_one_sentence(pictures, small_model):
    command = [sys.executable, "-m", "affekt", "predict", pictures / "grey.jpg", "--model", small_model]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        run = subprocess.run([*command, "--faces", "whole"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 2
    assert run.stderr == (
        "affekt: expected room for what is written, got No space left on device; free some, or write to another place\n"
    )


def test_paths_come_from_standard_input(pictures, small_model, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("pictures/grey.jpg\npictures/cmyk.jpg\n"))
    run("-", "--model", small_model, "--faces", "whole", "--out", "faces.csv")
    assert pl.read_csv("faces.csv")["input"].to_list() == ["pictures/grey.jpg", "pictures/cmyk.jpg"]


def test_names_that_are_no_utf8_come_from_standard_input_too(pictures, small_model):
    command = [sys.executable, "-m", "affekt", "predict", "-", "--model", small_model, "--faces", "whole"]
    run = subprocess.run(command, input=b"pictures/latin\xe9.png\n", capture_output=True, check=True)
    assert pl.read_csv(run.stdout)["input"].to_list() == [r"pictures/latin\xe9.png"]


def test_runs_killed_at_random_moments_go_on_to_the_same_table(small_model, write_video, tmp_path):
    """Pictures, bad ones and videos: no row is lost or doubled, whenever it was."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(120):
        Image.fromarray(np.full((64, 64, 3), number * 2, np.uint8)).save(many / f"{number:04d}.png")
    (many / "0050.jpg").write_text("bad")
    for name in ("0030.mp4", "0090.mp4"):
        write_video([np.full((64, 64, 3), value, np.uint8) for value in range(200)], f"many/{name}")
    command = [sys.executable, "-m", "affekt", "predict", str(many), "--model", str(small_model), "--faces", "whole"]
    assert subprocess.run([*command, "--out", "whole.jsonl"], cwd=tmp_path, stderr=subprocess.DEVNULL).returncode == 1
    ledger = tmp_path / ".killed.jsonl.ledger"
    moments = random.Random(0)
    kills = 0
    for _ in range(4):
        # A moment is a number of records, not of seconds: the machine may be less busy by then than it was before.
        lines, more_s = moments.randrange(1, 120), moments.uniform(0, 0.02)
        process = subprocess.Popen([*command, "--out", "killed.jsonl"], cwd=tmp_path, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (ledger.is_file() and ledger.read_bytes().count(b"\n") >= lines):
            time.sleep(0.001)
        time.sleep(more_s)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills
    subprocess.run([*command, "--out", "killed.jsonl"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not list(tmp_path.glob(".*ledger"))


NEVER_DECODED = """
import sys, time
from pathlib import Path
from affekt.analysis import frames
from affekt.cli.main import main
read = frames.read_picture

def slow(source, **options):
    if str(source).endswith("slow.png"):
        Path("begun").touch()
        time.sleep(10_000)
    return read(source, **options)

frames.read_picture = slow
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_picture_that_takes_for_ever_keeps_nobody_from_stopping(small_model, tmp_path, number, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("many").mkdir()
    for place in range(300):
        Image.fromarray(np.full((64, 64, 3), place % 256, np.uint8)).save(f"many/{place:03d}.png")
    Path("many/slow.png").write_bytes(b"bad")
    words = ["predict", "many", "--model", str(small_model), "--faces", "whole", "--out", "faces.csv"]
    running = subprocess.Popen([sys.executable, "-c", NEVER_DECODED, *words], stderr=subprocess.PIPE, text=True)
    try:
        while running.poll() is None and not Path("begun").exists():
            time.sleep(0.01)
        running.send_signal(number)
        said = running.communicate(timeout=300)[1]
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 128 + number
    told = r"affekt: stopped; (\d+) of 301 inputs are kept, and the same call goes on; type: affekt (.*)"
    kept, advice = re.fullmatch(told, said.strip()).groups()
    assert int(kept) >= 100
    with pytest.raises(SystemExit, match="1"):
        main(shlex.split(advice))
    assert f"going on after {kept} of 301 inputs" in capsys.readouterr().err
    rows = pl.read_csv("faces.csv")
    assert rows["input"].to_list() == [f"many/{place:03d}.png" for place in range(300)] + ["many/slow.png"]
    assert rows["status"].to_list() == ["ok"] * 300 + ["unreadable: not a picture"]


def test_a_killed_run_goes_on_to_the_same_table(pictures, small_model, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(600):
        Image.fromarray(np.full((64, 64, 3), number % 256, np.uint8)).save(many / f"{number:04d}.png")
    command = [sys.executable, "-m", "affekt", "predict", str(many), "--model", str(small_model), "--faces", "whole"]
    subprocess.run([*command, "--out", "whole.csv"], check=True, capture_output=True)
    ledger = tmp_path / ".killed.csv.ledger"
    kills = 0
    for lines in (65, 130, 400):
        process = subprocess.Popen([*command, "--out", "killed.csv"], stderr=subprocess.DEVNULL)
        while process.poll() is None and not (ledger.is_file() and ledger.read_bytes().count(b"\n") >= lines):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills
    subprocess.run([*command, "--out", "killed.csv"], check=True, capture_output=True)
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not ledger.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pictures", "--out", "faces.xlsx"], "expected a table ending in .csv, .parquet, .jsonl, got faces.xlsx"),
        (["empty", "--out", "faces.csv"], "expected pictures, got none in empty"),
        (
            ["pictures", "--out", "folder.csv"],
            "expected a table, got a folder called folder.csv; name a file",
        ),
        (["pictures", "--min-confidence", "3"], "expected a min_confidence from 0 to 1, got 3.0"),
    ],
)
def test_wrong_commands_end_with_one_sentence(pictures, small_model, capsys, arguments, sentence):
    (pictures.parent / "empty").mkdir()
    (pictures.parent / "folder.csv").mkdir()
    with pytest.raises(SystemExit) as stop:
        run(*arguments, "--model", small_model)
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(f"affekt: {sentence}")
    assert not list(pictures.parent.glob("faces*"))


def test_a_run_that_was_never_exported_says_what_to_type(pictures, tmp_path, small_model, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "card.json").write_bytes((small_model / "card.json").read_bytes())
    with pytest.raises(SystemExit):
        run(pictures, "--model", tmp_path / "run")
    assert "make it with: affekt export" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_picture_without_permission_is_a_row(pictures, small_model, capsys):
    (pictures / "grey.jpg").chmod(0)
    with pytest.raises(SystemExit):
        run(pictures / "grey.jpg", "--model", small_model, "--faces", "whole")
    assert "unreadable: Permission denied" in capsys.readouterr().out


def test_marked_copies_are_drawn(pictures, small_model, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("pictures", "--model", small_model, "--faces", "whole", "--out", "faces.csv", "--draw", "marked")
    drawn = sorted(path.name for path in (tmp_path / "marked" / "pictures").iterdir())
    assert len(drawn) == 11
    assert "grey.jpg" in drawn
    assert "moving.gif.jpg" in drawn
    assert "wrote annotated copies into marked" in capsys.readouterr().err


def test_marked_copies_never_take_the_place_of_what_is_looked_at(pictures, small_model, tmp_path, capsys):
    (tmp_path / "copies").mkdir()
    for link in ("link", "copies/link"):
        (tmp_path / link).symlink_to(pictures, target_is_directory=True)
    original = (pictures / "grey.jpg").read_bytes()
    for name, draw in {"pictures": "pictures", "pictures/grey.jpg": ".", "link/grey.jpg": "copies"}.items():
        with pytest.raises(SystemExit) as stop:
            run(name, "--model", small_model, "--faces", "whole", "--out", "faces.csv", "--draw", draw)
        assert stop.value.code == 2
        assert "expected a folder for copies alone to draw into" in capsys.readouterr().err
    assert (pictures / "grey.jpg").read_bytes() == original


def test_a_folder_that_holds_the_marked_copies_gives_the_same_table_again(pictures, small_model):
    for name in ("one.csv", "two.csv"):
        with pytest.raises(SystemExit):
            run("pictures", "--model", small_model, "--faces", "whole", "--out", name, "--draw", "pictures/marked")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_a_name_as_long_as_names_can_be_is_drawn_too(pictures, small_model, tmp_path):
    names = [f"{letter * 251}{ending}" for letter, ending in (("a", ".jpg"), ("b", ".png"))]
    for name in names:
        (pictures / "deep" / name).write_bytes((pictures / "palette.png").read_bytes())
    run("pictures/deep/*.*", "--model", small_model, "--faces", "whole", "--out", "faces.csv", "--draw", "marked")
    drawn = sorted(path.name for path in (tmp_path / "marked" / "pictures" / "deep").iterdir())
    assert len(drawn) == 2
    assert drawn[0] == names[0]


def test_a_video_gets_a_timeline(small_model, write_video, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 25)
    run(
        "video.mp4",
        "--model",
        small_model,
        "--faces",
        "whole",
        "--out",
        "faces.csv",
        "--timeline",
        "overview",
        "--draw",
        "d",
    )
    assert (tmp_path / "d" / "video.mp4").is_file()
    assert "person 1, 0.0 to 1.0 s" in (tmp_path / "overview" / "video.mp4.svg").read_text()
    told = capsys.readouterr().err
    assert "1 video, 25 frames: 25 faces of 1 person" in told
    assert "wrote overview/video.mp4.svg and overview/video.mp4.html" in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--every", "often"], "expected a time such as 0.2s or 200ms, got 'often'; type: --every 0.2s"),
        (["--fps", "0"], "expected --fps above 0 frames per second, got 0; type: --fps 5"),
        (["--fps", "5", "--every", "1s"], "expected --fps or --every, got both; leave out --every"),
        (
            ["--fps=5", "--hide-faces", "no"],
            "expected all faces of all frames to hide, got fps, which leaves some out; lea",
        ),
        (
            ["--every", "1s", "--hide-faces", "no"],
            "expected all faces of all frames to hide, got every_s, which leaves",
        ),
        (["--every", "1s", "--every", "2s"], "expected --every once, got it twice; leave out one of them"),
        (
            ["--fps", "5", "--hide-faces", "h"],
            "expected all faces of all frames to hide, got fps, which leaves some out; leave out --fps",
        ),
        (["--stop-after", "0:x"], "expected a time such as 0.2s or 200ms, got '0:x'; type: --stop-after 60s"),
        (["--smooth", "500"], "expected smooth_s from 0 to 60 seconds, got 500.0; it counts in seconds"),
        (["--out", "f.csv.gz"], "expected a table ending in .csv, .parquet, .jsonl, got f.csv.gz; call it f.csv\n"),
        (["--out", "/dev/null"], "expected a table, got the device /dev/null; to print rows, type: --out -"),
        (["--out", "https://x.org/f.csv"], "expected a table on a disk as out, got an address, f.csv; write it here"),
        (["--detect-every", "0"], "expected detect_every of at least 1 frame, got 0"),
        (["--smooth", "-1s"], "expected a time such as 0.2s or 200ms, got '-1s'; type: --smooth 0.2s"),
        (
            ["--timeline", "overview"],
            "expected a table beside timelines and copies of videos, got no file to write it to",
        ),
    ],
)
def test_wrong_times_and_timelines_without_a_table_are_refused(pictures, small_model, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stop:
        run(pictures, "--model", small_model, *arguments)
    assert stop.value.code == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"affekt: {sentence}")
    assert told.out == "", "a header alone would look like an empty table"


def test_times_may_have_units():
    typed = ["a.mp4", "--every=200ms", "--smooth", "1s", "--stop-after", "60", "--draw", "marked"]
    seconds = ["a.mp4", "--every-s", "0.2", "--smooth-s", "1.0", "--stop-after-s", "60.0", "--draw", "marked"]
    assert in_seconds(typed) == seconds
    assert in_seconds(seconds) == seconds
    for long, time_s in {"2min": 120, "0:10": 10, "1:30": 90, "1:00:00.5": 3600.5, "1h": 3600, "3 sec": 3}.items():
        assert in_seconds(["--stop-after", long]) == ["--stop-after-s", str(float(time_s))]
    assert in_seconds(["--fps", "5"]) == ["--every-s", "0.2"]
    assert in_seconds(["--stop-after", "inf"]) == ["--stop-after-s", "inf"], "as help has it"
    with pytest.raises(ConfigError, match=r"expected a time such as 0.2s or 200ms, got ''; type: --smooth 0.2s"):
        in_seconds(["a.mp4", "--smooth"])


def test_help_loads_nothing_heavy():
    code = "from affekt.cli.main import main\ntry:\n    main(['predict', '--help'])\nexcept SystemExit:\n    pass\n"
    code += "import sys\nprint('\\n'.join(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Larger pictures are shrunk to this many pixels" in " ".join(told.replace("│", "").split())
    assert all(f"{short} FLOAT, {long} FLOAT" in told for short, long in TIMES.items())
    assert not {"polars", "onnxruntime", "numpy", "PIL", "av", "jinja2"} & set(told.split())


def test_a_runtime_that_is_not_installed_is_one_sentence(pictures, small_model, capsys, monkeypatch):
    monkeypatch.setattr("affekt.models.runtimes.installed_runtimes", lambda: ["onnxruntime"])
    for runtime, advice in {"openvino": "[openvino]", "cuda": "onnxruntime-gpu"}.items():
        with pytest.raises(SystemExit) as stop:
            run("pictures", "--model", small_model, "--faces", "whole", "--runtime", runtime)
        assert stop.value.code == 2
        assert advice in capsys.readouterr().err


@pytest.mark.parametrize(
    "page", [{"PYTHONIOENCODING": "cp1252"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}], ids=["cp1252", "C"]
)
def test_rows_are_utf8_whatever_the_code_page(tmp_path, small_model, page):
    for name in ("a.png", "한국어.png", "z.png"):
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    (tmp_path / "list.txt").write_text("한국어.png\nz.png\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONUTF8": "0", **page}
    command = [sys.executable, "-m", "affekt", "predict", "--model", small_model, "--faces", "whole"]
    for given, typed in ((".", None), ("list.txt", None), ("-", "한국어.png\nz.png\n".encode())):
        done = subprocess.run([*command, given], cwd=tmp_path, env=environment, input=typed, capture_output=True)
        rows = pl.read_csv(done.stdout)
        assert done.returncode == 0, done.stderr
        assert [Path(name).name for name in rows["input"]][-2:] == (
            ["z.png", "한국어.png"] if given == "." else ["한국어.png", "z.png"]
        )


def test_words_in_parquet_are_plain_strings(tmp_path, small_model, monkeypatch):
    """R and pandas would take categories in an order for a scale."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("a.png")
    main(["predict", "a.png", "--model", str(small_model), "--faces", "whole", "--out", "t.parquet"])
    assert pl.read_parquet_schema("t.parquet")["emotion"] == pl.String
    assert pl.read_parquet("t.parquet")["emotion"].item() is not None


def test_a_picture_itself_on_the_standard_input_is_answered_with_what_to_type(pictures, small_model, tmp_path):
    picture = tmp_path / "face.jpg"
    Image.new("RGB", (64, 64)).save(picture)
    how = {"capture_output": True, "cwd": tmp_path, "env": {**os.environ, "PYTHONWARNINGS": "ignore"}}
    line = ["--model", str(small_model), "--faces", "whole"]
    found = subprocess.run([sys.executable, "-m", "affekt", "predict", "-", *line], input=picture.read_bytes(), **how)
    said, _, advised = found.stderr.decode().strip().partition("as in: affekt ")
    assert said == (
        "affekt: expected a path a line on the standard input, got bytes that are no text; name pictures themselves, "
    )
    assert (found.returncode, found.stdout) == (2, b"")
    found = subprocess.run([sys.executable, "-m", "affekt", *shlex.split(advised), *line], **how)
    assert (found.returncode, len(found.stdout.splitlines())) == (0, 2)
