"""What every figure is called, which way is better, and how it is defined; tables, report and JSON read it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """A figure's name in tables, its better end and its definition."""

    title: str
    better: str
    """`higher` or `lower`."""
    text: str


def _of_dimension(name: str) -> dict[str, Definition]:
    return {
        f"{name}_rmse": Definition("RMSE", "lower", "Root of the mean squared error."),
        f"{name}_mae": Definition("MAE", "lower", "Mean absolute error."),
        f"{name}_corr": Definition("CORR", "higher", "Pearson's correlation; not defined where a side is constant."),
        f"{name}_sagr": Definition(
            "SAGR", "higher", "Share of rows whose truth and prediction have the same sign; the sign of 0 is 0."
        ),
        f"{name}_ccc": Definition(
            "CCC", "higher", "Lin's concordance correlation (1989), population moments over the whole split."
        ),
    }


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
    **_of_dimension("valence"),
    **_of_dimension("arousal"),
}
