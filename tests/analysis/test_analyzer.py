"""Pictures in, rows out: in order, whatever each of them is."""

import dataclasses
import io
import multiprocessing
import os
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import polars as pl
import pytest
from PIL import Image

from affekt import cores
from affekt.analysis import analyzer as analyzer_module
from affekt.analysis.analyzer import Analyzer, load
from affekt.analysis.drawing import draw
from affekt.analysis.options import AnalyzerOptions, Options, RuntimeChoice
from affekt.analysis.rows import SCHEMA, SMOOTHED_SCHEMA, table_schema
from affekt.errors import AffektWarning, ConfigError, MissingExtra, ModelError
from affekt.faces.detection import Faces
from affekt.faces.pictures import BREAKS_OFF
from affekt.labels import PROBABILITY_COLUMNS
from affekt.models.runtimes import RuntimeName

DARK, LIGHT = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)


class TwoFaces:
    """Stands for a detector: the left and the right half of every picture are faces."""

    def __init__(self, **options):
        self.options = options

    def detect(self, image_rgb, *, looks_again=True):
        height, width = image_rgb.shape[:2]
        boxes = np.array([[0, 0, width / 2, height], [width / 2, 0, width, height]], np.float32)
        return Faces(boxes, np.zeros((2, 5, 2), np.float32), np.array([0.9, 0.8], np.float32))


class NoFace(TwoFaces):
    """Stands for a detector that finds nobody."""

    def detect(self, image_rgb, *, looks_again=True):
        return super().detect(image_rgb)[np.array([], dtype=np.intp)]


def test_whole_pictures_are_faces(small_model):
    table = Analyzer(small_model).analyze([DARK, LIGHT], faces="whole")
    assert table.schema == SCHEMA
    assert table["input"].to_list() == ["0", "1"]
    assert table["emotion"].to_list() == ["neutral", "happiness"]
    assert table.select("x", "y", "width", "height").rows() == [(0, 0, 40, 40)] * 2
    assert table["face_score"].null_count() == 2
    assert table.select(pl.sum_horizontal(PROBABILITY_COLUMNS)).to_series().to_list() == pytest.approx([1, 1])
    assert table["valence"].to_list() == pytest.approx([np.tanh(-2), np.tanh(2)])


def test_each_face_gets_a_row_and_is_cropped_by_its_own_box(small_model, monkeypatch):
    monkeypatch.setattr(analyzer_module, "FaceDetector", TwoFaces)
    table = Analyzer(small_model).analyze(np.concatenate([DARK, LIGHT], axis=1))
    assert table["face"].to_list() == [1, 2]
    assert table["emotion"].to_list() == ["neutral", "happiness"]
    assert table["x"].to_list() == [0, 40]
    assert table["face_score"].to_list() == pytest.approx([0.9, 0.8])


def test_rows_come_in_the_order_given_across_batches(small_model):
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in range(200)]
    table = Analyzer(small_model).analyze(iter(pictures), faces="whole")
    assert table["input"].to_list() == [str(number) for number in range(200)]
    assert table["valence"].is_sorted()


def test_what_cannot_be_read_is_a_row_between_the_others(small_model, tmp_path):
    good, broken, empty = (tmp_path / name for name in ("good.png", "broken.jpg", "empty.png"))
    Image.fromarray(LIGHT).save(good)
    broken.write_text("no picture")
    empty.touch()
    table = Analyzer(small_model).analyze([good, broken, empty, tmp_path / "gone.png", good], faces="whole")
    assert table["status"].to_list() == [
        "ok",
        "unreadable: not a picture",
        "unreadable: an empty file",
        "unreadable: no such file",
        "ok",
    ]
    assert table["emotion"].null_count() == 3
    assert table["input"].to_list()[1] == str(broken)


