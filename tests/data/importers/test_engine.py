"""The import engine on small generated pictures."""

import errno
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affekt.data.importers import engine
from affekt.data.importers.engine import import_listing
from affekt.data.importers.listing import Listing
from affekt.data.importers.summary import summary, table
from affekt.data.manifest import read_manifest
from affekt.errors import DataError
from affekt.faces.pictures import encode_png, pixel_sha256, read_rgb


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def listing_of(paths: list[Path], **further) -> Listing:
    rows = pl.DataFrame(
        {
            "path": [str(path) for path in paths],
            "split": ["val" if number % 4 == 3 else "train" for number in range(len(paths))],
            "source": "tiny",
            "source_id": [path.name for path in paths],
            "emotion": ["happiness" if number % 2 else "fear" for number in range(len(paths))],
        }
    )
    return Listing(rows=rows, **further)


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = [folder / f"{number:02d}.png" for number in range(11)]
    for number, path in enumerate(paths):
        path.write_bytes(encode_png(pixels(number)))
    return paths


@pytest.fixture
def opened(monkeypatch) -> list[str | bytes]:
    """Every source that is decoded, in order."""
    seen: list[str | bytes] = []
    original = engine.open_pictures

    def watching(sources, boxes):
        seen.extend(sources)
        return original(sources, boxes)

    monkeypatch.setattr(engine, "open_pictures", watching)
    return seen


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_every_picture_is_hashed_and_its_path_made_absolute(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = [path.relative_to(tmp_path) for path in pictures]

    report = import_listing(listing_of(relative), tmp_path / "faces.parquet", jobs=1)

    manifest = read_manifest(tmp_path / "faces.parquet")
    assert manifest["path"].to_list() == [str(path) for path in pictures]
    assert manifest["pixel_sha256"].to_list() == [pixel_sha256(read_rgb(path)) for path in pictures]
    assert report.manifest.equals(manifest)
    assert report.resumed == 0
    assert hidden(tmp_path) == []


def test_encoded_pictures_are_hashed_like_files(tmp_path):
    rows = pl.DataFrame(
        {
            "image": [encode_png(pixels(0)), encode_png(pixels(1)[..., 0]), b"nonsense"],
            "split": "train",
            "source": "tiny",
            "source_id": ["a", "b", "c"],
        }
    )
    report = import_listing(Listing(rows=rows), tmp_path / "faces.parquet", jobs=1)

    grey = np.repeat(pixels(1)[..., :1], 3, axis=2)
    assert report.manifest["pixel_sha256"].to_list() == [pixel_sha256(pixels(0)), pixel_sha256(grey)]
    assert report.unreadable == {"not a picture": ("c",)}


def test_unreadable_pictures_are_left_out_and_counted_by_reason(pictures, tmp_path):
    pictures[2].write_bytes(b"not a picture at all")
    pictures[5].unlink()
    for number in (7, 9):
        pictures[number].write_bytes(pictures[number].read_bytes()[: 120 + number])

    report = import_listing(listing_of(pictures), tmp_path / "faces.parquet", jobs=1, pictures_a_chunk=2)

    assert report.manifest["source_id"].to_list() == [f"{number:02d}.png" for number in (0, 1, 3, 4, 6, 8, 10)]
    counts = {reason: len(names) for reason, names in report.unreadable.items()}
    assert counts.pop("not a picture") == 1
    assert counts.pop("no such file") == 1
    assert list(counts.values()) == [2], "two truncated files share one reason, whatever their lengths"
    text = summary(report)
    assert str(pictures[5]) in text
    assert "unreadable: no such file" in text


def test_a_stopped_import_continues_and_ends_like_an_uninterrupted_one(pictures, tmp_path, monkeypatch, opened):
    listing = listing_of(pictures)
    whole = import_listing(listing, tmp_path / "whole.parquet", jobs=1, pictures_a_chunk=3).manifest
    opened.clear()
    watching = engine.open_pictures

    def stopped_in_third_chunk(sources, boxes):
        if len(opened) == 6:
            raise KeyboardInterrupt
        return watching(sources, boxes)

    out = tmp_path / "faces.parquet"
    with monkeypatch.context() as patch:
        patch.setattr(engine, "open_pictures", stopped_in_third_chunk)
        with pytest.raises(KeyboardInterrupt, match=r"6 of 11 pictures opened; run the same command to continue"):
            import_listing(listing, out, jobs=1, pictures_a_chunk=3)
    assert not out.exists()
    assert hidden(tmp_path) == [".faces.parquet.parts"]

    opened.clear()
    report = import_listing(listing, out, jobs=1, pictures_a_chunk=3)

    assert opened == [str(path) for path in pictures[6:]]
    assert report.resumed == 6
    assert read_manifest(out).equals(whole)
    assert hidden(tmp_path) == []
    assert "6 were opened by an earlier run" in summary(report)


def stop_after_first_chunk(listing: Listing, out: Path, monkeypatch) -> None:
    original = engine.open_chunks

    def one_chunk(parts, missing, jobs):
        yield from original(parts, missing[:1], jobs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine, "open_chunks", one_chunk)
        with pytest.raises(KeyboardInterrupt):
            import_listing(listing, out, jobs=1, pictures_a_chunk=4)


def test_parts_of_another_listing_are_never_taken(pictures, tmp_path, monkeypatch, opened):
    out = tmp_path / "faces.parquet"
    stop_after_first_chunk(listing_of(pictures), out, monkeypatch)
    opened.clear()

    report = import_listing(listing_of(pictures[::-1]), out, jobs=1, pictures_a_chunk=4)

    assert len(opened) == 11
    assert report.manifest["pixel_sha256"].to_list() == [pixel_sha256(read_rgb(path)) for path in pictures[::-1]]
    assert hidden(tmp_path) == []


def test_a_damaged_part_is_opened_again(pictures, tmp_path, monkeypatch, opened):
    out = tmp_path / "faces.parquet"
    stop_after_first_chunk(listing_of(pictures), out, monkeypatch)
    (part,) = (tmp_path / ".faces.parquet.parts").iterdir()
    part.write_bytes(part.read_bytes()[:40])
    opened.clear()

    report = import_listing(listing_of(pictures), out, jobs=1, pictures_a_chunk=4)

    assert len(opened) == 11
    assert report.resumed == 0


def test_processes_find_what_one_process_finds(pictures, tmp_path):
    pictures[4].write_bytes(b"")
    alone = import_listing(listing_of(pictures), tmp_path / "alone.parquet", jobs=1, pictures_a_chunk=3)
    together = import_listing(listing_of(pictures), tmp_path / "together.parquet", jobs=2, pictures_a_chunk=3)

    assert together.manifest.equals(alone.manifest)
    assert together.unreadable == alone.unreadable


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 15))
def test_the_size_of_a_chunk_changes_nothing(pictures, tmp_path, size):
    report = import_listing(listing_of(pictures), tmp_path / "faces.parquet", jobs=1, pictures_a_chunk=size)
    assert report.manifest["source_id"].to_list() == [path.name for path in pictures]
    assert report.manifest["pixel_sha256"].n_unique() == 11


