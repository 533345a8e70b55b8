"""The network: its parameter counts, its bounded heads, its frozen backbone, and the study's two failures."""

from itertools import chain

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from affekt.errors import ConfigError, ModelError
from affekt.faces.preprocessing import Preprocessing, normalise
from affekt.networks.network import Heads, Network, parameter_count
from affekt.training.recipes import RECIPES


def trainable(module):
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@pytest.mark.parametrize(
    ("name", "total", "trained"),
    [
        ("efficientnetv2b0", 6_249_304, 329_992),
        ("mobilenetv2", 2_587_976, 329_992),
        ("xception", 21_388_080, 526_600),
        ("vgg16-va", 14_714_688 + 131_842, 131_842),
    ],
)
def test_the_reference_recipes_have_the_studys_parameter_counts(name, total, trained):
    options = RECIPES[name].recipe.network
    with torch.device("meta"):
        network = Network(options.architecture, options.hidden_units, options.heads)
    network.freeze_backbone()
    assert parameter_count(network) == total
    assert trainable(network) == trained
    assert parameter_count(network.backbone) == total - trained


def test_both_heads_stand_on_one_backbone():
    with torch.device("meta"):
        one = Network("mobilenetv2_100", 256, ("expression",))
        both = Network("mobilenetv2_100", 256, ("expression", "valence_arousal"))
    assert parameter_count(both) - parameter_count(one) == 256 * 2 + 2
    outputs = both(torch.zeros(3, 3, 64, 64, device="meta"))
    assert outputs["expression"].shape == (3, 8)
    assert outputs["valence_arousal"].shape == (3, 2)
    assert one(torch.zeros(1, 3, 64, 64, device="meta")).keys() == {"expression"}


@pytest.mark.parametrize("architecture", ["mobilenetv3_small_050", "test_resnet", "test_convnext", "test_efficientnet"])
def test_any_convolutional_network_of_timm_is_a_backbone(architecture):
    network = Network(architecture, 16, ("expression",)).eval()
    assert network(torch.zeros(2, 3, 48, 48))["expression"].shape == (2, 8)


def test_grey_pictures_are_one_channel():
    network = Network("test_resnet", 16, ("expression",), channels=1).eval()
    assert network(torch.zeros(2, 1, 48, 48))["expression"].shape == (2, 8)


def test_an_unknown_architecture_names_a_near_one():
    with pytest.raises(ModelError, match="'mobilnetv2_100'; choose for example mobilenetv2_100"):
        Network("mobilnetv2_100", 16, ("expression",))


def test_a_network_without_feature_maps_is_refused():
    with pytest.raises(ModelError, match=r"test_vit .*choose a convolutional network"):
        Network("test_vit", 16, ("expression",))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    scale=st.floats(0, 1e12),
    weight=st.floats(0, 1e6),
    bias=st.floats(-1e6, 1e6),
)
def test_valence_and_arousal_never_leave_their_range(seed, scale, weight, bias):
    generator = torch.Generator().manual_seed(seed)
    heads = Heads(6, 4, ("valence_arousal",))
    with torch.no_grad():
        heads.valence_arousal.weight.copy_(torch.randn(2, 4, generator=generator) * weight)
        heads.valence_arousal.bias.fill_(bias)
    points = heads(torch.randn(5, 6, generator=generator) * scale)["valence_arousal"]
    assert points.isfinite().all()
    assert points.abs().max() <= 1


@settings(max_examples=40, deadline=None)
@given(valence=st.floats(-0.9, 0.9), arousal=st.floats(-0.9, 0.9), seed=st.integers(0, 2**31))
def test_an_untrained_head_answers_the_training_mean(valence, arousal, seed):
    heads = Heads(6, 4, ("valence_arousal",))
    heads.start_at(valence, arousal)
    features = torch.randn(3, 6, generator=torch.Generator().manual_seed(seed)) * 10
    expected = torch.tensor([[valence, arousal]]).expand(3, 2)
    torch.testing.assert_close(heads(features)["valence_arousal"], expected, atol=1e-6, rtol=0)


def test_a_mean_at_the_edge_still_leaves_a_gradient():
    heads = Heads(6, 4, ("valence_arousal",))
    heads.start_at(1.0, -1.0)
    points = heads(torch.zeros(1, 6))["valence_arousal"]
    points.sum().backward()
    assert points.abs().max() < 1
    assert heads.valence_arousal.bias.grad.abs().min() > 0.01


def test_a_frozen_backbone_stays_as_it_is_whatever_train_says():
    network = Network("test_efficientnet", 8, ("expression",))
    network.freeze_backbone()
    before = {name: tensor.clone() for name, tensor in network.backbone.state_dict().items()}
    for mode in (True, False, True):
        network.train(mode)
        network(torch.randn(4, 3, 32, 32))["expression"].sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.backbone.state_dict().items())
    assert network.heads.training
    assert network.heads.hidden.weight.grad is not None
    assert all(parameter.grad is None for parameter in network.backbone.parameters())


