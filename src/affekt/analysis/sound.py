"""The sound of a video, encoded anew beside the pictures of its annotated copy."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, islice

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
"""Samples per second that a copy keeps, for AAC takes them; others become the first."""


def sound_writer(name: str, copy: OutputContainer, *, start_s: float, end_s: float) -> Callable[[float], None]:
    """Add the sound of a video to its copy, as AAC, for which FFmpeg has an encoder of its own.

    What cannot be decoded is left out; a video without sound has a copy without.

    Args:
        name: the video.
        copy: where its pictures will be written; nothing has been yet.
        start_s: when its first picture is shown, by its own clock; there the copy begins.
        end_s: how many seconds of it are copied.

    Returns:
        What writes the sound up to a time in the copy, in seconds. It is called between the pictures, so that what
        belongs together lies together in the file.
    """
    packets = _packets(name, copy, start_s, end_s)
    waiting = list(islice(packets, 1))  # with the first packet, the copy has the stream

    def write(until_s: float) -> None:
        while waiting and _time_s(waiting[0]) <= until_s:
            copy.mux(waiting.pop())
            waiting.extend(islice(packets, 1))

    return write


def _time_s(packet: Packet) -> float:
    return float((packet.pts or 0) * (packet.time_base or 0))


def _packets(name: str, copy: OutputContainer, start_s: float, end_s: float) -> Iterator[Packet]:
    # ValueError: the sound changes its kind on the way.
    with suppress(FFmpegError, ValueError), av.open(f"file:{name}", metadata_errors="replace") as video:
        source = next(iter(video.streams.audio), None)
        if source is None:
            return
        rate = source.rate if source.rate in RATES else RATES[0]
        layout = "mono" if source.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        target = copy.add_stream("aac", rate=rate, layout=layout)
        assert isinstance(target, AudioStream)
        for frame in chain(_frames(video, source, start_s, end_s), [None]):  # None: what is left inside comes out
            for resampled in [*resampler.resample(frame), *([None] if frame is None else [])]:
                yield from (packet for packet in target.encode(resampled) if _time_s(packet) < end_s)


def _frames(video: InputContainer, source: AudioStream, start_s: float, end_s: float) -> Iterator[AudioFrame]:
    """Yield what can be decoded between two times, each frame with its time in the copy."""
    for packet in video.demux(source):
        frames: list[AudioFrame] = []
        with suppress(FFmpegError):
            frames = packet.decode()
        for frame in frames:
            time_s = (frame.time or 0.0) - start_s
            if time_s >= end_s:
                return
            if time_s + frame.samples / frame.sample_rate / 2 >= 0:  # the most of it sounds after the beginning
                frame.time_base = Fraction(1, frame.sample_rate)
                frame.pts = max(0, round(time_s * frame.sample_rate))
                yield frame
