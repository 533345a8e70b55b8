"""`affekt summarize --identify`: tracks of one person become one, over cuts, absences and inputs."""

from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import affekt
from affekt.analysis.rows import SCHEMA, empty_row
from affekt.cli.main import main
from affekt.errors import ConfigError, DataError
from affekt.people.identify import PLACES_XY, Recogniser, _chosen, _grouped, aligned
from drawn_faces import draw_face, no_units, random_identity

FACE = draw_face(random_identity(np.random.default_rng(1)), no_units(), size=120)
TINTS = {"red": (1.0, 0.72, 0.6), "blue": (0.72, 0.8, 1.0)}
SPREAD = np.linalg.qr(np.random.default_rng(0).normal(size=(128, 3)))[0].T
"""Three numbers as 128 that have the same cosines."""
TABLE = {"out": "faces.parquet", "faces": "yunet"}


@pytest.fixture
def by_colour(tmp_path):
    """Write a network with SFace's inputs and outputs, which knows people by the mean colour of their crop."""
    spread = numpy_helper.from_array(SPREAD.astype(np.float32), "spread")
    nodes = [
        helper.make_node("ReduceMean", ["data"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("ReduceMean", ["mean"], ["light"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["mean", "light"], ["colour"]),
        helper.make_node("Flatten", ["colour"], ["flat"]),
        helper.make_node("MatMul", ["flat", "spread"], ["fc1"]),
    ]
    pixels = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])
    vector = helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 128])
    graph = helper.make_graph(nodes, "by-colour", [pixels], [vector], [spread])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / "by-colour.onnx")
    return tmp_path / "by-colour.onnx"


@pytest.fixture
def study(small_model, write_video, detector, tmp_path, monkeypatch):
    """Work beside the table of two videos: red, a cut to blue, red again; and blue with red beside, then nobody."""
    monkeypatch.chdir(tmp_path)
    first = [scene(wall, {60: who}) for wall, who in ((0, "red"), (1, "blue"), (2, "red")) for _ in range(25)]
    write_video(first, "first.mp4")
    write_video(
        [scene(3, {20: "blue", 180: "red"})] * 15 + [scene(3, {})] * 40 + [scene(3, {100: "red"})] * 15, "b.mp4"
    )
    table = affekt.predict(["first.mp4", "b.mp4"], **TABLE, model=small_model).collect()
    assert table.filter(status="ok").group_by("input").agg(pl.col("track").n_unique()).sort("input").rows() == [
        ("b.mp4", 3),
        ("first.mp4", 3),
    ]
    return table


def scene(wall, people):
    blocks = np.random.default_rng(wall).integers(60, 200, (5, 8, 1)).repeat(3, 2).astype(np.uint8)
    picture = np.array(Image.fromarray(blocks).resize((320, 180), Image.Resampling.BICUBIC))
    for left, who in people.items():
        picture[30:150, left : left + 120] = (FACE * np.array(TINTS[who])).astype(np.uint8)
    return picture


def people_of(identified):
    named = {(row["input"], row["track"]): row["person"] for row in identified.iter_rows(named=True)}
    red = {named["first.mp4", 1], named["first.mp4", 3], named["b.mp4", 3]}
    blue = {named["first.mp4", 2]}
    return named, red, blue


@pytest.mark.usefixtures("study")
def test_one_person_over_a_cut_an_absence_and_two_inputs(by_colour, capsys):
    main(["summarize", "faces.parquet", "--out", "study", "--identify", str(by_colour), "--same-person", "0.9"])
    assert "2 people in 6 tracks; two are one person from a cosine of 0.9 on" in capsys.readouterr().err
    identified = pl.read_csv("study/identified.csv")
    named, red, blue = people_of(identified)
    assert len(red) == len(blue) == 1
    assert red != blue
    assert {named["b.mp4", 1], named["b.mp4", 2]} == red | blue
    assert identified["similarity"].min() > 0.9
    people = pl.read_csv("study/people.csv")
    assert people.select("input", "person").sort("input", "person").rows() == [
        ("b.mp4", "P1"),
        ("b.mp4", "P2"),
        ("first.mp4", "P1"),
        ("first.mp4", "P2"),
    ]
    [seen_s] = people.filter(pl.col("input") == "first.mp4", pl.col("person") == min(red))["seen_s"]
    assert seen_s == pytest.approx(2.0, abs=0.1)
    main(["summarize", "faces.parquet", "--out", "again", "--join", "study/identified.csv"])
    assert Path("again/people.csv").read_bytes() == Path("study/people.csv").read_bytes()


