"""The codebook: what each column of a summary holds, and in which unit."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from affekt.analysis.rows import column_descriptions
from affekt.errors import ConfigError
from affekt.people.baseline import DIMENSIONS, LEAST_PROBABILITY
from affekt.people.episodes import expressions_among

GROUP = "a group, from a column of the markers or of the list of tracks"
EMPTY = "; empty where too little time was used, or all its values are equal"


def meanings(labels: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Return the unit and the meaning of each column that a summary of these labels may have."""
    mean_of = {
        **{
            f"share_{each}": ("0-1", f"share of the used time in which {each} was the most probable") for each in labels
        },
        **{f"p_{each}": ("0-1", f"mean probability of {each} over time") for each in labels},
        **{each: ("-1 to 1", f"mean {each} over time") for each in DIMENSIONS},
        **{
            f"log_odds_{each}_over_baseline": (
                "log-odds",
                f"mean log-odds of {each}, less those of the person's resting face",
            )
            for each in labels
        },
        **{
            f"{each}_over_baseline": ("-2 to 2", f"mean {each}, less that of the person's resting face")
            for each in DIMENSIONS
        },
    }
    return {
        "input": ("", "the video, as in the table of results"),
        "person": ("", "the track, or the first of the tracks that were joined, or the name that a csv gave"),
        "marker": ("", "name of the marked interval; `all` without markers"),
        "markers": ("", "names of the marked intervals in which the episode starts"),
        "start_s": ("s", "start, from the video's first frame; of a bin, from the marker it is aligned to"),
        "apex_s": ("s", "when the probability is highest, from the video's first frame"),
        "end_s": ("s", "end, from the video's first frame"),
        "length_s": ("s", "from start to end"),
        "first_s": ("s", "when the person is first seen in the interval"),
        "last_s": ("s", "when the person is last seen in the interval"),
        "tracks": ("", "the tracks of the person in the interval"),
        "rows": ("rows", "frames in which the person's face was found; of a bin, those used"),
        "reliable_rows": ("rows", "of these, reliable ones; only these are used"),
        "reliable_share": ("0-1", "reliable rows among all"),
        "seen_s": ("s", "time in which the person was seen within the interval; of a bin, of frames that begin in it"),
        "used_s": ("s", "time of the frames that means are taken of"),
        "expression": ("", "the expression of the episode"),
        "emotion": ("", "the expression of the highest mean probability"),
        "mean_probability": ("0-1", "mean probability of the expression over the episode"),
        "peak_probability": ("0-1", "probability of the expression at the apex"),
        "mean_valence": ("-1 to 1", "mean valence over the episode"),
        "mean_arousal": ("-1 to 1", "mean arousal over the episode"),
        "episodes": ("number", "episodes that start in the interval"),
        "baseline_rows": ("rows", "frames that the resting face is the median of"),
        "baseline_s": ("s", "time of these frames"),
        **mean_of,
        **{
            f"{name}_{end}": (unit, f"{end} end of the 95 % interval of {name}{EMPTY}")
            for name, (unit, _) in mean_of.items()
            for end in ("low", "high")
        },
        **{f"{each}_sd": ("", f"standard deviation of {each} over time") for each in DIMENSIONS},
        **{f"{each}_min": ("-1 to 1", f"lowest {each}") for each in DIMENSIONS},
        **{f"{each}_max": ("-1 to 1", f"highest {each}") for each in DIMENSIONS},
        **_of_episodes(expressions_among(labels)),
    }


def _of_episodes(expressions: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    return {
        **{f"episodes_{each}": ("number", f"episodes of {each} that start in the interval") for each in expressions},
        **{f"episodes_per_min_{each}": ("per minute", "their number per minute of used time") for each in expressions},
        **{f"episode_mean_s_{each}": ("s", f"mean length of the episodes of {each}") for each in expressions},
        **{
            f"latency_s_{each}": ("s", f"from the interval's start to the first start of {each}")
            for each in expressions
        },
    }


def refuse_taken(groups: Sequence[str], others: Sequence[str], labels: tuple[str, ...], where: str | Path) -> None:
    """Refuse names of group columns that a column of a summary, or another group, has; raises ConfigError."""
    # Excel takes `Person` and `person` for one name, and refuses a sheet that has both.
    names = [name.casefold() for name in (*meanings(labels), *others, *groups)]
    if taken := [name for name in groups if names.count(name.casefold()) > 1]:
        raise ConfigError(
            f"expected group columns of other names in {where}, got {taken[0]}, a name that another column has; "
            "rename it"
        )


def of_resting_faces(labels: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Return the unit and the meaning of the columns that hold something else in the table of resting faces."""
    limits = f"no nearer to 0 and 1 than {LEAST_PROBABILITY:g}"
    return {
        **{f"p_{each}": ("0-1", f"median probability of {each} in the resting face, {limits}") for each in labels},
        **{each: ("-1 to 1", f"median {each} in the resting face") for each in DIMENSIONS},
    }


def codebook(tables: dict[str, pl.DataFrame], labels: tuple[str, ...]) -> pl.DataFrame:
    """Return a row per column of the tables: table, column, unit, meaning."""
    known, rows = meanings(labels), list[tuple[str, str, str, str]]()
    of_table = {
        "baseline": known | of_resting_faces(labels),
        "pictures": {name: ("", meaning) for name, meaning in column_descriptions(labels).items()},
    }
    for table, frame in tables.items():
        own = of_table.get(table, known)
        rows += [(table, name, *own.get(name, ("", GROUP))) for name in frame.columns]
    return pl.DataFrame(rows, schema=["table", "column", "unit", "meaning"], orient="row")
