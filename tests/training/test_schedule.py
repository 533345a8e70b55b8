"""The optimiser's groups, the learning rate over time, and the moving average of the weights."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from affekt.errors import ConfigError
from affekt.training.recipe import Augmentation
from affekt.training.recipes import AFFEKT
from affekt.training.schedule import Schedule, build_optimiser, moving_average, size_and_augmentation, warmup_cosine


@pytest.fixture
def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def rates(schedule, optimiser, steps):
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.after_step()
    return found


def test_biases_and_normalisation_never_decay(module, tiny):
    optimiser = build_optimiser(module, tiny(optimiser="adamw", weight_decay=0.1).step)
    decayed, spared = optimiser.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0)
    assert {id(p) for p in decayed["params"]} == {id(module[0].weight), id(module[3].weight)}
    assert {id(p) for p in spared["params"]} == {id(p) for p in module.parameters() if p.ndim == 1}


def test_frozen_parameters_are_left_to_themselves(module, tiny):
    module[0].requires_grad_(False)
    optimiser = build_optimiser(module, tiny().step)
    assert isinstance(optimiser, torch.optim.Adam)
    assert len(optimiser.param_groups[0]["params"]) == 4
    assert optimiser.param_groups[0]["eps"] == 1e-7


def test_the_cosine_rises_from_a_tenth_and_falls_to_the_floor(module, tiny):
    recipe = tiny(schedule="cosine", learning_rate=0.1, learning_rate_floor=0.001, epochs=10, warmup_epochs=2)
    optimiser = build_optimiser(module, recipe.step)
    found = rates(Schedule(optimiser, recipe, steps_per_epoch=5), optimiser, 60)
    assert found[:11] == pytest.approx([0.01 + 0.009 * step for step in range(11)])
    half = [0.001 + 0.099 * (1 + math.cos(math.pi * step / 40)) / 2 for step in range(41)]
    assert found[10:51] == pytest.approx(half)
    assert found[50:] == pytest.approx([0.001] * 10)


def test_the_cosine_of_a_single_step(tiny, module):
    recipe = tiny(schedule="cosine", epochs=1, warmup_epochs=0)
    optimiser = build_optimiser(module, recipe.step)
    assert rates(Schedule(optimiser, recipe, 1), optimiser, 3) == pytest.approx([3e-4, 3e-3, 1e-6])
    assert warmup_cosine(0, 1, 2, 0.0) == 0.1


def test_the_plateau_is_keras_rule(module, tiny):
    """ReduceLROnPlateau(factor=0.5, patience=3, min_delta=1e-4): halved after the third epoch without a gain."""
    recipe = tiny(schedule="plateau", learning_rate=8e-3, learning_rate_floor=3e-3)
    optimiser = build_optimiser(module, recipe.step)
    schedule = Schedule(optimiser, recipe, 1)
    losses = [1.0, 0.9, 0.9, 0.89995, 0.95, 0.8, 0.85, 0.81, 0.8, 0.9, 0.9, 0.9]
    found = []
    for loss in losses:
        schedule.after_epoch(loss)
        found.append(optimiser.param_groups[0]["lr"])
    assert found == _keras_plateau(losses, 8e-3, 3e-3)
    assert found[3] == 8e-3
    assert found[4] == 4e-3
    assert found[-1] == 3e-3


def _keras_plateau(losses, rate, floor):
    best, wait, rates_after = math.inf, 0, []
    for loss in losses:
        if loss < best - 1e-4:
            best, wait = loss, 0
        else:
            wait += 1
            if wait >= 3:
                rate, wait = max(rate / 2, floor), 0
        rates_after.append(rate)
    return rates_after


@pytest.mark.parametrize("kind", ["cosine", "plateau"])
def test_a_schedule_goes_on_where_its_state_stood(module, tiny, kind):
    recipe = tiny(schedule=kind, learning_rate=0.1, epochs=8)

    def advance(schedule, optimiser, epochs):
        found = []
        for epoch in epochs:
            found += rates(schedule, optimiser, 3)
            schedule.after_epoch([1.0, 0.9, 0.95, 0.9, 0.9, 0.91, 0.9, 0.9][epoch])
        return found

    optimiser = build_optimiser(module, recipe.step)
    schedule = Schedule(optimiser, recipe, 3)
    advance(schedule, optimiser, range(3))
    kept = json.loads(json.dumps(schedule.state_dict()))
    kept_optimiser = optimiser.state_dict()
    whole = advance(schedule, optimiser, range(3, 8))
    resumed_optimiser = build_optimiser(module, recipe.step)
    resumed = Schedule(resumed_optimiser, recipe, 3)
    resumed_optimiser.load_state_dict(kept_optimiser)
    resumed.load_state_dict(kept)
    assert advance(resumed, resumed_optimiser, range(3, 8)) == whole


def test_the_moving_average_is_the_one_computed_by_hand(module):
    average = moving_average(module, 0.5)
    expected = None
    for step in range(12):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape))
            module[1].running_mean.add_(1.0)
            module[1].num_batches_tracked.add_(1)
        average.update_parameters(module)
        now = [tensor.double().clone() for tensor in (module[3].weight, module[1].running_mean)]
        kept = 0 if step == 0 else min(0.5, (1 + step) / (10 + step))
        expected = now if expected is None else [kept * a + (1 - kept) * b for a, b in zip(expected, now, strict=True)]
    found = average.module
    torch.testing.assert_close(found[3].weight.double(), expected[0].detach(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1].running_mean.double(), expected[1], atol=1e-5, rtol=1e-5)
    assert found[1].num_batches_tracked == module[1].num_batches_tracked == 12


def test_no_decay_is_no_average(module):
    assert moving_average(module, 0) is None


def test_a_recipe_that_does_not_grow_is_whole_from_the_first_epoch():
    recipe = AFFEKT.with_options(start_size=0, resizing_epochs=0)
    assert size_and_augmentation(recipe, 0) == (recipe.network.input_size, recipe.augmentation)


def test_the_first_epoch_has_small_pictures_and_flips_alone():
    size, augmentation = size_and_augmentation(AFFEKT, 0)
    assert size == AFFEKT.data.start_size
    assert augmentation == Augmentation(flip=True)


def test_half_way_the_changes_are_half_as_strong():
    recipe = AFFEKT
    size, augmentation = size_and_augmentation(recipe, recipe.data.resizing_epochs // 2)
    assert recipe.data.start_size < size < recipe.network.input_size
    assert augmentation.rotation_degrees == recipe.augmentation.rotation_degrees / 2
    assert augmentation.jpeg == recipe.augmentation.jpeg / 2


@given(st.integers(8, 224), st.integers(0, 216), st.integers(0, 30), st.integers(0, 40))
def test_sides_never_shrink_and_end_at_the_input_size(start_size, more, resizing_epochs, epoch):
    recipe = AFFEKT.with_options(input_size=start_size + more, start_size=start_size, resizing_epochs=resizing_epochs)
    now, next_epoch = size_and_augmentation(recipe, epoch)[0], size_and_augmentation(recipe, epoch + 1)[0]
    assert start_size <= now <= next_epoch <= recipe.network.input_size
    assert size_and_augmentation(recipe, resizing_epochs) == (recipe.network.input_size, recipe.augmentation)


def test_a_start_above_the_input_size_is_refused():
    with pytest.raises(ConfigError, match="expected a start_size from 8 to the input_size 48, got 64"):
        AFFEKT.with_options(start_size=64)
