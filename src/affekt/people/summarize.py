"""`affekt.summarize`, and with it the command `affekt summarize`: nothing heavy is imported for its help."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from affekt.errors import says_what_to_type
from affekt.people.options import Options, SummaryOptions

if TYPE_CHECKING:
    import polars as pl

    from affekt.people.summary import Summary

USUAL = SummaryOptions()


@says_what_to_type
def summarize(
    table: "str | Path | pl.DataFrame | pl.LazyFrame",
    *,
    out: str | Path | None = None,
    markers: "str | Path | pl.DataFrame | None" = None,
    join: str | Path | None = None,
    options: SummaryOptions = USUAL,
    **changes: Unpack[Options],
) -> "Summary":
    """Make answers about people of a table of `affekt predict`: a row per person, episodes, and averages over time.

    Times are in seconds from a video's first frame, probabilities and shares 0-1, valence and arousal -1 to 1. Each
    frame counts for the time until the person's next one. Where there is a column `reliable`, only such rows
    count.

    Args:
        table: What `affekt predict` wrote of videos: .csv, .parquet or .jsonl. Python may give the frame itself.
        out: A folder for the tables, the codebook and methods.md.
        markers: A csv of input, start, end, name (in seconds, or as 1:30 or 2min): each person gets a row per
            interval. Further columns are groups, such as condition. An empty input stands for every input, an empty
            start or end for the video's. A row without start, end and name gives groups to the other rows of its input,
            or to the whole of it.
        join: Tracks of one video that are one person, as "1=3,2=4"; or a csv of input, track, person, which gives
            people names. Its further columns are groups of people, such as role.
        options: What counts as an episode, how wide bins are, what the resting face is, and how tables are written.
        changes: Single options by name, as of `affekt.SummaryOptions`: `bin_s=5, baseline="centre"`.

    Returns:
        A summary. Its frames are `people`, a row per input, person and interval; `episodes`; `bins`; `baseline`, or
        None; and `codebook`. Its text is `methods`.

    Raises:
        ConfigError: an option is out of its range, or markers or join do not fit the table.
        DataError: the table cannot be read, or has no face in a video.
        MissingExtra: xlsx is asked for, and its library is not installed.

    Example:
        >>> import polars as pl
        >>> happy = [0.1] * 25 + [0.9] * 50 + [0.1] * 25  # 4 s of a video with 25 frames per second
        >>> rows = {"input": "a.mp4", "time_s": [n / 25 for n in range(100)], "track": 1, "status": "ok"}
        >>> others = ("neutral", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
        >>> rows |= {f"p_{label}": [(1 - p) / 7 for p in happy] for label in others}
        >>> summary = affekt.summarize(pl.DataFrame({**rows, "p_happiness": happy}))
        >>> summary.episodes.select("expression", "start_s", "apex_s", "end_s").row(0)
        ('happiness', 1.0, 1.0, 3.0)
        >>> summary.people["episodes", "seen_s"].row(0)
        (1, 4.0)
    """
    from affekt.people.summary import make_summary

    return make_summary(table, out, markers, join, replace(options, **changes))
