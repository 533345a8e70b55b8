"""Mirrored layers: the same answer to a picture and its mirror image, whatever the weights, and a plain equal."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from affekt.networks.mirror_equivariant import (
    MirroredBatchNorm2d,
    MirroredConv2d,
    mirrored_conv,
    mirrored_norm,
    mirrored_stem,
    symmetric_mean,
    without_mirroring,
)
from affekt.networks.network import Network, parameter_count


def swapped(x):
    """What the channels of a mirrored layer should be for the mirror image."""
    seen, seen_mirrored = x.chunk(2, 1)
    return torch.cat([seen_mirrored, seen], 1).flip(3)


def network_of_any_statistics(seed, architecture="face_resnet18_w16_mirrored", channels=1):
    """A network as training might leave it: no weight or statistic at its first value."""
    torch.manual_seed(seed)
    network = Network(architecture, 16, ("expression", "valence_arousal"), channels).train()
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0.1, 0.2)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, channels, 48, 48))
    return network.eval()


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    channels=st.sampled_from([1, 3]),
    sides=st.tuples(st.sampled_from([16, 32, 48]), st.sampled_from([16, 32, 64])),
)
def test_a_picture_and_its_mirror_image_have_the_same_answer(seed, channels, sides):
    network = network_of_any_statistics(seed, channels=channels)
    images = torch.randn(3, channels, *sides)
    with torch.inference_mode():
        seen, mirrored = network(images), network(images.flip(3))
    assert seen["expression"].std() > 1e-3
    torch.testing.assert_close(seen["expression"], mirrored["expression"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(seen["valence_arousal"], mirrored["valence_arousal"], rtol=1e-4, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    channels=st.sampled_from([(2, 4), (4, 8), (8, 4)]),
    size=st.sampled_from([1, 3]),
    stride=st.sampled_from([1, 2]),
)
def test_a_mirrored_convolution_swaps_its_halves_on_the_mirror_image(seed, channels, size, stride):
    torch.manual_seed(seed)
    plain = nn.Conv2d(*channels, size, stride, size // 2, bias=False)
    layer = mirrored_conv(plain)
    x = torch.randn(2, channels[0], 8, 12)
    assert layer(x).shape == plain(x).shape
    torch.testing.assert_close(layer(swapped(x)), swapped(layer(x)), rtol=1e-4, atol=1e-5)


def test_the_stem_halves_even_sides_symmetrically():
    stem = mirrored_stem(nn.Conv2d(3, 6, 3, 2, 1, bias=False))
    x = torch.randn(2, 3, 16, 20)
    assert stem(x).shape == (2, 6, 8, 10)
    torch.testing.assert_close(stem(x.flip(3)), swapped(stem(x)))


def test_the_first_half_of_a_convolution_begins_as_the_plain_one():
    plain = nn.Conv2d(4, 6, 3, padding=1, bias=False)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(mirrored_conv(plain)(x)[:, :3], plain(x)[:, :3])


def test_the_statistics_of_a_channel_and_its_partner_are_of_both_together():
    norm = mirrored_norm(nn.BatchNorm2d(4, momentum=1.0)).train()
    means, deviations = torch.arange(4.0).view(1, 4, 1, 1), torch.arange(1.0, 5.0).view(1, 4, 1, 1)
    x = torch.randn(64, 4, 3, 3) * deviations + means
    norm(x)
    pairs = torch.stack([torch.cat([x[:, 0], x[:, 2]]), torch.cat([x[:, 1], x[:, 3]])])
    torch.testing.assert_close(norm.running_mean, pairs.mean((1, 2, 3)))
    torch.testing.assert_close(norm.running_var, pairs.var((1, 2, 3)), rtol=2e-3, atol=0)


def test_normalising_is_pytorchs_for_each_half():
    norm = mirrored_norm(nn.BatchNorm2d(4)).train()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(8, 4, 3, 3)
    wanted = F.batch_norm(x, None, None, norm.weight.repeat(2), norm.bias.repeat(2), training=True)
    torch.testing.assert_close(norm(x), wanted)


def test_the_symmetric_mean_does_not_see_a_swap():
    x = torch.randn(2, 6, 4, 4)
    torch.testing.assert_close(symmetric_mean(x).mean((2, 3)), symmetric_mean(swapped(x)).mean((2, 3)))
    assert symmetric_mean(x).shape == (2, 3, 4, 4)


@pytest.mark.parametrize("architecture", ["face_resnet18_w16_mirrored", "face_resnet18_w32_64px_mirrored"])
def test_a_network_without_mirroring_computes_the_same(architecture):
    network = network_of_any_statistics(0, architecture)
    plain = without_mirroring(network)
    images = torch.randn(3, 1, 48, 48)
    assert not any(isinstance(layer, MirroredConv2d | MirroredBatchNorm2d) for layer in plain.modules())
    assert any(isinstance(layer, MirroredConv2d) for layer in network.modules())
    with torch.inference_mode():
        torch.testing.assert_close(plain(images)["expression"], network(images)["expression"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sides", [(32, 32), (40, 40), (37, 61)])
def test_sides_that_are_odd_somewhere_inside_are_taken_too(sides):
    network = network_of_any_statistics(0, "face_resnet18_w32_64px_mirrored")
    with torch.inference_mode():
        assert network(torch.randn(2, 1, *sides))["expression"].isfinite().all()


def test_half_the_weights_are_kept():
    networks = [Network(f"face_resnet18_w32_64px{kind}", 256, ("expression",), 1) for kind in ("", "_mirrored")]
    whole, half = (parameter_count(network.backbone) for network in networks)
    assert 0.49 < half / whole < 0.51