@pytest.mark.parametrize(("name", "stages"), [("face_resnet18_w16_mirrored", 5), ("test_efficientnet", 6)])
def test_every_parameter_of_a_backbone_is_in_one_stage(name, stages):
    network = Network(name, 8, ("expression",), 1)
    assert len(network.stages) == stages
    assert sorted(chain.from_iterable(network.stages)) == sorted(
        name for name, _ in network.backbone.named_parameters()
    )
    assert all("conv1" in name or "conv_stem" in name or "bn1" in name for name in network.stages[0])


def test_the_last_stages_of_a_frozen_backbone_may_learn():
    network = Network("test_efficientnet", 8, ("expression",))
    network.freeze_backbone(2)
    learning = {name for stage in network.stages[-2:] for name in stage}
    assert {name for name, parameter in network.backbone.named_parameters() if parameter.requires_grad} == learning
    before = {name: tensor.clone() for name, tensor in network.backbone.state_dict().items()}
    for mode in (False, True):
        network.train(mode)
    network(torch.randn(4, 3, 32, 32))
    after = network.backbone.state_dict()
    moved = {name for name in after if "running" in name and not torch.equal(after[name], before[name])}
    owners = {name.rpartition(".")[0] for name in learning}
    assert moved
    assert {name.rpartition(".")[0] for name in moved} <= owners, "the statistics of frozen layers stand still"


def test_more_stages_than_there_are_is_one_sentence():
    network = Network("test_efficientnet", 8, ("expression",))
    with pytest.raises(
        ConfigError, match=r"expected trained_stages from 0 to 5 of test_efficientnet, got 6; train all"
    ):
        network.freeze_backbone(6)


def test_parameters_are_counted_as_keras_counts():
    block = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5))
    assert parameter_count(block) == 3 * 5 * 9 + 5 + 4 * 5


def faces_of_unlike_light(count, size):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, 3))
    return np.kron(coarse, np.ones((1, size // 8, size // 8, 1), dtype=int)).astype(np.uint8)


def test_efficientnet_tells_pictures_apart_through_our_preprocessing():
    """The study fed EfficientNetV2 pixels scaled twice: all pictures became nearly one, and it stayed at chance."""
    torch.manual_seed(0)
    recipe = RECIPES["efficientnetv2b0"].recipe
    options, pictures = recipe.network, recipe.pictures
    network = Network(options.architecture, options.hidden_units, options.heads).eval()
    preprocessing = Preprocessing(input_size=64, mean=pictures.mean, std=pictures.std)
    crops = faces_of_unlike_light(6, 64)
    right = torch.from_numpy(normalise(crops, preprocessing))
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (pictures.mean, pictures.std))
    twice = ((right * std + mean) / 255 - mean) / std
    with torch.inference_mode():
        spread, spread_twice = (_relative_spread(network.forward_features(images)) for images in (right, twice))
    assert spread > 0.2
    assert spread_twice < spread / 5
    assert right.std() == pytest.approx(1, abs=0.5)


def _relative_spread(features):
    return float(features.std(0).norm() / features.mean(0).norm())


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_pixels_that_were_scaled_before_are_refused(kind):
    preprocessing = Preprocessing(input_size=16)
    with pytest.raises(ConfigError, match="expected uint8 pixels"):
        normalise(np.zeros((1, 16, 16, 3), dtype=kind), preprocessing)


def test_vgg_is_its_convolutions_alone():
    with torch.device("meta"):
        whole = timm.create_model("vgg16", num_classes=0)
        network = Network("vgg16", 256, ("valence_arousal",))
    wanted = {name for name in whole.state_dict() if name.startswith("features.")}
    assert set(network.backbone.state_dict()) == wanted
    assert network.backbone(torch.zeros(1, 3, 64, 96, device="meta")).shape == (1, 512, 2, 3)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("face_resnet18_w16", 703_000), ("face_resnet18_w24", 1_580_000), ("face_resnet18_w32", 2_800_000)],
)
def test_our_own_networks_keep_small_faces_large(name, parameters):
    network = Network(name, 16, ("expression",), channels=1).eval()
    assert sum(tensor.numel() for tensor in network.backbone.parameters()) == pytest.approx(parameters, rel=0.01)
    assert network.backbone(torch.zeros(1, 1, 48, 48)).shape[2:] == (3, 3)
    assert network(torch.zeros(2, 1, 40, 56))["expression"].shape == (2, 8)


def test_an_enlarging_network_is_the_plain_one_on_a_larger_picture():
    names = ("face_resnet18_w32", "face_resnet18_w32_64px")
    plain, enlarging = (Network(name, 16, ("expression",), channels=1).eval() for name in names)
    enlarging.load_state_dict(plain.state_dict())
    images = torch.rand(2, 1, 48, 48)
    enlarged = F.interpolate(images, (64, 64), mode="bilinear")
    assert enlarging.backbone(images).shape[2:] == (4, 4)
    torch.testing.assert_close(enlarging(images)["expression"], plain(enlarged)["expression"])
