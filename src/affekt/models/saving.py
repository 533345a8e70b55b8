"""A model on disk: a folder with `model.safetensors` and `card.json`. Pickles are neither written nor read."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from affekt.errors import ModelError
from affekt.files import written_whole
from affekt.models.card import WEIGHTS_FILE, Card, read_card
from affekt.models.network import Network


def save_model(network: Network, card: Card, folder: Path) -> None:
    """Write the weights and the card of a network, each whole or not at all; weights never travel without the card.

    Raises:
        DataError: the folder cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with written_whole(folder / WEIGHTS_FILE) as temporary:
        save_file(tensors, temporary)
    card.write(folder)


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
