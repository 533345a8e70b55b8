"""What another prior is worth on each set: even shares, and the set's own, put in place of what a network learnt."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from affekt.evaluation.evaluate import Evaluation
from affekt.evaluation.figures import Figure
from affekt.evaluation.score import Resampling, Scores, compare, score
from affekt.models.card import Card
from affekt.models.prior import prior_factors, with_factors

Compared = tuple[str, str, str, Scores, dict[str, Figure]]
"""Set, network, prior, the scores under it, and how far they are ahead of the scores without it."""


def under_priors(
    evaluations: dict[str, Evaluation], cards: dict[str, Card], hows: dict[str, Resampling]
) -> Iterator[Compared]:
    """Score the answers of the networks that have cards under two priors, on each set."""
    for name, found in evaluations.items():
        for usual in (each for each in found.scores if each.name in cards):
            matched, card = usual.matched, cards[usual.name]
            assert matched.probabilities is not None
            counts = np.bincount(matched.label, minlength=len(matched.labels))
            own = zip(matched.labels, counts / counts.sum(), strict=True)
            priors = {"uniform": "uniform", "the set's": ",".join(f"{label}={share:.6f}" for label, share in own)}
            places = [card.labels.index(label) for label in matched.labels]
            for words, prior in priors.items():
                factors = prior_factors(prior, card)[places]
                answers = with_factors(matched.probabilities, factors)
                scores = score(replace(matched, probabilities=answers), usual.name, hows[name])
                yield name, usual.name, words, scores, compare(scores, usual)
