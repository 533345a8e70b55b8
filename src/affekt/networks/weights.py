"""Where a backbone's first weights come from: ImageNet through timm's published files, a path, or nowhere."""

from contextlib import suppress
from pathlib import Path

import timm
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from affekt.errors import ModelError
from affekt.files import affekt_home
from affekt.models.card import WEIGHTS_FILE, model_folder

HUB_TIMEOUT_S = 5.0
"""How long the hub may take to answer before it counts as out of reach."""


def imagenet_file(architecture: str) -> tuple[str, Path]:
    """Return the hub repository of timm's ImageNet weights and the place where affekt looks for its file.

    Raises:
        ModelError: timm has published none for this architecture.
    """
    published = timm.get_pretrained_cfg(architecture) if timm.is_model(architecture) else None
    if published is None or not published.has_weights:
        raise ModelError(
            f"expected an architecture with ImageNet weights, got {architecture}, which timm has none for; "
            "type --weights none --no-frozen to train from random weights"
        )
    repository = f"{architecture}.{published.tag}"
    return f"timm/{repository}", affekt_home() / "weights" / f"{repository}.safetensors"


def backbone_weights(architecture: str, weights: str) -> dict[str, Tensor]:
    """Read the tensors a backbone starts from.

    Args:
        architecture: timm name of the backbone.
        weights: `imagenet`, a model that comes with affekt, or a path to a model folder or a .safetensors file; of
            the checkpoint of an unfinished training, its best epoch so far.

    Returns:
        Tensors by timm's parameter names; a head's may be among them.

    Raises:
        ModelError: the file is missing and cannot be fetched, or is not safetensors; says where to put it.
    """
    if weights == "imagenet":
        return _read(_imagenet_path(architecture))
    path = model_folder(weights)
    path = path / WEIGHTS_FILE if path.is_dir() else path
    if not path.is_file():
        raise ModelError(
            f"expected --weights imagenet, none, or a model folder or .safetensors file, got {weights!r} and no such "
            "file; type --weights none to start from random weights, or of an unfinished training RUN "
            "--weights RUN/checkpoint.safetensors"
        )
    tensors = _read(path)
    return _inside(tensors, "backbone.") or _inside(tensors, "best.backbone.") or tensors


def _inside(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"expected safetensors weights in {path}, got {error}; fetch or train them again") from error


def _imagenet_path(architecture: str) -> Path:
    repository, place = imagenet_file(architecture)
    if place.is_file():
        return place
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import LocalEntryNotFoundError

    with suppress(LocalEntryNotFoundError):
        return Path(hf_hub_download(repository, WEIGHTS_FILE, local_files_only=True))
    try:
        # Asked once first: without a network, the download itself would try again for minutes.
        get_hf_file_metadata(hf_hub_url(repository, WEIGHTS_FILE), timeout=HUB_TIMEOUT_S)
        return Path(hf_hub_download(repository, WEIGHTS_FILE))
    except Exception as error:  # The hub's HTTP library, and so its errors, differ between versions.
        raise ModelError(
            f"expected ImageNet weights of {architecture}, got no network and no file: put {WEIGHTS_FILE} of the hub "
            f"repository {repository} at {place}, or type --weights none --no-frozen to train from random weights"
        ) from error