def test_a_dead_process_says_how_to_continue(pictures, tmp_path, monkeypatch):
    def dying(*_):
        raise BrokenProcessPool("gone")

    monkeypatch.setattr(engine, "open_chunks", dying)
    with pytest.raises(DataError, match=r"one that died.*same command to continue, with --jobs 2"):
        import_listing(listing_of(pictures), tmp_path / "faces.parquet", jobs=4)


def test_nothing_readable_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match=r"got none among 2 \(.*gone0.png: no such file\)"):
        import_listing(listing_of([tmp_path / "gone0.png", tmp_path / "gone1.png"]), tmp_path / "faces.parquet", jobs=1)
    assert list(tmp_path.iterdir()) == []


def test_nothing_listed_is_an_error_that_says_what_was_dropped(tmp_path):
    listing = listing_of([], dropped={"unknown won the votes": 3})
    with pytest.raises(DataError, match=r"got none \(unknown won the votes: 3\)"):
        import_listing(listing, tmp_path / "faces.parquet")


def test_a_row_that_breaks_the_contract_is_refused_before_any_picture_is_opened(pictures, tmp_path, opened):
    listing = listing_of([pictures[0], pictures[0]])
    with pytest.raises(DataError, match=r"each \(source, source_id\) once"):
        import_listing(listing, tmp_path / "faces.parquet", jobs=1)
    assert opened == []


