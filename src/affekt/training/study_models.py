"""The study's four models: their size and published result. A test holds the counts to the networks themselves.

Counts are Keras's: the moving statistics of batch normalisation are among the total. The published figures are the
study's own, on its test set of 396 AffectNet pictures; they are cited, not reproduced here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One model of the study."""

    recipe: str
    """Name of the recipe that repeats it."""
    parameters: int
    """Total count."""
    trainable: int
    """Count of the layers that train while the backbone is frozen."""
    published: dict[str, float]
    """The study's figures, by affekt's names."""


REFERENCES = (
    Reference(
        recipe="efficientnetv2b0",
        parameters=6_249_304,
        trainable=329_992,
        published={"accuracy": 0.1212, "macro_f1": 0.0420, "roc_auc": 0.5090, "kappa": -0.0030, "pr_auc": 0.1392},
    ),
    Reference(
        recipe="mobilenetv2",
        parameters=2_587_976,
        trainable=329_992,
        published={"accuracy": 0.3636, "macro_f1": 0.3587, "roc_auc": 0.7771, "kappa": 0.2726, "pr_auc": 0.3845},
    ),
    Reference(
        recipe="xception",
        parameters=21_388_080,
        trainable=526_600,
        published={"accuracy": 0.2551, "macro_f1": 0.2464, "roc_auc": 0.6946, "kappa": 0.1486, "pr_auc": 0.2612},
    ),
    Reference(
        recipe="vgg16-va",
        parameters=14_846_530,
        trainable=131_842,
        published={
            "valence_rmse": 1.7424,
            "arousal_rmse": 0.3960,
            "valence_corr": -0.0503,
            "arousal_corr": 0.0623,
            "valence_sagr": 0.2626,
            "arousal_sagr": 0.7576,
            "valence_ccc": -0.0020,
            "arousal_ccc": 0.0345,
        },
    ),
)
