"""Sharpness-aware steps: up by the radius, along the gradient, and back to where they started."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from affekt.errors import ConfigError
from affekt.training.sam import climbed, sam_backward, sam_radius_in


def test_it_climbs_along_the_gradient_and_comes_back():
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


def test_frozen_parameters_stay():
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


def test_it_may_come_in_the_last_epochs_only(tiny):
    late = tiny(epochs=5, sam_radius=0.05, sam_epochs=2)
    assert [sam_radius_in(late, epoch) for epoch in range(5)] == [0, 0, 0, 0.05, 0.05]
    assert sam_radius_in(tiny(epochs=5, sam_radius=0.05), 0) == 0.05
    assert not sam_radius_in(tiny(epochs=5), 4)


def test_last_epochs_need_a_radius(tiny):
    with pytest.raises(ConfigError, match="--sam-radius"):
        tiny(sam_epochs=2)


def test_a_recipe_with_it_trains_to_other_weights(trained):
    plain, sharp = (
        load_file(trained(f"radius {r}", epochs=1, sam_radius=r) / "model.safetensors") for r in (0.0, 0.05)
    )
    assert any(not torch.equal(plain[name], sharp[name]) for name in plain)
