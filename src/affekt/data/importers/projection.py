"""Valence and arousal projected from votes, for data sets whose taggers chose a word and rated nothing.

A row's point is the mean of the published points of the emotion words, weighted by its votes. It says what the words
mean on average, not what anybody saw in this face, so such rows carry the origin `projected`.

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

import numpy as np
import polars as pl

from affekt.labels import LABELS

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
    points = np.array([NORMS[label] for label in LABELS])
    known = rows["votes"].is_not_null()
    valence, arousal = np.full((2, rows.height), np.nan)
    if known.any():
        votes = rows["votes"].drop_nulls().cast(pl.Array(pl.Float64, len(LABELS))).to_numpy()
        valence[known.to_numpy()], arousal[known.to_numpy()] = (votes @ points).T
    return rows.with_columns(
        pl.Series("valence", valence).fill_nan(None),
        pl.Series("arousal", arousal).fill_nan(None),
        pl.when(known).then(pl.lit("projected")).alias("valence_arousal_origin"),
    )
