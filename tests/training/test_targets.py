"""The targets of rows, how often an epoch takes each, and in what order."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.data.manifest import to_manifest
from affekt.errors import ConfigError
from affekt.labels import LABELS
from affekt.training.targets import Targets, epoch_batches, prior_of, repeat_factors, steps_in_epoch, targets_of


def labelled(*label):
    return Targets(torch.tensor(label), {})


def drawn(targets, recipe, seed=0):
    return torch.cat(epoch_batches(targets, recipe.data, torch.Generator().manual_seed(seed)))


def test_targets_are_the_rows_own(manifest):
    rows = manifest.head(20)
    labels, votes = targets_of(rows), targets_of(rows, "votes")
    assert [LABELS[index] for index in labels.label] == rows["emotion"].to_list()
    assert torch.equal(labels.by_head["expression"], torch.eye(8)[labels.label])
    np.testing.assert_array_equal(votes.by_head["expression"].numpy(), rows["votes"].to_numpy())
    points = rows.select("valence", "arousal").to_numpy()
    np.testing.assert_array_equal(labels.by_head["valence_arousal"].numpy(), points)


def test_unknown_targets_are_minus_one_and_nan():
    votes = [None, [0.5, 0.5, 0, 0, 0, 0, 0, 0], None]
    rows = to_manifest(
        pl.DataFrame(
            {
                "path": ["a", "b", "c"],
                "split": "train",
                "source": "s",
                "source_id": ["a", "b", "c"],
                "emotion": ["anger", None, None],
                "votes": votes,
                "valence": [None, 0.5, None],
            },
            schema_overrides={"votes": pl.Array(pl.Float32, 8)},
        )
    )
    targets = targets_of(rows, "votes")
    assert targets.label.tolist() == [6, -1, -1]
    expression = targets.by_head["expression"]
    assert expression[0].tolist() == np.eye(8)[6].tolist()
    assert expression[1].tolist() == votes[1]
    assert expression[2].isnan().all()
    assert targets.by_head["valence_arousal"].isnan().tolist() == [[True, True], [False, True], [True, True]]
    assert targets_of(rows).by_head["expression"].isnan().all(1).tolist() == [False, True, True]


@pytest.mark.parametrize(("rows", "steps"), [(40, 4), (45, 4), (10, 1), (7, 1), (19, 1)])
def test_an_incomplete_last_batch_is_left_for_another_epoch(tiny, rows, steps):
    targets, recipe = labelled(*[0] * rows), tiny(batch_size=10)
    batches = epoch_batches(targets, recipe.data, torch.Generator().manual_seed(0))
    seen = torch.cat(batches)
    assert len(batches) == steps == steps_in_epoch(targets, recipe.data)
    assert len(seen) == min(rows, steps * 10)
    assert len(seen.unique()) == len(seen)


def test_repeat_factors_are_the_square_root_of_the_threshold_over_the_share():
    factors = repeat_factors(labelled(*[0] * 975, *[1] * 24, 2, *[-1] * 500), 0.096)
    assert factors[[0, 975, 999, 1000]].tolist() == pytest.approx([1, 2, 0.096**0.5 / 0.001**0.5, 1])


def soft(targets):
    one_hot = torch.nn.functional.one_hot(targets.label.clamp(min=0), 3).float()
    return replace(targets, by_head={"expression": one_hot.masked_fill(targets.label[:, None] < 0, torch.nan)})


def test_the_prior_is_the_mean_target_of_what_an_epoch_takes(tiny):
    targets = soft(labelled(*[0] * 960, *[1] * 40, *[-1] * 10))
    assert prior_of(targets, tiny().data)[:3] == pytest.approx((0.96, 0.04, 0))
    # The rare expression comes sqrt(0.1 / 0.04) times.
    repeated = 40 * (0.1 / 0.04) ** 0.5
    found = prior_of(targets, tiny(class_balance="repeating").data)
    assert found[1] == pytest.approx(repeated / (960 + repeated))
    assert sum(found) == pytest.approx(1)
    assert prior_of(soft(labelled(-1, -1)), tiny().data) is None


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
    batches = epoch_batches(targets, recipe.data, torch.Generator().manual_seed(seed))
    assert len(batches) == steps_in_epoch(targets, recipe.data)
    if len(label) >= 8:
        assert {len(batch) for batch in batches} == {8}


def test_a_threshold_that_repeats_nothing_is_refused(tiny):
    with pytest.raises(ConfigError, match="expected repeat_threshold above 0, got 0"):
        tiny(class_balance="repeating", repeat_threshold=0)