@pytest.mark.usefixtures("study")
def test_who_is_unlike_stays_apart_and_a_video_that_is_gone_is_told_of(by_colour):
    strict = affekt.summarize("faces.parquet", identify=by_colour, same_person=1.0)
    assert len(strict.people) == 6
    with pytest.raises(ConfigError, match="expected tracks joined by join or by identify, got both; leave one"):
        affekt.summarize("faces.parquet", identify=by_colour, join="1=3")
    Path("b.mp4").unlink()
    with pytest.raises(
        DataError, match=r"expected the video b\.mp4 to identify people in, got no such file; type this"
    ):
        affekt.summarize("faces.parquet", identify=by_colour)


@pytest.mark.parametrize("content", [None, b"no network"])
def test_what_is_no_recognition_network_is_refused(tmp_path, content, small_model):
    path = tmp_path / "sface.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"to identify by, got .*; name one such as face_recognition_sface_2021dec"):
        Recogniser(path)
    with pytest.raises(ConfigError, match=r"maps \(1, 3, 112, 112\) pixels to a vector"):
        Recogniser(small_model / "model.onnx")


@given(angle=st.floats(-3, 3), scale=st.floats(0.8, 2), shift=st.tuples(st.integers(-20, 20), st.integers(-20, 20)))
def test_an_aligned_face_lies_where_the_network_wants_it(angle, scale, shift):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = (PLACES_XY - 56) @ turn.T + 200 + np.array(shift)
    y, x = np.mgrid[:400, :400]
    spot = np.exp(-((x - places[0, 0]) ** 2 + (y - places[0, 1]) ** 2) / (2 * (4 * scale) ** 2))
    picture = np.repeat((255 * spot).astype(np.uint8)[..., None], 3, 2)
    crop = aligned(picture, places)[..., 0].astype(float)
    rows, columns = np.mgrid[:112, :112]
    centre = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
    assert centre == pytest.approx(PLACES_XY[0], abs=0.3)


@given(st.lists(st.floats(-6, 6), min_size=10, max_size=10), st.floats(-1, 1), st.floats(1, 3))
def test_a_face_unlike_the_model_is_aligned_as_least_squares_have_it(noise, angle, scale):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    given_xy = (PLACES_XY - 56) @ turn.T + 200 + np.reshape(noise, (5, 2))
    # x' = a x - b y + c and y' = b x + a y + d, in the pixels of the crop.
    x, y = given_xy.T
    one, none = np.ones(5), np.zeros(5)
    equations = np.concatenate([np.column_stack([x, -y, one, none]), np.column_stack([y, x, none, one])])
    a, b, c, d = np.linalg.lstsq(equations, PLACES_XY.T.ravel())[0]
    y, x = np.mgrid[:400, :400]
    spot = np.exp(-((x - 210) ** 2 + (y - 195) ** 2) / (2 * (4 * scale) ** 2))
    crop = aligned(np.repeat((255 * spot).astype(np.uint8)[..., None], 3, 2), given_xy)[..., 0].astype(float)
    rows, columns = np.mgrid[:112, :112]
    centre = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
    assert centre == pytest.approx([a * 210 - b * 195 + c, b * 210 + a * 195 + d], abs=0.3)


def test_the_network_gets_red_first_in_0_to_255_and_its_vector_has_length_1(by_colour):
    """OpenCV's FaceRecognizerSF swaps the channels of its BGR pictures, and neither shifts nor divides them."""
    recogniser = Recogniser(by_colour)
    assert recogniser.width == 128
    picture = np.full((112, 112, 3), (200, 90, 40), np.uint8)
    vector = recogniser(picture, PLACES_XY)
    assert np.linalg.norm(vector) == pytest.approx(1)
    colour = vector @ SPREAD.T
    assert colour == pytest.approx(np.array([90, -20, -70]) / np.linalg.norm([90, -20, -70]), abs=1e-3)


def test_groups_are_those_of_average_directions_and_never_hold_two_who_are_seen_together():
    vectors = np.array([[1, 0.1], [1, 0], [0, 1], [0.1, 1], [0, 0]])
    means = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    apart = np.zeros((5, 5), bool)
    assert _grouped(means, apart, 0.9) == [0, 0, 2, 2, 4]
    assert _grouped(means, apart, 0.05) == [0, 0, 0, 0, 4]
    apart[0, 1] = apart[1, 0] = True
    assert _grouped(means, apart, 0.9) == [0, 1, 2, 2, 4]
    assert _grouped(np.zeros((0, 3)), np.zeros((0, 0), bool), 0.3) == []


@given(st.integers(1, 200), st.integers(0, 200))
def test_a_few_faces_are_spread_over_a_track(count, first_good):
    found = [{**empty_row("v", "ok"), "track": 1, "time_s": n / 25, "reliable": n >= first_good} for n in range(count)]
    chosen = _chosen(pl.DataFrame(found, schema=SCHEMA))["time_s"].to_list()
    good = count - first_good if first_good < count else count
    assert len(chosen) == min(good, 10)
    if good >= 10:
        steps = np.diff(chosen) * 25
        assert steps.max() - steps.min() <= 1.01
