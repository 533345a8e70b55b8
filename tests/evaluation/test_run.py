"""`affekt.evaluate` from Python: what may be given for models, data and tables, and what comes back."""

import dataclasses
import inspect
import json
import re

import polars as pl
import pytest

from affekt.data.manifest import write_manifest
from affekt.errors import ConfigError, DataError
from affekt.evaluation.run import EvaluateOptions, evaluate
from affekt.files import RECORD, in_six_digits

QUICK = {"resamples": 10, "mistakes": 0}


def test_tables_and_manifest_may_be_frames(tmp_path, manifest, predictions, predictions_of):
    tables = {"one": predictions, "two": predictions_of(manifest, skill=1.0, seed=7)}
    found = evaluate(data=manifest, predictions=tables, out=tmp_path / "report", command="a notebook", **QUICK)
    assert [scores.name for scores in found.scores] == ["one", "two"]
    assert repr(found) == f"Evaluation of one, two on made, split test, {found.rows} rows"
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert metrics["command"] == "a notebook"
    row = found.frame.row(by_predicate=(pl.col("model") == "two") & (pl.col("figure") == "macro_f1"), named=True)
    assert (
        in_six_digits({key: row[key] for key in ("value", "low", "high")})
        == metrics["models"]["two"]["figures"]["macro_f1"]
    )
    assert found.frame["model"].unique(maintain_order=True).to_list() == ["one", "two", "floor"]


def test_paths_may_be_text_and_one_model_needs_no_list(tmp_path, manifest, small_model):
    write_manifest(manifest, tmp_path / "faces.parquet")
    out = tmp_path / "report"
    found = evaluate(
        str(small_model), data=str(tmp_path / "faces.parquet"), out=str(out), runtime="onnxruntime", **QUICK
    )
    options = {"runtime": "onnxruntime", "names": {"by-light": "grey"}, **QUICK}
    again = evaluate([small_model], data=manifest, out=tmp_path / "again", **options)
    assert found.scores[0].figures == again.scores[0].figures
    assert (found.scores[0].name, again.scores[0].name) == ("by-light", "grey")


@pytest.mark.parametrize("name", ["report.html", "table.md", "metrics.json", "predictions/by-light.parquet"])
def test_a_report_writes_over_what_affekt_made_there_alone(tmp_path, manifest, small_model, name):
    out, options = tmp_path / "report", {"runtime": "onnxruntime", **QUICK}
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=rf"did not make, or that was changed since, .*{name}; .* type: --out {out}-new$"
    ):
        evaluate(small_model, data=tmp_path / "not looked at", out=out, **options)
    assert (out / name).read_text(encoding="utf-8") == "mine"
    (out / name).unlink()
    for _ in range(2):
        evaluate(small_model, data=manifest, out=out, **options)
    record = (out / RECORD).read_bytes()
    (out / RECORD).unlink()
    with pytest.raises(ConfigError, match="expected files of affekt's own to write over"):
        evaluate(small_model, data=manifest, out=out, **options)
    (out / RECORD).write_bytes(record)
    with (out / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ConfigError, match=rf"changed since, .*{name}; "):
        evaluate(small_model, data=manifest, out=out, **options)


def test_a_report_of_other_models_is_not_written_over(tmp_path, manifest, predictions, small_model):
    out, options = tmp_path / "report", {"data": manifest, "runtime": "onnxruntime", **QUICK}
    evaluate(small_model, out=out, **options)
    before = (out / "metrics.json").read_bytes()
    for names in ({"by-light": "other"}, None):
        more = {"names": names} if names else {"predictions": {"table": predictions}}
        with pytest.raises(
            ConfigError, match=r"without a report of other models, got .* one of by-light and not of .*; type: --out"
        ) as refusal:
            evaluate(small_model, out=out, **options, **more)
        assert (out / "metrics.json").read_bytes() == before
        advised = str(refusal.value).partition("type: --out ")[2]
        assert advised == f"{out}-new"
        evaluate(small_model, out=f"{advised}-{len(more)}-{bool(names)}", **options, **more)


