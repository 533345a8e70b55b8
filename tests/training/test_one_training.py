"""One training: what it starts from, and its temperature against a known one and against trying them all."""

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from scipy.special import log_softmax, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from affekt.errors import DataError
from affekt.models.card import WEIGHTS_FILE, model_folder, read_card
from affekt.networks.weights import load_model
from affekt.training.one_training import first_network, fit_temperature, train_network
from affekt.training.recipe import Augmentation
from affekt.training.recipes import AFFEKT_HEAD

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_a_new_head_leaves_the_network_that_comes_with_affekt_as_it_is(manifest, run_in):
    run = run_in("head")
    card = train_network(AFFEKT_HEAD.with_options(epochs=2), manifest, run)
    assert card.architecture == read_card(model_folder("affekt")).architecture
    backbone, start = (
        {name: tensor for name, tensor in network.state_dict().items() if name.startswith("backbone.")}
        for network in (load_model(run.out)[0], load_model(model_folder("affekt"))[0])
    )
    assert all(torch.equal(tensor, start[name]) for name, tensor in backbone.items())


def test_a_frozen_backbone_ends_as_it_started(trained, tiny, manifest, run_in):
    augmentation = Augmentation(flip=True)
    folder = trained(frozen=True, augmentation=augmentation, epochs=1, seed=3)
    started = first_network(tiny(frozen=True), manifest, 3).state_dict()
    ended = load_file(folder / WEIGHTS_FILE)
    moved = {name for name, tensor in ended.items() if not torch.equal(tensor, started[name])}
    assert moved == {"heads.hidden.weight", "heads.hidden.bias", "heads.expression.weight", "heads.expression.bias"}


def test_the_last_stage_of_a_frozen_backbone_may_learn_with_the_heads(trained, tiny, manifest):
    folder = trained(frozen=True, trained_stages=1, stage_decay=0.5, epochs=1, seed=3)
    network = first_network(tiny(frozen=True), manifest, 3)
    started, ended = network.state_dict(), load_file(folder / WEIGHTS_FILE)
    moved = {name for name, tensor in ended.items() if not torch.equal(tensor, started[name])}
    learning = {f"backbone.{name}" for name in network.stages[-1]}
    assert learning <= moved
    assert {name for name in moved if name.startswith("backbone.") and not name.endswith(STATISTICS)} == learning
    assert all(
        name.rpartition(".")[0] in {each.rpartition(".")[0] for each in moved & learning}
        for name in moved
        if name.startswith("backbone.")
    )


def test_the_untrained_network_answers_the_training_mean(tiny, manifest, run_in):
    known = manifest.filter(pl.col("split") == "train")
    network = first_network(tiny(heads=("valence_arousal",)), known, 0).eval()
    points = network(torch.randn(3, 3, 32, 32))["valence_arousal"]
    expected = known.select("valence", "arousal").mean().to_numpy()
    np.testing.assert_allclose(points.detach().numpy(), np.repeat(expected, 3, axis=0), atol=1e-6)


def test_a_run_starts_from_another_runs_backbone(trained, tiny, manifest, run_in):
    first = trained("first", epochs=1)
    network = first_network(tiny(weights=(str(first),), hidden_units=4), manifest, 0)
    theirs = load_file(first / WEIGHTS_FILE)
    assert all(
        torch.equal(tensor, theirs[f"backbone.{name}"]) for name, tensor in network.backbone.state_dict().items()
    )


def drawn(temperature, count=20_000, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 8))
    chances = softmax(logits / temperature, axis=1)
    target = (rng.random((count, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(max=7)
    return logits, target, chances


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    logits, target, chances = drawn(temperature)
    assert fit_temperature(logits, target) == pytest.approx(temperature, rel=0.03)
    assert fit_temperature(logits, chances) == pytest.approx(temperature, rel=1e-3)


def test_no_other_temperature_is_better():
    logits, target, _ = drawn(1.7, count=300, seed=3)
    tried = np.geomspace(0.05, 20, 4001)
    losses = [-log_softmax(logits / t, axis=1)[np.arange(300), target].mean() for t in tried]
    assert fit_temperature(logits, target) == pytest.approx(tried[int(np.argmin(losses))], rel=2e-3)


def test_votes_are_soft_labels():
    logits, target, _ = drawn(1.3, count=500)
    assert fit_temperature(logits, np.eye(8)[target]) == fit_temperature(logits, target)


def test_the_temperature_stays_in_its_range():
    hesitant = np.eye(8) * 0.1
    assert 0.05 <= fit_temperature(hesitant, np.arange(8)) < 0.06
    assert 15 < fit_temperature(hesitant, (np.arange(8) + 1) % 8) <= 20


def test_temperature_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    inputs, truth = rng.normal(size=(600, 4)), rng.integers(0, 3, 600)
    inputs[:, 0] += truth
    model = LogisticRegression(C=1e3).fit(inputs[:60], truth[:60])
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="temperature", ensemble=False)
    calibrated.fit(inputs[60:], truth[60:])
    fitted = fit_temperature(model.decision_function(inputs[60:]), truth[60:])
    assert fitted == pytest.approx(1 / calibrated.calibrated_classifiers_[0].calibrators[0].beta_, rel=1e-3)


def test_bad_logits_are_an_error():
    with pytest.raises(DataError, match="expected finite logits"):
        fit_temperature(np.array([[np.nan, 1.0]]), np.array([0]))
    with pytest.raises(DataError, match="one or more rows"):
        fit_temperature(np.zeros((0, 8)), np.zeros(0, dtype=int))
