"""`affekt export`: what it prints, and int8 without faces."""

import json

import pytest

from affekt.cli.main import main
from affekt.errors import ConfigError
from affekt.exporting import export, model_folder
from affekt.exporting.model_folder import Exported


def test_int8_without_faces_is_refused_before_anything_is_read(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--precision", "int8"])
    assert stop.value.code == 2
    assert "--data manifest.parquet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_was_lost_is_printed(small_model, tmp_path, capsys, monkeypatch):
    given = {}

    def exported(run, out, **options):
        given.update(options)
        out.mkdir()
        (out / "model.onnx").write_bytes(bytes(2_500_000))
        return Exported(out, options["precision"], 0.0123, {"accuracy": 0.25, "ccc": -0.1}, "val")

    monkeypatch.setattr(model_folder, "write_model_folder", exported)
    main(["export", str(small_model), "--out", str(tmp_path / "out"), "--precision", "fp16", "--force"])
    said = capsys.readouterr().out
    assert "(fp16, 2.5 MB)" in said
    assert "lost against fp32 on the split val: 0.25 points of accuracy" in said
    assert given == {"precision": "fp16", "manifest": None, "split": "auto", "force": True}


def test_in_python_the_folder_is_the_second_argument(small_model, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "write_model_folder", lambda run, out, **_: (run, out))
    assert export(small_model, tmp_path / "out") == (small_model, tmp_path / "out")


def test_an_export_of_another_precision_that_is_replaced_is_told(small_model, tmp_path, monkeypatch, caplog):
    manifest = tmp_path / "faces.parquet"
    monkeypatch.setattr("affekt.data.manifest.read_manifest", lambda data: data)
    monkeypatch.setattr(model_folder, "write_model_folder", lambda run, out, **_: out)
    out, content = tmp_path / "small", json.loads((small_model / "card.json").read_text())
    out.mkdir()
    (out / "card.json").write_text(json.dumps({**content, "precision": "int8", "export": {"largest": 0.1}}))
    (out / "model.onnx").write_bytes(b"onnx")
    caplog.set_level("INFO", "affekt")
    export(small_model, out, precision="int8", data=manifest)
    assert not caplog.messages
    export(small_model, out)
    assert caplog.messages == [f"{out}: this export in fp32 replaced one in int8"]


@pytest.mark.parametrize("name", ["card.json", "model.safetensors", "model.onnx", "log.jsonl"])
def test_a_model_that_no_export_made_is_not_written_over(small_model, tmp_path, monkeypatch, name):
    monkeypatch.setattr(model_folder, "write_model_folder", lambda run, out, **_: out)
    out = tmp_path / "other"
    out.mkdir()
    if name == "log.jsonl":  # a run that was exported into itself
        content = json.loads((small_model / "card.json").read_text())
        (out / "card.json").write_text(json.dumps({**content, "export": {"largest_difference_from_torch": 0.1}}))
        assert export(small_model, out) == out, "an export may be made anew"
    (out / name).write_text("mine")
    with pytest.raises(
        ConfigError, match=rf"folder of its own as out for the export .*, got {out} with .*: --out {out}-exported$"
    ):
        export(small_model, out)
    assert export(small_model, small_model) == small_model


@pytest.mark.parametrize("change", [{"name": "other"}, {"labels": ["calm", "tense"]}])
def test_the_export_of_another_model_is_not_written_over(small_model, tmp_path, monkeypatch, change):
    monkeypatch.setattr(model_folder, "write_model_folder", lambda run, out, **_: out)
    content = json.loads((small_model / "card.json").read_text())
    out = tmp_path / "other"
    out.mkdir()
    (out / "card.json").write_text(json.dumps({**content, "prior": None, "export": {"largest": 0.1}, **change}))
    with pytest.raises(ConfigError, match=rf"got {out} with the model .* of \d expressions; type: --out ") as refusal:
        export(small_model, out)
    advised = tmp_path / "other-exported"
    assert str(refusal.value).endswith(f"type: --out {advised}")
    assert export(small_model, advised) == advised


def test_a_folder_of_photographs_is_no_place_for_an_export(small_model, tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "write_model_folder", lambda run, out, **_: out)
    (tmp_path / "a.jpg").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"folder for results alone as out, got .*a\.jpg is; type: --out ") as error:
        export(small_model, tmp_path)
    advised = str(error.value).partition("type: --out ")[2]
    assert str(export(small_model, advised)) == advised
    (tmp_path / "a.jpg").rename(small_model / "a.jpg")
    assert export(small_model, small_model) == small_model, "a model may have a picture beside it"
