"""Figures: a value with its interval, and what each figure is called and means.

Tables, report, JSON and training curves read the names from here.
"""

from dataclasses import dataclass


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
    """A figure's name in tables, its definition and its better end."""

    title: str
    text: str
    better: str
    """`higher` or `lower`."""
    dimension: str
    """`valence` or `arousal`; empty where the figure is of the expression."""
    full_title: str
    """The title with the dimension behind it."""


DIMENSIONS = ("valence", "arousal")
_OF_THE_EXPRESSION = {
    "accuracy": ("Accuracy", "Share of rows whose most probable class is the true one."),
    "balanced_accuracy": ("Balanced acc.", "Mean recall over the classes in the truth."),
    "macro_f1": ("F1 (macro)", "Unweighted mean of the F1 of the classes in the truth or in the predictions."),
    "weighted_f1": ("F1 (weighted)", "Mean of the F1 of the classes, weighted by their true rows."),
    "roc_auc": ("AUC", "Area under the ROC curve, one class against the rest, mean over the classes in the truth."),
    "pr_auc": ("PR-AUC", "Average precision, one class against the rest, mean over the classes in the truth."),
    "kappa": ("Kappa", "Cohen's kappa of prediction and truth."),
    "alpha": ("Alpha", "Krippendorff's alpha (nominal), prediction and truth being two coders."),
    "log_loss": ("Log loss", "Minus the mean log probability of the true class, in nats."),
    "brier": ("Brier", "Mean squared distance to the one-hot truth, summed over classes (0 to 2)."),
    "ece": ("ECE", "Expected calibration error of the top probability, 15 bins of equal width, against the label."),
    "votes_kl": ("KL", "Mean Kullback-Leibler divergence KL(votes || probabilities), in nats."),
    "votes_js": ("JS", "Mean Jensen-Shannon divergence from the votes, base 2 (0 to 1)."),
}
_OF_A_DIMENSION = {
    "rmse": ("RMSE", "Root of the mean squared error."),
    "mae": ("MAE", "Mean absolute error."),
    "corr": ("CORR", "Pearson's correlation; not defined where a side is constant."),
    "sagr": ("SAGR", "Share of rows whose truth and prediction have the same sign; the sign of 0 is 0."),
    "ccc": ("CCC", "Lin's concordance correlation (1989), population moments over the whole split."),
}
_LOWER = ("log_loss", "brier", "ece", "votes_kl", "votes_js", "rmse", "mae")

DEFINITIONS = {
    f"{dimension}_{key}".strip("_"): Definition(
        title, text, "lower" if key in _LOWER else "higher", dimension, f"{title} {dimension}".strip()
    )
    for dimension, words in (("", _OF_THE_EXPRESSION), *((name, _OF_A_DIMENSION) for name in DIMENSIONS))
    for key, (title, text) in words.items()
}
"""By a figure's name, such as `macro_f1` or `valence_ccc`."""
