"""Recipes: the study's four as published, groups of options, and the values no training can use."""

import ast
import inspect
import subprocess
import sys
from dataclasses import fields

import pytest

from affekt.errors import ConfigError
from affekt.models.card import shipped_models
from affekt.networks.network import Network
from affekt.networks.weights import load_backbone
from affekt.training import generations, recipe
from affekt.training.generations import Chain, RunOptions
from affekt.training.optimisation import PLATEAU_PATIENCE
from affekt.training.recipe import GROUPS, Augmentation, Recipe
from affekt.training.recipes import MOBILENETV2, RECIPES, STUDY_MODELS, find_recipe, from_scratch


@pytest.mark.parametrize(
    ("name", "rate"), [("efficientnetv2b0", 1e-5), ("mobilenetv2", 1e-3), ("xception", 1e-3), ("vgg16-va", 1e-3)]
)
def test_the_reference_recipes_are_the_studys(name, rate):
    recipe = RECIPES[name].recipe
    network, step, schedule = recipe.network, recipe.step, recipe.schedule
    assert (network.weights, network.frozen, recipe.pictures.input_size) == (("imagenet",), True, 224)
    assert (recipe.data.batch_size, network.hidden_units) == (128, 256)
    assert (step.optimiser, step.learning_rate, schedule.learning_rate_floor) == ("adam", rate, 1e-6)
    assert (schedule.schedule, schedule.early_stopping_patience, PLATEAU_PATIENCE) == ("plateau", 5, 3)
    assert 10 <= schedule.epochs <= 15
    assert recipe.augmentation.is_off
    assert network.heads == (("valence_arousal",) if name == "vgg16-va" else ("expression",))
    assert recipe.loss.valence_arousal_loss == "mse"
    assert RECIPES[name].chain == Chain()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_summary_and_is_found(name):
    assert len(RECIPES[name].summary) > 20
    assert find_recipe(name) is RECIPES[name]


def test_the_studys_models_have_recipes():
    assert [model.recipe for model in STUDY_MODELS] == ["efficientnetv2b0", "mobilenetv2", "xception", "vgg16-va"]
    assert {model.recipe for model in STUDY_MODELS} <= set(RECIPES)


def test_every_field_is_documented_where_it_stands():
    documented = set()
    for module in (recipe, generations):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.ClassDef):
                for field, text in zip(node.body, node.body[1:], strict=False):
                    if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                        documented.add(field.target.id)
    for kind in (*GROUPS.values(), Augmentation, Recipe, Chain, RunOptions):
        assert {field.name for field in fields(kind)} <= documented


def test_groups_are_small_and_no_option_stands_in_two():
    names = [field.name for kind in (*GROUPS.values(), Chain, RunOptions) for field in fields(kind)]
    assert len(names) == len(set(names))
    assert all(len(fields(kind)) <= 9 for kind in (*GROUPS.values(), Chain, RunOptions))
    assert set(GROUPS) | {"augmentation"} == {field.name for field in fields(Recipe)}


def test_options_are_changed_by_their_names_alone():
    flips = Augmentation(flip=True)
    changed = MOBILENETV2.with_options(epochs=3, mixup=0.2, augmentation=flips, heads=("valence_arousal",))
    assert (changed.schedule.epochs, changed.data.mixup, changed.augmentation) == (3, 0.2, flips)
    assert changed.network.heads == ("valence_arousal",)
    assert changed.with_options(epochs=15, mixup=0.0, augmentation=Augmentation(), heads=("expression",)) == MOBILENETV2
    assert MOBILENETV2.with_options() == MOBILENETV2


@pytest.mark.parametrize("build", [Recipe.of, MOBILENETV2.with_options])
def test_an_option_that_there_is_not_suggests_the_near_one(build):
    with pytest.raises(ConfigError, match="got 'learning_rat'; did you mean learning_rate"):
        build(architecture="mobilenetv2_100", learning_rat=0.1)


def test_the_scratch_recipes_train_the_whole_network():
    recipe = from_scratch(MOBILENETV2, epochs=3)
    assert (recipe.network.weights, recipe.network.frozen, recipe.schedule.epochs) == (("none",), False, 3)
    assert recipe.network.architecture == MOBILENETV2.network.architecture


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("learning_rate", 0, "learning_rate above 0"),
        ("learning_rate", float("nan"), "learning_rate above 0"),
        ("learning_rate", float("inf"), "learning_rate above 0"),
        ("epochs", 0, "epochs above 0"),
        ("trained_stages", -1, "trained_stages of at least 0"),
        ("stage_decay", 0, "stage_decay above 0 and up to 1"),
        ("stage_decay", 1.5, "stage_decay above 0 and up to 1"),
        ("batch_size", -1, "batch_size above 0"),
        ("input_size", 0, "input_size above 0"),
        ("ema_decay", 1.0, "ema_decay from 0 to below 1"),
        ("clip_norm", -1.0, "clip_norm of at least 0"),
        ("warmup_epochs", -1.0, "warmup_epochs of at least 0"),
        ("early_stopping_patience", -1, "early_stopping_patience of at least 0"),
        ("valence_arousal_weight", -1.0, "valence_arousal_weight of at least 0"),
        ("learning_rate_floor", 1.0, "a learning_rate_floor between 0 and the learning_rate"),
        ("weights", (), "weights imagenet, none, or models, got nothing"),
        ("heads", (), "the heads expression, valence_arousal or both"),
        ("heads", ("expression", "expression"), "the heads expression, valence_arousal or both"),
        ("heads", ("age",), r"heads as a tuple of expression or valence_arousal, got \('age',\)"),
        ("weight_decay", 0.1, "the optimiser adamw with a weight_decay"),
        ("std", (0.2, 0.0, 0.2), "a mean and a std above 0"),
        ("teacher_weight", 1.5, "a teacher_weight from 0 to 1"),
        ("sam_radius", -0.1, "sam_radius of at least 0"),
    ],
)
def test_impossible_values_are_refused(field, value, sentence):
    with pytest.raises(ConfigError, match=f"^expected {sentence}"):
        Recipe.of(architecture="mobilenetv2_100", **{field: value})


def test_stages_of_a_backbone_that_is_trained_whole_are_not_chosen():
    with pytest.raises(ConfigError, match="a frozen backbone with trained_stages 2, got one that is trained whole"):
        MOBILENETV2.with_options(frozen=False, trained_stages=2)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [("generations", 0, "generations above 0"), ("head_epochs", -1, "head_epochs of at least 0")],
)
def test_impossible_chains_are_refused(field, value, sentence):
    with pytest.raises(ConfigError, match=f"^expected {sentence}"):
        Chain(**{field: value})


def test_recipes_do_not_import_torch():
    code = "import sys, affekt.training.recipes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", RECIPES)
def test_weights_that_a_recipe_names_fit_its_network(name):
    recipe = RECIPES[name].recipe
    options = recipe.network
    if set(options.weights) <= {"none", "imagenet"}:
        assert len(options.weights) == 1, "nothing is averaged that does not come with affekt"
        return
    assert set(options.weights) <= set(shipped_models())
    network = Network(options.architecture, options.hidden_units, options.heads, len(recipe.pictures.mean))
    load_backbone(network, *options.weights)
