"""Weights on disk: a model's folder, and what a backbone starts from.

A model is a folder with `model.safetensors` and `card.json`. Pickles are neither written nor read.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from affekt.errors import ModelError, first_line
from affekt.files import written_whole
from affekt.models.card import ONNX_FILE, WEIGHTS_FILE, Card, model_folder, read_card
from affekt.networks.first_weights import weights_file
from affekt.networks.network import Network


def save_model(network: Network, card: Card, folder: Path) -> None:
    """Write the card and the weights of a network, each whole or not at all; weights never travel without the card."""
    # The card comes first: a run that is killed between the two has no weights yet, and so can still be resumed.
    card.write(folder)
    write_tensors(dict(network.state_dict()), folder / WEIGHTS_FILE)


def write_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors, on whatever device and in whatever layout, to a safetensors file, whole or not at all."""
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    # Not `save_file`: it writes a temporary file of its own, which a killed process would leave behind.
    content = save(copies, metadata=metadata)
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def write_half(source: Path, target: Path) -> None:
    """Write a safetensors file again with its matrices and filters in 16 bits.

    Vectors stay as they are: they weigh nothing, and variances may lie beyond what 16 bits hold.
    """
    tensors = load_file(source)
    halved = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
    write_tensors(halved, target)


def load_model(model: str | Path) -> tuple[Network, Card]:
    """Read a network, in evaluation mode, and its card: of a model folder, a run, or a model that comes with affekt.

    Raises ModelError where the card or the weights are missing, unreadable or do not fit each other.
    """
    folder = model_folder(model)
    card = read_card(folder)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        predicts = (folder / ONNX_FILE).is_file()
        advice = (
            "evaluate it with --runtime onnxruntime, or take affekt" if predicts else "train on with resume (--resume)"
        )
        raise ModelError(f"expected {path} beside the card, got no such file; {advice}")
    channels = card.preprocessing.channels
    network = Network(card.architecture, card.hidden_units, card.heads, channels, len(card.labels))
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        got = first_line(error)
        raise ModelError(f"expected weights of {card.architecture} in {path}, got {got}; train again") from error
    return network.eval(), card


def load_backbone(network: Network, *weights: str) -> None:
    """Start a network's backbone from `imagenet` or a file, or from the average of several.

    Networks that went on from the same weights can be averaged: Wortsman et al. (2022), "Model soups".
    """
    parts = [_fitting(network, each) for each in weights]
    tensors = parts[0]
    if len(parts) > 1:
        tensors = {name: torch.stack([part[name].float() for part in parts]).mean(0) for name in tensors}
    network.backbone.load_state_dict(tensors, strict=False)


def _fitting(network: Network, weights: str) -> dict[str, Tensor]:
    tensors = backbone_weights(network.architecture, weights)
    wanted = network.backbone.state_dict()
    absent = [name for name in wanted if name not in tensors and not name.endswith("num_batches_tracked")]
    wrong = [name for name in wanted if name in tensors and tensors[name].shape != wanted[name].shape]
    if absent or wrong:
        raise ModelError(
            f"expected weights of {network.architecture}, got {weights} without a fitting {(absent + wrong)[0]}; "
            "choose weights of the same architecture, or set architecture to what the card beside them says"
        )
    return {name: tensors[name] for name in wanted if name in tensors}


def backbone_weights(architecture: str, weights: str) -> dict[str, Tensor]:
    """Read the tensors a backbone starts from, by timm's parameter names; a head's may be among them.

    They are `imagenet`'s, those of a model that comes with affekt, of a model folder or of a .safetensors file; of the
    checkpoint of an unfinished training, its best epoch so far. Raises ModelError, which says where to put the file.
    """
    tensors = _read(weights_file(architecture, weights))
    if weights == "imagenet":
        return tensors
    return inside(tensors, "backbone.") or inside(tensors, "best.backbone.") or tensors


def inside(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name begins so, by the rest of their name."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"expected safetensors weights in {path}, got {error}; fetch or train them again") from error
