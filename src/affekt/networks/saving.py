"""A model on disk: a folder with `model.safetensors` and `card.json`. Pickles are neither written nor read."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from affekt.errors import ModelError
from affekt.files import written_whole
from affekt.models.card import WEIGHTS_FILE, Card, read_card
from affekt.networks.network import Network


def save_model(network: Network, card: Card, folder: Path) -> None:
    """Write the card and the weights of a network, each whole or not at all; weights never travel without the card.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    # The card comes first: a run that is killed between the two has no weights yet, and so can still be resumed.
    card.write(folder)
    write_tensors(dict(network.state_dict()), folder / WEIGHTS_FILE)


def write_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors, on whatever device and in whatever layout, to a safetensors file, whole or not at all.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    # Not `save_file`: it writes a temporary file of its own, which a killed process would leave behind.
    content = save(copies, metadata=metadata)
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def write_half(source: Path, target: Path) -> None:
    """Write a safetensors file again with its matrices and filters in 16 bits.

    Vectors stay as they are: they weigh nothing, and variances may lie beyond what 16 bits hold.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    tensors = load_file(source)
    halved = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
    write_tensors(halved, target)


def load_model(folder: Path) -> tuple[Network, Card]:
    """Read a network, in evaluation mode, and its card.

    Raises:
        ModelError: the card or the weights are missing, unreadable or do not fit each other.
    """
    card = read_card(folder)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise ModelError(f"expected {path} beside the card, got no such file; resume its training with --resume")
    network = Network(card.architecture, card.hidden_units, card.heads, card.preprocessing.channels)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise ModelError(f"expected weights of {card.architecture} in {path}, got {first_line}; train again") from error
    return network.eval(), card
