"""The optimiser's groups, sharpness-aware steps, the learning rate over time, and the moving average of the weights."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from affekt.errors import ConfigError
from affekt.networks.network import Network
from affekt.training.optimisation import (
    Schedule,
    build_optimiser,
    climbed,
    moving_average,
    sam_backward,
    sam_radius_in,
    warmup_cosine,
)


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


@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
def test_each_stage_learns_at_a_fraction_of_the_rate_of_the_one_after_it(optimiser, tiny):
    network = Network("test_efficientnet", 8, ("expression",))
    network.freeze_backbone(2)
    options = tiny(optimiser=optimiser, learning_rate=0.1, stage_decay=0.5).step
    groups = build_optimiser(network, options).param_groups
    rate_of = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    named = dict(network.backbone.named_parameters())
    assert {rate_of[id(parameter)] for parameter in network.heads.parameters()} == {0.1}
    for distance, stage in enumerate(reversed(network.stages), start=1):
        expected = {0.1 * 0.5**distance} if distance <= 2 else {None}
        assert {rate_of.get(id(named[name])) for name in stage} == expected


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


def test_sam_climbs_along_the_gradient_and_comes_back():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    inputs = torch.randn(5, 3)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    loss = module(inputs).square().mean()
    loss.backward()
    gradients = [parameter.grad.clone() for parameter in module.parameters()]
    norm = torch.cat([gradient.ravel() for gradient in gradients]).norm()
    with climbed(module, 0.1):
        for parameter, start, gradient in zip(module.parameters(), before, gradients, strict=True):
            torch.testing.assert_close(parameter.detach(), start + 0.1 * gradient / norm)
            assert parameter.grad is None
        uphill = module(inputs).square().mean()
        uphill.backward()
    assert uphill > loss
    for parameter, start in zip(module.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), start)
        assert parameter.grad is not None


@pytest.mark.parametrize("radius", [0.0, 0.3])
def test_the_gradient_left_is_the_one_found_uphill(radius):
    torch.manual_seed(0)
    module, inputs = nn.Linear(3, 1), torch.randn(5, 3)

    def backward():
        loss = module(inputs).square().mean()
        loss.backward()
        return loss.detach()

    first = backward()
    uphill = [
        p.detach() + radius * p.grad / torch.cat([q.grad.ravel() for q in module.parameters()]).norm()
        for p in module.parameters()
    ]
    weight, bias = (value.requires_grad_() for value in uphill)
    nn.functional.linear(inputs, weight, bias).square().mean().backward()
    module.zero_grad()
    assert sam_backward(backward, module, radius) == first
    torch.testing.assert_close(module.weight.grad, weight.grad)
    torch.testing.assert_close(module.bias.grad, bias.grad)


def test_frozen_parameters_do_not_climb():
    module = nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    bias = module.bias.clone()
    module(torch.ones(1, 2)).sum().backward()
    with climbed(module, 5.0):
        assert torch.equal(module.bias, bias)


def test_batch_statistics_are_of_the_weights_that_are_kept():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.2))
    inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    module(inputs).square().mean().backward()
    mean = module[1].running_mean.clone()
    with climbed(module, 1.0):
        module(inputs).square().mean().backward()
    assert torch.equal(module[1].running_mean, mean)
    module(inputs)
    assert not torch.equal(module[1].running_mean, mean), "afterwards they move again"


def test_sam_may_come_in_the_last_epochs_only(tiny):
    late = tiny(epochs=5, sam_radius=0.05, sam_epochs=2)
    assert [sam_radius_in(late, epoch) for epoch in range(5)] == [0, 0, 0, 0.05, 0.05]
    assert sam_radius_in(tiny(epochs=5, sam_radius=0.05), 0) == 0.05
    assert not sam_radius_in(tiny(epochs=5), 4)


def test_last_epochs_of_sam_need_a_radius(tiny):
    with pytest.raises(ConfigError, match="sam_radius"):
        tiny(sam_epochs=2)


def test_a_recipe_with_sam_trains_to_other_weights(trained):
    plain, sharp = (
        load_file(trained(f"radius {r}", epochs=1, sam_radius=r) / "model.safetensors") for r in (0.0, 0.05)
    )
    assert any(not torch.equal(plain[name], sharp[name]) for name in plain)
