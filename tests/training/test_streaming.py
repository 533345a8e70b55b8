"""A training on pictures that stay in tar files, because they fit neither memory nor disk."""

import json
import threading
import weakref

import polars as pl
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tests.training.conftest import write_shards

from affekt.data import shards as shards_module
from affekt.data.importers.engine import ImportOptions, import_dataset
from affekt.data.importers.packed import WebDataset
from affekt.errors import DataError
from affekt.models.card import WEIGHTS_FILE
from affekt.networks import predictions
from affekt.training import batches as batches_module
from affekt.training.batches import CropStream, ShardOrder
from affekt.training.distributed import World
from affekt.training.targets import epoch_batches, shuffled_nearby, targets_of

ROWS_PER_SHARD, WINDOW = 8, 7


@pytest.fixture
def shards(tmp_path, manifest):
    """Write the manifest's pictures into twelve tars, eight in each, and return their folder."""
    return write_shards(manifest, tmp_path / "shards", ROWS_PER_SHARD)


def imported(root, folder, *, in_place=True):
    dataset = WebDataset(root=root, in_place=in_place, source="tiny")
    return import_dataset(dataset, ImportOptions(out=folder / f"faces-{in_place}.parquet", jobs=1)).manifest


@pytest.fixture
def little_memory(monkeypatch):
    """Let no split fit into memory, and shuffle among seven crops of 32 pixels."""
    monkeypatch.setattr(batches_module, "MEMORY_LIMIT_BYTES", 2 * WINDOW * 32 * 32 * 3)


def losses(folder):
    return [json.loads(line)["train_loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_streamed_training_is_that_of_the_same_rows_from_memory_in_the_same_order(
    shards, tmp_path, trained, monkeypatch, little_memory
):
    given = {"epochs": 5, "heads": ("expression", "valence_arousal")}
    orders, original = {}, CropStream.__init__

    def streaming(stream, rows, preprocessing, *, name):
        original(stream, rows, preprocessing, name=name)
        assert stream.memory is None
        orders[name] = stream.order

    def in_memory(stream, rows, preprocessing, *, name):
        monkeypatch.setattr(batches_module, "MEMORY_LIMIT_BYTES", 2**30)
        original(stream, rows, preprocessing, name=name)
        assert stream.memory is not None
        stream.order = orders[name]

    monkeypatch.setattr(CropStream, "__init__", streaming)
    streamed = trained("streamed", imported(shards, tmp_path), **given)
    again = trained("again", imported(shards, tmp_path), **given)
    monkeypatch.setattr(CropStream, "__init__", in_memory)
    held = trained("held", imported(shards, tmp_path, in_place=False), **given)
    assert sorted(orders) == ["training", "validation"]
    assert losses(streamed) == losses(again) == losses(held)
    for other in (again, held):
        theirs = load_file(other / WEIGHTS_FILE)
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in load_file(streamed / WEIGHTS_FILE).items())
    assert losses(streamed)[-1] < losses(streamed)[0]


def test_crops_that_fit_are_read_once_and_the_training_is_that_of_any_data(shards, tmp_path, trained, monkeypatch):
    names, original = [], shards_module.opened
    monkeypatch.setattr(shards_module, "opened", lambda name: names.append(name) or original(name))
    rows = imported(shards, tmp_path)
    names.clear()
    streamed = trained("streamed", rows)
    assert len(names) == len(set(names)) == 10, "those of the split test are not opened"
    packed = trained("packed", imported(shards, tmp_path, in_place=False))
    assert losses(streamed) == losses(packed)


def test_a_streamed_training_that_was_stopped_begins_at_its_epoch(
    shards, tmp_path, trained, monkeypatch, little_memory
):
    rows = imported(shards, tmp_path)
    whole = trained("whole", rows, epochs=3)
    crops, calls = CropStream.batches, []

    def torn(stream, batches):
        calls.append(len(batches))
        for number, batch in enumerate(crops(stream, batches)):
            if calls.count(4) == 3 and number == 2:  # in the third epoch of four steps
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patched:
        patched.setattr(CropStream, "batches", torn)
        with pytest.raises(KeyboardInterrupt):
            trained("stopped", rows, epochs=3)
    assert len(losses(tmp_path / "stopped")) == 2
    stopped = trained("stopped", rows, epochs=3, resume=True)
    theirs = load_file(stopped / WEIGHTS_FILE)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in load_file(whole / WEIGHTS_FILE).items())


def test_out_of_a_bucket_nothing_is_copied_to_the_disk(shards, tmp_path, trained, s3, little_memory):
    s3.put(str(shards), "bucket/shards", recursive=True)
    there = imported("s3://bucket/shards/*.tar", tmp_path)
    assert there["path"][0].startswith("s3://bucket/shards/")
    (tmp_path / "here").mkdir()
    here = imported(shards, tmp_path / "here")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    run = trained("bucket", there, epochs=1)
    assert losses(run) == losses(trained("disk", here, epochs=1))
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.suffix for path in written} <= {".json", ".jsonl", ".safetensors", ".parquet", ".epoch000001"}
    s3.rm("bucket/shards/train-008.tar")
    with pytest.raises(
        DataError, match=r"expected a whole tar at s3://bucket/shards/train-008\.tar, got no such file;"
    ):
        trained("gone", there, epochs=1)


