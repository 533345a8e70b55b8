"""The log of a run."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from affekt.errors import DataError
from affekt.training.log import LOG_FILE, epoch_sentence, write_log, write_tensorboard

LINE = {"epoch": 1, "train_loss": 2.0, "val_loss": 1.5, "val_accuracy": 0.5, "learning_rate": 1e-3, "seconds": 3.2}


def test_the_log_is_one_object_an_epoch_and_never_repeats(tmp_path):
    for count in (1, 2, 2):
        write_log([LINE | {"epoch": epoch} for epoch in range(1, count + 1)], tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / LOG_FILE).read_text().splitlines()]
    assert lines == [LINE, LINE | {"epoch": 2}]
    assert len(list((tmp_path / "run").iterdir())) == 1


def test_tensorboard_shows_every_figure(tmp_path):
    write_tensorboard(LINE, tmp_path)
    write_tensorboard(LINE | {"epoch": 2, "val_loss": 1.0}, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == set(LINE) - {"epoch"}
    assert [(event.step, event.value) for event in events.Scalars("val_loss")] == [(1, 1.5), (2, 1.0)]


def test_tensorboard_shows_short_epochs_in_their_order_and_a_repeated_one_once(tmp_path):
    numbers = list(range(1, 13))
    for number in [1, 2, 3, 3, *numbers[3:]]:
        write_tensorboard(LINE | {"epoch": number}, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("val_loss")] == numbers


def test_an_epoch_is_a_sentence():
    assert epoch_sentence(LINE, 15) == (
        "epoch   1/15  train loss 2.0000  val loss 1.5000  val accuracy 0.5000  learning rate 0.001  3 s"
    )


@pytest.mark.parametrize("write", [write_tensorboard, lambda line, folder: write_log([line], folder)])
def test_a_folder_that_cannot_be_made_says_so(tmp_path, write):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"expected to write .*file.*choose another folder"):
        write(LINE, tmp_path / "file")
