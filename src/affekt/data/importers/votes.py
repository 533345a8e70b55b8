"""What ten taggers' votes become: one expression or none, by a counting rule, and a point projected from them.

The rules `majority`, `probability`, `crossentropy` and `multi_target` are the training modes of Microsoft's own code
(github.com/microsoft/FERPlus, `src/ferplus.py`; Barsoum et al. 2016); `argmax` is what other projects use.
Microsoft scores validation and test by majority whatever it trains on. Every rule takes votes of shape (pictures, 10)
in the order of `CHOICES` and returns (pictures,) indices into `CHOICES`, `NO_AGREEMENT` where the votes do not agree
enough.

Valence and arousal can be projected from votes, for data sets whose taggers chose a word and rated nothing. A row's
point is the mean of the published points of the emotion words, weighted by its votes. It says what the words mean on
average, not what anybody saw in this face, so such rows carry the origin `projected`.

Sources of `NORMS`, pleasure and arousal on scales from -1 to 1:

* Russell, J. A. and Mehrabian, A. (1977). Evidence for a three-factor theory of emotions. Journal of Research in
  Personality 11, 273-294, the table of means of 151 emotion terms: joyful (.76, .48), sad (-.63, -.27), surprised
  (.40, .67), fearful (-.64, .60), disgusted (-.60, .35), angry (-.51, .59). The paper itself could not be opened when
  this was written. All six pairs stand together, dominance included (.35, -.33, -.13, -.43, .11, .25), in several
  independent public programs that quote the table. Other programs differ in one word: anger (-.43, .67), fear
  (-.62, .82), sadness with the sign of its arousal lost. The copies also have happy (.81, .51); joyful is used here.
* Warriner, A. B., Kuperman, V. and Brysbaert, M. (2013). Norms of valence, arousal, and dominance for 13,915 English
  lemmas. Behavior Research Methods 45, 1191-1207: contempt has valence 3.22 and arousal 4.61 on scales from 1 to 9,
  read in the published table (Ratings_Warriner_et_al.csv, row 2639) and rescaled by (x - 5) / 4 to (-.445, -.0975).
  The raters, words and scales differ from 1977, so contempt is the least comparable of the eight points.
* Neutral is (0, 0) by definition: the middle of both scales.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from affekt.labels import LABELS

CHOICES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
"""What a tagger could choose, in FER+'s order: eight expressions, unknown, and no face."""
EXPRESSIONS = 8
"""The first eight choices are expressions."""
NO_AGREEMENT = -1


def without_single_votes(votes: np.ndarray) -> np.ndarray:
    """Set every choice that got a single vote to none, as Microsoft does first; unknown and no face too."""
    return np.where(votes <= 1, 0, votes)


def majority(votes: np.ndarray) -> np.ndarray:
    """Return the choice with more than half of what is left when single votes are removed; a tie can never win."""
    left = without_single_votes(votes)
    return np.where(2 * left.max(axis=1) > left.sum(axis=1), left.argmax(axis=1), NO_AGREEMENT)


def probability(votes: np.ndarray) -> np.ndarray:
    """Return the first of the leading choices that together hold more than half of the votes.

    Single votes are removed. Then choices are taken from the most voted down, equals together, until they hold three
    quarters of what is left or there are three of them. Unknown or no face ends the taking, and is taken only if it
    comes first. The picture is kept if at most three were taken and they hold more than half of what was left.
    """
    return np.array([_first_of_leading(row) for row in without_single_votes(votes).tolist()], dtype=int)


def _first_of_leading(left: list[float]) -> int:
    total = sum(left)
    taken: dict[int, float] = {}
    ended = False
    while sum(taken.values()) < 0.75 * total and len(taken) < 3 and not ended:
        highest = max(count for choice, count in enumerate(left) if choice not in taken)
        equals = [choice for choice, count in enumerate(left) if count == highest and choice not in taken]
        for choice in equals:
            ended = choice >= EXPRESSIONS
            if not (ended and taken):
                taken[choice] = highest
            if ended:
                break
    if len(taken) > 3 or 2 * sum(taken.values()) <= total:
        return NO_AGREEMENT
    return next(iter(taken))


