"""A model with another prior: the shares of expressions are divided out of its answers, in its last layer alone.

    python results/wild/folded.py MODEL --shares ferplus-wide.parquet --power 0.75 --scale 0.8 --out folded

Probabilities are divided by the mean votes of a manifest's training rows to a power, and the logits are then multiplied
by the scale. Both are linear in the logits, so they go into the weights and the bias of the expression head.
`--found-only` takes the mean over rows whose face was found in a larger picture: FER+'s whole pictures are left out.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch

from affekt.data.manifest import read_manifest
from affekt.models.card import model_folder
from affekt.models.learnt_rows import LEARNT_FILE
from affekt.networks.weights import load_model, save_model


def main() -> None:
    """Write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--shares", type=Path, required=True, help="the manifest with the votes")
    parser.add_argument("--learnt", type=Path, help="the manifest that the model learnt from, if it is another")
    parser.add_argument("--found-only", action="store_true")
    parser.add_argument("--power", type=float, default=0.75)
    parser.add_argument("--scale", type=float, default=0.8)
    parser.add_argument("--crop-margin", type=float, default=-0.1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    folder = model_folder(options.model)
    network, card = load_model(folder)
    head = network.heads.expression
    assert head is not None
    training = read_manifest(options.shares).filter(pl.col("split") == "train")
    if options.found_only:
        training = training.filter(pl.col("box_xyxy").is_not_null())
    prior = torch.from_numpy(training["votes"].to_numpy().mean(0)).log()
    prior -= prior[:7].mean()
    with torch.no_grad():
        head.weight.mul_(options.scale / card.temperature)
        head.bias.div_(card.temperature).sub_(options.power * prior).mul_(options.scale)
    preprocessing = replace(card.preprocessing, crop_margin=options.crop_margin)
    # The prior that the answers are given for from now on: what was learnt from, divided likewise.
    learnt = read_manifest(options.learnt or options.shares).filter(pl.col("split") == "train")
    if options.found_only:
        learnt = learnt.filter(pl.col("box_xyxy").is_not_null())
    left = torch.from_numpy(learnt["votes"].to_numpy().mean(0)) / (options.power * prior).exp()
    card = replace(card, temperature=1.0, preprocessing=preprocessing, prior=tuple((left / left.sum()).tolist()))
    save_model(network, replace(card, name=options.out.name), options.out)
    if (folder / LEARNT_FILE).is_file():
        shutil.copyfile(folder / LEARNT_FILE, options.out / LEARNT_FILE)


if __name__ == "__main__":
    main()
