"""Frames with their true times, upright, from good and bad files."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from affekt.analysis import video
from affekt.analysis.video import IncompleteVideo, read_frames
from affekt.errors import PictureError

GREYS = [np.full((64, 96, 3), value, np.uint8) for value in range(0, 250, 10)]


def frames_and_loss(path):
    """Return the frames of a video that lacks something, and what is said of it after them."""
    frames = []

    def read():
        frames.extend(read_frames(str(path)))

    with pytest.raises(IncompleteVideo) as told:
        read()
    return frames, str(told.value)


def test_every_frame_comes_once_in_order_with_its_time(write_video):
    frames = list(read_frames(str(write_video(GREYS))))
    assert [frame.number for frame in frames] == list(range(25))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 25 for number in range(25)], abs=1e-3)
    assert frames[0].image_rgb.shape == (64, 96, 3)
    assert [frame.image_rgb.mean() for frame in frames] == pytest.approx(range(0, 250, 10), abs=4)


def test_uneven_times_are_kept_and_count_from_the_first_frame(write_video):
    times_s = [2.0, 2.04, 2.5, 2.51, 4.0]
    frames = list(read_frames(str(write_video(GREYS[:5], times_s=times_s))))
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.5, 0.51, 2.0], abs=1e-3)


def test_sampling_takes_the_first_frame_of_each_interval(write_video):
    times_s = [0, 0.1, 0.2, 0.3, 0.41, 0.45, 1.33, 1.39, 1.42]
    frames = list(read_frames(str(write_video(GREYS[:9], times_s=times_s)), every_s=0.2))
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.2, 0.41, 1.33, 1.42], abs=1e-3)
    assert [frame.number for frame in frames] == [0, 2, 4, 6, 8]


def test_a_video_filmed_on_its_side_is_turned(write_video):
    left_is_light = np.zeros((64, 96, 3), np.uint8)
    left_is_light[:, :48] = 255
    path = write_video([left_is_light] * 3)
    # The track header's matrix, the second in the file, is the identity; a quarter turn to the right takes its place.
    identity = b"".join(number.to_bytes(4, "big") for number in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    turned = b"".join(
        number.to_bytes(4, "big") for number in (0, 1 << 16, 0, (1 << 32) - (1 << 16), 0, 0, 64 << 16, 0, 1 << 30)
    )
    start = path.read_bytes()
    second = start.index(identity, start.index(identity) + 1)
    path.write_bytes(start[:second] + turned + start[second + len(turned) :])
    image_rgb = next(read_frames(str(path))).image_rgb
    assert image_rgb.shape == (96, 64, 3)
    assert image_rgb[:40].mean() > 200
    assert image_rgb[-40:].mean() < 50


def test_joined_recordings_go_on_where_the_one_before_ended(write_video):
    parts = [write_video(GREYS[:n], name=f"{n}.ts", times_s=[10 - n + i / 25 for i in range(n)]) for n in (4, 5)]
    joined = parts[0].with_name("joined.ts")
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    times_s = [frame.time_s for frame in read_frames(str(joined))]
    assert times_s == pytest.approx([number / 25 for number in range(9)], abs=1e-3)
    assert [frame.number for frame in read_frames(str(joined), every_s=0.2)] == [0, 5]


def test_broken_packets_are_passed_over_and_told_of(write_video):
    path = write_video([np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)] * 25)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    frames, loss = frames_and_loss(path)
    assert 5 < len(frames) < 25
    assert frames[-1].number == len(frames) - 1
    assert loss.startswith("some of it could not be decoded")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "an empty file"), (b"no video at all" * 100, "not a video"), (None, "no such file")],
)
def test_what_is_no_video_says_so(tmp_path, content, problem):
    path = tmp_path / "video.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureError, match=problem):
        next(read_frames(str(path)))


def test_sound_alone_is_a_video_without_pictures(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(PictureError, match="a video without pictures"):
        next(read_frames(str(path)))


def test_sound_beside_the_pictures_costs_no_frame(tmp_path):
    path = tmp_path / "talk.mp4"
    with av.open(path, "w") as container:
        sound, pictures = container.add_stream("aac", rate=44100), container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        for number in range(50):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, number * 1024
            container.mux(sound.encode(frame))
        for grey in GREYS:
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(pictures.encode())
        container.mux(sound.encode())
    assert len(list(read_frames(str(path)))) == 25


def test_a_video_without_frames_says_so(write_video):
    path = write_video(GREYS[:2])
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    stop = content.index(b"moov") - 4
    path.write_bytes(content[:start] + b"\0" * (stop - start) + content[stop:])
    with pytest.raises(PictureError, match="a video without a frame that can be decoded"):
        next(read_frames(str(path)))


def test_names_may_hold_a_colon_and_any_byte(write_video):
    path = write_video(GREYS[:2])
    for name in ("12:30 o'clock.mp4", os.fsdecode(b"caf\xe9.mp4")):
        odd = path.with_name(name)
        path.rename(odd)
        assert len(list(read_frames(str(odd)))) == 2
        odd.rename(path)


def test_a_video_that_breaks_off_gives_what_came_before_and_says_so(write_video):
    path = write_video(GREYS, name="video.mkv", times_s=[number / 5 for number in range(25)])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    frames, loss = frames_and_loss(path)
    assert 3 < len(frames) < 25
    assert loss.startswith("breaks off before its end")


def test_a_video_that_never_began_is_without_frames(write_video):
    path = write_video(GREYS[:1], name="video.mkv")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75")])  # where the first cluster starts
    with pytest.raises(PictureError, match="a video without a frame that can be decoded"):
        next(read_frames(str(path)))


@pytest.mark.parametrize("name", ["pipe.mp4", "loop.mp4", "a" * 300 + ".mp4", "nul\0.mp4"])
def test_what_cannot_be_opened_says_why(tmp_path, name):
    if name == "pipe.mp4":
        os.mkfifo(tmp_path / name)
    if name == "loop.mp4":
        (tmp_path / name).symlink_to(name)
    with pytest.raises(PictureError, match=r"a pipe|Too many levels|too long|null"):
        next(read_frames(str(tmp_path / name)))


def disc(width, height, aspect):
    """Draw a disc that is round where the pixels are shown as wide as they are."""
    y, x = np.mgrid[:height, :width]
    inside = ((x - width / 2) * float(aspect or 1)) ** 2 + (y - height / 2) ** 2 < 100**2
    return np.repeat(np.where(inside, 255, 0).astype(np.uint8)[..., None], 3, axis=2)


def with_pixels(path, aspect, picture):
    """Write a video whose pixels are stored so many times as wide as high."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt, stream.codec_context.sample_aspect_ratio = "yuv420p", aspect
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return str(path)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("aspect", "size"),
    [((64, 45), (1024, 576)), ((1, 1), (720, 576)), ((8, 9), (720, 648)), ((1, 5), (720, 576)), ((0, 1), (720, 576))],
)
def test_frames_have_square_pixels_whatever_the_file_has(tmp_path, ending, aspect, size):
    frame = next(
        read_frames(with_pixels(tmp_path / f"a.{ending}", Fraction(*aspect), disc(720, 576, Fraction(*aspect))))
    )
    width, height = size
    image_rgb = frame.image_rgb
    assert image_rgb.shape == (height, width, 3)
    if aspect == (64, 45):
        rows, columns = np.nonzero(image_rgb[..., 0] > 128)
        assert np.ptp(columns) == pytest.approx(np.ptp(rows), abs=3)


