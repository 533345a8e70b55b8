"""Recipes: the study's four as published, and the values no training can use."""

import subprocess
import sys
from dataclasses import fields

import pytest

from affekt.errors import ConfigError
from affekt.training import augmentation_settings, recipe
from affekt.training.recipe import Recipe
from affekt.training.recipes import RECIPES, from_scratch, mobilenetv2


@pytest.mark.parametrize(
    ("name", "rate"), [("efficientnetv2b0", 1e-5), ("mobilenetv2", 1e-3), ("xception", 1e-3), ("vgg16-va", 1e-3)]
)
def test_the_reference_recipes_are_the_studys(name, rate):
    recipe = RECIPES[name]()
    assert (recipe.weights, recipe.frozen, recipe.input_size, recipe.batch_size) == (("imagenet",), True, 224, 128)
    assert (recipe.optimiser, recipe.learning_rate, recipe.hidden_units) == ("adam", rate, 256)
    assert (recipe.early_stopping_patience, recipe.plateau_patience, recipe.learning_rate_floor) == (5, 3, 1e-6)
    assert 10 <= recipe.epochs <= 15
    assert recipe.augmentation.is_off
    assert recipe.heads == (("valence_arousal",) if name == "vgg16-va" else ("expression",))
    assert recipe.valence_arousal_loss == "mse"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_built_and_has_a_summary(name):
    assert isinstance(RECIPES[name](), Recipe)
    assert RECIPES[name]() == RECIPES[name]()
    assert len(RECIPES[name].__doc__.splitlines()[0]) > 20


def test_every_field_is_documented_where_it_stands():
    import ast
    import inspect

    documented = set()
    for module in (recipe, augmentation_settings):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not isinstance(node, ast.ClassDef):
                continue
            for field, text in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    documented.add(field.target.id)
    assert {field.name for field in fields(Recipe)} <= documented
    assert {field.name for field in fields(augmentation_settings.Augmentation)} <= documented


def test_the_scratch_recipes_train_the_whole_network():
    recipe = from_scratch(mobilenetv2(), epochs=3)
    assert (recipe.weights, recipe.frozen, recipe.epochs) == (("none",), False, 3)
    assert recipe.architecture == mobilenetv2().architecture


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("learning_rate", 0, "learning_rate above 0"),
        ("learning_rate", float("nan"), "learning_rate above 0"),
        ("learning_rate", float("inf"), "learning_rate above 0"),
        ("epochs", 0, "epochs above 0"),
        ("batch_size", -1, "batch_size above 0"),
        ("input_size", 0, "input_size above 0"),
        ("plateau_patience", 0, "plateau_patience above 0"),
        ("label_smoothing", 1.0, "label_smoothing from 0 to below 1"),
        ("ema_decay", 1.0, "ema_decay from 0 to below 1"),
        ("clip_norm", -1.0, "clip_norm of at least 0"),
        ("warmup_epochs", -1.0, "warmup_epochs of at least 0"),
        ("early_stopping_patience", -1, "early_stopping_patience of at least 0"),
        ("valence_arousal_weight", -1.0, "valence_arousal_weight of at least 0"),
        ("learning_rate_floor", 1.0, "a learning_rate_floor between 0 and the learning_rate"),
        ("weights", (), "--weights imagenet, none, or models, got nothing"),
        ("generations", 0, "generations above 0"),
        ("head_epochs", -1, "head_epochs of at least 0"),
        ("heads", (), "the heads expression, valence_arousal or both"),
        ("heads", ("expression", "expression"), "the heads expression, valence_arousal or both"),
        ("heads", ("age",), "the heads expression, valence_arousal or both"),
        ("accumulate", 3, "a batch_size that accumulate divides, got 128 and 3"),
        ("weight_decay", 0.1, "--optimiser adamw with a weight decay"),
        ("std", (0.2, 0.0, 0.2), "a mean and a std above 0"),
    ],
)
def test_impossible_values_are_refused(field, value, sentence):
    with pytest.raises(ConfigError, match=f"^expected {sentence}"):
        Recipe(architecture="mobilenetv2_100", **{field: value})


def test_recipes_do_not_import_torch():
    code = "import sys, affekt.training.recipes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
