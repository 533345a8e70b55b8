"""Figures: their names and definitions, their value with its interval, and how both are written.

Tables, report, JSON and training curves read the names from here.
"""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure with the ends of its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval, of a difference, leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Definition:
    """A figure's name in tables, its better end and its definition."""

    title: str
    better: str
    """`higher` or `lower`."""
    text: str


DIMENSIONS = ("valence", "arousal")

DEFINITIONS: dict[str, Definition] = {
    "accuracy": Definition("Accuracy", "higher", "Share of rows whose most probable class is the true one."),
    "balanced_accuracy": Definition("Balanced acc.", "higher", "Mean recall over the classes in the truth."),
    "macro_f1": Definition(
        "F1 (macro)", "higher", "Unweighted mean of the F1 of the classes in the truth or in the predictions."
    ),
    "weighted_f1": Definition("F1 (weighted)", "higher", "Mean of the F1 of the classes, weighted by their true rows."),
    "roc_auc": Definition(
        "AUC", "higher", "Area under the ROC curve, one class against the rest, mean over the classes in the truth."
    ),
    "pr_auc": Definition(
        "PR-AUC", "higher", "Average precision, one class against the rest, mean over the classes in the truth."
    ),
    "kappa": Definition("Kappa", "higher", "Cohen's kappa of prediction and truth."),
    "alpha": Definition("Alpha", "higher", "Krippendorff's alpha (nominal), prediction and truth being two coders."),
    "log_loss": Definition("Log loss", "lower", "Minus the mean log probability of the true class, in nats."),
    "brier": Definition("Brier", "lower", "Mean squared distance to the one-hot truth, summed over classes (0 to 2)."),
    "ece": Definition(
        "ECE", "lower", "Expected calibration error of the top probability, 15 bins of equal width, against the label."
    ),
    "votes_kl": Definition("KL", "lower", "Mean Kullback-Leibler divergence KL(votes || probabilities), in nats."),
    "votes_js": Definition("JS", "lower", "Mean Jensen-Shannon divergence from the votes, base 2 (0 to 1)."),
}
DEFINITIONS |= {
    f"{dimension}_{name}": Definition(*definition)
    for dimension in DIMENSIONS
    for name, definition in {
        "rmse": ("RMSE", "lower", "Root of the mean squared error."),
        "mae": ("MAE", "lower", "Mean absolute error."),
        "corr": ("CORR", "higher", "Pearson's correlation; not defined where a side is constant."),
        "sagr": (
            "SAGR",
            "higher",
            "Share of rows whose truth and prediction have the same sign; the sign of 0 is 0.",
        ),
        "ccc": ("CCC", "higher", "Lin's concordance correlation (1989), population moments over the whole split."),
    }.items()
}


def dimension_of(key: str) -> str:
    """Return `valence` or `arousal` where a figure, by name, is of one of them, else nothing."""
    return next((name for name in DIMENSIONS if key.startswith(name)), "")


def titled(key: str) -> str:
    """Return a figure's title, that of valence and arousal with the dimension behind it."""
    return f"{DEFINITIONS[key].title} {dimension_of(key)}".strip()


def number(value: float, signed: bool = False) -> str:
    """Write a number to three decimals; NaN as a dash, and never minus zero."""
    if math.isnan(value):
        return "-"
    return f"{round(value, 3) + 0.0:{'+' if signed else ''}.3f}"


def interval(figure: Figure, signed: bool = False) -> str:
    """Write a figure's interval in brackets; nothing where there is none."""
    if math.isnan(figure.low):
        return ""
    return f"[{number(figure.low, signed)}, {number(figure.high, signed)}]"


def as_json(value: Any) -> Any:  # noqa: ANN401, JSON may hold anything
    """Return figures, and dicts and sequences of them, as plain values for JSON: NaN becomes None."""
    if isinstance(value, Figure):
        value = vars(value)
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
