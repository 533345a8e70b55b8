"""Where a backbone's first weights come from: a file that is found or fetched, before torch is imported.

`imagenet` is a file of timm's on the Hugging Face Hub. It is looked for in `AFFEKT_HOME/weights`, then in the folder
that `AFFEKT_MIRROR` names, then in the hub's own cache, and at last it is fetched.
"""

from contextlib import suppress
from pathlib import Path

from affekt.errors import ModelError
from affekt.files import affekt_home, mirror
from affekt.models.card import WEIGHTS_FILE, model_folder

HUB_TIMEOUT_S = 5.0
"""How long the hub may take to answer before it counts as out of reach."""
IMAGENET = {
    "convnext_tiny": "in12k_ft_in1k",
    "legacy_xception": "tf_in1k",
    "mobilenetv2_100": "ra_in1k",
    "tf_efficientnetv2_b0": "in1k",
    "vgg16": "tv_in1k",
}
"""What timm calls its usual weights of the recipes' networks, so that timm need not be asked, which takes seconds."""


def weights_file(architecture: str, weights: str) -> Path:
    """Return the file of a backbone's first weights, which is fetched where it is `imagenet`'s and not there yet.

    Raises ModelError, which says where to put it, where there is no such file and it cannot be fetched.
    """
    if weights == "imagenet":
        return _imagenet_path(architecture)
    path = model_folder(weights)
    path = path / WEIGHTS_FILE if path.is_dir() else path
    if not path.is_file():
        raise ModelError(
            f"expected weights imagenet, none, or a model folder or .safetensors file, got {weights!r} and no such "
            "file; set weights none (--weights none) to start from random weights, or of an unfinished training RUN "
            "RUN/checkpoint.safetensors"
        )
    return path


def imagenet_file(architecture: str) -> tuple[str, Path]:
    """Return the hub repository of timm's ImageNet weights and the place where affekt looks for its file."""
    tag = IMAGENET.get(architecture) or _tag(architecture)
    repository = f"{architecture}.{tag}"
    return f"timm/{repository}", affekt_home() / "weights" / f"{repository}.safetensors"


def _tag(architecture: str) -> str:
    import timm

    published = timm.get_pretrained_cfg(architecture) if timm.is_model(architecture) else None
    if published is None or not published.has_weights:
        raise ModelError(
            f"expected an architecture with ImageNet weights, got {architecture}, which timm has none for; "
            "set weights none, not frozen (--weights none --no-frozen) to train from random weights"
        )
    return str(published.tag)


def _imagenet_path(architecture: str) -> Path:
    repository, place = imagenet_file(architecture)
    origin = mirror()
    places = [place, *([origin / repository / WEIGHTS_FILE] if isinstance(origin, Path) else [])]
    if found := next((each for each in places if each.is_file()), None):
        return found
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import LocalEntryNotFoundError

    endpoint = origin if isinstance(origin, str) else None
    address = hf_hub_url(repository, WEIGHTS_FILE, endpoint=endpoint)
    with suppress(LocalEntryNotFoundError):
        return Path(hf_hub_download(repository, WEIGHTS_FILE, local_files_only=True))
    try:
        # Asked once first: without a network, the download itself would try again for minutes.
        get_hf_file_metadata(address, timeout=HUB_TIMEOUT_S)
        return Path(hf_hub_download(repository, WEIGHTS_FILE, endpoint=endpoint))
    except Exception as error:  # The hub's HTTP library, and so its errors, differ between versions.
        raise ModelError(
            f"expected ImageNet weights of {architecture}, got no network and no file: put {address} at {place}, or "
            "set weights none, not frozen (--weights none --no-frozen)"
        ) from error
