"""Mixup: shares of at least a half, partners of the same batch, and targets mixed as the pictures are."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from affekt.errors import ConfigError
from affekt.training.distillation import AnswerTable
from affekt.training.mixup import Mixing, draw_mixing
from affekt.training.recipe import LossOptions
from affekt.training.task import Task


def drawn(rows=64, strength=0.2, seed=0):
    return draw_mixing(rows, strength, torch.Generator().manual_seed(seed))


@given(st.integers(1, 50), st.floats(0.01, 20), st.integers(0, 2**31))
def test_each_row_keeps_at_least_half_and_every_row_is_someones_partner(rows, strength, seed):
    mixing = drawn(rows, strength, seed)
    assert mixing.own_fraction.min() >= 0.5
    assert mixing.own_fraction.max() <= 1
    assert sorted(mixing.other.tolist()) == list(range(rows))


def test_the_shares_are_those_of_the_beta_distribution_folded_at_a_half():
    # Beta(1, 1) is uniform: folded at a half, its mean is 3/4 and its variance 1/48.
    share = drawn(200_000, 1.0).own_fraction
    assert share.mean().item() == pytest.approx(0.75, abs=0.002)
    assert share.var().item() == pytest.approx(1 / 48, abs=0.0005)


def test_weaker_mixing_leaves_more_of_each_picture():
    assert drawn(2_000, 0.1).own_fraction.mean() > drawn(2_000, 0.5).own_fraction.mean() + 0.05


def test_the_same_generator_mixes_alike():
    one, same, other = drawn(seed=3), drawn(seed=3), drawn(seed=4)
    assert torch.equal(one.own_fraction, same.own_fraction)
    assert torch.equal(one.other, same.other)
    assert not torch.equal(one.other, other.other)


def test_pictures_are_mixed_row_by_row_in_their_layout():
    mixing = Mixing(torch.tensor([0.75, 1.0]), torch.tensor([1, 0]))
    pictures = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)]).contiguous(memory_format=torch.channels_last)
    found = mixing(pictures)
    torch.testing.assert_close(found[:, 0, 0, 0], torch.tensor([0.25, 1.0]))
    assert found.is_contiguous(memory_format=torch.channels_last)


def mixed_batch(targets, strength=0.2, seed=0):
    """Return the mixing that a task draws, and its batch of all rows in the order 3, 0, 2, 1."""
    rows, images = torch.tensor([3, 0, 2, 1]), torch.arange(12.0).view(4, 3)
    batch = Task(LossOptions(), targets, strength).batch(rows, images, torch.Generator().manual_seed(seed))
    return draw_mixing(4, strength, torch.Generator().manual_seed(seed)), rows, images, batch


def test_targets_are_mixed_as_the_pictures_are():
    generator = torch.Generator().manual_seed(0)
    targets = {"expression": torch.eye(8)[[0, 3, 5, 7]], "valence_arousal": torch.rand(4, 2, generator=generator)}
    mixing, rows, images, batch = mixed_batch(targets)
    own = mixing.own_fraction[:, None]
    torch.testing.assert_close(batch.images, own * images + (1 - own) * images[mixing.other])
    for head, values in targets.items():
        values = values[rows]
        torch.testing.assert_close(batch.targets[head], own * values + (1 - own) * values[mixing.other])


def test_a_row_mixed_with_an_unlabelled_one_teaches_nothing():
    expression = torch.eye(8)[[1, 1, 2, 3]]
    expression[1] = torch.nan
    mixing, rows, _, batch = mixed_batch({"expression": expression})
    unknown = (rows == 1) | (rows[mixing.other] == 1)
    assert unknown.sum() in (1, 2)
    assert torch.equal(batch.targets["expression"].isnan().any(1), unknown)


def test_what_teachers_said_once_is_mixed_too():
    table = AnswerTable({"expression": torch.eye(3)})
    mixing = Mixing(torch.tensor([0.75, 0.5]), torch.tensor([1, 0]))
    answers = table.answers(torch.tensor([2, 0]), torch.zeros(2, 1), mixing)
    torch.testing.assert_close(answers["expression"], torch.tensor([[0.25, 0, 0.75], [0.5, 0, 0.5]]))
    assert answers.keys() == {"expression"}


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
