"""Mixup: shares of at least a half, partners of the same batch, and targets mixed as the pictures are."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from affekt.errors import ConfigError
from affekt.networks.network import Outputs
from affekt.training.distillation import Lesson
from affekt.training.inputs import Targets
from affekt.training.losses import soft_cross_entropy, squared_error
from affekt.training.mixup import Mixing, draw_mixing
from affekt.training.task import Task


def drawn(rows=64, strength=0.2, seed=0):
    return draw_mixing(rows, strength, torch.Generator().manual_seed(seed))


@given(st.integers(1, 50), st.floats(0.01, 20), st.integers(0, 2**31))
def test_each_row_keeps_at_least_half_and_every_row_is_someones_partner(rows, strength, seed):
    mixing = drawn(rows, strength, seed)
    assert mixing.own_share.min() >= 0.5
    assert mixing.own_share.max() <= 1
    assert sorted(mixing.other.tolist()) == list(range(rows))


def test_the_shares_are_those_of_the_beta_distribution_folded_at_a_half():
    # Beta(1, 1) is uniform: folded at a half, its mean is 3/4 and its variance 1/48.
    share = drawn(200_000, 1.0).own_share
    assert share.mean().item() == pytest.approx(0.75, abs=0.002)
    assert share.var().item() == pytest.approx(1 / 48, abs=0.0005)


def test_weaker_mixing_leaves_more_of_each_picture():
    assert drawn(2_000, 0.1).own_share.mean() > drawn(2_000, 0.5).own_share.mean() + 0.05


def test_the_same_generator_mixes_alike():
    one, same, other = drawn(seed=3), drawn(seed=3), drawn(seed=4)
    assert torch.equal(one.own_share, same.own_share)
    assert torch.equal(one.other, same.other)
    assert not torch.equal(one.other, other.other)


def test_pictures_are_mixed_row_by_row_in_their_layout():
    mixing = Mixing(torch.tensor([0.75, 1.0]), torch.tensor([1, 0]))
    pictures = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)]).contiguous(memory_format=torch.channels_last)
    found = mixing(pictures)
    torch.testing.assert_close(found[:, 0, 0, 0], torch.tensor([0.25, 1.0]))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_the_loss_is_against_targets_mixed_as_the_pictures_are(tiny):
    generator = torch.Generator().manual_seed(0)
    logits, points = torch.randn(4, 8, generator=generator), torch.rand(4, 2, generator=generator)
    targets = Targets(torch.tensor([0, 3, 5, 7]), torch.full((4, 8), torch.nan), torch.rand(4, 2, generator=generator))
    mixing = drawn(4)
    recipe = tiny(heads=("expression", "valence_arousal"), label_smoothing=0.1)
    own = torch.nn.functional.one_hot(targets.label, 8) * 0.9 + 0.1 / 8
    share = mixing.own_share[:, None]
    expected = soft_cross_entropy(logits, share * own + (1 - share) * own[mixing.other]) + squared_error(
        points, share * targets.valence_arousal + (1 - share) * targets.valence_arousal[mixing.other]
    )
    torch.testing.assert_close(Task(recipe)(Outputs(logits, points), targets, mixing=mixing), expected)


def test_a_row_mixed_with_an_unlabelled_one_teaches_nothing(tiny):
    logits = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    targets = Targets(torch.tensor([1, -1, 2]), torch.full((3, 8), torch.nan), torch.full((3, 2), torch.nan))
    mixing = Mixing(torch.tensor([0.5, 0.5, 1.0]), torch.tensor([1, 0, 2]))
    found = Task(tiny())(Outputs(logits, None), targets, mixing=mixing)
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(logits[2:], torch.tensor([2])))


def test_what_teachers_said_once_is_mixed_too():
    lesson = Lesson(torch.eye(2), None)
    mixed = lesson.mixed(Mixing(torch.tensor([0.75, 0.5]), torch.tensor([1, 0])))
    torch.testing.assert_close(mixed.probabilities, torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    assert mixed.valence_arousal is None


def test_a_training_with_mixup_ends_elsewhere_and_can_be_repeated(trained):
    without, mixed, again = (
        load_file(trained(f"mixup {name}", mixup=strength) / "model.safetensors")
        for name, strength in (("off", 0.0), ("on", 0.5), ("again", 0.5))
    )
    assert all(torch.equal(mixed[name], tensor) for name, tensor in again.items())
    assert any(not torch.equal(mixed[name], tensor) for name, tensor in without.items())


def test_a_negative_strength_is_refused(tiny):
    with pytest.raises(ConfigError, match=r"expected mixup of at least 0, got -0\.1"):
        tiny(mixup=-0.1)
