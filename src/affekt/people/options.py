"""The options of a summary, the same for `affekt.summarize` and the command `affekt summarize`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from affekt.errors import ConfigError, says_what_to_type

Format = Literal["csv", "parquet", "xlsx", "vtt", "elan", "page", "png", "pdf"]
Decimal = Literal[".", ","]
CENTRE = "centre"
"""The baseline that needs no marker: the median of a person's frames."""


@says_what_to_type
@dataclass(frozen=True, kw_only=True)
class SummaryOptions:
    """What counts as an episode, how wide bins are, what the resting face is, and how tables are written.

    Args:
        start_probability: An episode of an expression needs a probability of at least this at its apex.
        end_probability: An episode lasts as long as the probability is at least this.
        least_episode_s: Episodes shorter than this are left out, in seconds.
        longest_gap_s: A face that is hidden for longer, in seconds, was not seen meanwhile, and its episode ends.
        bin_s: Width of a bin, in seconds.
        align_to: A marker whose start is the time 0 of the bins; without one it is the first frame.
        baseline: A marker in which people rest, or `centre` for the median of their frames; without one nothing is
            subtracted.
        identify: An ONNX file of a face recognition network, such as SFace, by which tracks of one person are joined.
        leave_out: People who are left out, such as an interviewer: a number, "2", in a table of one video; or names
            that `join` or `identify` gave; several with commas between; or a csv of input and person.
        same_person: With `identify`: two tracks at least this alike are one person; a cosine, -1 to 1.
        block_s: Length of the blocks of frames that the intervals of means are drawn from, in seconds.
        formats: What is written: csv, parquet, xlsx with all tables, vtt with subtitles and elan with a tab-separated
            annotation file of each video's episodes, page for study.html, the page to look at, png and pdf with each
            person's timeline for a paper.
        faces: Show faces on the page, cut out of the inputs where these still are.
        decimal: The decimal mark of csv; with a comma, semicolons stand between the cells.
        byte_order_mark: Begin csv with the mark by which Excel knows UTF-8.

    Raises:
        ConfigError: a value is out of its range.

    Example:
        >>> affekt.SummaryOptions(bin_s=5, baseline="centre").least_episode_s
        0.5
    """

    start_probability: float = 0.5
    end_probability: float = 0.3
    least_episode_s: float = 0.5
    longest_gap_s: float = 1.0
    bin_s: float = 1.0
    align_to: str | None = None
    baseline: str | None = None
    identify: str | Path | None = None
    leave_out: str | Path | None = None
    same_person: float = 0.363
    block_s: float = 5.0
    formats: tuple[Format, ...] = ("csv", "page")
    faces: bool = True
    decimal: Decimal = "."
    byte_order_mark: bool = False

    def __post_init__(self) -> None:
        """Refuse values that are out of their range."""
        start, end, infinite = self.start_probability, self.end_probability, float("inf")
        for name, is_in_range, expected, hint in (
            ("start_probability", 0 < start <= 1, "a start_probability above 0, up to 1", "0.5 is usual"),
            ("end_probability", 0 < end <= start, f"an end_probability above 0, up to {start}", f"try {0.6 * start:g}"),
            ("least_episode_s", 0 <= self.least_episode_s < infinite, "least_episode_s of 0 or more", "0 keeps all"),
            ("longest_gap_s", 0 < self.longest_gap_s < infinite, "longest_gap_s above 0 seconds", "1 is usual"),
            ("bin_s", 0 < self.bin_s < infinite, "bin_s above 0 seconds", "1 is usual"),
            ("same_person", -1 <= self.same_person <= 1, "same_person from -1 to 1", "0.363 is usual for SFace"),
            ("same_person", self.same_person == 0.363 or self.identify, "identify with same_person", "leave one out"),
            ("block_s", 0 < self.block_s < infinite, "block_s above 0 seconds", "5 is usual"),
        ):
            if not is_in_range:
                raise ConfigError(f"expected {expected}, got {getattr(self, name)}; {hint}")


class Options(TypedDict, total=False):
    """The options of a summary as keywords."""

    start_probability: float
    end_probability: float
    least_episode_s: float
    longest_gap_s: float
    bin_s: float
    align_to: str | None
    baseline: str | None
    identify: str | Path | None
    leave_out: str | Path | None
    same_person: float
    block_s: float
    formats: tuple[Format, ...]
    faces: bool
    decimal: Decimal
    byte_order_mark: bool