def test_a_jpeg_that_breaks_off_gives_its_faces_and_a_row_that_says_so(small_model, monkeypatch, tmp_path):
    monkeypatch.setattr(analyzer_module, "FaceDetector", TwoFaces)
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([DARK, LIGHT], axis=1)).save(buffer, "JPEG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[:-4])
    path, broken = str(tmp_path / "a.jpg"), f"unreadable: {BREAKS_OFF}"
    for given in (path, buffer.getvalue()[:-4]):
        assert Analyzer(small_model).analyze(given)["status"].to_list() == ["unreadable: image file is truncated"]
        table = Analyzer(small_model, AnalyzerOptions(lenient=True)).analyze([given, DARK])
        assert table["status"].to_list() == ["ok", "ok", broken, "ok", "ok"]
        assert table["emotion"].to_list()[:3] == ["neutral", "happiness", None]
    assert draw(path, table.filter(input="0").with_columns(input=pl.lit(path))).size == (80, 40)
    monkeypatch.setattr(analyzer_module, "FaceDetector", NoFace)
    assert Analyzer(small_model, AnalyzerOptions(lenient=True)).analyze(path)["status"].to_list() == [broken]


def test_a_picture_without_a_face_says_so(small_model, monkeypatch):
    monkeypatch.setattr(analyzer_module, "FaceDetector", NoFace)
    table = Analyzer(small_model).analyze([DARK, LIGHT])
    assert table["status"].to_list() == ["no_face", "no_face"]
    assert table.drop("input", "status").null_count().row(0) == (2,) * (len(SCHEMA) - 2)


def test_a_face_below_the_least_confidence_has_no_emotion_but_its_probabilities(small_model):
    grey = np.full((8, 8, 3), 128, np.uint8)
    table = load(small_model, min_confidence=0.5).analyze([grey, LIGHT], faces="whole")
    assert table["emotion"].to_list() == [None, "happiness"]
    assert table["confidence"][0] == table.select(pl.max_horizontal(PROBABILITY_COLUMNS)).item(0, 0)


def test_nothing_gives_an_empty_table(small_model):
    table = Analyzer(small_model).analyze([], faces="whole")
    assert table.is_empty()
    assert table.schema == SCHEMA


def test_without_yunet_the_cascade_stands_in_and_says_so(small_model, monkeypatch):
    def absent(**options):
        raise ModelError("expected the face detector, got no network")

    monkeypatch.setattr(analyzer_module, "FaceDetector", absent)
    opened = Analyzer(small_model)
    slow = "faces found with scikit-image's cascade, which misses more and is many times slower"
    told = f"{slow}: expected the face detector, got no network"
    with pytest.warns(AffektWarning, match=f"^{re.escape(told)}$"):
        opened.analyze([DARK])
    # Any warning more would be an error here.
    opened.analyze([DARK])
    assert opened.notes == [told]
    with pytest.raises(ModelError, match="no network"):
        opened.analyze([DARK], faces="yunet")


def test_without_any_detector_the_error_is_yunets(small_model, monkeypatch):
    def absent(**options):
        raise ModelError("expected the face detector, got no network")

    def not_installed():
        raise MissingExtra("skimage", "cascade")

    monkeypatch.setattr(analyzer_module, "FaceDetector", absent)
    monkeypatch.setattr(analyzer_module, "CascadeDetector", not_installed)
    with pytest.raises(ModelError, match="no network"):
        Analyzer(small_model).analyze([DARK])


def test_a_pillow_picture_gives_the_rows_of_its_pixels(small_model):
    opened = Analyzer(small_model)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    expected = opened.analyze(pixels, faces="whole")
    assert opened.analyze(Image.fromarray(pixels), faces="whole").equals(expected)
    several = opened.analyze([Image.new("F", (5, 5)), Image.fromarray(pixels)], faces="whole")
    assert several["input"].to_list() == ["0", "1"]
    assert several["status"].to_list() == ["unreadable: 32 bits a pixel; save it with 8 or 16", "ok"]


@pytest.mark.parametrize(("thing", "kind"), [(None, "NoneType"), ([7], "int"), ([[DARK]], "list")])
def test_what_is_no_picture_at_all_is_refused(small_model, thing, kind):
    with pytest.raises(ConfigError, match=f"expected pictures as paths, encoded bytes, .* got {kind}"):
        Analyzer(small_model).analyze(thing, faces="whole")


def test_unknown_options_are_refused(small_model):
    with pytest.raises(
        ConfigError, match="expected faces as auto, yunet, cascade or whole, got 'haar'; type: faces='auto'"
    ):
        Analyzer(small_model).analyze([DARK], faces="haar")
    with pytest.raises(ConfigError, match="expected a min_confidence from 0 to 1, got 2"):
        load(small_model, min_confidence=2)


def test_faces_that_do_not_count_are_left_out_and_counted(small_model, monkeypatch):
    monkeypatch.setattr(analyzer_module, "FaceDetector", TwoFaces)
    opened = load(small_model, most_faces=1, details=True)
    (answer,) = opened.answers([DARK])
    assert (len(answer.rows), answer.left_out) == (1, 1)
    table = opened.analyze(DARK)
    assert table.schema == table_schema(details=True)
    assert table.select("left_out", "outside", "nose_x", "mouth_left_y").row(0) == (1, 0, 0, 0)
    nobody = load(small_model, min_face=41, details=True).analyze(DARK)
    assert nobody.select("status", "left_out").rows() == [("no_face", 2)]


def test_a_video_gives_rows_with_times_and_people_and_smoothed_scores(small_model, monkeypatch, write_video):
    monkeypatch.setattr(analyzer_module, "FaceDetector", TwoFaces)
    path = write_video(
        [np.concatenate([DARK[:32, :32], LIGHT[:32, :32]], axis=1)] * 3 + [DARK[:32, :32].repeat(2, 1)] * 3
    )
    table = load(small_model, smooth_s=0.1).analyze([path, LIGHT])
    assert table.schema == SMOOTHED_SCHEMA
    video = table.filter(pl.col("frame").is_not_null())
    assert video["frame"].to_list() == sorted([*range(6)] * 2)
    assert video["time_s"].to_list() == pytest.approx([frame / 25 for frame in video["frame"]], abs=1e-3)
    assert video["track"].to_list() == [1, 2] * 6
    right = video.filter(track=2)
    assert right["raw_valence"].to_list()[2:4] == pytest.approx([0.96, -0.96], abs=0.02)
    # The change is where it was, and the last picture knows nothing of it.
    assert right["valence"].to_list() == pytest.approx([0.96] * 3 + [-0.96] * 3, abs=0.02)
    assert video["shot"].to_list() == [1] * 12
    last = table.row(-1, named=True)
    assert (last["frame"], last["track"], last["raw_valence"]) == (None, None, None)


def test_each_video_starts_its_people_and_its_filter_anew(small_model, monkeypatch, write_video):
    monkeypatch.setattr(analyzer_module, "FaceDetector", TwoFaces)
    light, dark = (write_video([picture] * 2, f"{name}.mp4") for name, picture in {"l": LIGHT, "d": DARK}.items())
    table = load(small_model, smooth_s=10).analyze([light, dark])
    assert table["track"].to_list() == [1, 2, 1, 2] * 2
    assert table.filter(input=str(dark))["valence"].to_list() == pytest.approx([-0.96] * 4, abs=0.02)


def test_a_video_can_be_sampled_and_left_unsmoothed(small_model, write_video):
    table = load(small_model, every_s=0.2, smooth_s=0).analyze(write_video([LIGHT] * 25), faces="whole")
    assert table.schema == SCHEMA
    assert table["frame"].to_list() == [0, 5, 10, 15, 20]


def test_a_broken_video_is_one_row(small_model, tmp_path):
    (tmp_path / "broken.mp4").write_text("no video")
    table = Analyzer(small_model).analyze([tmp_path / "broken.mp4", tmp_path / "gone.mov"], faces="whole")
    assert [status.partition(" (")[0] for status in table["status"]] == [
        "unreadable: not a video, or one without its beginning or end",
        "unreadable: no such file",
    ]


def test_an_animation_gives_its_first_frame_and_says_so(small_model, tmp_path):
    moving, still = tmp_path / "moving.gif", tmp_path / "still.gif"
    first, second = Image.fromarray(DARK), Image.fromarray(LIGHT)
    first.save(moving, save_all=True, append_images=[second])
    first.save(still)
    table = Analyzer(small_model).analyze([moving, still], faces="whole")
    assert table["frame"].to_list() == [0, None]
    assert table["time_s"].null_count() == 2
    assert table["emotion"].to_list() == ["neutral", "neutral"]


class MovingFace(TwoFaces):
    """Finds one face, 2 pixels further to the right each time it is asked, and counts how often."""

    asked = 0

    def detect(self, image_rgb, *, looks_again=True):
        left = 2.0 * MovingFace.asked
        MovingFace.asked += 1
        boxes = np.array([[left, 4, left + 20, 24]], np.float32)
        return Faces(boxes, np.zeros((1, 5, 2), np.float32), np.array([0.9], np.float32))


def test_faces_are_looked_for_on_some_frames_and_followed_between(small_model, monkeypatch, write_video):
    monkeypatch.setattr(analyzer_module, "FaceDetector", MovingFace)
    monkeypatch.setattr(analyzer_module, "core_count", lambda: 1)
    monkeypatch.setattr(MovingFace, "asked", 0)
    table = load(small_model, detect_every=3).analyze(write_video([LIGHT] * 24))
    assert MovingFace.asked == 8
    assert table["frame"].to_list() == list(range(24))
    assert table["track"].to_list() == [1] * 24
    assert table["status"].to_list() == ["ok"] * 24
    assert [score is None for score in table["face_score"]] == [False, True, True] * 8
    # Two pixels a search are two thirds of a pixel a frame, once the speed is known.
    assert np.diff(table["x"].to_list())[-4:] == pytest.approx([2 / 3] * 4, abs=0.4)


def test_videos_without_faces_have_the_table_schema_those_with_some(small_model, monkeypatch, write_video, tmp_path):
    monkeypatch.setattr(analyzer_module, "FaceDetector", NoFace)
    (tmp_path / "no.mp4").write_text("no video")
    for video in (write_video([LIGHT] * 3), tmp_path / "no.mp4"):
        assert Analyzer(small_model).analyze(video).schema == SMOOTHED_SCHEMA
        assert load(small_model, smooth_s=0).analyze(video).schema == SCHEMA


def test_a_video_can_be_left_early(small_model, write_video):
    path = write_video([LIGHT] * 25)
    table = load(small_model, stop_after_s=0.2).analyze([path, LIGHT], faces="whole")
    assert table["frame"].to_list() == [0, 1, 2, 3, 4, None]


def test_stop_ends_the_video_under_way_and_answers_what_was_seen(small_model, write_video):
    paths = [write_video([LIGHT] * 200, "one.mp4"), write_video([LIGHT] * 3, "two.mp4")]
    opened = Analyzer(small_model)
    answers = []
    for answer in opened.answers(paths, faces="whole"):
        if not answers:
            opened.stop()
        answers.append(answer)
    frames = [[row["frame"] for row in answer.rows] for answer in answers if answer.rows]
    seen = len(frames) - 3
    assert 0 < seen < 200
    assert frames == [[frame] for frame in (*range(seen), 0, 1, 2)]
    assert [answer.ends for answer in answers].count(True) == 2


def test_impossible_samplings_are_refused(small_model):
    with pytest.raises(ConfigError, match="expected detect_every of at least 1 frame, got 0"):
        load(small_model, detect_every=0)
    with pytest.raises(ConfigError, match="expected stop_after_s above 0 seconds, got 0"):
        load(small_model, stop_after_s=0)


def test_what_is_said_of_a_face_does_not_depend_on_its_batch(small_model):
    """A run that was killed goes on with other batches, and must end in the same table."""
    session = Analyzer(small_model).session
    crops = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 1), np.uint8)
    whole = session.predict(crops)
    for size in (1, 3, 16):
        parts = session.predict(crops, batch_size=size)
        assert np.array_equal(parts.probabilities, whole.probabilities)
        assert np.array_equal(parts.valence_arousal, whole.valence_arousal)


