"""The losses against their formulas in numpy and scipy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from torch.nn import functional as F

from affekt.training.losses import concordance, concordance_loss, soft_cross_entropy, squared_error


def drawn(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 1, shape))


def shares(seed, count):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(8), count))


def test_cross_entropy_on_votes_is_its_formula():
    logits, target = drawn(0, 20, 8), shares(1, 20)
    expected = -(target.numpy() * log_softmax(logits.numpy(), axis=1)).sum(axis=1).mean()
    assert soft_cross_entropy(logits, target).item() == pytest.approx(expected, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 30), weighted=st.booleans())
def test_cross_entropy_on_labels_is_torchs(seed, count, weighted):
    rng = np.random.default_rng(seed)
    logits, label = drawn(seed, count, 8), torch.from_numpy(rng.integers(0, 8, count))
    weight = torch.from_numpy(rng.uniform(0.1, 5, 8)) if weighted else None
    ours = soft_cross_entropy(logits, F.one_hot(label, 8).double(), weight)
    torch.testing.assert_close(ours, F.cross_entropy(logits, label, weight=weight))


def test_rows_without_a_target_are_left_out():
    logits, target = drawn(0, 6, 8), shares(1, 6)
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


def test_expressions_that_weigh_nothing_cost_nothing():
    logits = torch.randn(2, 8, requires_grad=True)
    loss = soft_cross_entropy(logits, F.one_hot(torch.tensor([7, 7]), 8).float(), torch.tensor([1.0] * 7 + [0.0]))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


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
