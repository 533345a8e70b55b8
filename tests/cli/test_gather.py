"""`affekt gather`: what `affekt predict --shard` says at its end can be typed."""

import shlex

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt.cli.main import main


@pytest.fixture
def faces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    for number in range(3):
        Image.fromarray(np.full((64, 64, 3), 80 * number, np.uint8)).save(f"faces/{number}.png")
    return tmp_path / "faces"


def test_shards_are_gathered_by_the_command_that_the_last_one_says(faces, small_model, capsys):
    given = ["faces", "--model", str(small_model), "--faces", "whole"]
    for shard in ("1/2", "2/2"):
        main(["predict", *given, "--shard", shard, "--out", "parts"])
    said = capsys.readouterr().err.splitlines()[-1]
    main(shlex.split(said.partition("type: affekt ")[2]))
    assert capsys.readouterr().out == "wrote faces.parquet: 3 rows\n"
    main(["predict", *given, "--out", "one.parquet"])
    assert pl.read_parquet("faces.parquet").equals(pl.read_parquet("one.parquet"))


def test_the_exit_code_tells_of_unreadable_inputs(faces, small_model):
    (faces / "0.png").write_bytes(b"no picture")
    given = ["faces", "--model", str(small_model), "--faces", "whole", "--out", "parts"]
    with pytest.raises(SystemExit) as stop:
        main(["predict", *given, "--shard", "1/2"])
    assert stop.value.code == 1
    main(["predict", *given, "--shard", "2/2"])


def test_a_table_named_as_a_folder_is_refused_and_the_advice_works(faces, small_model, capsys):
    given = ["predict", "faces", "--model", str(small_model), "--faces", "whole", "--shard", "1/1"]
    with pytest.raises(SystemExit) as stop:
        main([*given, "--out", "faces.csv"])
    assert stop.value.code == 2
    folder, gather = capsys.readouterr().err.partition("type: ")[2].strip().split(", and then: affekt ")
    main([*given, *shlex.split(folder)])
    main(shlex.split(gather))
    assert len(pl.read_csv("faces.csv")) == 3


@pytest.mark.parametrize(
    ("out", "made"),
    [
        ("parts", "parts.csv"),
        ("parts/g.parquet", "parts.parquet"),
        ("parts/below/g.jsonl", "parts.jsonl"),
        ("parts/divided --by emotion", "parts-by-emotion"),
    ],
)
def test_a_table_among_its_parts_is_refused_and_the_advice_works(faces, small_model, capsys, out, made):
    main(["predict", "faces", "--model", str(small_model), "--faces", "whole", "--shard", "1/1", "--out", "parts"])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["gather", "parts", "--out", *out.split()])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "expected a table beside its parts as out, got parts" in said
    main(["gather", "parts", *out.split()[1:], *shlex.split(said.partition("type: ")[2])])
    assert capsys.readouterr().out == f"wrote {made}: 3 rows\n"
    assert len(pl.read_parquet("parts/*.parquet")) == 3


def test_a_table_is_divided_by_the_command(faces, small_model, capsys):
    main(["predict", "faces", "--model", str(small_model), "--faces", "whole", "--shard", "1/1", "--out", "parts"])
    main(["gather", "parts", "--by", "emotion", "--out", "divided"])
    assert capsys.readouterr().out == "wrote divided: 3 rows\n"
    assert pl.read_parquet("divided/emotion=happiness/*.parquet").height
