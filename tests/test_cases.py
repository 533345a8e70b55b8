"""Inputs of people that once failed: each case's own command is run, and gives what its `expected` asks for.

The cases lie beside the checkout and are never part of it; where they are not there, this file is skipped. All of it
takes some 20 s of one core, and 13 s of waiting for a server that sends a byte a second.
"""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from affekt.errors import PictureError
from affekt.server.decoding import Decoder, DecodeTime

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / ".." / "shared" / "cases"
ELSEWHERE = {"s1_container_cores": "tests/analysis/test_memory.py"}
"""Cases whose own script imports what has moved, and where a test of ours asks for the same."""
Ran = subprocess.CompletedProcess[str]

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs shared/cases beside the checkout")


def rows_of(name: str) -> list[dict[str, str]]:
    with Path(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def said(ran: Ran) -> str:
    """Return what a person sees; lines may be broken anywhere."""
    return " ".join((ran.stdout + ran.stderr).split())


def folder_in_python(ran: Ran) -> None:
    assert ran.stdout.splitlines() == ["[('pics/a.jpg', 'ok'), ('pics/b.jpg', 'ok')]"] * 2


def pickled(ran: Ran) -> None:
    assert ran.stdout == "happiness\n"


def litter(ran: Ran) -> None:
    assert [Path(row["input"]).name for row in rows_of("../i1.csv")] == ["a.jpg", "b.jpg"]
    assert {row["status"] for row in rows_of("../i1.csv")} == {"ok"}
    assert "rc 0" in ran.stdout
    assert "passed over 8 hidden, thumbnail or checkpoint files" in said(ran)


def addresses(ran: Ran) -> None:
    lines = [row["status"] for row in csv.DictReader(ran.stdout.splitlines())]
    assert len(lines) == 3
    assert "only with --fetch" in lines[0]
    assert "a live stream, which affekt does not read" in lines[1]
    assert "only with --fetch" in lines[2]


def download_sentences(ran: Ran) -> None:
    parts = {}
    for line in ran.stdout.splitlines():
        parts.update({line: ""} if not line.startswith(" ") else {list(parts)[-1]: list(parts.values())[-1] + line})
    assert all(answer.count("ModelError") == 1 and "left: []" in answer for answer in parts.values())
    assert "a web page, perhaps this network's login" in parts["portal"]
    assert "delete" not in parts["portal"]
    assert "set SSL_CERT_FILE" in parts["certificate of the company's proxy"]
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):  # with either the certificate is trusted, and the page arrives
        assert "a web page" in parts[f"the same with {name}"]
    assert "HTTPS_PROXY" in parts["proxy that is not there"]
    assert "expected the face detector's file" in parts["slow trickle (12 bytes in 12 s)"]


def float_tiff(ran: Ran) -> None:
    assert "a TIFF of 32-bit float colour" in ran.stdout


def long_text(ran: Ran) -> None:
    assert [(row["emotion"], row["status"]) for row in rows_of("t.csv")] == [("happiness", "ok")] * 3
    assert "rc 0" in ran.stdout


def exif_warning(ran: Ran) -> None:
    assert "Warning" not in ran.stderr
    assert rows_of("a.csv") == rows_of("b.csv")
    assert {row["status"] for row in rows_of("b.csv")} == {"ok"}
    assert "rc 0" in ran.stdout


def deep_pictures(ran: Ran) -> None:
    # How much memory that takes is asked in tests/faces/test_pictures.py.
    assert [row["status"] for row in rows_of("t.csv")] == ["no_face"] * 2


def plain_strings(ran: Ran) -> None:
    assert ran.stdout.strip() == "String"
    assert pl.read_parquet("t.parquet")["emotion"].to_list() == ["happiness"]


def default_stream(ran: Ran) -> None:
    rows = pl.read_csv("t.csv")
    assert set(rows["status"]) == {"ok"}
    assert dict(rows.group_by("input").len().iter_rows()) == {"two_streams.mp4": 8, "cover_first.mkv": 8}
    assert rows["width"].min() > 100  # the other stream is 64 pixels wide


def huge_frames(ran: Ran) -> None:
    (row,) = rows_of("t.csv")
    assert "8192x8192 pixels, over the limit" in row["status"]


def one_bad_video(ran: Ran) -> None:
    assert {Path(row["input"]).name for row in rows_of("t.csv")} == {"1262.avi", "odd1x1.mkv"}
    assert "Traceback" not in said(ran)
    assert "1 input not drawn" in said(ran)
    assert len(list(Path("marked").iterdir())) == 1
    assert "rc 1" in ran.stdout


def code_page(ran: Ran) -> None:
    assert len(rows_of("o.csv")) == 3
    assert "rc 0" in ran.stdout


def report(ran: Ran) -> None:
    assert Path("rep/report.html").is_file()
    assert "rc 0" in ran.stdout


RIGHT: dict[str, Callable[[Ran], None]] = {
    "a2_folder_python": folder_in_python,
    "a3_pickle": pickled,
    "i1_folder_litter": litter,
    "i2_addresses": addresses,
    "n1_download_sentences": download_sentences,
    "o2_float_tiff": float_tiff,
    "p1_png_long_text": long_text,
    "p3_exif_warning": exif_warning,
    "p4_deep_pictures": deep_pictures,
    "t2_ordered_factor": plain_strings,
    "v3_default_stream": default_stream,
    "v7_huge_frames": huge_frames,
    "v8_one_bad_video": one_bad_video,
    "w1_stdout_code_page": code_page,
    "w2_report_code_page": report,
}
SERVED = "s3_hidden_scans"


@pytest.mark.parametrize("case", RIGHT)
def test_a_case_gives_what_it_expects(case, tmp_path, monkeypatch, detector_home):
    folder = tmp_path / case
    # Files may be read-only beside the checkout; here the command writes beside them.
    shutil.copytree(CASES / case, folder, copy_function=shutil.copyfile)
    for inner in (folder, *folder.rglob("*/")):
        inner.chmod(0o755)
    monkeypatch.chdir(folder)
    given = {"PY": sys.executable, "A": f"{sys.executable} -m affekt", "AFFEKT_HOME": str(detector_home)}
    script = ["bash", "-c", Path("cmd").read_text(encoding="utf-8")]
    ran = subprocess.run(script, env={**os.environ, **given}, capture_output=True, encoding="utf-8", check=False)
    assert "Traceback" not in ran.stderr
    RIGHT[case](ran)


def test_hidden_scans_are_refused_before_they_are_decoded():
    content = (CASES / SERVED / "hidden_rst.jpg").read_bytes()
    time_left = DecodeTime(0.25)
    refused = pytest.raises(PictureError, match=r"^a JPEG of 5,460 scans, over the limit of 100; save it anew$")
    with closing(Decoder(max_pixels=40_000_000)) as decoder, refused:
        decoder(content, time_left)
    assert time_left.left_s > 0


def test_no_case_is_left_out():
    there = {path.name for path in CASES.iterdir() if path.is_dir()}
    assert there == {*RIGHT, *ELSEWHERE, SERVED}
    assert all((ROOT / name).is_file() for name in ELSEWHERE.values())
