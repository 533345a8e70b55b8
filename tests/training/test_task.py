"""The task: which losses are summed against which targets, mixup, and the losses against their formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from scipy.special import log_softmax
from torch.nn import functional as F

from affekt.errors import ConfigError
from affekt.training.distillation import from_table
from affekt.training.recipe import LossOptions
from affekt.training.task import (
    Mixing,
    Task,
    concordance,
    concordance_loss,
    draw_mixing,
    soft_cross_entropy,
    squared_error,
)

HEADS = ("expression", "valence_arousal")


def targets(label=(0, 1, 1, 3), votes=None, points=True):
    count, label = len(label), torch.tensor(label)
    expression = F.one_hot(label.clamp(min=0), 8).float().masked_fill((label < 0)[:, None], torch.nan)
    place = torch.linspace(-0.5, 0.5, count * 2).view(count, 2) if points else torch.full((count, 2), torch.nan)
    return {"expression": expression if votes is None else votes, "valence_arousal": place}


def outputs(*heads, count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    found = {
        "expression": torch.randn(count, 8, generator=generator),
        "valence_arousal": torch.randn(count, 2, generator=generator).tanh(),
    }
    return {head: values for head, values in found.items() if head in (heads or HEADS)}


def task(**options):
    return Task(LossOptions(**options), {})


LOGITS = outputs("expression")["expression"]


def test_labels_give_torchs_cross_entropy():
    found = task().loss(outputs("expression"), targets())
    torch.testing.assert_close(found, F.cross_entropy(LOGITS, torch.tensor([0, 1, 1, 3])))


def test_unlabelled_rows_are_left_out():
    found = task().loss(outputs("expression"), targets(label=(0, -1, 1, -1)))
    torch.testing.assert_close(found, F.cross_entropy(LOGITS[[0, 2]], torch.tensor([0, 1])))


def test_votes_are_the_target_where_they_are_given():
    votes = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(8), 4)).float()
    expected = -(votes * LOGITS.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(task().loss(outputs("expression"), targets(votes=votes)), expected)


@pytest.mark.parametrize("loss", ["mse", "mse+ccc"])
def test_both_heads_add_up_with_their_weight(loss):
    points, place = outputs()["valence_arousal"], targets()["valence_arousal"]
    expected = F.cross_entropy(LOGITS, torch.tensor([0, 1, 1, 3])) + 0.5 * squared_error(points, place)
    expected = expected + 0.5 * concordance_loss(points, place) * ("ccc" in loss)
    found = task(valence_arousal_loss=loss, valence_arousal_weight=0.5).loss(outputs(), targets())
    torch.testing.assert_close(found, expected)


def test_half_precision_outputs_are_summed_in_float32():
    half = {head: values.bfloat16() for head, values in outputs().items()}
    assert task().loss(half, targets()).dtype == torch.float32


def test_a_batch_has_the_targets_of_its_rows():
    images = torch.randn(2, 3, 4, 4)
    given, wanted = Task(LossOptions(), targets()).batch(torch.tensor([3, 0]), images, torch.Generator())
    assert given is images
    assert torch.equal(wanted["expression"].argmax(1), torch.tensor([3, 0]))
    assert torch.equal(wanted["valence_arousal"], targets()["valence_arousal"][[3, 0]])


def mixing_of(rows=64, strength=0.2, seed=0):
    return draw_mixing(rows, strength, torch.Generator().manual_seed(seed))


@given(st.integers(1, 50), st.floats(0.01, 20), st.integers(0, 2**31))
def test_each_row_keeps_at_least_half_and_every_row_is_someones_partner(rows, strength, seed):
    mixing = mixing_of(rows, strength, seed)
    assert mixing.own_fraction.min() >= 0.5
    assert mixing.own_fraction.max() <= 1
    assert sorted(mixing.other.tolist()) == list(range(rows))


def test_the_shares_are_those_of_the_beta_distribution_folded_at_a_half():
    # Beta(1, 1) is uniform: folded at a half, its mean is 3/4 and its variance 1/48.
    share = mixing_of(200_000, 1.0).own_fraction
    assert share.mean().item() == pytest.approx(0.75, abs=0.002)
    assert share.var().item() == pytest.approx(1 / 48, abs=0.0005)


def test_weaker_mixing_leaves_more_of_each_picture():
    assert mixing_of(2_000, 0.1).own_fraction.mean() > mixing_of(2_000, 0.5).own_fraction.mean() + 0.05


def test_the_same_generator_mixes_alike():
    one, same, other = mixing_of(seed=3), mixing_of(seed=3), mixing_of(seed=4)
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
    mixed, mixed_targets = Task(LossOptions(), targets, strength).batch(
        rows, images, torch.Generator().manual_seed(seed)
    )
    return draw_mixing(4, strength, torch.Generator().manual_seed(seed)), rows, (images, mixed), mixed_targets


def test_targets_are_mixed_as_the_pictures_are():
    generator = torch.Generator().manual_seed(0)
    targets = {"expression": torch.eye(8)[[0, 3, 5, 7]], "valence_arousal": torch.rand(4, 2, generator=generator)}
    mixing, rows, (images, mixed), mixed_targets = mixed_batch(targets)
    own = mixing.own_fraction[:, None]
    torch.testing.assert_close(mixed, own * images + (1 - own) * images[mixing.other])
    for head, values in targets.items():
        values = values[rows]
        torch.testing.assert_close(mixed_targets[head], own * values + (1 - own) * values[mixing.other])


def test_a_row_mixed_with_an_unlabelled_one_teaches_nothing():
    expression = torch.eye(8)[[1, 1, 2, 3]]
    expression[1] = torch.nan
    mixing, rows, _, targets = mixed_batch({"expression": expression})
    unknown = (rows == 1) | (rows[mixing.other] == 1)
    assert unknown.sum() in (1, 2)
    assert torch.equal(targets["expression"].isnan().any(1), unknown)


def test_what_teachers_said_once_is_mixed_too():
    looked_up = from_table({"expression": torch.eye(3)})
    mixing = Mixing(torch.tensor([0.75, 0.5]), torch.tensor([1, 0]))
    answers = looked_up(torch.tensor([2, 0]), torch.zeros(2, 1), mixing)
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


def drawn(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 1, shape))


def distributions(seed, count):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(8), count))


def test_cross_entropy_on_votes_is_its_formula():
    logits, target = drawn(0, 20, 8), distributions(1, 20)
    expected = -(target.numpy() * log_softmax(logits.numpy(), axis=1)).sum(axis=1).mean()
    assert soft_cross_entropy(logits, target).item() == pytest.approx(expected, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 30))
def test_cross_entropy_on_labels_is_torchs(seed, count):
    logits, label = drawn(seed, count, 8), torch.from_numpy(np.random.default_rng(seed).integers(0, 8, count))
    torch.testing.assert_close(soft_cross_entropy(logits, F.one_hot(label, 8).double()), F.cross_entropy(logits, label))


def test_rows_without_a_target_are_left_out():
    logits, target = drawn(0, 6, 8), distributions(1, 6)
    target[[1, 4]] = torch.nan
    kept = [0, 2, 3, 5]
    torch.testing.assert_close(soft_cross_entropy(logits, target), soft_cross_entropy(logits[kept], target[kept]))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(2, 40), shift=st.floats(-2, 2))
def test_concordance_is_lins(seed, count, shift):
    predicted, target = drawn(seed, count, 2) + shift, drawn(seed + 1, count, 2)
    p, t = predicted.numpy(), target.numpy()
    expected = [
        2
        * np.cov(p[:, k], t[:, k], bias=True)[0, 1]
        / (p[:, k].var() + t[:, k].var() + (p[:, k].mean() - t[:, k].mean()) ** 2)
        for k in (0, 1)
    ]
    np.testing.assert_allclose(concordance(predicted, target).numpy(), expected, rtol=1e-9, atol=1e-12)
    assert concordance_loss(predicted, target).item() == pytest.approx(1 - np.mean(expected), abs=1e-9)


def test_concordance_of_perfect_opposite_and_constant_predictions():
    target = drawn(0, 50, 2)
    assert concordance(target, target).tolist() == pytest.approx([1, 1])
    centred = target - target.mean(0)
    assert concordance(-centred, centred).tolist() == pytest.approx([-1, -1])
    assert concordance(torch.zeros(50, 2), torch.zeros(50, 2)).tolist() == [0, 0]


def test_squared_error_is_over_known_values_only():
    predicted, target = drawn(0, 10, 2), drawn(1, 10, 2)
    target[3, 0] = target[5] = torch.nan
    expected = np.nanmean((predicted.numpy() - target.numpy()) ** 2)
    assert squared_error(predicted, target).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "width"),
    [(soft_cross_entropy, 8), (squared_error, 2), (concordance_loss, 2)],
    ids=lambda value: str(value)[:30],
)
def test_a_batch_without_any_target_is_zero_with_a_gradient_of_zero(loss, width):
    predicted = drawn(0, 4, width).requires_grad_()
    value = loss(predicted, torch.full((4, width), torch.nan, dtype=torch.float64))
    value.backward()
    assert value.item() == 0
    assert predicted.grad.tolist() == torch.zeros(4, width).tolist()


@pytest.mark.parametrize("loss", [squared_error, concordance_loss])
def test_unknown_values_do_not_poison_the_gradient(loss):
    predicted, target = drawn(0, 6, 2).requires_grad_(), drawn(1, 6, 2)
    target[2] = torch.nan
    loss(predicted, target).backward()
    assert predicted.grad.isfinite().all()
    assert predicted.grad[2].tolist() == [0, 0]
    assert predicted.grad[0].abs().min() > 0


def test_the_gradient_of_the_concordance_loss_is_right():
    target = drawn(1, 5, 2)
    assert torch.autograd.gradcheck(lambda p: concordance_loss(p, target), drawn(0, 5, 2).requires_grad_())
