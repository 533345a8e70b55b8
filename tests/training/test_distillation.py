"""Teachers see what the student sees, their mean is learnt, and rows without a target learn from it alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from affekt.errors import ConfigError, ModelError
from affekt.faces.preprocessing import Preprocessing, normalise
from affekt.models.card import model_folder
from affekt.networks.weights import load_model
from affekt.training.batches import CropBatches, CropStream
from affekt.training.distillation import DistillationTask, asked_once, from_table, load_teachers, seen_by
from affekt.training.recipe import Augmentation, LossOptions
from affekt.training.task import soft_cross_entropy, unmixed

CPU = torch.device("cpu")
STUDENT = Preprocessing(input_size=32, channels=1, mean=(0.5,), std=(0.25,))


def test_a_teacher_of_the_same_preprocessing_sees_the_same_input():
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    expected = torch.from_numpy(normalise(crops, STUDENT))
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    torch.testing.assert_close(seen_by(STUDENT, pixels), expected)


def test_grey_becomes_three_channels_and_colour_becomes_luma():
    rgb = Preprocessing(input_size=48)
    assert seen_by(rgb, torch.rand(2, 1, 32, 32)).shape == (2, 3, 48, 48)
    colour = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    assert seen_by(STUDENT, colour).mean() == pytest.approx((0.299 - 0.5) / 0.25, abs=1e-5)


def test_the_answer_is_the_teachers_mean(trained):
    folders = (str(trained("one")), str(trained("two", seed=1)))
    student = load_model(trained("one again"))[1].preprocessing
    teachers = load_teachers(folders, student, CPU)
    images = torch.randn(4, 3, 32, 32)
    expected = torch.stack([load_model_logits(folder, images).softmax(1) for folder in folders]).mean(0)
    answers = teachers(images)
    torch.testing.assert_close(answers["expression"], expected, atol=1e-5, rtol=0)
    assert answers.keys() == {"expression"}


def test_asked_once_they_see_each_unchanged_crop_and_its_mirror_image(trained, manifest):
    folder = trained("one")
    student = load_model(folder)[1].preprocessing
    teachers = load_teachers((str(folder),), student, CPU)
    stream = CropStream(manifest.head(5), student, name="five")
    feed = CropBatches(stream, student, CPU, augmentation=Augmentation(flip=True, erase=1.0), size=16)
    images = next(replace(feed, augmentation=Augmentation(), size=None).batches([torch.arange(5)]))
    expected = (load_model_logits(folder, images).softmax(1) + load_model_logits(folder, images.flip(3)).softmax(1)) / 2
    table = asked_once(teachers, feed)
    torch.testing.assert_close(table["expression"], expected, atol=1e-5, rtol=0)
    answers = from_table(table)(torch.tensor([3, 1]), torch.zeros(2, 3, 16, 16), unmixed)
    torch.testing.assert_close(answers["expression"], expected[[3, 1]], atol=1e-5, rtol=0)
    assert answers.keys() == {"expression"}


def load_model_logits(folder, images):
    with torch.no_grad():
        return load_model(Path(folder))[0](images)["expression"]


def taught(own, said, weight):
    """Return the targets of a batch of all rows, whose teachers said so."""
    task = DistillationTask(LossOptions(teacher_weight=weight), own, answers=from_table(said))
    rows = len(next(iter(own.values())))
    return task, task.batch(torch.arange(rows), torch.zeros(rows, 3, 4, 4), torch.Generator())[1]


def test_rows_without_a_target_learn_from_the_teachers_alone():
    own = {"expression": torch.tensor([[0.0, 1.0], [torch.nan, torch.nan]]), "valence_arousal": torch.ones(2, 2)}
    _, targets = taught(own, {"expression": torch.tensor([[0.5, 0.5], [0.2, 0.8]])}, 0.4)
    torch.testing.assert_close(targets["expression"], torch.tensor([[0.2, 0.8], [0.2, 0.8]]))
    assert torch.equal(targets["valence_arousal"], torch.ones(2, 2)), "no teacher has that head"


def test_the_loss_is_cross_entropy_against_the_mixture():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 8, generator=generator)
    said = torch.rand(3, 8, generator=generator).softmax(1)
    own = torch.cat([torch.eye(8)[[1, 2]], torch.full((1, 8), torch.nan)])
    task, targets = taught({"expression": own}, {"expression": said}, 0.25)
    expected = soft_cross_entropy(logits, torch.cat([0.75 * own[:2] + 0.25 * said[:2], said[2:]]))
    torch.testing.assert_close(task.loss({"expression": logits}, targets), expected)


def test_a_product_averages_logarithms_and_leaves_points_alone():
    own, said = torch.tensor([[0.8, 0.2, 0.0]]), torch.tensor([[0.2, 0.8, 0.0]])
    points = torch.tensor([[0.5, -0.5]])
    options = LossOptions(teacher_weight=0.25, teacher_mixing="product")
    answers = from_table({"expression": said, "valence_arousal": -points})
    task = DistillationTask(options, {"expression": own, "valence_arousal": points}, answers=answers)
    found = task.targets_of(torch.tensor([0]), torch.zeros(1, 1, 4, 4), unmixed)
    expected = np.exp([0.75 * np.log(0.8) + 0.25 * np.log(0.2), 0.75 * np.log(0.2) + 0.25 * np.log(0.8), np.log(1e-3)])
    np.testing.assert_allclose(found["expression"][0], expected / expected.sum(), rtol=1e-5)
    torch.testing.assert_close(found["valence_arousal"], 0.5 * points)


def test_the_model_that_comes_with_affekt_teaches_by_its_name():
    shipped = load_model(model_folder("affekt"))[1].preprocessing
    teachers = load_teachers(("affekt",), shipped, CPU)
    answers = teachers(torch.zeros(2, 1, 48, 48))
    assert {head: tuple(said.shape) for head, said in answers.items()} == {
        "expression": (2, 8),
        "valence_arousal": (2, 2),
    }


def test_valence_and_arousal_are_taught_too():
    said = torch.tensor([[0.5, 0.0], [0.1, -0.2]])
    task, targets = taught({"valence_arousal": torch.full((2, 2), torch.nan)}, {"valence_arousal": said}, 0.5)
    assert task.loss({"valence_arousal": said}, targets) == pytest.approx(0)


def test_a_student_of_teachers_asked_once_ends_elsewhere_than_one_of_teachers_asked_each_time(trained):
    options = {"teachers": (str(trained("teacher")),), "teacher_weight": 1.0, "augmentation": Augmentation(flip=True)}
    once, each = (
        load_file(trained(f"{view} lessons", teacher_view=view, **options) / "model.safetensors")
        for view in ("plain", "changed")
    )
    assert any(not torch.equal(once[name], each[name]) for name in once)


def test_a_student_learns_from_a_teacher_through_the_command(trained):
    teacher = trained("teacher")
    student = trained("student", teachers=(str(teacher),), teacher_weight=1.0)
    assert load_model(student)[1].training["recipe"]["loss"]["teachers"] == [str(teacher)]


def test_a_teacher_that_is_not_there_is_one_sentence():
    with pytest.raises(ModelError, match="expected a model folder"):
        load_teachers(("nowhere",), STUDENT, CPU)


def test_a_teacher_of_another_crop_is_refused(trained):
    wide = Preprocessing(input_size=32, crop_margin=0.3)
    with pytest.raises(ConfigError, match=r"--crop-margin 0\.0"):
        load_teachers((str(trained()),), wide, CPU)
