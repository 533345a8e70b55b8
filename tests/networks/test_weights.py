"""The first weights of a backbone: ImageNet's file, a path, a model folder, and what each error says."""

import time

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file

from affekt.errors import ModelError
from affekt.faces.preprocessing import Preprocessing
from affekt.models.card import Card
from affekt.networks import weights
from affekt.networks.network import Network
from affekt.networks.weights import save_model
from affekt.networks.weights import backbone_weights, imagenet_file

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


def same(network, tensors):
    own = network.backbone.state_dict()
    return all(torch.equal(own[name], tensor) for name, tensor in tensors.items() if name in own)


def backbone_tensors(seed=7, architecture=TINY):
    torch.manual_seed(seed)
    return {
        name: tensor.clone() for name, tensor in Network(architecture, 4, ("expression",)).backbone.state_dict().items()
    }


def test_without_network_and_file_the_error_says_what_to_put_where_and_what_to_type(home, no_network):
    with pytest.raises(ModelError) as caught:
        backbone_weights("mobilenetv2_100", "imagenet")
    sentence = str(caught.value)
    assert "model.safetensors of the hub repository timm/mobilenetv2_100.ra_in1k" in sentence
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
            backbone_weights("mobilenetv2_100", "imagenet")
    assert 1 <= asked <= 2


def test_a_file_at_the_named_place_is_used(home, no_network):
    _, place = imagenet_file(TINY)
    assert place.is_relative_to(home)
    place.parent.mkdir(parents=True)
    tensors = backbone_tensors()
    save_file(tensors | {"classifier.weight": torch.zeros(1000, 4)}, place)
    network = Network(TINY, 4, ("expression",))
    assert not same(network, tensors)
    network.load_backbone(TINY, "imagenet")
    assert same(network, tensors)


@pytest.mark.parametrize(
    ("architecture", "repository"),
    [
        ("tf_efficientnetv2_b0", "timm/tf_efficientnetv2_b0.in1k"),
        ("mobilenetv2_100", "timm/mobilenetv2_100.ra_in1k"),
        ("legacy_xception", "timm/legacy_xception.tf_in1k"),
        ("vgg16", "timm/vgg16.tv_in1k"),
    ],
)
def test_the_reference_backbones_have_published_weights(architecture, repository, home):
    assert imagenet_file(architecture)[0] == repository


def test_an_architecture_without_published_weights_says_so(home):
    with pytest.raises(ModelError, match="mobilenetv2_075, which timm has none for; type --weights none"):
        backbone_weights("mobilenetv2_075", "imagenet")


def test_a_safetensors_file_by_its_path(tmp_path):
    tensors = backbone_tensors()
    save_file(tensors, tmp_path / "mine.safetensors")
    network = Network(TINY, 4, ("expression",))
    network.load_backbone(TINY, str(tmp_path / "mine.safetensors"))
    assert same(network, tensors)


def test_the_backbone_of_one_of_our_models(tmp_path):
    torch.manual_seed(3)
    trained = Network(TINY, 4, ("expression",))
    card = Card(
        name="x",
        architecture=TINY,
        hidden_units=4,
        heads=("expression",),
        preprocessing=Preprocessing(input_size=32),
    )
    save_model(trained, card, tmp_path / "x")
    network = Network(TINY, 16, ("valence_arousal",))
    network.load_backbone(TINY, str(tmp_path / "x"))
    assert same(network, trained.backbone.state_dict())


def test_several_are_averaged(tmp_path):
    one, other = backbone_tensors(seed=1), backbone_tensors(seed=2)
    for name, tensors in {"one": one, "other": {key: value.double() for key, value in other.items()}}.items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
    network = Network(TINY, 4, ("expression",))
    network.load_backbone(TINY, *(str(tmp_path / f"{name}.safetensors") for name in ("one", "other")))
    floating = [name for name, tensor in one.items() if tensor.is_floating_point()]
    assert same(network, {name: (one[name] + other[name]) / 2 for name in floating})


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file(backbone_tensors(architecture="test_resnet"), tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"expected weights of test_efficientnet, got .*other.safetensors without"):
        Network(TINY, 4, ("expression",)).load_backbone(TINY, str(tmp_path / "other.safetensors"))


def test_weights_of_another_width_are_refused(tmp_path):
    tensors = backbone_tensors()
    name = next(iter(tensors))
    save_file(tensors | {name: torch.zeros(2, 2)}, tmp_path / "wide.safetensors")
    with pytest.raises(ModelError, match=f"without a fitting {name}"):
        Network(TINY, 4, ("expression",)).load_backbone(TINY, str(tmp_path / "wide.safetensors"))


def test_a_file_that_is_not_safetensors_is_refused(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(ModelError, match=r"expected safetensors weights in .*bad.safetensors"):
        backbone_weights(TINY, str(tmp_path / "bad.safetensors"))


@pytest.mark.parametrize("name", ["imagnet", "runs/none-such"])
def test_a_path_without_a_file_names_the_choices(name):
    with pytest.raises(ModelError, match=f"imagenet, none, or a model folder .* got '{name}' and no such file"):
        backbone_weights(TINY, name)


def test_a_model_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such file; type --weights none"):
        backbone_weights(TINY, str(tmp_path))


def test_the_timeout_is_short():
    assert weights.HUB_TIMEOUT_S <= 10
