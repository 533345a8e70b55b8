"""Teachers: they see what the student sees, their mean is the lesson, and rows without a target learn from it alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from affekt.errors import ConfigError, ModelError
from affekt.faces.preprocessing import Preprocessing, normalise
from affekt.models.card import model_folder
from affekt.networks.network import Outputs
from affekt.networks.saving import load_model
from affekt.training.augmentation_settings import Augmentation
from affekt.training.batches import CropFeed
from affekt.training.distillation import Lesson, Teachers, asked_once, load_teachers, seen_by
from affekt.training.inputs import CropStream, Targets
from affekt.training.losses import soft_cross_entropy
from affekt.training.task import Task, taught

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


def test_the_lesson_is_the_teachers_mean(trained):
    folders = (str(trained("one")), str(trained("two", seed=1)))
    student = load_model(trained("one again"))[1].preprocessing
    teachers = load_teachers(folders, student, CPU)
    assert teachers is not None
    images = torch.randn(4, 3, 32, 32)
    expected = torch.stack([load_model_logits(folder, images).softmax(1) for folder in folders]).mean(0)
    lesson = teachers(images)
    torch.testing.assert_close(lesson.probabilities, expected, atol=1e-5, rtol=0)
    assert lesson.valence_arousal is None


def test_asked_once_they_see_each_unchanged_crop_and_its_mirror_image(trained, manifest):
    folder = trained("one")
    student = load_model(folder)[1].preprocessing
    teachers = load_teachers((str(folder),), student, CPU)
    assert teachers is not None
    stream = CropStream(manifest.head(5), student, name="five")
    feed = CropFeed(stream, student, CPU, augmentation=Augmentation(flip=True, erase=1.0), size=16)
    images = next(replace(feed, augmentation=Augmentation(), size=None).batches([torch.arange(5)]))
    expected = (load_model_logits(folder, images).softmax(1) + load_model_logits(folder, images.flip(3)).softmax(1)) / 2
    lesson = asked_once(teachers, feed)
    torch.testing.assert_close(lesson.probabilities, expected, atol=1e-5, rtol=0)
    assert lesson.valence_arousal is None
    torch.testing.assert_close(lesson[torch.tensor([3, 1])].probabilities, expected[[3, 1]], atol=1e-5, rtol=0)


def load_model_logits(folder, images):
    with torch.no_grad():
        return load_model(Path(folder))[0](images).logits


def test_rows_without_a_target_learn_from_the_teachers_alone():
    own = torch.tensor([[0.0, 1.0], [torch.nan, torch.nan]])
    answers = torch.tensor([[0.5, 0.5], [0.2, 0.8]])
    torch.testing.assert_close(taught(own, answers, 0.4), torch.tensor([[0.2, 0.8], [0.2, 0.8]]))


def test_the_loss_is_cross_entropy_against_the_mixture(tiny):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 8, generator=generator)
    taught = torch.rand(3, 8, generator=generator).softmax(1)
    targets = Targets(torch.tensor([1, 2, -1]), torch.full((3, 8), torch.nan), torch.full((3, 2), torch.nan))
    task = Task(tiny(teacher_weight=0.25))
    own = torch.nn.functional.one_hot(torch.tensor([1, 2]), 8).float()
    expected = soft_cross_entropy(logits, torch.cat([0.75 * own + 0.25 * taught[:2], taught[2:]]))
    torch.testing.assert_close(task(Outputs(logits, None), targets, Lesson(taught, None)), expected)


def test_the_model_that_comes_with_affekt_teaches_by_its_name():
    shipped = load_model(model_folder("affekt"))[1].preprocessing
    teachers = load_teachers(("affekt",), shipped, CPU)
    assert teachers is not None
    lesson = teachers(torch.zeros(2, 1, 48, 48))
    assert lesson.probabilities is not None
    assert lesson.probabilities.shape == (2, 8)


def test_valence_and_arousal_are_taught_too(tiny):
    points, taught = torch.full((2, 2), torch.nan), torch.tensor([[0.5, 0.0], [0.1, -0.2]])
    targets = Targets(torch.tensor([-1, -1]), torch.full((2, 8), torch.nan), points)
    task = Task(tiny(heads=("valence_arousal",)))
    assert task(Outputs(None, taught), targets, Lesson(None, taught)) == pytest.approx(0)


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
    assert load_model(student)[1].training["recipe"]["teachers"] == [str(teacher)]


def test_a_teacher_that_is_not_there_is_one_sentence():
    with pytest.raises(ModelError, match="expected a model folder"):
        load_teachers(("nowhere",), STUDENT, CPU)


def test_a_teacher_of_another_crop_is_refused(trained):
    wide = Preprocessing(input_size=32, crop_margin=0.3)
    with pytest.raises(ConfigError, match=r"--crop-margin 0\.0"):
        load_teachers((str(trained()),), wide, CPU)


def test_no_teachers_are_none():
    assert load_teachers((), STUDENT, CPU) is None
    assert Teachers((), STUDENT).members == ()
