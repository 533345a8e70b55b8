from affekt.models import shipped
from affekt.models.card import CARD_FILE
from affekt.models.shipped import model_folder, shipped_models


def ship(monkeypatch, tmp_path, *names):
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "shipped")
    for name in names:
        (tmp_path / "shipped" / name).mkdir(parents=True)
        (tmp_path / "shipped" / name / CARD_FILE).write_text("{}")


def test_models_are_found_by_name(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "large", "affekt")
    assert shipped_models() == ["affekt", "large"]
    assert model_folder("affekt") == tmp_path / "shipped" / "affekt"


def test_a_model_of_that_name_comes_first(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "affekt").mkdir()
    (tmp_path / "affekt" / CARD_FILE).write_text("{}")
    assert model_folder("affekt").resolve() == tmp_path / "affekt"


def test_a_folder_of_that_name_without_a_card_does_not_hide_the_model(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "affekt").mkdir()
    assert model_folder("affekt") == tmp_path / "shipped" / "affekt"


def test_a_folder_of_that_name_that_may_not_be_looked_into_does_not_hide_it(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("affekt.models.shipped.shipped_models", lambda: ["affekt"])
    monkeypatch.setattr("pathlib.Path.is_file", forbidden)
    assert model_folder("affekt") == tmp_path / "shipped" / "affekt"


def test_other_names_are_folders(monkeypatch, tmp_path):
    ship(monkeypatch, tmp_path, "affekt")
    assert str(model_folder("runs/mine")) == "runs/mine"
