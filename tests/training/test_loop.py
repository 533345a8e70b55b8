"""The loop on a network without batch norm, where each step can be computed by hand."""

import copy

import pytest
import torch
from torch import nn

from affekt.errors import DataError
from affekt.networks.network import Heads
from affekt.training import loop
from affekt.training.batches import FeatureBatches
from affekt.training.checkpoint import TrainingState
from affekt.training.distillation import DistillationTask
from affekt.training.loop import Split, Trainer
from affekt.training.targets import Targets, epoch_batches
from affekt.training.task import Task

CPU = torch.device("cpu")


def split(count=40, seed=0, classes=8):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(classes, (count,), generator=generator)
    features = torch.randn(count, 6, generator=generator) + nn.functional.one_hot(label % 6, 6) * 2
    points = torch.rand(count, 2, generator=generator) * 2 - 1
    by_head = {"expression": nn.functional.one_hot(label, 8).float(), "valence_arousal": points}
    return Split(FeatureBatches(features), Targets(label, by_head))


def state_of(recipe, seed=0):
    torch.manual_seed(seed)
    module = Heads(6, recipe.network.hidden_units, recipe.network.heads)
    return TrainingState.before_training(module, recipe, 40 // recipe.data.batch_size)


def trainer_of(recipe, training=None, validation=None, task=None):
    training = training or split()
    task = task or Task(recipe.loss, training.targets.by_head, recipe.data.mixup)
    return Trainer(recipe, task, training, validation or split(24, seed=1), CPU)


def fitted(recipe, state=None, training=None, after_epoch=lambda _line: None):
    state = state or state_of(recipe)
    trainer_of(recipe, training).fit(state, after_epoch)
    return state


def farthest(one, other):
    """Return the largest difference of two networks' weights; NaN where one has a NaN."""
    ours, theirs = one.state_dict(), other.state_dict()
    kinds, their_kinds = ({name: (each.shape, each.dtype) for name, each in side.items()} for side in (ours, theirs))
    assert kinds == their_kinds
    return torch.stack([(ours[name].double() - theirs[name].double()).abs().max() for name in ours]).max().item()


def test_an_epoch_is_the_steps_one_would_write_by_hand(tiny):
    recipe = tiny(epochs=1, batch_size=10)
    by_hand = state_of(recipe)
    rows = epoch_batches(split().targets, recipe.data, torch.Generator().manual_seed(0))
    for index in rows:
        loss = nn.functional.cross_entropy(
            by_hand.module(split().batches.features[index])["expression"], split().targets.label[index]
        )
        by_hand.optimiser.zero_grad()
        loss.backward()
        by_hand.optimiser.step()
    assert farthest(fitted(recipe).module, by_hand.module) <= 1e-6


def test_the_best_epoch_is_kept_and_training_stops_after_the_patience(tiny, monkeypatch):
    losses = iter([1.0, 0.8, 0.9, 0.85, 0.8, 0.1])
    monkeypatch.setattr(Trainer, "validate", lambda *_: {"val_loss": next(losses)})
    states = []
    recipe = tiny(epochs=10, early_stopping_patience=3)
    state = state_of(recipe)
    fitted(recipe, state, after_epoch=lambda _line: states.append(copy.deepcopy(state.module.state_dict())))
    assert (len(state.history), state.best_epoch, state.best_loss) == (5, 2, 0.8)
    assert trainer_of(recipe).should_stop(state)
    assert all(torch.equal(state.best[name], tensor) for name, tensor in states[1].items())
    assert not torch.equal(state.best["hidden.weight"], states[4]["hidden.weight"])


def test_patience_of_zero_never_stops(tiny, monkeypatch):
    monkeypatch.setattr(Trainer, "validate", lambda *_: {"val_loss": 1.0})
    state = fitted(tiny(epochs=9, early_stopping_patience=0))
    assert (len(state.history), state.best_epoch) == (9, 1)


def test_the_average_is_validated_and_kept_instead(tiny):
    recipe = tiny(epochs=1, ema_decay=0.9)
    state = fitted(recipe)
    assert torch.equal(state.best["hidden.weight"], state.average.module.hidden.weight)
    assert not torch.equal(state.best["hidden.weight"], state.module.hidden.weight)
    figures = trainer_of(recipe).validate(state)
    assert figures["val_loss"] == state.best_loss
    assert farthest(state.module, fitted(tiny(epochs=1)).module) <= 1e-6


def test_clipping_holds_the_gradients_to_the_norm(tiny, monkeypatch):
    norms = []
    recipe = tiny(epochs=1, clip_norm=0.01)
    state = state_of(recipe)
    step = state.optimiser.step

    def spy(*arguments, **options):
        norms.append(torch.stack([p.grad.norm() for p in state.module.parameters()]).norm().item())
        return step(*arguments, **options)

    monkeypatch.setattr(state.optimiser, "step", spy)
    fitted(recipe, state)
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_an_error(tiny, poison):
    training = split()
    training.batches.features[3] = poison
    with pytest.raises(DataError, match="expected a training loss, got nan in epoch 1; lower learning_rate"):
        fitted(tiny(batch_size=40, epochs=1), training=training)


def test_a_validation_loss_that_is_no_number_is_an_error(tiny, monkeypatch):
    monkeypatch.setattr(Trainer, "validate", lambda *_: {"val_loss": float("inf")})
    with pytest.raises(DataError, match="expected a validation loss, got inf in epoch 1"):
        fitted(tiny())


def test_the_order_is_another_each_epoch(tiny, monkeypatch):
    orders = []
    original = loop.epoch_batches
    monkeypatch.setattr(loop, "epoch_batches", lambda *given: orders.append(original(*given)) or orders[-1])
    fitted(tiny(epochs=2))
    assert not torch.equal(torch.cat(orders[0]), torch.cat(orders[1]))


def test_predictions_come_in_the_order_of_the_rows(tiny):
    recipe, whole = tiny(heads=("expression", "valence_arousal")), split()
    module = state_of(recipe).module
    outputs, expected = trainer_of(recipe).predict(module, whole, batch_size=7), module(whole.batches.features)
    assert outputs.keys() == expected.keys()
    for head, values in expected.items():
        torch.testing.assert_close(outputs[head], values)


def test_validation_gives_accuracy_only_where_there_are_labels(tiny):
    recipe, labelled = tiny(), split()
    state = state_of(recipe)
    hits = state.module(labelled.batches.features)["expression"].argmax(1) == labelled.targets.label
    figures = trainer_of(recipe, validation=labelled).validate(state)
    assert figures["val_accuracy"] == pytest.approx(hits.float().mean().item())
    unlabelled = Split(labelled.batches, Targets(torch.full((40,), -1), labelled.targets.by_head))
    without = trainer_of(recipe, validation=unlabelled).validate(state)
    assert without == {"val_loss": pytest.approx(figures["val_loss"])}


def test_teachers_are_asked_about_the_mixed_pictures_that_the_network_is_given(tiny):
    asked, given = [], []
    recipe, state, training = tiny(), state_of(tiny()), split()
    state.module.register_forward_pre_hook(lambda _module, inputs: given.append(inputs[0]))

    def answers(rows, images, mixing):
        assert len(rows) == len(images) == len(mixing.other)
        asked.append(images)
        return {"expression": torch.full((len(images), 8), 1 / 8)}

    task = DistillationTask(recipe.loss, training.targets.by_head, 1.0, answers=answers)
    trainer_of(recipe, training, task=task).train_epoch(state.module, state)
    assert len(asked) == len(given) == 2
    assert all(torch.equal(one, other) for one, other in zip(asked, given, strict=True))
    unchanged = torch.isin(torch.cat(given), training.batches.features).all(1)
    assert unchanged.float().mean() < 0.2, "but for a row that is its own partner"


def test_the_concordances_have_the_names_of_the_evaluation(tiny):
    recipe = tiny(heads=("valence_arousal",))
    figures = trainer_of(recipe).validate(state_of(recipe))
    assert figures.keys() == {"val_loss", "val_valence_ccc", "val_arousal_ccc"}
