import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import ConfigError, DataError
from affekt.training.balance import (
    class_weight,
    epoch_batches,
    repeat_factors,
    require_labels_to_balance,
    steps_in_epoch,
)
from affekt.training.inputs import Targets


def labelled(*label):
    return Targets(torch.tensor(label), torch.zeros(len(label), 8), torch.zeros(len(label), 2))


def drawn(targets, recipe, seed=0):
    return torch.cat(epoch_batches(targets, recipe, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize(("rows", "steps"), [(40, 4), (45, 4), (10, 1), (7, 1), (19, 1)])
def test_an_incomplete_last_batch_is_left_for_another_epoch(tiny, rows, steps):
    targets, recipe = labelled(*[0] * rows), tiny(batch_size=10)
    batches = epoch_batches(targets, recipe, torch.Generator().manual_seed(0))
    seen = torch.cat(batches)
    assert len(batches) == steps == steps_in_epoch(targets, recipe)
    assert len(seen) == min(rows, steps * 10)
    assert len(seen.unique()) == len(seen)


def test_balanced_sampling_draws_each_expression_as_often(tiny):
    targets = labelled(*[0] * 9_000, *[1] * 900, *[2] * 90, *[-1] * 10)
    rows = drawn(targets, tiny(class_balance="sampling"))
    counts = torch.bincount(targets.label[rows], minlength=3) / len(rows)
    assert counts.tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_repeat_factors_are_the_square_root_of_the_threshold_over_the_share():
    factors = repeat_factors(labelled(*[0] * 975, *[1] * 24, 2, *[-1] * 500), 0.096)
    assert factors[[0, 975, 999, 1000]].tolist() == pytest.approx([1, 2, 0.096**0.5 / 0.001**0.5, 1])


def test_repeating_takes_each_row_as_often_as_its_factor_says(tiny):
    targets, recipe = labelled(*[0] * 960, *[1] * 40, *[-1] * 10), tiny(class_balance="repeating", batch_size=5)
    counts = torch.stack([torch.bincount(drawn(targets, recipe, seed), minlength=1010) for seed in range(40)]).float()
    factor = (0.1 / 0.04) ** 0.5
    assert (counts[:, 960:1000] < 1).float().mean() < 0.01  # those left with the incomplete last batch
    assert counts[:, 960:1000].max() <= 2
    assert counts[:, 960:1000].mean().item() == pytest.approx(factor, abs=0.03)
    assert counts[:, :960].max() == 1
    assert counts[:, 1000:].mean().item() == pytest.approx(1, abs=0.05)


def test_repeated_rows_do_not_stand_together(tiny):
    targets = labelled(*[0] * 990, *[1] * 10)
    rows = drawn(targets, tiny(class_balance="repeating", batch_size=1000))
    rare = (rows >= 990).nonzero()[:, 0]
    assert len(rare) > 25
    assert rare.diff().max() < 300
    assert rare.min() < 200


@given(
    label=st.lists(st.integers(-1, 7), min_size=1, max_size=60).filter(lambda label: max(label) >= 0),
    threshold=st.floats(0.001, 1),
    seed=st.integers(0, 1000),
)
def test_epochs_of_repeated_rows_are_equally_long_and_of_the_steps_that_the_schedule_expects(
    tiny, label, threshold, seed
):
    recipe = tiny(class_balance="repeating", repeat_threshold=threshold, batch_size=8)
    targets = labelled(*label)
    batches = epoch_batches(targets, recipe, torch.Generator().manual_seed(seed))
    assert len(batches) == steps_in_epoch(targets, recipe)
    if len(label) >= 8:
        assert {len(batch) for batch in batches} == {8}


def test_class_weights_are_by_inverse_frequency_and_average_one(tiny):
    label = (0, 0, 0, 0, 0, 0, 1, 1, -1)
    weight = class_weight(tiny(class_balance="weights"), labelled(*label))
    assert weight.tolist() == pytest.approx([8 / 12, 2, 0, 0, 0, 0, 0, 0])
    known = torch.tensor([index for index in label if index >= 0])
    assert weight[known].mean().item() == pytest.approx(1)
    assert class_weight(tiny(class_balance="sampling"), labelled(*label)) is None


@pytest.mark.parametrize("balance", ["weights", "sampling", "repeating"])
def test_classes_without_labels_cannot_be_balanced(tiny, balance):
    with pytest.raises(DataError, match=f"labels in the training rows to balance classes by {balance}"):
        require_labels_to_balance(tiny(class_balance=balance), labelled(-1, -1, -1, -1))
    require_labels_to_balance(tiny(class_balance=balance), labelled(0, 1, -1))
    require_labels_to_balance(tiny(), labelled(-1, -1, -1, -1))


def test_a_threshold_that_repeats_nothing_is_refused(tiny):
    with pytest.raises(ConfigError, match="expected repeat_threshold above 0, got 0"):
        tiny(class_balance="repeating", repeat_threshold=0)
