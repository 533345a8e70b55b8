"""Where a model that can predict is: with affekt, in a folder, on the hub, or in a run, which is exported once."""

import hashlib
import importlib.util
import logging
import subprocess
import sys
from pathlib import Path

from affekt.errors import ModelError
from affekt.files import affekt_home
from affekt.models.card import CARD_FILE, ONNX_FILE, WEIGHTS_FILE, model_folder
from affekt.models.hub import hub_folder, is_of_hub

_logger = logging.getLogger(__name__)


def predicting_folder(model: str | Path) -> Path:
    """Return the folder of a model with its ONNX file, which a run that was not exported gets in `AFFEKT_HOME`.

    The export is made by another process, for it needs torch, which nothing else here does; it is kept, and found again
    as long as weights and card are the same. A name as `hf://user/name` is of the hub, from where the model is fetched
    once. Raises ModelError where the run cannot be exported, and as `hub_folder` does.
    """
    if is_of_hub(model):
        return hub_folder(model)
    folder = model_folder(model)
    parts = [folder / WEIGHTS_FILE, folder / CARD_FILE]
    if (folder / ONNX_FILE).is_file() or not all(part.is_file() for part in parts):
        return folder
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    kept = affekt_home() / "exported" / digest[:16] / folder.absolute().name
    if (kept / ONNX_FILE).is_file():
        return kept
    advice = f"affekt export {folder} --out {folder}"
    if importlib.util.find_spec("torch") is None:
        raise ModelError(
            f"expected {ONNX_FILE} in {folder}, got a run that was not exported, for which torch is needed; type where "
            f"torch is installed: {advice}"
        )
    _logger.info("%s was not exported: its %s is made once, and kept in %s", folder, ONNX_FILE, kept)
    words = [sys.executable, "-m", "affekt", "export", str(folder), "--out", str(kept)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2].removeprefix("affekt: ")
        raise ModelError(f"expected an export of {folder}, got: {why}; to see more, type: {advice}")
    return kept
