from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import ConfigError
from affekt.training.augmentation_settings import Augmentation
from affekt.training.progressive_resizing import grown
from affekt.training.recipes import affekt


def test_a_recipe_that_does_not_grow_is_whole_from_the_first_epoch():
    recipe = replace(affekt(), start_size=0, growth_epochs=0)
    assert grown(recipe, 0) == (recipe.input_size, recipe.augmentation)


def test_the_first_epoch_has_small_pictures_and_flips_alone():
    size, augmentation = grown(affekt(), 0)
    assert size == affekt().start_size
    assert augmentation == Augmentation(flip=True)


def test_half_way_the_changes_are_half_as_strong():
    recipe = affekt()
    size, augmentation = grown(recipe, recipe.growth_epochs // 2)
    assert recipe.start_size < size < recipe.input_size
    assert augmentation.rotation_degrees == recipe.augmentation.rotation_degrees / 2
    assert augmentation.jpeg == recipe.augmentation.jpeg / 2


@given(st.integers(8, 224), st.integers(0, 216), st.integers(0, 30), st.integers(0, 40))
def test_sides_never_shrink_and_end_at_the_input_size(start_size, more, growth_epochs, epoch):
    recipe = replace(affekt(), input_size=start_size + more, start_size=start_size, growth_epochs=growth_epochs)
    now, next_epoch = grown(recipe, epoch)[0], grown(recipe, epoch + 1)[0]
    assert start_size <= now <= next_epoch <= recipe.input_size
    assert grown(recipe, growth_epochs) == (recipe.input_size, recipe.augmentation)


def test_a_start_above_the_input_size_is_refused():
    with pytest.raises(ConfigError, match="expected a start_size from 8 to the input_size 48, got 64"):
        replace(affekt(), start_size=64)
