"""First weights for a network of another shape: what fits of a trained network's backbone, the rest at random.

python results/wild/start.py affekt --architecture face_resnet18_w32_stem8_mirrored --out start
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from affekt.models.card import model_folder
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
    fitting = {name: value for name, value in trained.state_dict().items() if value.shape == wanted[name].shape}
    network.load_state_dict(wanted | fitting)
    print("at random:", *(name for name in wanted if name not in fitting))
    parameters = parameter_count(network)
    save_model(network, replace(card, architecture=options.architecture, parameters=parameters), options.out)


if __name__ == "__main__":
    main()