def test_square_pixels_are_the_codecs_own(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    frame = next(read_frames(with_pixels(tmp_path / "a.mp4", Fraction(1), noise)))
    assert np.array_equal(frame.image_rgb, frame.decoded.to_ndarray(format="rgb24"))


@pytest.mark.parametrize(
    ("abcd", "how"),
    [
        ((1, 0, 0, 1), lambda picture: picture),
        ((0, 1, -1, 0), lambda picture: np.rot90(picture, -1)),
        ((-1, 0, 0, -1), lambda picture: np.rot90(picture, 2)),
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda picture: picture.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda picture: np.rot90(picture, 2).swapaxes(0, 1)),
    ],
)
def test_the_whole_display_matrix_is_applied(write_video, abcd, how):
    quarters = np.zeros((64, 96, 3), np.uint8)
    quarters[:32, :48], quarters[:32, 48:], quarters[32:, :48] = 80, 160, 240
    path = write_video([quarters] * 2)
    one = 1 << 16
    identity = b"".join(number.to_bytes(4, "big") for number in (one, 0, 0, 0, one, 0, 0, 0, 1 << 30))
    a, b, c, d = (number * one for number in abcd)
    wanted = b"".join(number.to_bytes(4, "big", signed=True) for number in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    start = path.read_bytes()
    second = start.index(identity, start.index(identity) + 1)
    path.write_bytes(start[:second] + wanted + start[second + len(wanted) :])
    for frame in read_frames(str(path)):
        shown, expected = frame.image_rgb, how(quarters)
        assert shown.shape == expected.shape
        assert np.abs(shown.astype(int) - expected).mean() < 8
        small = frame.shrunk(48)
        assert small.shape == (expected.shape[0] // 2, expected.shape[1] // 2, 3)
        assert np.abs(small.astype(int) - expected[::2, ::2]).mean() < 8
        assert np.array_equal(frame.shrunk(200), shown)


def with_streams(path, *streams):
    """Write streams of one grey each: its side, its value, and whether players show it."""
    with av.open(path, "w") as container:
        added = []
        for side, value, disposition in streams:
            is_cover = Disposition.attached_pic in disposition
            stream = container.add_stream("mjpeg" if is_cover else "mpeg4", rate=25)
            stream.width = stream.height = side
            stream.pix_fmt, stream.disposition = "yuvj420p" if is_cover else "yuv420p", disposition
            added.append((stream, av.VideoFrame.from_ndarray(np.full((side, side, 3), value, np.uint8))))
        for stream, picture in added:
            container.mux(stream.encode(picture))
            container.mux(stream.encode())
    return str(path)


def test_of_several_streams_the_default_one_is_read_and_never_a_cover(tmp_path):
    nothing, default, cover = Disposition(0), Disposition.default, Disposition.attached_pic
    (frame,) = read_frames(with_streams(tmp_path / "default.mkv", (64, 50, nothing), (96, 200, default)))
    assert frame.image_rgb.shape == (96, 96, 3)
    (frame,) = read_frames(with_streams(tmp_path / "none.mp4", (64, 50, nothing), (96, 200, nothing)))
    assert frame.image_rgb.shape == (64, 64, 3)
    (frame,) = read_frames(with_streams(tmp_path / "cover.mp4", (64, 50, cover), (96, 200, nothing)))
    assert frame.image_rgb.shape == (96, 96, 3)


def test_frames_over_the_limit_are_refused_before_one_is_decoded(write_video, monkeypatch):
    path = str(write_video(GREYS[:2]))
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", 100_000)  # FFmpeg counts the edges that codecs add
    assert len(list(read_frames(path))) == 2
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", 64 * 96 - 1)
    monkeypatch.setattr(video, "decoded_frames", lambda *_: pytest.fail("a frame was decoded"))
    with pytest.raises(PictureError, match="96x64 pixels, over the limit of 6,143 for videos"):
        next(read_frames(path))


def test_frames_that_grow_over_the_limit_are_lost_and_told(tmp_path, monkeypatch):
    small, large = (np.full((side, side, 3), 90, np.uint8) for side in (64, 128))
    path = grown(tmp_path / "grows.m2v", small, small, large, large)
    assert [frame.image_rgb.shape[0] for frame in read_frames(path)][-2:] == [128, 128]
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", 64 * 64)
    frames, told = frames_and_loss(path)
    assert [frame.image_rgb.shape[0] for frame in frames] == [64]
    assert told == "some of it could not be decoded; its rows leave that out"


def test_empty_packets_between_the_others_are_no_loss(tmp_path):
    path = str(tmp_path / "empty.nut")
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 * number, np.uint8))
            for packet in stream.encode(frame):
                empty = av.Packet(0)
                empty.stream, empty.pts, empty.dts, empty.time_base = stream, packet.pts, packet.dts, packet.time_base
                container.mux(empty if number in (2, 4) else packet)
        container.mux(stream.encode())
    with av.open(path) as container:
        assert sum(packet.size == 0 and packet.dts is not None for packet in container.demux(video=0)) == 2
    assert [round(frame.time_s, 2) for frame in read_frames(path)] == [0, 0.04, 0.12, 0.2]