def test_an_output_folder_that_cannot_be_written_is_an_error(pictures, tmp_path, opened):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"expected to write .*faces.parquet, got Not a directory"):
        import_listing(listing_of(pictures), tmp_path / "file" / "faces.parquet", jobs=1)
    with pytest.raises(DataError, match=r"expected a file to write, got the folder"):
        import_listing(listing_of(pictures), tmp_path / "pictures", jobs=1)
    assert opened == []


FULL_DISK = [
    OSError(errno.ENOSPC, "No space left on device"),
    pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"),
]


@pytest.mark.parametrize("error", FULL_DISK, ids=["python", "polars"])
def test_a_full_disk_leaves_nothing_under_the_final_name(pictures, tmp_path, monkeypatch, error):
    def full(frame, path):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(DataError, match=r"No space left on device.*; free some space"):
        import_listing(listing_of(pictures), tmp_path / "faces.parquet", jobs=1)
    assert not (tmp_path / "faces.parquet").exists()
    assert list((tmp_path / ".faces.parquet.parts").iterdir()) == []


def test_the_summary_shows_counts_beside_published_ones_and_the_next_command(pictures, tmp_path):
    listing = listing_of(
        pictures, published={"train": 9000, "test": 12}, dropped={"unknown won the votes": 1234}, notes=("Mind this.",)
    )
    text = summary(import_listing(listing, tmp_path / "faces.parquet", jobs=1))
    lines = [" ".join(line.split()) for line in text.splitlines()]

    assert lines[0].startswith(f"{tmp_path}/faces.parquet: 11 pictures of tiny, ")
    assert lines[2:7] == ["split kept published", "train 9 9,000", "val 2 -", "test 0 12", "total 11 9,012"]
    assert "expression train val total share" in lines
    assert "fear 6 0 6 54.5%" in lines
    assert "happiness 3 2 5 45.5%" in lines
    assert "contempt 0 0 0 0.0%" in lines
    assert "left out 1,234" in lines
    assert "Note: Mind this." in lines
    assert lines[-1] == f"affekt data check {tmp_path}/faces.parquet"


def test_the_summary_describes_valence_and_arousal_and_missing_expressions(pictures, tmp_path):
    rows = listing_of(pictures[:4]).rows.with_columns(
        emotion=pl.lit(None, pl.String),
        valence=pl.Series([-1.0, 0.0, 1.0, None]),
        arousal=pl.Series([0.5, 0.5, 0.5, None]),
        valence_arousal_origin=pl.Series(["rated", "rated", "rated", None]),
    )
    text = summary(import_listing(Listing(rows=rows), tmp_path / "faces.parquet", jobs=1))
    lines = [" ".join(line.split()) for line in text.splitlines()]

    assert "rated rows mean std min max" in lines
    assert "valence 3 +0.00 1.00 -1.00 +1.00" in lines
    assert "arousal 3 +0.50 0.00 +0.50 +0.50" in lines
    assert "no expression 3 1 4 100.0%" in lines
    assert "left out: nothing" in lines


def test_a_table_is_aligned():
    assert table(("name", "count"), [("a", 12345), ("longer", 6)]) == "name     count\na       12,345\nlonger       6"
