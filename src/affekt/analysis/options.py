"""The options of an analyzer, the same for `affekt.load`, `affekt.predict` and the command `affekt predict`."""

from dataclasses import dataclass
from typing import Literal, TypedDict

from affekt.errors import ConfigError

FaceFinder = Literal["auto", "yunet", "cascade", "whole"]
RuntimeChoice = Literal["auto", "onnxruntime", "openvino", "cuda"]
SMALLEST_LONGEST_SIDE = 32
"""Pixels between the anchors of YuNet's coarsest scale: a smaller picture holds none of them."""


@dataclass(frozen=True, kw_only=True)
class AnalyzerOptions:
    """How faces are looked for, which frames of a video are looked at, and what becomes of the scores.

    Args:
        longest_side: Larger pictures are shrunk to this many pixels for the search; raise it for small faces.
        min_confidence: Leave `emotion` empty where the best expression is less probable; the probabilities stay.
        every_s: Seconds between the frames of a video that are looked at; 0 takes all.
        stop_after_s: Seconds of each video or camera that are looked at; inf takes all, a camera until it is stopped.
        detect_every: Look for faces on one frame of a video in so many, and follow them between: faster, less exact.
        smooth_s: Time constant, in seconds, of the filter on each person's scores in a video; 0 smooths nothing.
        runtime: What executes the model; auto takes the fastest that is installed, measured once for each model.

    Raises:
        ConfigError: a value is out of its range.

    Example:
        >>> affekt.AnalyzerOptions(every_s=0.2, smooth_s=1).stop_after_s
        inf
    """

    longest_side: int = 640
    min_confidence: float = 0.0
    every_s: float = 0.0
    stop_after_s: float = float("inf")
    detect_every: int = 1
    smooth_s: float = 0.5
    runtime: RuntimeChoice = "auto"

    def __post_init__(self) -> None:
        """Refuse values that are out of their range."""
        if self.longest_side < SMALLEST_LONGEST_SIDE:
            raise ConfigError(
                f"expected longest_side of at least {SMALLEST_LONGEST_SIDE} pixels, got {self.longest_side}; "
                "640 is usual"
            )
        if not 0 <= self.min_confidence <= 1:
            raise ConfigError(f"expected a min_confidence from 0 to 1, got {self.min_confidence}; 0 names every face")
        for name, value in {"every_s": self.every_s, "smooth_s": self.smooth_s}.items():
            if not 0 <= value < float("inf"):
                raise ConfigError(f"expected {name} of at least 0 seconds, got {value}; 0 turns it off")
        if not self.stop_after_s > 0:
            raise ConfigError(
                f"expected stop_after_s above 0 seconds, got {self.stop_after_s}; leave it out to look at all"
            )
        if self.detect_every < 1:
            raise ConfigError(f"expected detect_every of at least 1 frame, got {self.detect_every}; 1 looks at each")


class Options(TypedDict, total=False):
    """The options of an analyzer as keywords."""

    longest_side: int
    min_confidence: float
    every_s: float
    stop_after_s: float
    detect_every: int
    smooth_s: float
    runtime: RuntimeChoice
