"""The import engine on small generated pictures: hashes, faces, resuming, processes, and its report."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import skimage.data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affekt.data.importers import engine
from affekt.data.importers.engine import ImportOptions, found_face, import_dataset, run_in_processes
from affekt.data.importers.listing import NO_FACE, Listing
from affekt.data.manifest import encode_png, pixel_sha256, read_manifest
from affekt.errors import ConfigError, DataError, ModelError
from affekt.faces.detection import Faces
from affekt.faces.detector_file import YUNET_FILE
from affekt.faces.pictures import read_rgb

SMALL, LARGE = [10.0, 10.0, 20.0, 20.0], [40.0, 40.0, 80.0, 80.0]
SHARED = Path(__file__).resolve().parents[4] / "shared" / "models" / YUNET_FILE


def imported(listing: Listing, out: Path, per_chunk: int = 256, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "PICTURES_PER_CHUNK", per_chunk)
        return import_dataset(
            SimpleNamespace(list_rows=lambda: listing), ImportOptions(out=out, **{"jobs": 1, **options})
        )


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

    report = imported(listing_of(relative), tmp_path / "faces.parquet")

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
    report = imported(Listing(rows=rows), tmp_path / "faces.parquet")

    grey = np.repeat(pixels(1)[..., :1], 3, axis=2)
    assert report.manifest["pixel_sha256"].to_list() == [pixel_sha256(pixels(0)), pixel_sha256(grey)]
    assert report.unreadable == {"not a picture": ("c",)}


def test_unreadable_pictures_are_left_out_and_counted_by_reason(pictures, tmp_path):
    pictures[2].write_bytes(b"not a picture at all")
    pictures[5].unlink()
    for number in (7, 9):
        pictures[number].write_bytes(pictures[number].read_bytes()[: 120 + number])

    report = imported(listing_of(pictures), tmp_path / "faces.parquet", per_chunk=2)

    assert report.manifest["source_id"].to_list() == [f"{number:02d}.png" for number in (0, 1, 3, 4, 6, 8, 10)]
    counts = {reason: len(names) for reason, names in report.unreadable.items()}
    assert counts.pop("not a picture") == 1
    assert counts.pop("no such file") == 1
    assert list(counts.values()) == [2], "two truncated files share one reason, whatever their lengths"
    text = report.text()
    assert str(pictures[5]) in text
    assert "unreadable: no such file" in text


def test_a_stopped_import_continues_and_ends_like_an_uninterrupted_one(pictures, tmp_path, monkeypatch, opened):
    listing = listing_of(pictures)
    whole = imported(listing, tmp_path / "whole.parquet", per_chunk=3).manifest
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
            imported(listing, out, per_chunk=3)
    assert not out.exists()
    assert hidden(tmp_path) == [".faces.parquet.ledger"]

    opened.clear()
    report = imported(listing, out, per_chunk=3)

    assert opened == [str(path) for path in pictures[6:]]
    assert report.resumed == 6
    assert read_manifest(out).equals(whole)
    assert hidden(tmp_path) == []
    assert "6 were opened by an earlier run" in report.text()


def stop_after_first_chunk(listing: Listing, out: Path, monkeypatch) -> None:
    original = engine.run_in_processes

    def one_call(function, arguments, jobs):
        yield from original(function, [next(arguments)], jobs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine, "run_in_processes", one_call)
        with pytest.raises(KeyboardInterrupt):
            imported(listing, out, per_chunk=4)


def test_the_ledger_of_another_listing_is_never_taken(pictures, tmp_path, monkeypatch, opened, caplog):
    out = tmp_path / "faces.parquet"
    stop_after_first_chunk(listing_of(pictures), out, monkeypatch)
    opened.clear()
    caplog.set_level("INFO")

    report = imported(listing_of(pictures[::-1]), out, per_chunk=4)

    assert len(opened) == 11
    assert "was of other rows or options: this one starts anew" in caplog.text
    assert report.manifest["pixel_sha256"].to_list() == [pixel_sha256(read_rgb(path)) for path in pictures[::-1]]
    assert hidden(tmp_path) == []


def test_a_chunk_that_was_cut_short_is_opened_again(pictures, tmp_path, monkeypatch, opened):
    out = tmp_path / "faces.parquet"
    stop_after_first_chunk(listing_of(pictures), out, monkeypatch)
    ledger = tmp_path / ".faces.parquet.ledger"
    ledger.write_bytes(ledger.read_bytes()[:-40])
    opened.clear()

    report = imported(listing_of(pictures), out, per_chunk=4)

    assert len(opened) == 11
    assert report.resumed == 0


def test_processes_find_what_one_process_finds(pictures, tmp_path):
    pictures[4].write_bytes(b"")
    alone = imported(listing_of(pictures), tmp_path / "alone.parquet", per_chunk=3)
    together = imported(listing_of(pictures), tmp_path / "together.parquet", per_chunk=3, jobs=2)

    assert together.manifest.equals(alone.manifest)
    assert together.unreadable == alone.unreadable


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 15))
def test_the_size_of_a_chunk_changes_nothing(pictures, tmp_path, size):
    report = imported(listing_of(pictures), tmp_path / "faces.parquet", per_chunk=size)
    assert report.manifest["source_id"].to_list() == [path.name for path in pictures]
    assert report.manifest["pixel_sha256"].n_unique() == 11


def test_a_dead_process_says_how_to_continue():
    with pytest.raises(DataError, match=r"one that died.*same command to continue, with fewer jobs .--jobs 1"):
        list(run_in_processes(os._exit, [(1,), (1,)], jobs=2))


def test_nothing_readable_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match=r"got none among 2 \(.*gone0.png: no such file\)"):
        imported(listing_of([tmp_path / "gone0.png", tmp_path / "gone1.png"]), tmp_path / "faces.parquet")
    assert list(tmp_path.iterdir()) == []


def test_nothing_listed_is_an_error_that_says_what_was_dropped(tmp_path):
    listing = listing_of([], dropped={"unknown won the votes": 3})
    with pytest.raises(DataError, match=r"got none \(unknown won the votes: 3\)"):
        imported(listing, tmp_path / "faces.parquet")


def test_a_row_that_breaks_the_contract_is_refused_before_any_picture_is_opened(pictures, tmp_path, opened):
    listing = listing_of([pictures[0], pictures[0]])
    with pytest.raises(DataError, match=r"each \(source, source_id\) once"):
        imported(listing, tmp_path / "faces.parquet")
    assert opened == []


def test_an_output_folder_that_cannot_be_written_is_an_error(pictures, tmp_path, opened):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"a folder for .*faces.parquet, got the file .*file; choose another out"):
        imported(listing_of(pictures), tmp_path / "file" / "faces.parquet")
    with pytest.raises(DataError, match=r"expected a file as out, got the folder"):
        imported(listing_of(pictures), tmp_path / "pictures")
    with pytest.raises(ConfigError, match="at least one process as jobs, got 0"):
        import_dataset(NothingHere(), ImportOptions(out=tmp_path / "faces.parquet", jobs=0))
    with pytest.raises(DataError, match="expected a file as out, got the folder"):
        import_dataset(NothingHere(), ImportOptions(out=tmp_path / "pictures"))
    assert opened == []


class NothingHere:
    """A data set whose files must not be looked at."""

    def list_rows(self) -> Listing:
        raise AssertionError("looked at before the options were checked")


FULL_DISK = [
    OSError(errno.ENOSPC, "No space left on device"),
    pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"),
]


@pytest.mark.parametrize("error", FULL_DISK, ids=["python", "polars"])
def test_a_full_disk_leaves_nothing_under_the_final_name(pictures, tmp_path, monkeypatch, error):
    def full(frame, path, metadata=None):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(DataError, match=r"No space left on device.*; free some space"):
        imported(listing_of(pictures), tmp_path / "faces.parquet")
    assert hidden(tmp_path) == [".faces.parquet.ledger"]
    assert not (tmp_path / "faces.parquet").exists()


def test_the_summary_shows_counts_beside_published_ones_and_the_next_command(pictures, tmp_path):
    listing = listing_of(
        pictures, published={"train": 9000, "test": 12}, dropped={"unknown won the votes": 1234}, notes=("Mind this.",)
    )
    text = imported(listing, tmp_path / "faces.parquet").text()
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
    text = imported(Listing(rows=rows), tmp_path / "faces.parquet").text()
    lines = [" ".join(line.split()) for line in text.splitlines()]

    assert "rated rows mean std min max" in lines
    assert "valence 3 +0.00 1.00 -1.00 +1.00" in lines
    assert "arousal 3 +0.50 0.00 +0.50 +0.50" in lines
    assert "no expression 3 1 4 100.0%" in lines
    assert "left out: nothing" in lines


class Finder:
    """Finds the boxes that it was made with, and nothing in black pictures."""

    def __init__(self, *boxes):
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def detect(self, image_rgb):
        boxes = self.boxes if image_rgb.any() else self.boxes[:0]
        return Faces(boxes, boxes[:, None, :2].repeat(5, axis=1), np.ones(len(boxes), np.float32))


@pytest.fixture
def finds(monkeypatch):
    return lambda *boxes: monkeypatch.setattr(engine, "detector", lambda: Finder(*boxes))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, LARGE),
        ([8.0, 8.0, 22.0, 22.0], SMALL),
        ([0.0, 0.0, 100.0, 100.0], LARGE),
        ([85.0, 0.0, 99.0, 20.0], None),
    ],
)
def test_the_largest_face_or_the_one_on_the_given_box(finds, given, expected):
    finds(SMALL, LARGE)
    box, landmarks = found_face(np.ones((100, 100, 3), np.uint8), given)
    assert box == expected
    assert landmarks == (None if expected is None else [expected[:2]] * 5)


def test_no_face_is_none(finds):
    finds()
    assert found_face(np.ones((100, 100, 3), np.uint8), None) == (None, None)


def faces_of(folder, pictures, **columns):
    for name, picture in pictures.items():
        (folder / name).write_bytes(encode_png(picture) if picture is not None else b"no picture")
    rows = {"path": [str(folder / name) for name in pictures], "split": "train", "source": "tiny"}
    return Listing(rows=pl.DataFrame(rows | {"source_id": list(pictures), "emotion": "happiness"} | columns))


def test_an_import_fills_boxes_and_counts_pictures_without_a_face(finds, tmp_path):
    finds(LARGE)
    bright, black = np.full((100, 100, 3), 200, np.uint8), np.zeros((100, 100, 3), np.uint8)
    listing = faces_of(tmp_path, {"a.png": bright, "b.png": black, "c.png": None})
    report = imported(listing, tmp_path / "faces.parquet", faces="yunet")
    assert report.manifest["source_id"].to_list() == ["a.png"]
    assert report.manifest["box_xyxy"].to_list() == [LARGE]
    assert report.unreadable[NO_FACE] == (str(tmp_path / "b.png"),)
    text = report.text()
    assert "\nno face found " in text
    assert "unreadable: no face" not in text
    assert "unreadable: not a picture" in text


def test_given_boxes_stay_and_hashes_without_faces_are_not_taken(finds, tmp_path):
    finds(LARGE)
    picture = np.full((100, 100, 3), 200, np.uint8)
    listing = faces_of(tmp_path, {"a.png": picture}, box_xyxy=[[30.0, 30.0, 70.0, 70.0]])
    given = imported(listing, tmp_path / "faces.parquet")
    found = imported(listing, tmp_path / "faces.parquet", faces="yunet")
    assert given.manifest["box_xyxy"].to_list() == [[30, 30, 70, 70]]
    assert found.manifest["box_xyxy"].to_list() == [LARGE]
    assert found.resumed == 0


def test_without_the_detector_nothing_is_begun(monkeypatch, tmp_path):
    def absent():
        raise ModelError("expected the face detector, got none")

    monkeypatch.setattr("affekt.data.importers.engine.detector", absent)
    listing = faces_of(tmp_path, {"a.png": np.ones((8, 8, 3), np.uint8)})
    with pytest.raises(ModelError):
        imported(listing, tmp_path / "faces.parquet", faces="yunet")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(not SHARED.is_file(), reason="needs the face detector's file beside the project")
def test_the_astronauts_face_is_found_by_every_process(monkeypatch, tmp_path):
    place = tmp_path / "home" / "detectors"
    place.mkdir(parents=True)
    (place / YUNET_FILE).symlink_to(SHARED)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    engine.detector.cache_clear()
    pictures = {"a.png": skimage.data.astronaut(), "b.png": skimage.data.coffee(), "c.png": skimage.data.astronaut()}
    listing = faces_of(tmp_path, pictures)
    report = imported(listing, tmp_path / "faces.parquet", per_chunk=1, jobs=2, faces="yunet")
    engine.detector.cache_clear()
    assert report.manifest["source_id"].to_list() == ["a.png", "c.png"]
    for box in report.manifest["box_xyxy"].to_list():
        assert box == pytest.approx([178, 63, 268, 176], abs=4)


@pytest.mark.parametrize(
    ("cut", "faces", "has_boxes", "is_told"),
    [
        (slice(None), "auto", True, False),
        (slice(None), "given", False, True),
        (slice(None), "yunet", True, False),
        (slice(60, 200), "auto", False, False),
        (slice(60, 200), "given", False, False),
    ],
)
def test_photographs_are_told_from_crops_of_faces(detector, tmp_path, cut, faces, has_boxes, is_told):
    engine.detector.cache_clear()
    picture = skimage.data.astronaut()[cut, 155:285] if cut.start else skimage.data.astronaut()
    nobody = np.zeros((40, 40, 3), np.uint8)
    report = imported(faces_of(tmp_path, {"a.png": picture, "b.png": nobody}), tmp_path / "f.parquet", faces=faces)
    engine.detector.cache_clear()
    assert (report.manifest["box_xyxy"].count() > 0) == has_boxes
    assert report.manifest.height == (1 if has_boxes else 2)
    assert ("import them with --faces yunet" in report.text().replace("\n      ", " ")) == is_told


def test_without_the_detector_whole_pictures_count_and_nothing_is_fetched(monkeypatch, tmp_path, caplog):
    caplog.set_level("INFO", "affekt")
    monkeypatch.setattr(engine, "has_detector", lambda: False)
    monkeypatch.setattr(engine, "detector", None)
    report = imported(faces_of(tmp_path, {"a.png": pixels(0)}), tmp_path / "faces.parquet", faces="auto")
    assert report.manifest["box_xyxy"].null_count() == 1
    assert "Each whole picture counts as the face. For photographs, first type: affekt setup" in caplog.text
