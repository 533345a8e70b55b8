"""The demo's first picture, where scikit-image brings no photograph."""

from PIL import Image

from drawn_faces import first_picture


def test_without_scikit_image_the_picture_is_a_drawn_face(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(first_picture, "find_spec", lambda name: None)
    first_picture.show_a_picture(tmp_path)
    said = capsys.readouterr().out
    assert "--faces whole\n" in said
    assert "portrait.png: one face, " in said
    with Image.open(next((tmp_path / "marked").rglob("*.jpg"))) as marked:
        assert marked.size == (224, 224)
