"""Decode pictures of unknown senders in a process of its own, with limits of time, memory and pixels.

What a decoder can be made to do is not to be foreseen, so none runs where it could not be ended: a process that takes
too long or too much is killed, and another takes its place. Only numbers come back from it, nothing that is executed.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.errors import PictureError
from affekt.faces.pictures import read_picture
from affekt.faces.pixels import Decoded

if sys.platform != "win32":
    import resource

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
"""Pillow's names. Left out are formats that run other programs (EPS), and those that no camera or browser writes."""
BASE_BYTES, BYTES_PER_PIXEL = 256_000_000, 24
"""Memory of a process: what it takes by itself and for what comes in, and for the largest picture with its copies."""
CLOCK_FACTOR = 2.0
"""How much longer a picture may take by the clock than of the processor's time, which others want as well."""


@dataclass
class DecodeTime:
    """What the pictures of one request may still take to be decoded, all together."""

    left_s: float
    """Seconds of the processor's time."""


class Decoder:
    """A process that decodes one picture at a time, replaced whenever it had to be killed; of one thread at a time."""

    def __init__(self, *, max_pixels: int) -> None:
        """Start the process; it refuses what has more pixels before it is decoded."""
        self._max_pixels = max_pixels
        self._max_bytes = BASE_BYTES + BYTES_PER_PIXEL * max_pixels
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "affekt.server.decoding", str(self._max_pixels), str(self._max_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what decoders print names no picture
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # memory for each thread counts
            start_new_session=True,  # Ctrl-C is for the service, which ends it when it is done
        )
        self._is_ready = False
        self._end = weakref.finalize(self, _end, self._process)

    def close(self) -> None:
        """End the process."""
        self._end()

    def __call__(self, content: bytes, time_left: DecodeTime, halved_from: int | None = None) -> Decoded:
        """Return a picture as `read_picture` does, and take what it needed from the time.

        Raises PictureError, which names no picture, where it cannot be read, or not within the limits.
        """
        if time_left.left_s <= 0:
            raise PictureError("the pictures before it in its request took all the time for decoding")
        if not self._is_ready:  # how long Python takes to start is no fault of the picture
            self._is_ready = bool(self._process.stdout.readline())  # pyright: ignore[reportOptionalMemberAccess]
        killer = threading.Timer(CLOCK_FACTOR * time_left.left_s, self._process.kill)
        killer.start()
        try:
            return self._exchange(content, time_left, halved_from or 0)
        except (OSError, ValueError, KeyError, TypeError) as error:
            # The process was killed, or says what none of ours says.
            self.close()
            self._start()
            time_left.left_s = 0.0
            raise PictureError("too long to decode, or its decoder failed") from error
        finally:
            killer.cancel()

    def _exchange(self, content: bytes, time_left: DecodeTime, halved_from: int) -> Decoded:
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(f"{len(content)} {time_left.left_s} {halved_from}\n".encode() + content)
        to.flush()
        answer = json.loads(back.readline(1000))
        time_left.left_s -= answer["cpu_s"]
        if "problem" in answer:
            raise PictureError(str(answer["problem"]))
        height, width = map(int, answer["shape"])
        if not 0 < height * width <= self._max_pixels:
            raise ValueError(f"expected at most {self._max_pixels} pixels, got {height} x {width}")
        pixels = back.read(height * width * 3)
        whole_shape = (int(answer["whole"][0]), int(answer["whole"][1])) if "whole" in answer else None
        return Decoded(
            np.frombuffer(pixels, np.uint8).reshape(height, width, 3), animated=False, whole_shape=whole_shape
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what was not written yet
            pipe.close()  # pyright: ignore[reportOptionalMemberAccess]


def main(max_pixels: int, max_bytes: int) -> None:
    """Decode what comes on standard input until it ends; each picture is answered by a line and its pixels."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))
    pictures, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(b"ready\n")
    answers.flush()
    while line := pictures.readline():
        size, within_s, halved_from = line.split()
        content = pictures.read(int(size))
        began_s = time.process_time()
        if sys.platform != "win32":  # its signal ends the process, even where the service is there no more
            signal.setitimer(signal.ITIMER_PROF, float(within_s))
        answer, pixels = dict[str, Any](), b""
        try:
            limits = {"max_pixels": max_pixels, "formats": FORMATS, "halved_from": int(halved_from) or None}
            decoded = read_picture(content, **limits)
            image_rgb = decoded.image_rgb
        except PictureError as error:
            too_large = isinstance(error.__cause__, MemoryError)
            why = f"more than {max_bytes / 1e6:.0f} MB of memory to decode" if too_large else str(error)
            answer["problem"] = why.removeprefix("encoded picture: ")[:200]
        else:
            answer["shape"], pixels = image_rgb.shape[:2], image_rgb.tobytes()
            if decoded.whole_shape is not None:
                answer["whole"] = decoded.whole_shape
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_PROF, 0)
        answer["cpu_s"] = time.process_time() - began_s
        answers.write(json.dumps(answer).encode() + b"\n" + pixels)
        answers.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