def grown(path, *pictures):
    """Write a stream of MPEG-2 in which each picture begins a new sequence, of its own size."""
    encoded = b""
    for picture in pictures:
        encoder = av.CodecContext.create("mpeg2video", "w")
        encoder.height, encoder.width = picture.shape[:2]
        encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", Fraction(25), Fraction(1, 25)
        packets = [*encoder.encode(av.VideoFrame.from_ndarray(picture)), *encoder.encode()]
        encoded += b"".join(map(bytes, packets))
    path.write_bytes(encoded)
    return str(path)


@pytest.mark.skipif("libx264" not in av.codecs_available, reason="no encoder of H.264")
def test_frames_that_a_decoder_made_up_are_told_of(write_video):
    noise = np.random.default_rng(0).integers(0, 256, (30, 96, 96, 3), dtype=np.uint8)
    path = write_video(list(noise), codec="libx264")
    with av.open(path) as video:
        packets = [(packet.pos, packet.size) for packet in video.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for begin, size in packets[8:16]:
        # In the middle of what it holds: the encoder does not write the same bytes each time, and headers must stay.
        content[begin + size // 2 : begin + size // 2 + 8] = bytes(8)
    path.write_bytes(content)
    frames, loss = frames_and_loss(path)
    assert loss == "some of its frames are damaged; their rows go by what the decoder made up"
    assert len(frames) > 20


@pytest.mark.skipif("libx264" not in av.codecs_available, reason="no encoder of H.264")
def test_a_damaged_video_gives_the_same_frames_each_time(write_video):
    blocks = np.random.default_rng(0).integers(0, 256, (90, 100, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    path = write_video([blocks[at : at + 320, 2 * at : 2 * at + 320] for at in range(40)], codec="libx264")
    content = bytearray(path.read_bytes())
    for place in range(content.index(b"mdat") + len(content) // 8, len(content) * 7 // 8, 1000):
        content[place : place + 8] = bytes(8)
    path.write_bytes(content)
    frames, loss = frames_and_loss(path)
    assert loss  # which of the two sentences hangs on where the encoder put its frames
    assert len(frames) > 20
    for _ in range(7):
        again, loss_again = frames_and_loss(path)
        assert loss_again == loss
        np.testing.assert_array_equal([f.image_rgb for f in again], [f.image_rgb for f in frames])
