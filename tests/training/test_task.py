"""The task: which losses are summed, the class weights, and what a split must hold."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from affekt.errors import DataError
from affekt.networks.network import Outputs
from affekt.training.balance import class_weight
from affekt.training.inputs import Targets
from affekt.training.losses import concordance_loss, squared_error
from affekt.training.task import Task, require_targets

HEADS = ("expression", "valence_arousal")


def targets(label=(0, 1, 1, 3), votes=None, points=True):
    count = len(label)
    label = torch.tensor(label)
    share = F.one_hot(label.clamp(min=0), 8).float() if votes is None else votes
    place = torch.linspace(-0.5, 0.5, count * 2).view(count, 2) if points else torch.full((count, 2), torch.nan)
    return Targets(label, share, place)


def outputs(count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Outputs(torch.randn(count, 8, generator=generator), torch.randn(count, 2, generator=generator).tanh())


def test_labels_give_torchs_cross_entropy(tiny):
    found = Task(tiny())(Outputs(outputs().logits, None), targets())
    torch.testing.assert_close(found, F.cross_entropy(outputs().logits, targets().label))


def test_label_smoothing_is_torchs(tiny):
    found = Task(tiny(label_smoothing=0.2))(Outputs(outputs().logits, None), targets())
    torch.testing.assert_close(found, F.cross_entropy(outputs().logits, targets().label, label_smoothing=0.2))


def test_unlabelled_rows_are_left_out(tiny):
    found = Task(tiny())(Outputs(outputs().logits, None), targets(label=(0, -1, 1, -1)))
    torch.testing.assert_close(found, F.cross_entropy(outputs().logits[[0, 2]], torch.tensor([0, 1])))


def test_votes_are_the_target_where_the_recipe_says_so(tiny):
    votes = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(8), 4)).float()
    task = Task(tiny(expression_target="votes"))
    expected = -(votes * outputs().logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(task(Outputs(outputs().logits, None), targets(votes=votes)), expected)


@pytest.mark.parametrize("loss", ["mse", "ccc", "mse+ccc"])
def test_both_heads_add_up_with_their_weight(tiny, loss):
    task = Task(tiny(heads=HEADS, valence_arousal_loss=loss, valence_arousal_weight=0.5))
    points, place = outputs().valence_arousal, targets().valence_arousal
    expected = F.cross_entropy(outputs().logits, targets().label)
    expected = expected + 0.5 * squared_error(points, place) * ("mse" in loss)
    expected = expected + 0.5 * concordance_loss(points, place) * ("ccc" in loss)
    torch.testing.assert_close(task(outputs(), targets()), expected)


def test_half_precision_outputs_are_summed_in_float32(tiny):
    half = Outputs(outputs().logits.bfloat16(), outputs().valence_arousal.bfloat16())
    assert Task(tiny(heads=HEADS))(half, targets()).dtype == torch.float32


def test_class_weights_are_torchs(tiny):
    weight = class_weight(tiny(class_balance="weights"), targets())
    found = Task(tiny(class_balance="weights"), weight)(Outputs(outputs().logits, None), targets())
    torch.testing.assert_close(found, F.cross_entropy(outputs().logits, targets().label, weight=weight))


@pytest.mark.parametrize("label", [(2, 2, 2), (-1, -1, -1)])
def test_one_class_or_none_is_refused(tiny, label):
    found = len(set(label) - {-1})
    with pytest.raises(DataError, match=f"at least two expressions in the training rows, got {found}"):
        require_targets(tiny(), targets(label=label), "training")


def test_votes_alone_are_enough_where_votes_are_the_target(tiny):
    unlabelled = targets(label=(-1, -1), votes=torch.full((2, 8), 1 / 8))
    require_targets(tiny(expression_target="votes"), unlabelled, "training")
    with pytest.raises(DataError, match="at least two expressions"):
        require_targets(tiny(), unlabelled, "training")


def test_no_valence_and_arousal_is_refused(tiny):
    recipe = tiny(heads=("valence_arousal",))
    require_targets(recipe, targets(label=(-1, -1)), "validation")
    with pytest.raises(DataError, match=r"valence and arousal in the validation rows, got none; .* projected"):
        require_targets(recipe, targets(points=False), "validation")
