"""Where a backbone's first weights come from: ImageNet through timm's published files, a path, or nowhere."""

from pathlib import Path

import timm
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from affekt.errors import ModelError
from affekt.files import affekt_home
from affekt.models.card import WEIGHTS_FILE


def imagenet_file(architecture: str) -> tuple[str, Path]:
    """Return the hub repository of timm's ImageNet weights and the place where affekt looks for its file."""
    repository = f"{architecture}.{timm.get_pretrained_cfg(architecture).tag}"  # pyright: ignore[reportOptionalMemberAccess]
    return f"timm/{repository}", affekt_home() / "weights" / f"{repository}.safetensors"


def backbone_weights(architecture: str, weights: str) -> dict[str, Tensor]:
    """Read the tensors a backbone starts from.

    Args:
        architecture: timm name of the backbone.
        weights: `imagenet`, or a path to a model folder or a .safetensors file.

    Returns:
        Tensors by timm's parameter names; a head's may be among them.

    Raises:
        ModelError: the file is missing and cannot be fetched, or is not safetensors; says where to put it.
    """
    if weights == "imagenet":
        return _read(_imagenet_path(architecture))
    path = Path(weights)
    path = path / WEIGHTS_FILE if path.is_dir() else path
    if not path.is_file():
        raise ModelError(
            f"expected --weights imagenet, none, or a model folder or .safetensors file, got {weights!r} and no such "
            "file; type --weights none to start from random weights"
        )
    tensors = _read(path)
    own = {name.removeprefix("backbone."): tensor for name, tensor in tensors.items() if name.startswith("backbone.")}
    return own or tensors


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"expected safetensors weights in {path}, got {error}; fetch or train them again") from error


def _imagenet_path(architecture: str) -> Path:
    repository, place = imagenet_file(architecture)
    if place.is_file():
        return place
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, WEIGHTS_FILE, etag_timeout=5))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"expected ImageNet weights of {architecture}, got no network and no file: put {WEIGHTS_FILE} of the hub "
            f"repository {repository} at {place}, or type --weights none --no-frozen to train from random weights"
        ) from error
