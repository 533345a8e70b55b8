"""The loop on a network without batch norm, where each step can be computed by hand."""

import copy

import pytest
import torch
from torch import nn

from affekt.errors import DataError
from affekt.networks.network import Heads
from affekt.training import loop
from affekt.training.balance import epoch_batches
from affekt.training.batches import FeatureFeed
from affekt.training.checkpoint import Progress, Trainee
from affekt.training.distillation import Lesson
from affekt.training.distributed import World
from affekt.training.inputs import Targets
from affekt.training.loop import Split, fit, predict, should_stop, train_epoch, validate
from affekt.training.optimiser import Schedule, build_optimiser, moving_average
from affekt.training.task import Task

CPU = torch.device("cpu")


def split(count=40, seed=0, classes=8):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(classes, (count,), generator=generator)
    features = torch.randn(count, 6, generator=generator) + nn.functional.one_hot(label % 6, 6) * 2
    points = torch.rand(count, 2, generator=generator) * 2 - 1
    return Split(FeatureFeed(features), Targets(label, nn.functional.one_hot(label, 8).float(), points))


def trainee_of(recipe, seed=0):
    torch.manual_seed(seed)
    module = Heads(6, recipe.hidden_units, recipe.heads)
    optimiser = build_optimiser(module, recipe)
    average = moving_average(module, recipe.ema_decay)
    return Trainee(module, optimiser, Schedule(optimiser, recipe, 40 // recipe.batch_size), average, {}, Progress())


def fitted(recipe, trainee=None, training=None, seed=0, after_epoch=lambda _line: None):
    trainee = trainee or trainee_of(recipe)
    fit(
        trainee,
        Task(recipe),
        training or split(),
        split(24, seed=1),
        seed=seed,
        world=World(),
        device=CPU,
        after_epoch=after_epoch,
    )
    return trainee


def farthest(one, other):
    """Return the largest difference of two networks' weights; NaN where one has a NaN."""
    ours, theirs = one.state_dict(), other.state_dict()
    kinds, their_kinds = ({name: (each.shape, each.dtype) for name, each in side.items()} for side in (ours, theirs))
    assert kinds == their_kinds
    return torch.stack([(ours[name].double() - theirs[name].double()).abs().max() for name in ours]).max().item()


def test_an_epoch_is_the_steps_one_would_write_by_hand(tiny):
    recipe = tiny(epochs=1, batch_size=10)
    by_hand = trainee_of(recipe)
    rows = epoch_batches(split().targets, recipe, torch.Generator().manual_seed(0))
    for index in rows:
        loss = nn.functional.cross_entropy(
            by_hand.module(split().feed.features[index]).logits, split().targets.label[index]
        )
        by_hand.optimiser.zero_grad()
        loss.backward()
        by_hand.optimiser.step()
    assert farthest(fitted(recipe).module, by_hand.module) <= 1e-6


def test_accumulated_passes_equal_the_whole_batch(tiny):
    whole, parted = (fitted(tiny(batch_size=8, accumulate=parts)) for parts in (1, 4))
    assert farthest(whole.module, parted.module) <= 1e-5
    assert parted.progress.history[0]["train_loss"] == pytest.approx(whole.progress.history[0]["train_loss"], rel=1e-5)


def test_the_best_epoch_is_kept_and_training_stops_after_the_patience(tiny, monkeypatch):
    losses = iter([1.0, 0.8, 0.9, 0.85, 0.8, 0.1])
    monkeypatch.setattr(loop, "validate", lambda *_arguments, **_options: {"val_loss": next(losses)})
    states = []
    recipe = tiny(epochs=10, early_stopping_patience=3)
    trainee = trainee_of(recipe)
    fitted(recipe, trainee, after_epoch=lambda _line: states.append(copy.deepcopy(trainee.module.state_dict())))
    assert (trainee.progress.epoch, trainee.progress.best_epoch, trainee.progress.best_loss) == (5, 2, 0.8)
    assert should_stop(trainee, recipe)
    assert all(torch.equal(trainee.best[name], tensor) for name, tensor in states[1].items())
    assert not torch.equal(trainee.best["hidden.weight"], states[4]["hidden.weight"])


def test_patience_of_zero_never_stops(tiny, monkeypatch):
    monkeypatch.setattr(loop, "validate", lambda *_arguments, **_options: {"val_loss": 1.0})
    trainee = fitted(tiny(epochs=9, early_stopping_patience=0))
    assert (trainee.progress.epoch, trainee.progress.best_epoch) == (9, 1)


def test_the_average_is_validated_and_kept_instead(tiny):
    recipe = tiny(epochs=1, ema_decay=0.9)
    trainee = fitted(recipe)
    assert torch.equal(trainee.best["hidden.weight"], trainee.average.module.hidden.weight)
    assert not torch.equal(trainee.best["hidden.weight"], trainee.module.hidden.weight)
    figures = validate(trainee, Task(recipe), split(24, seed=1), world=World(), device=CPU)
    assert figures["val_loss"] == trainee.progress.best_loss
    assert farthest(trainee.module, fitted(tiny(epochs=1)).module) <= 1e-6


def test_clipping_holds_the_gradients_to_the_norm(tiny, monkeypatch):
    norms = []
    recipe = tiny(epochs=1, clip_norm=0.01)
    trainee = trainee_of(recipe)
    step = trainee.optimiser.step

    def spy(*arguments, **options):
        norms.append(torch.stack([p.grad.norm() for p in trainee.module.parameters()]).norm().item())
        return step(*arguments, **options)

    monkeypatch.setattr(trainee.optimiser, "step", spy)
    fitted(recipe, trainee)
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_an_error(tiny, poison):
    training = split()
    training.feed.features[3] = poison
    with pytest.raises(DataError, match="expected a training loss, got nan in epoch 1; type a lower --learning-rate"):
        fitted(tiny(batch_size=40, epochs=1), training=training)


def test_a_validation_loss_that_is_no_number_is_an_error(tiny, monkeypatch):
    monkeypatch.setattr(loop, "validate", lambda *_arguments, **_options: {"val_loss": float("inf")})
    with pytest.raises(DataError, match="expected a validation loss, got inf in epoch 1"):
        fitted(tiny())


def test_the_order_is_another_each_epoch(tiny, monkeypatch):
    orders = []
    original = loop.epoch_batches
    monkeypatch.setattr(loop, "epoch_batches", lambda *given: orders.append(original(*given)) or orders[-1])
    fitted(tiny(epochs=2))
    assert not torch.equal(torch.cat(orders[0]), torch.cat(orders[1]))


def test_predictions_come_in_the_order_of_the_rows(tiny):
    trainee, whole = trainee_of(tiny(heads=("expression", "valence_arousal"))), split()
    outputs = predict(trainee.module, whole, world=World(), device=CPU, precision="fp32", batch_size=7)
    expected = trainee.module(whole.feed.features)
    torch.testing.assert_close(outputs.logits, expected.logits)
    torch.testing.assert_close(outputs.valence_arousal, expected.valence_arousal)


def test_validation_gives_accuracy_only_where_there_are_labels(tiny):
    recipe = tiny(expression_target="votes")
    labelled, trainee = split(), trainee_of(tiny())
    hits = trainee.module(labelled.feed.features).logits.argmax(1) == labelled.targets.label
    figures = validate(trainee, Task(recipe), labelled, world=World(), device=CPU)
    assert figures["val_accuracy"] == pytest.approx(hits.float().mean().item())
    unlabelled = Split(
        labelled.feed, Targets(torch.full((40,), -1), labelled.targets.votes, labelled.targets.valence_arousal)
    )
    without = validate(trainee, Task(recipe), unlabelled, world=World(), device=CPU)
    assert without == {"val_loss": pytest.approx(figures["val_loss"])}


def test_teachers_are_asked_about_the_mixed_pictures_that_the_network_is_given(tiny):
    asked, given = [], []
    recipe, trainee = tiny(mixup=1.0), trainee_of(tiny())
    trainee.module.register_forward_pre_hook(lambda _module, inputs: given.append(inputs[0]))

    def teachers(images):
        asked.append(images)
        return Lesson(torch.full((len(images), 8), 1 / 8), None)

    train_epoch(trainee.module, trainee, Task(recipe, None, teachers), split(), seed=0, world=World(), device=CPU)
    assert len(asked) == len(given) == 2
    assert all(torch.equal(one, other) for one, other in zip(asked, given, strict=True))
    unchanged = torch.isin(torch.cat(given), split().feed.features).all(1)
    assert unchanged.float().mean() < 0.2, "but for a row that is its own partner"
