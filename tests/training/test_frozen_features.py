"""A backbone in another runtime: the same features, and torch's own where that cannot be had."""

import copy
import threading
import time

import pytest
import torch
from torch import nn

from affekt.models.runtimes import installed_runtimes, openvino_has_bf16
from affekt.networks.network import Network
from affekt.training import batches
from affekt.training.batches import fast_features, map_in_threads

ARCHITECTURES = (
    *("mobilenetv2_100", "tf_efficientnetv2_b0", "legacy_xception", "vgg16"),
    *("face_resnet18_w16_64px", "face_resnet18_w16_mirrored"),
)


def lively(architecture):
    """A network whose normalisations all do something, and none of which blows up rounding."""
    torch.manual_seed(0)
    network = Network(architecture, 8, ("expression",)).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.6, 1.4)
            nn.init.normal_(layer.bias, std=0.1)
    return network.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_features_of_a_runtime_are_torchs(architecture, runtime, monkeypatch):
    if runtime not in installed_runtimes():
        pytest.skip(f"{runtime} is not installed")
    monkeypatch.setattr(batches, "fastest_runtime", lambda *_, **__: runtime)
    network = lively(architecture)
    before = copy.deepcopy(network.state_dict())
    images = torch.randn(3, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        features_of = fast_features(network, images[:2], name="x", precision="fp32")
        plain, found = network.forward_features(images), features_of(images)
    assert features_of != network.forward_features
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-5 * float(plain.abs().max()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not network.training


@pytest.mark.skipif(not openvino_has_bf16(), reason="OpenVINO does not compute in bfloat16 here")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_features_at_bf16_are_openvinos_and_near_torchs(architecture):
    network = lively(architecture)
    images = torch.randn(3, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        features_of = fast_features(network, images[:2], name="x", precision="bf16")
        plain, found = network.forward_features(images), features_of(images)
    assert features_of != network.forward_features
    assert not torch.allclose(found, plain, rtol=0, atol=1e-5 * float(plain.abs().max()))
    torch.testing.assert_close(found, plain, rtol=0, atol=0.1 * float(plain.abs().max()))


def test_features_at_bf16_are_torchs_where_openvino_cannot(monkeypatch):
    monkeypatch.setattr(batches, "openvino_has_bf16", lambda: False)
    network, images = lively("mobilenetv2_100"), torch.randn(1, 3, 32, 32)
    assert fast_features(network, images, name="x", precision="bf16") == network.forward_features


class NotInOnnx(nn.Module):
    def forward(self, images):
        return torch.linalg.eigvals(images[..., :4, :4]).real[..., None]


def test_a_backbone_that_onnx_cannot_say_stays_in_torch():
    network = lively("mobilenetv2_100")
    network.backbone = NotInOnnx()
    assert fast_features(network, torch.randn(1, 3, 16, 16), name="x", precision="fp32") == network.forward_features


def test_features_that_differ_are_torchs(monkeypatch):
    network = lively("mobilenetv2_100")
    monkeypatch.setattr(batches, "open_engine", lambda *_, **__: lambda _: {"features": torch.zeros(2, 1280).numpy()})
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert fast_features(network, images, name="x", precision="fp32") == network.forward_features


def test_results_keep_the_order_of_the_items() -> None:
    def slow_if_even(number: int) -> int:
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number * number

    assert map_in_threads(slow_if_even, iter(range(20)), threads=4) == [number * number for number in range(20)]


def test_operations_run_on_one_core_without_gradients_and_the_setting_is_restored() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = map_in_threads(lambda _: (torch.get_num_threads(), torch.is_inference_mode_enabled()), range(4), 2)
        assert set(seen) == {(1, True)}
        assert torch.get_num_threads() == 2
        made_later: list[int] = []
        later = threading.Thread(target=lambda: made_later.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert made_later == [2]
    finally:
        torch.set_num_threads(before)


def test_the_first_error_is_raised_and_nothing_more_is_begun() -> None:
    begun = []

    def fail(number: int) -> None:
        begun.append(number)
        time.sleep(0.01)
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        map_in_threads(fail, range(1000), threads=2)
    assert len(begun) <= 20


def test_an_error_of_the_items_is_raised() -> None:
    def items():
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        map_in_threads(lambda number: number, items(), threads=2)


def test_no_items_give_no_results() -> None:
    assert map_in_threads(lambda number: number, [], threads=2) == []
