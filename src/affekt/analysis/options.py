"""The options of an analyzer, and of what is written beside the table; the command `affekt predict` has the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from affekt.errors import ConfigError, says_what_to_type
from affekt.files import require_folder

FaceFinder = Literal["auto", "yunet", "cascade", "whole"]
RuntimeChoice = Literal["auto", "onnxruntime", "openvino", "cuda"]
HidingMethod = Literal["box", "pixelate", "blur"]
LONGEST_SMOOTHING_S = 60
"""More was hardly meant: it is typed as milliseconds."""
SMOOTH_RANGE = f"smooth_s from 0 to {LONGEST_SMOOTHING_S} seconds"
UNITS_S = {"ms": 1e-3, "min": 60.0, "sec": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
"""What a time may end in, and how many seconds that is; the longer before the shorter."""


def seconds_of(typed: str) -> float:
    """Return the seconds of a time as people type it: 12.5, 200ms, 2min, 1:30 or 0:01:30.5.

    Raises ValueError.
    """
    unit = next(unit for unit in UNITS_S if typed.endswith(unit))
    if unit and ":" in typed:
        raise ValueError(f"expected a time with colons or with a unit, got both in {typed}")
    parts = [float(part) for part in typed.removesuffix(unit).split(":")]  # 1:30 is a minute and a half
    if min(parts) < 0:
        raise ValueError(f"expected a time of at least 0, got {typed}")
    return sum(part * 60**place for place, part in enumerate(reversed(parts))) * UNITS_S[unit]


@says_what_to_type
@dataclass(frozen=True, kw_only=True)
class AnalyzerOptions:
    """How faces are looked for, which frames of a video are looked at, and what becomes of the scores.

    Args:
        longest_side: Larger pictures are shrunk to this many pixels for the search; raise it for small faces.
        min_confidence: Leave `emotion` empty where the best expression is less probable; the probabilities stay.
        prior: How often you expect each expression among your pictures: `uniform`, or shares as in
            happiness=0.3,neutral=0.3; the others share the rest. Without it, the prior of the model's card.
        largest: Keep only the largest face of each picture or frame; with `most_faces`, that many of the largest.
        most_faces: Keep this many faces of each picture or frame, the surest; 0 keeps all.
        min_face: Leave out faces whose box has fewer pixels on its longer side.
        min_face_score: Leave out faces of which the detector is less sure, 0-1.
        details: Add columns: how many faces were left out, the share of each box outside the picture, the detail at the
            mouth, and the five landmarks in pixels.
        features: Add the network's feature vector of each face, for models of your own; a list, so not in csv.
        lenient: Read a JPEG whose end is missing as far as it goes; a row after those of its faces says so.
        every_s: Seconds between the frames of a video that are looked at; 0 takes all.
        stop_after_s: Seconds of each video or camera that are looked at; inf takes all, a camera until it is stopped.
        detect_every: Look for faces on one of this many frames of a video, and follow them between: faster, less exact.
        smooth_s: Seconds before and after over which each person's scores in a file are smoothed, by a median; before a
            camera, the time constant of a filter. 0 smooths nothing.
        threads: Pictures, or batches of faces, that are worked on at once; 0 takes the cores that this process may use.
        runtime: What executes the model; auto takes the fastest that is installed, measured once for each model.
        fetch: Read what is at addresses, such as s3://bucket/faces; without it no request is sent.

    Raises:
        ConfigError: a value is out of its range.

    Example:
        >>> affekt.AnalyzerOptions(every_s=0.2, smooth_s=1).stop_after_s
        inf
    """

    longest_side: int = 640
    min_confidence: float = 0.0
    prior: str | None = None
    largest: bool = False
    most_faces: int = 0
    min_face: float = 0.0
    min_face_score: float = 0.0
    details: bool = False
    features: bool = False
    lenient: bool = False
    every_s: float = 0.0
    stop_after_s: float = float("inf")
    detect_every: int = 1
    smooth_s: float = 0.5
    threads: int = 0
    runtime: RuntimeChoice = "auto"
    fetch: bool = False

    def __post_init__(self) -> None:
        """Refuse values that are out of their range."""
        # A side below 32 pixels holds no anchor of YuNet's coarsest scale.
        for name, is_in_range, expected, hint in (
            ("longest_side", self.longest_side >= 32, "longest_side of at least 32 pixels", "640 is usual"),
            ("min_confidence", 0 <= self.min_confidence <= 1, "a min_confidence from 0 to 1", "0 names every face"),
            ("most_faces", self.most_faces >= 0, "most_faces of at least 0", "0 keeps all"),
            ("min_face", 0 <= self.min_face < float("inf"), "min_face of at least 0 pixels", "0 keeps all"),
            ("min_face_score", 0 <= self.min_face_score <= 1, "a min_face_score from 0 to 1", "0 keeps all"),
            ("every_s", 0 <= self.every_s < float("inf"), "every_s of at least 0 seconds", "0 takes all frames"),
            ("smooth_s", 0 <= self.smooth_s <= LONGEST_SMOOTHING_S, SMOOTH_RANGE, "it counts in seconds, 0.5 is usual"),
            ("stop_after_s", self.stop_after_s > 0, "stop_after_s above 0 seconds", "leave it out to look at all"),
            ("threads", self.threads >= 0, "threads of at least 0", "0 takes the cores that there are"),
            ("detect_every", self.detect_every >= 1, "detect_every of at least 1 frame", "1 looks at each"),
        ):
            if not is_in_range:
                raise ConfigError(f"expected {expected}, got {getattr(self, name)}; {hint}")


class Options(TypedDict, total=False):
    """The options of an analyzer as keywords."""

    longest_side: int
    min_confidence: float
    prior: str | None
    largest: bool
    most_faces: int
    min_face: float
    min_face_score: float
    details: bool
    features: bool
    lenient: bool
    every_s: float
    stop_after_s: float
    detect_every: int
    smooth_s: float
    threads: int
    runtime: RuntimeChoice
    fetch: bool


@says_what_to_type
@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is written beside the table.

    Args:
        draw: A folder for annotated copies: boxes, expressions, and valence and arousal on a small circle.
        timeline: A folder for a picture and a page of each video: each person's scores over time; needs `out`.
        timeline_faces: Show a face of each person on the page of a timeline; never where faces are hidden.
        hide_faces: A folder for copies in which no face can be seen that was found, or followed between frames.
        hide_how: What covers a face there: one colour, some large squares, or such squares blurred.
        crops: A folder for each face's crop, level as the network gets it, but as large as in the picture.
        stream: Where rows go as they come, as lines of JSON: ws://127.0.0.1:8765, which affekt serves, or lsl.
        summary: A folder for what `affekt summarize` makes of the table: people, episodes, averages, the study page.

    Raises:
        ConfigError: two kinds of copies have one folder, or `hide_how` is unknown.

    Example:
        >>> affekt.predict("portrait.png", outputs=affekt.OutputOptions(hide_faces="hidden"))["status"][0]
        'ok'
        >>> affekt.predict("portrait.png", hide_faces="hidden")["status"][0]  # the same
        'ok'
    """

    draw: str | Path | None = None
    timeline: str | Path | None = None
    timeline_faces: bool = True
    hide_faces: str | Path | None = None
    hide_how: HidingMethod = "box"
    crops: str | Path | None = None
    stream: str | None = None
    summary: str | Path | None = None

    def __post_init__(self) -> None:
        """Refuse what would write over itself."""
        if self.hide_how != "box" and self.hide_faces is None:
            raise ConfigError(
                f"expected the folder hide_faces with hide_how, got {self.hide_how} alone; type: --hide-faces "
                "hidden, or hide_faces='hidden' in Python"
            )
        if len(set(self.copies)) < len(self.copies):
            raise ConfigError(
                f"expected a folder of its own for each kind of copies, got {self.copies[0]} twice; name another"
            )

    @property
    def copies(self) -> Sequence[Path]:
        """The folders that pictures go to: copies of the inputs, and crops."""
        return [Path(folder) for folder in (self.draw, self.hide_faces, self.crops) if folder is not None]

    def check(self, options: AnalyzerOptions) -> None:
        """Refuse what can be no folder, and options with which a hidden face might stay visible; raises ConfigError."""
        for name in ("draw", "timeline", "hide_faces", "crops", "summary"):
            if (folder := getattr(self, name)) is not None:
                require_folder(Path(folder), name.replace("_", "-"))
        names = ("largest", "most_faces", "min_face", "min_face_score", "every_s")
        for name in (name for name in names if self.hide_faces is not None and getattr(options, name)):
            raise ConfigError(
                f"expected all faces of all frames to hide, got {name}, which leaves some out; "
                f"leave out --{name.removesuffix('_s').replace('_', '-')}, or hide_faces in a run of its own"
            )


class Outputs(TypedDict, total=False):
    """What is written beside the table, as keywords."""

    draw: str | Path
    timeline: str | Path
    timeline_faces: bool
    hide_faces: str | Path
    hide_how: HidingMethod
    crops: str | Path
    stream: str
    summary: str | Path


class PredictOptions(Options, Outputs, total=False):
    """The keywords of `affekt.predict` that options gather."""
