r"""Teach a backbone to paint what is hidden from it, before anybody tells it an expression: masked-image pretraining.

    python results/affekt/masked.py ferplus-wide.parquet --out masked.safetensors
    affekt train affekt --architecture face_resnet18_w16 --generations 1 --head-epochs 0 --start-size 0 \
        --resizing-epochs 0 --epochs 22 --data ferplus-wide.parquet --validation held --weights masked.safetensors \
        --out runs/masked

Patches of a face are hidden and one convolution on the last feature maps paints them, scored by the absolute error of
the hidden pixels alone: Xie et al. (2022), "SimMIM: A Simple Framework for Masked Image Modeling", whose masked
pictures a convolutional network can read too. Only pictures of the split `train` are seen, no label of theirs.
"""

import argparse
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from affekt.data.manifest import read_manifest, select_split
from affekt.networks.network import Network
from affekt.networks.weights import write_tensors
from affekt.training.loop import Split
from affekt.training.one_training import load_split
from affekt.training.recipe import Augmentation, Recipe
from affekt.training.recipes import AFFEKT
from affekt.training.schedule import Schedule, build_optimiser

PATCH = 8
"""Side of a patch that is hidden or shown, in pixels."""
HIDDEN = 0.6
"""Share of a picture's patches that is hidden."""


class Painter(nn.Module):
    """A backbone, and one convolution that turns each position of its last feature maps into a square of pixels."""

    def __init__(self, network: Network, size: int) -> None:
        """Ask the backbone for its feature maps once, to know how large the squares are."""
        super().__init__()
        self.backbone = network.backbone
        with torch.inference_mode():
            maps = network.eval().backbone(torch.zeros(1, 1, size, size))
        self.square = size // maps.shape[-1]
        self.paint = nn.Conv2d(maps.shape[1], self.square**2, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map (faces, 1, height, width) to the painted pictures, of the same shape."""
        return F.pixel_shuffle(self.paint(self.backbone(images)), self.square)


def hidden_pixels(images: Tensor, generator: Generator) -> Tensor:
    """Draw (faces, 1, height, width) of 1 where a pixel is hidden: the same number of patches in every picture."""
    faces, _, height, width = images.shape
    patches = torch.rand(faces, height // PATCH * (width // PATCH), generator=generator)
    hidden = patches.argsort(1).argsort(1) < round(HIDDEN * patches.shape[1])
    grid = hidden.view(faces, 1, height // PATCH, width // PATCH).float()
    return F.interpolate(grid, scale_factor=PATCH, mode="nearest")


def pretrain(painter: Painter, recipe: Recipe, split: Split, seed: int) -> None:
    """Take a step a batch for the recipe's epochs, and print the mean error of each."""
    optimiser, size, epochs = build_optimiser(painter, recipe.step), recipe.data.batch_size, recipe.schedule.epochs
    schedule = Schedule(optimiser, recipe, len(split.targets) // size)
    painter.train()
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        steps = torch.randperm(len(split.targets), generator=generator).split(size)
        whole = [step for step in steps if len(step) == size]
        total = 0.0
        for images in split.batches.batches(whole, generator):
            hidden = hidden_pixels(images, generator)
            error = ((painter(images * (1 - hidden)) - images).abs() * hidden).sum() / hidden.sum()
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            schedule.after_step()
            total += float(error.detach())
        print(f"epoch {epoch + 1:3}/{epochs}  error {total / len(whole):.4f} standard units", flush=True)


def main() -> None:
    """Pretrain and write the backbone's tensors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the manifest")
    parser.add_argument("--architecture", default="face_resnet18_w16")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("masked.safetensors"))
    options = parser.parse_args()
    warps = Augmentation(flip=True, rotation_degrees=12, scale=0.12, shift=0.06)
    recipe = AFFEKT.with_options(architecture=options.architecture, epochs=options.epochs, augmentation=warps)
    torch.manual_seed(options.seed)
    network = Network(options.architecture, recipe.network.hidden_units, (), channels=len(recipe.network.mean))
    painter = Painter(network, recipe.network.input_size).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    rows = select_split(read_manifest(options.data), "train")
    split = load_split(recipe, rows, torch.device("cpu"), name="training", augmented=True)
    pretrain(painter, recipe, split, options.seed)
    write_tensors(dict(painter.backbone.state_dict()), options.out)


if __name__ == "__main__":
    main()
