"""Generations: what each starts from and learns from, and that an interrupted chain goes on."""

import json
from dataclasses import fields, replace
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from affekt.data.manifest import SCHEMA
from affekt.errors import ConfigError
from affekt.models.card import CARD_FILE, WEIGHTS_FILE, read_card
from affekt.training import one_training
from affekt.training.generations import Chain, generation, new_head, planned_trainings
from affekt.training.recipe import Augmentation
from affekt.training.rows import training_rows
from affekt.training.run import train_chain

RECIPE = {"epochs": 2, "teacher_view": "plain", "teacher_weight": 0.7}
THREE = Chain(generations=3, generation_epochs=1)


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def weights(folder):
    return (folder / WEIGHTS_FILE).read_bytes()


@pytest.fixture
def chained(manifest, tiny, run_in):
    def build(name="run", *, seed=0, resume=False, rows=manifest, **changes):
        run = run_in(name, seed=seed, resume=resume)
        of_chain = {each.name: changes.pop(each.name) for each in fields(Chain) if each.name in changes}
        train_chain(tiny(**(RECIPE | changes)), replace(THREE, **of_chain), rows, run)
        return run.out

    return build


def test_later_generations_go_on_from_the_one_before_and_learn_from_all_before(tiny):
    recipe = tiny(**RECIPE, teachers=("someone",), start_size=16, resizing_epochs=1, mixup=0.1)
    assert generation(recipe, THREE, ()) == recipe
    third = generation(recipe, THREE, (Path("a"), Path("b")))
    assert (third.network.weights, third.loss.teachers) == (("b",), ("someone", "a", "b"))
    assert (third.schedule.epochs, third.data.start_size, third.data.resizing_epochs, third.data.mixup) == (
        1,
        0,
        0,
        0.1,
    )


def test_only_later_generations_mix_by_their_own_strength(tiny):
    recipe, chain = tiny(**RECIPE), replace(THREE, generation_mixup=0.2, head_epochs=1)
    assert [generation(recipe, chain, earlier).data.mixup for earlier in ((), (Path("a"),))] == [0, 0.2]
    assert new_head(recipe, chain, (Path("a"), Path("b"))).data.mixup == 0


def test_the_last_generation_is_the_run_and_the_others_lie_in_it(chained, caplog):
    folder = chained()
    cards = [read_card(place).training for place in (folder / "generation-1", folder / "generation-2", folder)]
    assert [card["epochs"] for card in cards] == [2, 1, 1]
    assert [len(card["recipe"]["loss"]["teachers"]) for card in cards] == [0, 1, 2]
    assert cards[2]["recipe"]["network"]["weights"] == [str(folder / "generation-2")]
    assert len({weights(place) for place in (folder / "generation-1", folder / "generation-2", folder)}) == 3
    printed = "\n".join(caplog.messages)
    assert [line for line in printed.splitlines() if line.startswith("generation")] == [
        f"generation {number} of 3" for number in (1, 2, 3)
    ]


def test_one_generation_is_a_plain_training(chained, trained, caplog):
    folder = chained(generations=1)
    assert not list(folder.glob("generation-*"))
    assert weights(folder) == weights(trained("plain", epochs=2, teacher_view="plain", teacher_weight=0.7))
    assert "generation" not in "\n".join(caplog.messages)


def test_a_new_head_is_trained_on_the_average_of_all_but_the_first(chained):
    folder = chained(head_epochs=2, class_balance="repeating", augmentation=Augmentation(flip=True))
    assert sorted(path.name for path in folder.glob("generation-*")) == [f"generation-{n}" for n in (1, 2, 3)]
    ours, second, third = (load_file(place / WEIGHTS_FILE) for place in (folder, *folder.glob("generation-[23]")))
    backbone = [name for name in ours if name.startswith("backbone.") and ours[name].is_floating_point()]
    for name in backbone:
        torch.testing.assert_close(ours[name], (second[name] + third[name]) / 2)
    assert len(backbone) > 10
    recipe = read_card(folder).training["recipe"]
    assert (recipe["schedule"]["epochs"], recipe["network"]["frozen"], recipe["loss"]["teachers"]) == (2, True, [])
    assert recipe["data"]["class_balance"] == "repeating"
    assert recipe["augmentation"]["flip"]


def test_a_single_generation_can_have_a_new_head_too(chained):
    folder = chained(generations=1, head_epochs=1)
    ours, first = (load_file(place / WEIGHTS_FILE) for place in (folder, folder / "generation-1"))
    assert all(torch.equal(ours[name], first[name]) for name in ours if name.startswith("backbone."))
    assert any(not torch.equal(ours[name], first[name]) for name in ours if name.startswith("heads."))


