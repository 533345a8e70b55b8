"""`affekt data import` and `affekt data check` as they are typed."""

import shlex
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from affekt.cli import data
from affekt.cli.main import main
from affekt.data.importers.engine import ImportOptions
from affekt.data.manifest import encode_png, read_manifest

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def write_ferplus(folder: Path, *, leak: bool = False) -> Path:
    rng = np.random.default_rng(0)
    usages = ["Training"] * 4 + ["PublicTest"] * 2
    texts = [" ".join(map(str, rng.integers(0, 256, 48 * 48))) for _ in usages]
    if leak:
        texts[5] = texts[0]
    pixels = [f"3,{text},{usage}" for text, usage in zip(texts, usages, strict=True)]
    votes = [f"{usage},fer{row:07d}.png,0,10,0,0,0,0,0,0,0,0" for row, usage in enumerate(usages)]
    (folder / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *pixels]))
    (folder / "fer2013new.csv").write_text("\n".join([HEADER, *votes]))
    return folder


def run(*arguments: str | Path) -> None:
    main(["data", *map(str, arguments)])


def failed(capsys, *arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_import_writes_the_manifest_and_prints_the_next_command(tmp_path, capsys):
    write_ferplus(tmp_path)
    out = tmp_path / "faces.parquet"
    run("import", "ferplus", tmp_path / "fer2013.csv", tmp_path / "fer2013new.csv", "--out", out)

    manifest = read_manifest(out)
    assert manifest["split"].to_list() == ["train"] * 4 + ["val"] * 2
    assert manifest["pixel_sha256"].null_count() == 0
    printed = capsys.readouterr().out
    assert "25,057" in printed
    assert printed.rstrip().endswith(f"affekt data check {out}")


def test_options_come_from_the_importer(tmp_path):
    write_ferplus(tmp_path)
    out = tmp_path / "faces.parquet"
    run(
        "import", "ferplus", tmp_path, "--rule", "argmax", "--valence-arousal", "projected", "--out", out, "--jobs", "1"
    )
    assert read_manifest(out)["valence_arousal_origin"].unique().to_list() == ["projected"]


def test_help_lists_the_importers_and_loads_none(capsys):
    for arguments in ([], ["--help"]):
        data.main(arguments)
        assert "affekt data import" in capsys.readouterr().out
    data.main(["import", "--help"])
    text = capsys.readouterr().out
    for name in data.IMPORTERS:
        assert f"\n  {name}" in text


def test_help_needs_no_library():
    code = (
        "import sys; from affekt.cli.data import main; main(['--help']); main(['import', '--help']); "
        "loaded = {'polars', 'numpy', 'tyro', 'PIL', 'torch'} & set(sys.modules); "
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(data.IMPORTERS))
def test_every_importer_documents_every_option(name, capsys):
    with pytest.raises(SystemExit) as stop:
        run("import", name, "--help")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"affekt data import {name}" in text
    assert "--out PATH" in text
    for field in (option.name for of in (data.importer_class(name), ImportOptions) for option in fields(of)):
        assert field.replace("_", "-").upper() in text.upper() or field in ("root", "path"), field


def test_only_the_importer_asked_for_is_loaded(tmp_path):
    write_ferplus(tmp_path)
    code = (
        "import sys; from affekt.cli.data import main; "
        f"main(['import', 'ferplus', {str(tmp_path)!r}, '--out', {str(tmp_path / 'f.parquet')!r}, '--jobs', '1']); "
        "others = [m for m in sys.modules if m.rpartition('.')[2] in ('affectnet', 'rafdb', 'afewva')]; "
        "sys.exit(f'loaded {others}' if others or 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no progress bar where nobody watches"


def test_misspelt_names_suggest_the_near_one(capsys):
    assert "got 'ferpluss'; type: affekt data import ferplus" in failed(capsys, "import", "ferpluss")
    assert "got 'AffectNet'; type: affekt data import affectnet" in failed(capsys, "import", "AffectNet")
    assert "got 'imprt'; type: affekt data import" in failed(capsys, "imprt")
    assert "type: affekt data import --help" in failed(capsys, "import", "zzz")


def test_wrong_paths_are_one_sentence(tmp_path, capsys):
    error = failed(capsys, "import", "ferplus", tmp_path / "nowhere", "--out", tmp_path / "faces.parquet")
    assert error.startswith("affekt: expected fer2013.csv")
    assert error.count("\n") == 1
    write_ferplus(tmp_path)
    error = failed(capsys, "import", "ferplus", tmp_path, tmp_path / "none.csv", "--out", tmp_path / "faces.parquet")
    assert "none.csv, got no such file" in error
    error = failed(capsys, "import", "fer2013", tmp_path, "--out", tmp_path / "fer2013.csv" / "faces.parquet")
    assert "got the file" in error
    assert "choose another out (--out)" in error
    assert "expected at least one process as jobs, got 0" in failed(
        capsys, "import", "fer2013", tmp_path, "--jobs", "0"
    )
    assert not (tmp_path / "faces.parquet").exists()


def test_ctrl_c_says_how_to_continue(tmp_path, capsys, monkeypatch):
    write_ferplus(tmp_path)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("affekt.data.importers.engine.open_pictures", stopped)
    with pytest.raises(SystemExit) as stop:
        run("import", "ferplus", tmp_path, "--out", tmp_path / "faces.parquet")
    assert stop.value.code == 130
    assert "stopped with 0 of 6 pictures opened; run the same command to continue" in capsys.readouterr().err


def living_processes(group: int) -> list[str]:
    """Processes of a group that are no zombies, as the proc file system tells (none where there is no such thing)."""
    fields = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat")]
    return [state for state, _parent, process_group, *_ in fields if int(process_group) == group and state != "Z"]


def test_a_killed_import_leaves_no_process_behind_and_continues(tmp_path):
    folder = tmp_path / "train" / "happy"
    folder.mkdir(parents=True)
    first = folder / "0000.png"
    first.write_bytes(encode_png(np.zeros((8, 8, 3), dtype=np.uint8)))
    for number in range(1, 4000):
        (folder / f"{number:04d}.png").hardlink_to(first)
    out = tmp_path / "faces.parquet"
    command = [sys.executable, "-m", "affekt", "data", "import", "fer2013", str(tmp_path), "--out", str(out)]
    ledger = tmp_path / ".faces.parquet.ledger"

    running = subprocess.Popen([*command, "--jobs", "2"], stdout=subprocess.DEVNULL, start_new_session=True)
    while running.poll() is None and not (ledger.is_file() and ledger.read_bytes().count(b"\n") > 2):
        time.sleep(0.001)
    assert running.poll() is None, "it is killed before it ends"
    running.kill()
    running.wait()
    finished = ledger.read_bytes().count(b"\n") - 1
    assert not out.exists()
    assert finished >= 2

    done = subprocess.run([*command, "--jobs", "1"], capture_output=True, text=True, check=True)
    assert f"({256 * finished:,} were opened by an earlier run)" in done.stdout
    assert read_manifest(out).height == 4000
    assert not ledger.exists()
    assert living_processes(running.pid) == []


def test_check_exits_with_1_on_a_leak_and_drops_it_when_asked(tmp_path, capsys):
    write_ferplus(tmp_path, leak=True)
    out, clean = tmp_path / "faces.parquet", tmp_path / "clean.parquet"
    run("import", "ferplus", tmp_path, "--out", out)
    capsys.readouterr()

    with pytest.raises(SystemExit) as stop:
        run("check", out)
    assert stop.value.code == 1
    assert f"affekt data check {out} --drop-leaks" in capsys.readouterr().out

    run("check", out, "--drop-leaks", clean)
    assert f"{clean}: 5 rows without leaks, 1 left out" in capsys.readouterr().out
    run("check", clean)
    assert pl.read_parquet(clean).height == 5


@pytest.mark.parametrize(
    "command",
    [
        ("import", "ferplus", "{folder}", "--out", "{mine}"),
        ("split", "{faces}", "--out", "{mine}"),
        ("check", "{faces}", "--drop-leaks", "{mine}"),
        ("split", "{faces}", "--out", "{faces}"),
        ("check", "{faces}", "--drop-leaks", "{spelt}"),
    ],
    ids=" ".join,
)
def test_no_manifest_is_written_over_what_is_read_or_is_somebody_elses(tmp_path, capsys, command):
    write_ferplus(tmp_path)
    faces, mine = tmp_path / "faces.parquet", tmp_path / "mine.parquet"
    run("import", "ferplus", tmp_path, "--out", faces)
    run("import", "ferplus", tmp_path, "--out", faces)  # affekt's own may be made anew
    pl.DataFrame({"source": ["a"], "source_id": ["b"], "split": ["train"], "hours": [40]}).write_parquet(mine)
    before = faces.read_bytes(), mine.read_bytes()
    named = {"folder": tmp_path, "faces": faces, "mine": mine, "spelt": tmp_path / "x/../faces.parquet"}
    capsys.readouterr()
    with pytest.raises(SystemExit, match="2"):
        run(*(word.format(**named) for word in command))
    said = capsys.readouterr().err
    assert (faces.read_bytes(), mine.read_bytes()) == before
    advice = shlex.split(said.strip().rpartition(": ")[2])
    assert advice[0] == command[-2]
    run(*(word.format(**named) for word in command[:-1]), advice[1])
    assert pl.read_parquet(advice[1]).height > 1


def test_check_reports_wrong_labels_instead_of_refusing_them(tmp_path, capsys):
    write_ferplus(tmp_path)
    out, wrong = tmp_path / "faces.parquet", tmp_path / "wrong.parquet"
    run("import", "ferplus", tmp_path, "--out", out)
    sentinel = pl.when(pl.int_range(pl.len()) < 2).then(-2.0).cast(pl.Float32).alias("valence")
    read_manifest(out).with_columns(sentinel).write_parquet(wrong)
    capsys.readouterr()

    with pytest.raises(SystemExit) as stop:
        run("check", wrong)
    assert stop.value.code == 1
    printed = capsys.readouterr().out
    assert "2 unknown or out of range" in printed
    assert "valence -2, arousal unknown" in printed
    assert "No leak found." in printed
    assert "valence in [-1, 1] or null, got row 0" in failed(
        capsys, "check", wrong, "--drop-leaks", tmp_path / "c.parquet"
    )
    assert not (tmp_path / "c.parquet").exists()


def test_check_of_a_missing_manifest_is_one_sentence(tmp_path, capsys):
    assert "expected a manifest at" in failed(capsys, "check", tmp_path / "none.parquet")