def test_a_bucket_that_may_not_be_read_ends_a_training_in_one_sentence(shards, tmp_path, trained, s3, may):
    s3.put(str(shards), "bucket/shards", recursive=True)
    there = imported("s3://bucket/shards/*.tar", tmp_path)
    may("s3:ListBucket")
    refused = (
        r"expected a whole tar at s3://bucket/shards/\S+\.tar, got not allowed; check the file, and who may read it$"
    )
    with pytest.raises(DataError, match=refused):
        trained("refused", there, epochs=1)
    with pytest.raises(DataError, match=refused):
        imported("s3://bucket/shards/*.tar", tmp_path)
    may("s3:GetObject")
    assert losses(trained("allowed", there, epochs=1))
    with pytest.raises(
        DataError, match=r"expected an address to look at, got s3://bucket/shards/\*\.tar: not allowed;"
    ):
        imported("s3://bucket/shards/*.tar", tmp_path)


def test_memory_never_holds_more_than_a_window_a_shard_and_what_is_under_way(
    shards, tmp_path, trained, monkeypatch, little_memory
):
    alive, most, lock = set(), [0], threading.Lock()
    original = predictions.crop_face

    def counted(*arguments):
        crop = original(*arguments)
        with lock:
            alive.add(id(crop))
            most[0] = max(most[0], len(alive))
        weakref.finalize(crop, alive.discard, id(crop))
        return crop

    rows = imported(shards, tmp_path)
    monkeypatch.setattr(predictions, "crop_face", counted)
    monkeypatch.setattr(predictions, "AT_ONCE", 1)
    monkeypatch.setattr(predictions, "core_count", lambda: 2)
    monkeypatch.setattr(batches_module, "BATCHES_AHEAD", 1)
    trained("streamed", rows, epochs=2, batch_size=4)
    assert 0 < most[0] <= WINDOW + ROWS_PER_SHARD + 2 * 4 + 4 < rows.filter(split="train").height


def test_a_frozen_backbone_reads_the_shards_once(shards, tmp_path, trained, monkeypatch):
    fields = {"frozen": True, "epochs": 2}
    held = trained("held", imported(shards, tmp_path, in_place=False), **fields)
    monkeypatch.setattr(batches_module, "MEMORY_LIMIT_BYTES", 0)
    names, original = [], shards_module.opened
    rows = imported(shards, tmp_path)
    monkeypatch.setattr(shards_module, "opened", lambda name: names.append(name) or original(name))
    streamed = trained("streamed", rows, **fields)
    assert losses(streamed) == pytest.approx(losses(held), rel=1e-4)
    assert len(names) == 11, "the first is read before, too, to try what is fastest"


@given(
    files=st.lists(st.integers(1, 9), min_size=1, max_size=9),
    window=st.integers(1, 30),
    batch_size=st.integers(4, 9),
    processes=st.integers(1, 3),
    seed=st.integers(0, 3),
    balance=st.sampled_from(["none", "repeating"]),
)
def test_each_row_is_taken_once_out_of_files_of_each_process(tiny, files, window, batch_size, processes, seed, balance):
    shard = torch.arange(len(files)).repeat_interleave(torch.tensor(files))
    count, size = len(shard), min(len(shard), batch_size)
    assume(size >= processes)
    labels = pl.Series(["fear", *["anger"] * (count - 1)], dtype=pl.String)
    empty = {
        name: pl.Series([None] * count, dtype=kind) for name, kind in (("valence", pl.Float32), ("arousal", pl.Float32))
    }
    rows = pl.DataFrame({"emotion": labels, "votes": pl.Series([None] * count, dtype=pl.Array(pl.Float32, 8)), **empty})
    data = tiny(batch_size=batch_size, class_balance=balance, repeat_threshold=0.3).data
    order, targets = ShardOrder(shard, window), targets_of(rows)

    def steps_of(seed):
        return epoch_batches(targets, data, torch.Generator().manual_seed(seed), order, processes)

    steps = steps_of(seed)
    assert all(torch.equal(one, other) for one, other in zip(steps, steps_of(seed), strict=True))
    assert len({len(step) for step in steps}) == 1
    assert size <= len(steps[0]) <= batch_size
    taken = torch.cat(steps)
    if balance == "none":
        assert len(taken.unique()) == len(taken) == len(steps) * size
        assert count - len(taken) < size
    else:
        assert len(taken) >= len(steps) * size
    shares = [torch.cat([World(rank, processes).share(step) for step in steps]) for rank in range(processes)]
    opened = [set(shard[share].tolist()) for share in shares]
    if balance == "none":
        assert sum(map(len, opened)) <= len(set().union(*opened)) + processes - 1


@given(count=st.integers(0, 60), window=st.integers(1, 30), seed=st.integers(0, 9))
def test_no_row_waits_for_one_that_comes_a_window_later(count, window, seed):
    found = shuffled_nearby(torch.arange(count), window, torch.Generator().manual_seed(seed))
    assert sorted(found.tolist()) == list(range(count))
    if count:
        assert (found.cummax(0).values - found).max() <= window


def test_orders_differ_from_epoch_to_epoch_and_mix_files(manifest, tiny):
    order, targets = ShardOrder(torch.arange(96) // 8, 24), targets_of(manifest)
    data = tiny(batch_size=16).data
    one, two = (torch.cat(epoch_batches(targets, data, torch.Generator().manual_seed(n), order)) for n in range(2))
    assert not torch.equal(one, two)
    assert sorted(one.tolist()) == sorted(two.tolist()) == list(range(96))
    assert all(len((batch // 8).unique()) >= 2 for batch in one.split(16))