def test_a_generation_of_several_networks_is_their_average_under_a_new_head(chained, caplog):
    folder = chained(generations=3, generation_seeds=2, head_epochs=1)
    inside = ["generation-1", "generation-2", "generation-2-0", "generation-2-1", "generation-3-0", "generation-3-1"]
    assert sorted(path.name for path in folder.glob("generation-*")) == inside
    ours, *both = (load_file(place / WEIGHTS_FILE) for place in (folder, *sorted(folder.glob("generation-3-*"))))
    backbone = [name for name in ours if name.startswith("backbone.") and ours[name].is_floating_point()]
    for name in backbone:
        torch.testing.assert_close(ours[name], (both[0][name] + both[1][name]) / 2)
    assert any(not torch.equal(both[0][name], both[1][name]) for name in backbone)
    cards = [read_card(folder / name).training for name in ("generation-2-0", "generation-2-1", "generation-3-1")]
    assert [card["seed"] for card in cards] == [0, 1, 1]
    second = str(folder / "generation-2")
    assert cards[2]["recipe"]["network"]["weights"] == [second]
    assert cards[2]["recipe"]["loss"]["teachers"] == [str(folder / "generation-1"), second]
    printed = [line for line in "\n".join(caplog.messages).splitlines() if line.startswith("generation")]
    assert printed[1:4] == [f"generation 2 of 3, {part}" for part in ("network 1 of 2", "network 2 of 2", "new head")]


def test_networks_of_one_generation_are_chosen_on_the_same_carved_rows(tiny, manifest, run_in):
    recipe = tiny(**RECIPE)
    chain = Chain(generations=2, generation_seeds=3, head_epochs=1)
    steps = planned_trainings(recipe, chain, run_in("run", seed=4, validation="0.2"))
    assert [step.run.seed for step in steps] == [4, 4, 5, 6, 4]
    carved = [training_rows(step.recipe, manifest, step.run)[1]["image"].to_list() for step in steps]
    assert all(rows == carved[0] for rows in carved)
    other = training_rows(recipe, manifest, run_in("run", seed=5, validation="0.2"))[1]["image"].to_list()
    assert other != carved[0]


def test_an_average_needs_a_new_head():
    with pytest.raises(
        ConfigError, match=r"above 0 with 3 generation_seeds, got 0.*--head-epochs 4.*, or generation_seeds 1"
    ):
        Chain(generations=3, generation_seeds=3)
    assert Chain(generation_seeds=3).head_epochs == 0


@pytest.mark.parametrize(
    ("changes", "trainings", "killed_in"),
    [({}, 3, 2), ({"generations": 2, "generation_seeds": 2, "head_epochs": 1}, 4, 3)],
)
def test_an_interrupted_chain_goes_on_and_ends_alike(chained, monkeypatch, changes, trainings, killed_in):
    original, calls = one_training.train_network, []

    def deadly(*arguments):
        calls.append(1)
        if len(calls) == killed_in:
            raise Killed
        return original(*arguments)

    whole = chained("whole", **changes)
    monkeypatch.setattr(one_training, "train_network", deadly)
    with pytest.raises(Killed):
        chained("run", **changes)
    done = weights(whole.parent / "run" / "generation-1")
    folder = chained("run", resume=True, **changes)
    assert len(calls) == trainings + 1
    assert weights(folder / "generation-1") == done == weights(whole / "generation-1")
    assert weights(folder) == weights(whole)


def test_a_finished_generation_of_another_recipe_is_not_gone_on_from(chained):
    folder = chained(generations=2)
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(
        ConfigError,
        # The seed also decides which rows are carved for validation, where there is no split for it.
        match=r"of this recipe, seed and data, got another learning_rate, seed.*; repeat the call",
    ):
        chained(generations=2, learning_rate=1e-4, seed=1, resume=True)


def test_a_finished_generation_of_other_data_is_not_gone_on_from(chained, manifest):
    folder = chained(generations=2)
    (folder / WEIGHTS_FILE).unlink()
    moved = manifest.with_columns(pl.lit([1.0, 1.0, 20.0, 20.0], dtype=SCHEMA["box_xyxy"]).alias("box_xyxy"))
    with pytest.raises(ConfigError, match="got another training or validation data; repeat the call"):
        chained(generations=2, rows=moved, resume=True)


def test_more_generations_and_a_head_can_follow_those_that_are_finished(chained):
    folder = chained(generations=2)
    first = weights(folder / "generation-1")
    (folder / WEIGHTS_FILE).unlink()
    chained(generations=3, generation_epochs=2, head_epochs=1, resume=True)
    assert weights(folder / "generation-1") == first
    assert read_card(folder / "generation-3").training["epochs"] == 2


def test_a_field_that_an_older_card_lacks_does_not_matter(chained):
    folder = chained(generations=2)
    before = weights(folder)
    path = folder / "generation-1" / CARD_FILE
    card = json.loads(path.read_text())
    del card["training"]["recipe"]["data"]["repeat_threshold"]
    path.write_text(json.dumps(card))
    (folder / WEIGHTS_FILE).unlink()
    assert weights(chained(generations=2, resume=True)) == before


def test_a_finished_run_is_not_overwritten_by_its_first_generation(chained):
    folder = chained(generations=2)
    before = weights(folder / "generation-1")
    with pytest.raises(ConfigError, match="expected a folder without a finished model"):
        chained(generations=2)
    assert weights(folder / "generation-1") == before
