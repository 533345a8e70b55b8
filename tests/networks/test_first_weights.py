"""The file of a backbone's first weights: ImageNet's, a path, a model folder, and what each error says."""

import time

import huggingface_hub
import pytest
import timm

from affekt.errors import ModelError
from affekt.models.card import WEIGHTS_FILE
from affekt.networks.first_weights import HUB_TIMEOUT_S, IMAGENET, imagenet_file, weights_file
from affekt.training.recipes import RECIPES

TINY = "test_efficientnet"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "home"


@pytest.fixture
def no_network(monkeypatch):
    def unreachable(*_arguments, **_options):
        raise ConnectionError("no route to host")

    def not_cached(*_arguments, local_files_only=False, **_options):
        assert local_files_only, "the hub was asked for a file although it had not answered before"
        raise huggingface_hub.errors.LocalEntryNotFoundError("not in the cache")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", unreachable)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", not_cached)


def test_without_network_and_file_the_error_says_what_to_put_where_and_what_to_type(home, no_network):
    with pytest.raises(ModelError) as caught:
        weights_file("mobilenetv2_100", "imagenet")
    sentence = str(caught.value)
    assert "put https://huggingface.co/timm/mobilenetv2_100.ra_in1k/resolve/main/model.safetensors at" in sentence
    assert str(home / "weights" / "mobilenetv2_100.ra_in1k.safetensors") in sentence
    assert "--weights none" in sentence
    assert "\n" not in sentence


def test_an_unreachable_hub_is_not_asked_for_minutes(home):
    """The hub's client by itself tries again five times, with pauses, when no name server answers."""
    asked = 0
    session = huggingface_hub.utils.get_session()

    def refuse(*_arguments, **_options):
        nonlocal asked
        asked += 1
        raise OSError("Name or service not known")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(session), "send", refuse)
        patch.setattr(time, "sleep", lambda _seconds: pytest.fail("the client waits to try again"))
        with pytest.raises(ModelError, match="no network and no file"):
            weights_file("mobilenetv2_100", "imagenet")
    assert 1 <= asked <= 2


def test_timm_calls_the_usual_weights_of_the_recipes_so(home):
    recipes = [named.recipe.network for named in RECIPES.values()]
    wanted = {network.architecture for network in recipes if network.weights == ("imagenet",)}
    assert wanted == set(IMAGENET)
    for architecture, tag in IMAGENET.items():
        assert timm.get_pretrained_cfg(architecture).tag == tag
        assert imagenet_file(architecture)[0] == f"timm/{architecture}.{tag}"


def test_a_folder_can_be_the_mirror_of_imagenets_weights(home, tmp_path, monkeypatch):
    repository, _ = imagenet_file("vgg16")
    place = tmp_path / "models" / repository / WEIGHTS_FILE
    place.parent.mkdir(parents=True)
    place.write_bytes(b"")
    monkeypatch.setenv("AFFEKT_MIRROR", str(tmp_path / "models"))
    assert weights_file("vgg16", "imagenet") == place


def test_another_origin_is_asked_and_named(home, no_network, monkeypatch):
    monkeypatch.setenv("AFFEKT_MIRROR", "https://models.example.org")
    with pytest.raises(ModelError, match=r"put https://models\.example\.org/timm/vgg16\.tv_in1k/resolve"):
        weights_file("vgg16", "imagenet")


def test_an_architecture_without_published_weights_says_so(home):
    with pytest.raises(ModelError, match="mobilenetv2_075, which timm has none for; set weights none"):
        weights_file("mobilenetv2_075", "imagenet")


@pytest.mark.parametrize("name", ["imagnet", "runs/none-such"])
def test_a_path_without_a_file_names_the_choices(name):
    with pytest.raises(ModelError, match=f"imagenet, none, or a model folder .* got '{name}' and no such file"):
        weights_file(TINY, name)


def test_a_model_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such file; set weights none"):
        weights_file(TINY, str(tmp_path))


def test_the_timeout_is_short():
    assert HUB_TIMEOUT_S <= 10
