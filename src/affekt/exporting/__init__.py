"""Export: from a trained run to the files that predict without torch. Only `export` is read for the command's help."""

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from affekt.errors import AffektError, ConfigError, needs_extra, says_what_to_type
from affekt.files import is_same_file, require_folder

if TYPE_CHECKING:
    import polars as pl

    from affekt.exporting.model_folder import Exported
    from affekt.models.card import Card


_logger = logging.getLogger(__name__)


@says_what_to_type
def export(
    run: str | Path,
    out: str | Path,
    *,
    precision: Literal["fp32", "fp16", "int8"] = "fp32",
    data: "str | Path | pl.DataFrame | None" = None,
    split: str = "auto",
    force: bool = False,
) -> "Exported":
    """Write a model folder: weights, card, and an ONNX file that was checked against the weights.

    Args:
        run: A trained run, a model folder, or the name of a model that comes with affekt.
        out: The folder to write; the run itself if you like.
        precision: Of the ONNX file: fp16 is half as large, as are the weights beside it; int8 a quarter, and faster on
            a CPU.
        data: A manifest like the one trained on: int8 is calibrated on its split train, and what is lost is measured.
        split: Where the loss against fp32 is measured; auto takes val, else test.
        force: Keep an export that loses more than 0.3 points.

    Returns:
        What was written, and what the checks found.

    Raises:
        ModelError: the run holds no usable model, or its export is not kept: it answers too differently, or what int8
            loses cannot be measured.
        ConfigError: int8 without a manifest.
        DataError: the folder cannot be written, or the manifest cannot be read or lacks a split.
        MissingExtra: torch or the ONNX exporter is not installed.

    Example:
        >>> import affekt, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = affekt.export("affekt-fast", out=folder, precision="fp16")
        >>> found.difference < 5e-3
        True
    """
    if precision == "int8" and data is None:
        raise ConfigError("expected data with int8, to calibrate it, got none; type: --data manifest.parquet")
    from affekt.data.manifest import read_manifest
    from affekt.models.card import ONNX_FILE, model_folder, read_card

    folder = model_folder(run)
    card = read_card(folder)  # what is amiss is said before torch is loaded, which takes seconds
    require_folder(Path(out))
    _refuse_other_model(folder, card, Path(out))
    before = read_card(Path(out)).precision if (Path(out) / ONNX_FILE).is_file() else precision
    manifest = None if data is None else read_manifest(data)
    with needs_extra("train"):
        from affekt.exporting.model_folder import write_model_folder
    options = {"precision": precision, "manifest": manifest, "split": split, "force": force}
    exported = write_model_folder(folder, Path(out), **options)
    if before != precision:
        _logger.info("%s: this export in %s replaced one in %s", out, precision, before)
    return exported


def _refuse_other_model(run: Path, card: "Card", out: Path) -> None:
    """Refuse to write over a model that no export made, or one of another name or other labels, or among pictures."""
    from affekt.analysis.inputs import refuse_pictures
    from affekt.models.card import CARD_FILE, ONNX_FILE, WEIGHTS_FILE, read_card

    names = [name for name in (CARD_FILE, WEIGHTS_FILE, ONNX_FILE) if (out / name).exists()]
    if not names:
        refuse_pictures(out, "*")
    if not names or is_same_file(run, out):
        return
    got = f"another {names[0]}"
    try:
        there = read_card(out)
        is_export = bool(there.export) and not (out / "log.jsonl").exists()
        if is_export and (there.name, there.labels) != (card.name, card.labels):
            is_export, got = False, f"the model {there.name} of {len(there.labels)} expressions"
    except AffektError:
        is_export = False
    if not is_export:
        new = out.with_name(f"{out.name}-exported") if out.name else out / "exported"
        raise ConfigError(
            f"expected a folder of its own as out for the export of {run}, got {out} with {got}; "
            f"type: --out {shlex.quote(str(new))}"
        )