def test_an_answer_tells_its_input_as_it_was_given(small_model, write_video, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.fromarray(LIGHT).save(odd, "PNG")
    given = [str(odd), str(write_video([LIGHT] * 2)), LIGHT, str(tmp_path / "gone.jpg")]
    answers = list(Analyzer(small_model).answers(given, faces="whole"))
    assert [answer.input for answer in answers] == [given[0], *[given[1]] * 3, "2", given[3]]
    assert answers[0].rows[0]["input"].endswith(r"caf\xe9.png")


def test_every_way_to_give_a_picture_gives_its_rows(small_model, tmp_path):
    opened, path = Analyzer(small_model), tmp_path / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    with path.open("rb") as file, Image.open(path) as picture:
        ways = [path, str(path), path.read_bytes(), bytearray(path.read_bytes()), file, picture, pixels]
        ways += [pixels[None], pixels / 255, pixels * np.uint16(257), np.dstack([pixels, pixels[..., 0]])]
        rows = opened.analyze(ways, faces="whole")
    assert rows["input"].to_list() == [str(path), str(path), *map(str, range(2, len(ways)))]
    assert rows.drop("input").unique().height == 1
    assert opened(pixels, faces="whole").equals(opened.analyze(pixels, faces="whole"))
    broken = opened.analyze([b"no picture", b"", pixels], faces="whole")
    assert broken["status"].to_list() == ["unreadable: not a picture", "unreadable: an empty file", "ok"]


def test_it_says_what_it_is(small_model):
    told = "<affekt.Analyzer 'by-light': 8 expressions and valence and arousal, 0 parameters, on onnxruntime>"
    assert repr(Analyzer(small_model)) == told


def test_pickled_it_is_opened_again_in_another_process_and_answers_the_same(small_model):
    opened = load(small_model, min_confidence=0.5)
    expected = opened.analyze([DARK, LIGHT], faces="whole")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = [pool.apply(opened.analyze, ([DARK, LIGHT],), {"faces": "whole"}) for _ in range(2)]
        first, second = (pool.apply(id, (opened,)) for _ in range(2))
        assert first == second
    assert all(rows.equals(expected) for rows in found)


def test_a_pickle_names_the_runtime_that_was_chosen_and_the_folder_from_anywhere(small_model, monkeypatch, tmp_path):
    monkeypatch.chdir(small_model.parent)
    pickled = pickle.dumps(Analyzer(small_model.name))
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(pickled)
    assert again.folder == small_model
    assert again.options == AnalyzerOptions(runtime="onnxruntime")


def test_load_takes_the_options_of_an_analyzer_by_name(small_model):
    assert list(Options.__annotations__) == [field.name for field in dataclasses.fields(AnalyzerOptions)]
    assert Options.__annotations__ == AnalyzerOptions.__annotations__
    assert load(small_model).options == AnalyzerOptions()
    assert load(small_model, every_s=2, detect_every=3).options == AnalyzerOptions(every_s=2, detect_every=3)
    with pytest.raises(ConfigError, match=r"of affekt\.load, got 'min_conf'; did you mean min_confidence"):
        load(small_model, min_conf=0.6)


def test_runtimes_to_choose_are_those_there_are():
    assert get_args(RuntimeChoice) == ("auto", *get_args(RuntimeName))


def test_as_many_threads_work_as_are_asked_for(small_model, monkeypatch):
    asked = []

    class Counted(ThreadPoolExecutor):
        def __init__(self, most, **named):
            asked.append(most)
            super().__init__(most, **named)

    monkeypatch.setattr(cores, "ThreadPoolExecutor", Counted)
    monkeypatch.setattr(analyzer_module, "core_count", lambda: 7)
    for threads in (0, 3):
        load(small_model, threads=threads).analyze(LIGHT, faces="whole")
    assert asked == [7, 3]
    with pytest.raises(ConfigError, match="expected threads of at least 0, got -1; 0 takes the cores"):
        load(small_model, threads=-1)