def multi_target(votes: np.ndarray) -> np.ndarray:
    """Return the most voted of the choices with 30 % or more, where these together hold more than half.

    Single votes are removed first; ties go to the lowest index.
    """
    left = without_single_votes(votes)
    total = left.sum(axis=1)
    targets = np.where(left >= 0.3 * total[:, None], left, 0)
    return np.where(2 * targets.sum(axis=1) > total, targets.argmax(axis=1), NO_AGREEMENT)


def argmax(votes: np.ndarray) -> np.ndarray:
    """Return the most voted of the ten choices, single votes included; ties go to the lowest index."""
    return votes.argmax(axis=1)


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "majority": majority,
    "probability": probability,
    "crossentropy": probability,
    "multi_target": multi_target,
    "argmax": argmax,
}


def chosen(counts: pl.Series, rule: str) -> pl.Series:
    """Name what each picture's taggers agreed on.

    Args:
        counts: 10 votes per picture, in the order of `CHOICES`.
        rule: a name in `RULES`.

    Returns:
        One of `CHOICES` per picture, null where the votes do not agree enough.
    """
    winners = pl.Series("chosen", RULES[rule](counts.to_numpy()))
    return winners.replace_strict(dict(enumerate(CHOICES)), default=None, return_dtype=pl.String)


PUBLISHED: dict[tuple[str, str], tuple[int, int, int]] = {
    ("fer2013new.csv", "majority"): (25_057, 3_199, 3_152),
    ("fer2013new.csv", "probability"): (27_956, 3_505, 3_505),
    ("fer2013new.csv", "crossentropy"): (27_956, 3_505, 3_505),
    ("fer2013new.csv", "multi_target"): (27_671, 3_472, 3_472),
    ("fer2013new.csv", "argmax"): (28_389, 3_553, 3_546),
    ("label.csv", "majority"): (25_045, 3_191, 3_137),
    ("label.csv", "probability"): (27_947, 3_508, 3_507),
    ("label.csv", "crossentropy"): (27_947, 3_508, 3_507),
    ("label.csv", "multi_target"): (27_667, 3_472, 3_466),
    ("label.csv", "argmax"): (28_385, 3_555, 3_545),
}
"""Pictures each rule keeps of train, val and test of the original files.

Those of `fer2013new.csv`, majority apart, include the four rows that reuse a name, which the importer leaves out: it
keeps three fewer of train, and up to one fewer of test.
"""

NORMS: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "happiness": (0.76, 0.48),
    "sadness": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
    "anger": (-0.51, 0.59),
    "contempt": (-0.445, -0.0975),
}
"""Valence and arousal of the word for each expression; the module says where each comes from."""

NOTE = (
    "Valence and arousal are projected from the votes with word norms (Russell and Mehrabian 1977; contempt from "
    "Warriner et al. 2013; neutral 0/0): nobody rated these faces."
)
"""What must be said wherever projected values are shown."""


def projected(rows: pl.DataFrame) -> pl.DataFrame:
    """Fill `valence`, `arousal` and `valence_arousal_origin` from `votes`; rows without votes get null in all three.

    Args:
        rows: with a column `votes`, 8 numbers in the order of `LABELS` that sum to 1.
    """
    votes = rows["votes"].cast(pl.Array(pl.Float64, len(LABELS))).to_numpy()
    points = votes @ np.array([NORMS[label] for label in LABELS])
    known = pl.col("votes").is_not_null()
    return rows.with_columns(
        pl.when(known).then(pl.Series(points[:, 0])).alias("valence"),
        pl.when(known).then(pl.Series(points[:, 1])).alias("arousal"),
        pl.when(known).then(pl.lit("projected")).alias("valence_arousal_origin"),
    )