def test_a_model_is_opened_once_also_for_corruptions(tmp_path, manifest, small_model, monkeypatch):
    from affekt.networks import predictions as asked

    opened = []
    open_model = asked.open_model
    monkeypatch.setattr(
        asked, "open_model", lambda *args, **options: opened.append(args) or open_model(*args, **options)
    )
    few = manifest.filter((pl.col("split") == "train") | (pl.int_range(pl.len()) < 60))
    found = evaluate(small_model, data=few, out=tmp_path, runtime="onnxruntime", corruptions=True, **QUICK)
    assert opened == [(small_model,)]
    assert len(found.robustness[0].changes) == 16


def test_a_table_that_is_named_may_be_a_file(tmp_path, manifest, predictions):
    predictions.write_csv(tmp_path / "theirs.csv")
    tables = {"file": str(tmp_path / "theirs.csv"), "frame": predictions}
    of_file, of_frame = evaluate(data=manifest, predictions=tables, out=tmp_path / "report", **QUICK).scores
    assert (of_file.name, of_frame.name) == ("file", "frame")
    assert of_file.figures["accuracy"] == of_frame.figures["accuracy"]


def test_a_frame_and_a_model_of_one_name_are_refused(tmp_path, manifest, predictions, small_model):
    with pytest.raises(ConfigError, match="different names"):
        evaluate(small_model, data=manifest, predictions={"by-light": predictions}, out=tmp_path)


def test_the_function_is_the_options():
    taken = inspect.signature(evaluate).parameters
    assert list(taken) == [field.name for field in dataclasses.fields(EvaluateOptions)]
    assert taken["models"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {each.kind for name, each in taken.items() if name != "models"} == {inspect.Parameter.KEYWORD_ONLY}
    assert evaluate.__doc__ == EvaluateOptions.__doc__


@pytest.mark.parametrize("option", [{"device": "cuda"}, {"runtime": "onnxruntime"}])
def test_what_runs_models_is_refused_without_one(tmp_path, manifest, predictions, option):
    with pytest.raises(ConfigError, match="expected models with a device or runtime, got tables alone; leave both out"):
        evaluate(data=manifest, predictions={"one": predictions}, out=tmp_path, **option)


def test_people_who_are_not_named_are_told_before_a_model_is_opened(tmp_path, manifest, small_model, monkeypatch):
    monkeypatch.setattr("affekt.networks.predictions.open_model", None)
    unknown = manifest.with_columns(subject=pl.lit(None, pl.String))
    with pytest.raises(ConfigError, match="expected a subject in every row to resample by subject, got none in"):
        evaluate(small_model, data=unknown, out=tmp_path, runtime="onnxruntime", by="subject")
    with pytest.raises(ConfigError, match="expected by as row or subject, got 'face'"):
        evaluate(small_model, data=unknown, out=tmp_path, by="face")


def test_the_advice_about_a_missing_picture_names_the_manifest(tmp_path, manifest, small_model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gone = manifest.with_columns(path=pl.lit("gone.png"), image=pl.lit(None, pl.Binary), pixel_sha256=pl.lit(None))
    write_manifest(gone, "my faces.parquet")
    with pytest.raises(DataError, match=re.escape("list all such pictures with: affekt data check 'my faces.parquet'")):
        evaluate(small_model, data="my faces.parquet", out=tmp_path, runtime="onnxruntime", **QUICK)


def test_what_predict_wrote_is_no_manifest_but_can_be_scored(tmp_path, predictions):
    table = tmp_path / "rows.parquet"
    pl.DataFrame({"input": ["a.png"], "face": [1], "emotion": ["fear"], "status": ["ok"]}).write_parquet(table)
    with pytest.raises(DataError, match=f"got a table of affekt predict; .*: affekt evaluate --predictions {table} "):
        evaluate("affekt", data=table, out=tmp_path)


def test_a_report_goes_into_no_folder_of_photographs_but_again_into_its_own(tmp_path, manifest, predictions):
    given = {"data": manifest, "predictions": {"one": predictions}, **QUICK}
    (tmp_path / "a.jpg").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"folder for results alone as out, got .*a\.jpg is; type: --out ") as error:
        evaluate(out=tmp_path, **given)
    advised = str(error.value).partition("type: --out ")[2]
    evaluate(out=advised, **given)
    (tmp_path / "a.jpg").rename(f"{advised}/a.jpg")
    evaluate(out=advised, **given)
