"""`affekt export`: what it prints, and int8 without faces."""

import pytest

from affekt.cli.main import main
from affekt.exporting import export, model_folder
from affekt.exporting.model_folder import Exported


def test_int8_without_faces_is_refused_before_anything_is_read(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--precision", "int8"])
    assert stop.value.code == 2
    assert "--data faces.parquet" in capsys.readouterr().err
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
