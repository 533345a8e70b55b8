"""What a person is told of a run: a line per input on a terminal, and counts of pictures and of videos."""

from dataclasses import replace

from affekt.analysis.rows import Answer, empty_row
from affekt.analysis.summary import Summary, told

FACE = {**empty_row("a.jpg", "ok"), "face": 1, "emotion": "happiness", "confidence": 0.9997}
RATED = {**FACE, "valence": 0.7749, "arousal": -0.001}


def frame(number, *tracks, ends=False):
    place = {"input": "v.mp4", "frame": number, "time_s": number / 25}
    rows = [{**RATED, **place, "track": track} for track in tracks] or [{**empty_row("v.mp4", "no_face"), **place}]
    return Answer("v.mp4", rows, ends=ends)


def test_pictures_and_videos_are_counted_apart():
    summary = Summary({"v.mp4"})
    for answer in (
        Answer("a.jpg", [FACE, {**FACE, "emotion": None}], ends=True),
        Answer("b.gif", [{**FACE, "frame": 0}], ends=True),
        Answer("c.jpg", [empty_row("c.jpg", "no_face")], ends=True),
        frame(0),
        frame(1, 1),
        replace(frame(2, 1, 2, ends=True), left_out=3),
        Answer("bad.jpg", [empty_row("bad.jpg", "unreadable: not a picture")], ends=True),
    ):
        summary.add(answer)
    assert summary.lines("projected", ["passed over 1 file"]) == [
        "3 pictures: 3 faces",
        "  1 without a face (if each is a face already: --faces whole, or faces='whole')",
        "  happiness  2",
        "  unsure     1",
        "1 video, 3 frames: 3 faces of 2 people",
        "  1 frame without a face (if each is a face already: --faces whole, or faces='whole')",
        "  3 more faces left out, as the options ask",
        "  happiness  3",
        "1 unreadable",
        "  1 not a picture",
        "of 1 picture with several frames or pages the first was looked at",
        "valence and arousal are projected, not rated",
        "passed over 1 file",
    ]
    mixed = "valence and arousal were learnt from values that are 80 % projected, 20 % rated"
    assert summary.lines("80 % projected, 20 % rated", [])[-1] == mixed


def test_a_picture_is_a_line_and_several_faces_a_line_each():
    answers = (
        Answer("happy.jpg", [RATED], ends=True),
        Answer("two.jpg", [FACE, {**FACE, "face": 2, "emotion": None, "confidence": 0.3}], ends=True),
        Answer("wall.jpg", [empty_row("wall.jpg", "no_face")], ends=True),
        Answer("\x1b[31m.jpg", [empty_row("", "unreadable: not a picture")], ends=True),
    )
    assert "\n".join(told(answers, ())).splitlines() == [
        "happy.jpg: one face, happiness 0.99, valence +0.77, arousal +0.00",
        "two.jpg: 2 faces",
        "  face 1: happiness 0.99",
        "  face 2: unsure 0.30",
        "wall.jpg: no face",
        r"\x1b[31m.jpg: unreadable: not a picture",
    ]


def test_a_video_is_a_line_and_one_per_person():
    broken = Answer("v.mp4", [empty_row("v.mp4", "unreadable: broken off")], ends=True)
    assert list(told([frame(0, 1), frame(1, 1, 2), frame(2), broken], {"v.mp4"})) == [
        "v.mp4: unreadable: broken off",
        "v.mp4: 3 frames, 2 people",
        "  person 1: mostly happiness, in 2 of 2 frames, mean valence +0.77, mean arousal +0.00",
        "  person 2: mostly happiness, in 1 of 1 frame, mean valence +0.77, mean arousal +0.00",
    ]


def test_a_camera_tells_of_itself_once_a_second():
    place = {"input": "camera:0", "track": 1}
    answers = [Answer("camera:0", [{**RATED, **place, "time_s": time_s}], ends=False) for time_s in (0.0, 0.5, 1.2)]
    assert [line.partition(":")[0] for line in told(answers, {"camera:0"})] == ["0 s", "1 s"]
