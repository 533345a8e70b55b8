"""The prior: how often each expression is expected among the pictures, and another one put in its place.

A model's answers fit pictures with the shares that it learnt from. Where the pictures are known to have others, each
probability is multiplied by the ratio of the two, and they are made to sum to 1 again.

Saerens, Latinne and Decaestecker (2002), "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple
Procedure", equation 2.4.
"""

from collections.abc import Sequence

import numpy as np

from affekt.errors import ConfigError, ModelError, nearest
from affekt.models.card import Card

UNIFORM = "uniform"
LEAST_SHARE = 1e-3
"""What a smaller share of the pictures that were learnt from counts as: it is divided by."""
HINT = "type for example happiness=0.3,neutral=0.3, of which the others share the rest, or uniform"


def prior_shares(prior: str, labels: Sequence[str]) -> np.ndarray:
    """Return the share of each label, (labels,), that a text says: `uniform`, or some labels and their shares.

    Labels that are not named share the rest evenly.

    Raises:
        ConfigError: the text says something else, or names a label that the model does not have.

    Example:
        >>> prior_shares("neutral=0.4,anger=0", ["neutral", "happiness", "sadness", "anger"])
        array([0.4, 0.3, 0.3, 0. ])
    """
    if prior == UNIFORM:
        return np.full(len(labels), 1 / len(labels))
    shares: dict[str, float] = {}
    for part in prior.split(","):
        label, _, text = (each.strip() for each in part.partition("="))
        if label not in labels:
            near = nearest(label, [*labels, UNIFORM], cutoff=0.5)
            meant = f"did you mean {near}? " if near else ""
            raise ConfigError(f"expected a prior of {', '.join(labels)}, got {label!r} in {prior!r}; {meant}{HINT}")
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1 or label in shares:
            raise ConfigError(f"expected one share from 0 to 1 of {label}, got {prior!r}; {HINT}")
        shares[label] = share
    others = [label for label in labels if label not in shares]
    rest = 1 - sum(shares.values())
    if rest < -1e-3 or (not others and rest > 1e-3):
        raise ConfigError(f"expected shares that sum to 1, got {1 - rest:g} of {prior!r}; {HINT}")
    found = np.array([shares.get(label, max(rest, 0) / max(len(others), 1)) for label in labels])
    return found / found.sum()


def prior_factors(prior: str, card: Card) -> np.ndarray:
    """Return what the probability of each label is multiplied by, (labels,) float64, to hold for a prior.

    Raises ConfigError where the text says no prior of the model's labels, ModelError where the model has none.
    """
    if "expression" not in card.heads or card.prior is None:
        raise ModelError(
            f"expected a model whose card says the prior of its expressions, got {card.name}; leave out --prior, or "
            "train it again"
        )
    return prior_shares(prior, card.labels) / np.maximum(card.prior, LEAST_SHARE)


def with_factors(probabilities: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Multiply (faces, labels) float32 probabilities by factors of their labels, and make each row sum to 1."""
    found = probabilities * factors
    total = found.sum(1, keepdims=True)
    # All that a face can be may have a share of 0: then nothing is known of it.
    return np.divide(found, total, out=np.full_like(found, 1 / len(factors)), where=total > 0).astype(np.float32)
