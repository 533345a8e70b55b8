"""Shards: what several machines write, with kills and bad inputs on the way, is what one would have written."""

import logging
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt import __version__, gather, predict
from affekt.cluster.parts import Parts
from affekt.errors import ConfigError, DataError


@pytest.fixture
def inputs(tmp_path, monkeypatch, write_video, caplog):
    """Work in a folder of pictures, bad ones among them, and a video."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("affekt.cluster.job.LEAST_OF_A_PIECE", 1)  # so that each picture is one
    caplog.set_level(logging.INFO, "affekt")
    (tmp_path / "faces" / "deep").mkdir(parents=True)
    for number in range(9):
        Image.fromarray(np.full((64, 64, 3), 28 * number, np.uint8)).save(f"faces/{number}.png")
    (tmp_path / "faces" / "3.png").write_bytes(b"no picture")
    (tmp_path / "faces" / "4.png").write_bytes(b"")
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save("faces/deep/moving.gif", save_all=True, append_images=frames[1:])
    write_video([np.full((64, 64, 3), 200, np.uint8)] * 5).rename("faces/video.mp4")
    return "faces"


def shards(inputs, of, model, numbers=None, out="parts"):
    for number in numbers or range(1, of + 1):
        predict(inputs, shard=f"{number}/{of}", out=out, model=model, faces="whole")


def listed(folder="parts"):
    return sorted(path.name for path in Path(folder).iterdir())


def metadata(table):
    said = pl.read_parquet_metadata(table)
    said.pop("inputs", None)  # the files of one machine, by which a rerun there knows them
    return {key: value for key, value in said.items() if key != "ARROW:schema"}


@pytest.mark.parametrize("of", [1, 2, 3, 16])
def test_shards_in_any_order_make_the_table_of_one_machine(inputs, small_model, of):
    whole = predict(inputs, out="whole.parquet", model=small_model, faces="whole").collect()
    shards(inputs, of, small_model, numbers=range(of, 0, -1))
    assert gather("parts", out="faces.parquet").collect().equals(whole)
    assert metadata("faces.parquet") == metadata("whole.parquet")
    assert "of 1 picture with several frames" in metadata("faces.parquet")["notes"]
    assert "raw_valence" in whole.columns
    assert {row["status"] for row in whole.iter_rows(named=True)} == {
        "ok",
        "unreadable: not a picture",
        "unreadable: an empty file",
    }


def test_the_rows_of_a_share_come_back(inputs, small_model):
    whole = predict(inputs, model=small_model, faces="whole")
    table = predict(inputs, shard="1/1", out="parts", model=small_model, faces="whole")
    assert table.collect().equals(whole)
    assert (
        table.filter(emotion="happiness")
        .select("input", "emotion")
        .collect()
        .equals(whole.filter(emotion="happiness").select("input", "emotion"))
    )
    assert table.head(3).collect().equals(whole.head(3))


def test_a_shard_that_was_killed_does_only_what_is_missing(inputs, small_model, monkeypatch, caplog):
    written, write = [], Parts.write

    def writing(parts, name, rows, metadata):
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(name)
        write(parts, name, rows, metadata)

    with monkeypatch.context() as patched:
        patched.setattr(Parts, "write", writing)
        with pytest.raises(KeyboardInterrupt):
            shards(inputs, 1, small_model)
    stamps = {name: Path(f"parts/{name}").stat().st_mtime_ns for name in written}
    shards(inputs, 1, small_model)
    assert "going on after 4 of 11 inputs" in caplog.messages
    assert {name: Path(f"parts/{name}").stat().st_mtime_ns for name in written} == stamps
    assert gather("parts", out="faces.parquet").collect().equals(predict(inputs, model=small_model, faces="whole"))


def test_only_what_has_changed_is_looked_at_anew(inputs, small_model):
    shards(inputs, 2, small_model)
    before = set(listed())
    Image.new("RGB", (64, 64), "white").save("faces/0.png")
    shards(inputs, 2, small_model)
    assert len(before & set(listed())) == len(before) - 1 == len(listed()) - 1
    assert gather("parts", out="faces.parquet").collect().equals(predict(inputs, model=small_model, faces="whole"))


def test_the_end_says_what_was_found_and_what_to_type(inputs, small_model, caplog):
    shards(inputs, 2, small_model)
    assert caplog.messages[:3] == ["shard 1/2: 6 of 11 inputs, 5 faces", "1 unreadable", "6 of 11 parts in parts"]
    assert caplog.messages[-1] == "the job is done; type: affekt gather parts --out faces.parquet"


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b", "1/3/5", "-1/3"])
def test_a_shard_that_is_none_is_refused(inputs, small_model, shard):
    with pytest.raises(ConfigError, match=r"expected a shard from 1/N to N/N, as 3/16 .*; type: --shard 1/16"):
        predict(inputs, shard=shard, out="parts", model=small_model, faces="whole")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"out": None}, "expected a folder as out, for the parts of the table, got none; type: --out parts"),
        ({"out": "faces.csv"}, "got faces.csv; type: --out faces-parts, and then: affekt gather faces-parts --out "),
        ({"draw": "marked"}, "expected shard or engine without draw, which needs the whole table, got both"),
        ({"csv_safe": True}, r"leave out --csv-safe \(csv_safe in Python\), and gather the parts first"),
    ],
)
def test_what_does_not_go_with_shards_is_refused(inputs, small_model, given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        predict(inputs, shard="1/2", model=small_model, **{"out": "parts", **given})


def test_parts_of_two_jobs_are_never_mixed(inputs, small_model):
    shards(inputs, 2, small_model, numbers=[1])
    with pytest.raises(ConfigError, match="got 6 of another in parts, which had other inputs, options"):
        predict(inputs, shard="2/2", out="parts", model=small_model, faces="whole", min_confidence=0.5)


def test_what_is_missing_or_doubled_or_of_another_job_is_not_gathered(inputs, small_model, monkeypatch):
    with pytest.raises(DataError, match="expected parts in parts, got none; name the folder that shards wrote into"):
        gather("parts", out="faces.csv")
    shards(inputs, 2, small_model, numbers=[1])
    with pytest.raises(DataError, match="expected all 11 inputs of the job in parts, got all but 5; run the shards"):
        gather("parts", out="faces.csv")
    shards(inputs, 2, small_model, numbers=[2])
    monkeypatch.setattr("affekt.analysis.prediction_run.__version__", "9")
    shards(inputs, 2, small_model, out="newer")
    [first, *_] = newer = listed("newer")
    Path(f"newer/{first}").rename(f"parts/{first}")
    with pytest.raises(DataError, match="got several, with other affekt_version in part-000000000000"):
        gather("parts", out="faces.csv")
    Path(f"parts/{first}").unlink()
    [first, *_] = listed()
    Path(f"parts/{first[:-16]}00000000.parquet").hardlink_to(f"parts/{first}")
    with pytest.raises(
        DataError, match=r"expected each input once, got 1 of part-0.* in part-0.* too; delete the older"
    ):
        gather("parts", out="faces.csv")
    assert not Path("faces.csv").exists()
    assert len(newer) == 11
    assert __version__ != "9"


def test_a_full_disk_ends_in_one_sentence(inputs, small_model, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(DataError, match=r"expected to write parts/part-.*, got No space left on device; free some"):
        shards(inputs, 1, small_model)
    assert listed() == []


@pytest.mark.parametrize("by", ["emotion", "status", "reliable"])
def test_a_table_divided_by_a_column_holds_the_same_rows(inputs, small_model, by):
    shards(inputs, 2, small_model)
    whole = gather("parts", out="whole.parquet").collect()
    divided = gather("parts", out="divided", by=by)
    order = ["input", "frame", "face"]
    assert divided.collect().sort(order).equals(whole.sort(order))
    assert divided.collect_schema() == whole.schema
    assert {path.parent.name.partition("=")[0] for path in Path("divided").rglob("*.parquet")} == {by}
    assert metadata(next(Path("divided").rglob("*.parquet"))) == metadata("whole.parquet")
    with pytest.raises(ConfigError, match=f"expected the name of a new folder as out, .*--out divided-by-{by}"):
        gather("parts", out="divided", by=by)
    with pytest.raises(ConfigError, match=r"expected emotion, status, reliable to divide .* got input; type: --by"):
        gather("parts", out="another", by="input")


def test_a_full_disk_leaves_no_half_of_a_divided_table(inputs, small_model, monkeypatch):
    shards(inputs, 1, small_model)

    def full(*_, **__):
        Path(".divided.unfinished").mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    with pytest.raises(DataError, match="expected to write divided, got No space left on device; free some space"):
        gather("parts", out="divided", by="emotion")
    assert sorted(path.name for path in Path().iterdir()) == ["faces", "parts"]


def test_duckdb_reads_the_parts_and_a_divided_table(inputs, small_model):
    duckdb = pytest.importorskip("duckdb")
    shards(inputs, 2, small_model)
    whole = gather("parts", out="whole.parquet").collect()
    gather("parts", out="divided", by="emotion")
    counted = sorted(whole.group_by("emotion").len().rows(), key=str)
    for files in ("read_parquet('parts/*.parquet', union_by_name=true)", "'divided/*/*.parquet'"):
        assert (
            sorted(duckdb.sql(f"SELECT emotion, count(*) FROM {files} GROUP BY emotion").fetchall(), key=str) == counted
        )
    happy = duckdb.sql(
        "SELECT input, round(valence, 4) FROM 'divided/*/*.parquet' WHERE emotion = 'happiness'"
    ).fetchall()
    expected = whole.filter(emotion="happiness").select("input", pl.col("valence").cast(pl.Float64).round(4)).rows()
    assert sorted(happy) == sorted(expected)


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark_reads_the_parts_and_a_divided_table(inputs, small_model, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    shards(inputs, 2, small_model)
    whole = gather("parts", out="whole.parquet").collect()
    gather("parts", out="divided", by="emotion")
    counted = sorted(whole.group_by("emotion").len().rows(), key=str)
    spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        for table in (spark.read.option("mergeSchema", "true").parquet("parts"), spark.read.parquet("divided")):
            found = [(row["emotion"], row["count"]) for row in table.groupBy("emotion").count().collect()]
            assert sorted(found, key=str) == counted
        happy = spark.read.parquet("divided").where("emotion = 'happiness'").select("input", "valence").collect()
    finally:
        spark.stop()
    expected = whole.filter(emotion="happiness").select("input", "valence").rows()
    assert sorted(map(tuple, happy)) == sorted(expected)
