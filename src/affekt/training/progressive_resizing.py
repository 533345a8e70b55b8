"""Progressive learning: small pictures with few changes first, which cost little while the network knows little.

Tan and Le (2021, ICML), "EfficientNetV2: Smaller Models and Faster Training", section 4.
"""

from dataclasses import fields, replace

from affekt.training.augmentation_settings import Augmentation
from affekt.training.recipe import Recipe

STEP = 8
"""Sides grow by this many pixels."""


def grown(recipe: Recipe, epoch: int) -> tuple[int, Augmentation]:
    """Return the side of the pictures in an epoch, counted from 0, in pixels, and the random changes made to them."""
    share = min(1.0, epoch / recipe.growth_epochs) if recipe.growth_epochs else 1.0
    if share == 1:
        return recipe.input_size, recipe.augmentation
    start = recipe.start_size or recipe.input_size
    size = start + STEP * int(share * (recipe.input_size - start) / STEP)
    strengths = {field.name: getattr(recipe.augmentation, field.name) * share for field in fields(Augmentation)}
    return size, replace(recipe.augmentation, **(strengths | {"flip": recipe.augmentation.flip}))
