"""First weights for a network of another shape: what fits of a trained network, the rest at random.

A narrower network takes evenly spaced channels of a wider one of the same kind (Xu et al., 2023, "Initializing Models
with Larger Ones"), the same ones in every layer, so that what one layer writes, the next one reads.

python results/wild/start.py affekt --architecture face_resnet18_w32_stem8_mirrored --out start
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from affekt.models.card import model_folder
from affekt.networks.mirror_equivariant import MirroredConv2d
from affekt.networks.network import Network, parameter_count
from affekt.networks.weights import load_model, save_model


def main() -> None:
    """Write the model folder, and say what was not taken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    trained, card = load_model(model_folder(options.model))
    network = Network(options.architecture, card.hidden_units, card.heads, card.preprocessing.channels)
    wanted = network.state_dict()
    inputs_in_halves = {
        f"{name}.weight" for name, layer in network.named_modules() if isinstance(layer, MirroredConv2d)
    }
    taken = {
        name: narrowed(value, wanted[name].shape, name in inputs_in_halves)
        for name, value in trained.state_dict().items()
    }
    fitting = {name: value for name, value in taken.items() if value is not None}
    network.load_state_dict(wanted | fitting)
    print("at random:", *(name for name in wanted if name not in fitting))
    parameters = parameter_count(network)
    save_model(network, replace(card, architecture=options.architecture, parameters=parameters), options.out)


def narrowed(weights: Tensor, shape: torch.Size, are_inputs_halves: bool) -> Tensor | None:
    """Take evenly spaced channels of weights until they have a shape; None if it is no narrower one of as many axes.

    The input channels of a mirrored convolution come in two halves, which belong together in pairs.
    """
    if weights.ndim != len(shape) or any(new > old for new, old in zip(shape, weights.shape, strict=True)):
        return None
    if weights.shape[2:] != shape[2:]:
        return None
    for axis, (new, old) in enumerate(zip(shape[:2], weights.shape[:2], strict=True)):
        if new == old:
            continue
        halves = 2 if axis == 1 and are_inputs_halves else 1
        one = torch.arange(new // halves) * (old // halves) // (new // halves)
        weights = weights.index_select(axis, torch.cat([one + half * (old // halves) for half in range(halves)]))
    return weights


if __name__ == "__main__":
    main()
