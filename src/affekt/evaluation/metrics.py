"""Metrics: of the chosen class, the ranking, the probabilities and their calibration, and of valence or arousal.

`truth` and `predicted` are (n,), class indices or values of one dimension; `probabilities` and `votes` are (n, classes)
and sum to 1 in each row; `weights` is (..., n), how often each row counts, and None counts every row once. Leading axes
of weights are bootstrap resamples, and results have them too. A confusion matrix is (..., classes, classes) with the
truth in its rows. A figure without a definition (no rows, or a class without any) is NaN and never a warning.
"""

from collections.abc import Callable

import numpy as np

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are clipped here before a logarithm, so that a certain mistake costs 36 nats and not infinity."""
CALIBRATION_BINS = 15
LEAST_CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""What `affekt predict --min-confidence` may be set to; 0 answers always."""

Weights = np.ndarray | None


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide element by element, NaN where the denominator is 0, without a warning."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def weighted_mean(values: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean of (n,) values under each vector of weights; NaN where the weights sum to 0."""
    if weights is None:
        weights = np.ones(len(values))
    return ratio(weights @ values, weights.sum(axis=-1))


# The chosen class: functions of the confusion matrix.


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int, weights: Weights = None) -> np.ndarray:
    """Count the rows of each pair of true and predicted class."""
    cells = np.eye(classes * classes)[truth * classes + predicted]
    counts = cells.sum(axis=0) if weights is None else weights @ cells
    return counts.reshape(*counts.shape[:-1], classes, classes)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Share of rows predicted right."""
    return ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Share of each true class that was found, (..., classes); NaN for a class absent from the truth."""
    return ratio(_diagonal(matrix), matrix.sum(axis=-1))


def precision(matrix: np.ndarray) -> np.ndarray:
    """Share of each predicted class that is right, (..., classes); NaN for a class never predicted."""
    return ratio(_diagonal(matrix), matrix.sum(axis=-2))


def f1(matrix: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), (..., classes).

    It is 0 for a class of the truth that is never found, NaN for one in neither.
    """
    return ratio(2 * _diagonal(matrix), matrix.sum(axis=-1) + matrix.sum(axis=-2))


def weighted_f1(matrix: np.ndarray) -> np.ndarray:
    """Mean of F1 weighted by the number of rows of each true class."""
    support = matrix.sum(axis=-1)
    return ratio((np.nan_to_num(f1(matrix)) * support).sum(axis=-1), support.sum(axis=-1))


def cohen_kappa(matrix: np.ndarray) -> np.ndarray:
    """Cohen's kappa: agreement beyond chance, (p_o - p_e) / (1 - p_e).

    NaN when truth and prediction are one and the same class throughout.

    References:
        Cohen (1960), Educational and Psychological Measurement 20(1), 37-46.
    """
    total = matrix.sum(axis=(-2, -1))
    expected = ratio((matrix.sum(axis=-1) * matrix.sum(axis=-2)).sum(axis=-1), total**2)
    return ratio(accuracy(matrix) - expected, 1 - expected)


def krippendorff_alpha(matrix: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for nominal data, truth and prediction being the two coders: 1 - D_o / D_e.

    NaN when truth and prediction are one and the same class throughout.

    References:
        Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section B.
    """
    values = matrix.sum(axis=-1) + matrix.sum(axis=-2)
    total = values.sum(axis=-1)
    observed = 1 - accuracy(matrix)
    expected = ratio(total**2 - (values**2).sum(axis=-1), total * (total - 1))
    return 1 - ratio(observed, expected)


def mean_over_classes(figures: np.ndarray) -> np.ndarray:
    """Mean of (..., classes) over the classes whose figure is defined; NaN where none is.

    Of recall it is the balanced accuracy, of F1 the macro F1 as scikit-learn takes it.
    """
    return ratio(np.nan_to_num(figures).sum(axis=-1), (~np.isnan(figures)).sum(axis=-1))


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


# The ranking of rows by their score for one class against the rest.


def ranked_counts(positive: np.ndarray, score: np.ndarray, weights: Weights = None) -> tuple[np.ndarray, np.ndarray]:
    """Return true and false positives, (..., thresholds), from the highest score down; equal scores share one.

    `positive` is (n,) boolean truth, `score` is (n,): the higher, the more positive.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    ranked = np.take(np.ones(len(score)) if weights is None else weights, order, axis=-1)
    selected = np.cumsum(ranked, axis=-1)[..., ends]
    true = np.cumsum(ranked * positive[order], axis=-1)[..., ends]
    return true, selected - true


def roc_auc(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of `ranked_counts`, by the trapezoid rule: ties count half.

    NaN without a positive or without a negative.
    """
    before = np.concatenate([np.zeros_like(true[..., :1]), true[..., :-1]], axis=-1)
    area = ((true + before) / 2 * np.diff(false, prepend=0, axis=-1)).sum(axis=-1)
    return ratio(area, true[..., -1] * false[..., -1])


def average_precision(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Area under the precision-recall curve of `ranked_counts` as a step function; NaN without a positive."""
    precision = np.nan_to_num(ratio(true, true + false))
    area = (np.diff(true, prepend=0, axis=-1) * precision).sum(axis=-1)
    return ratio(area, true[..., -1])


def areas_by_class(
    truth: np.ndarray, probabilities: np.ndarray, weights: Weights = None
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve and average precision of every class against the rest, both (..., classes)."""
    counts = [ranked_counts(truth == index, scores, weights) for index, scores in enumerate(probabilities.T)]
    roc, pr = (np.stack([area(*count) for count in counts], axis=-1) for area in (roc_auc, average_precision))
    return roc, pr


# The whole probability vector: one value per row, lower is better.


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Minus the log of the probability of the true class, in nats, (n,)."""
    return -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], SMALLEST))


def brier(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Squared distance between the probabilities and the one-hot truth, summed over classes: 0 to 2, (n,).

    References:
        Brier (1950), Monthly Weather Review 78(1), 1-3: the original sum over all classes.
    """
    return ((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1)


def kullback_leibler(votes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """KL(votes || probabilities) in nats, (n,): what is lost by taking the prediction for the raters."""
    log_ratio = np.log(np.maximum(votes, SMALLEST)) - np.log(np.maximum(probabilities, SMALLEST))
    return np.where(votes > 0, votes * log_ratio, 0).sum(axis=1)


def jensen_shannon(votes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in bits, (n,): 0 for equal, 1 for disjoint. The divergence, not its square root.

    References:
        Lin (1991), IEEE Transactions on Information Theory 37(1), 145-151.
    """
    middle = (votes + probabilities) / 2
    return (kullback_leibler(votes, middle) + kullback_leibler(probabilities, middle)) / 2 / np.log(2)


# Calibration and selective prediction: `confidence` is the largest probability, `correct` whether its class is true.


def confidence_bins(confidence: np.ndarray) -> np.ndarray:
    """Return the bin of each confidence, (n,) of 0 to 14; a bin holds its upper edge, as in Guo et al. (2017)."""
    return np.digitize(confidence, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1], right=True)


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Expected calibration error: |accuracy - confidence| in bins of equal width, weighted by the rows in each.

    It can only be positive, so resampling noise adds to it: on a small or well calibrated set its bootstrap interval
    lies above the figure itself.

    References:
        Guo et al. (2017), On Calibration of Modern Neural Networks, ICML, equation 3.
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    gaps = np.eye(CALIBRATION_BINS)[confidence_bins(confidence)] * (correct - confidence)[:, None]
    return ratio(np.abs(weights @ gaps).sum(axis=-1), weights.sum(axis=-1))


def selective_prediction(
    confidence: np.ndarray, correct: np.ndarray, least: float, weights: Weights = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the coverage, the share of rows of at least some confidence, and the accuracy on these (NaN for none).

    References:
        El-Yaniv and Wiener (2010), On the Foundations of Noise-free Selective Classification, JMLR 11, 1605-1641.
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    sure = confidence >= least
    return weighted_mean(sure, weights), ratio(weights @ (sure & correct), weights @ sure)


# One dimension, valence or arousal: never pooled, always over the whole split.


def rmse(truth: np.ndarray, predicted: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Root of the mean squared error."""
    return np.sqrt(weighted_mean((truth - predicted) ** 2, weights))


def mae(truth: np.ndarray, predicted: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean absolute error."""
    return weighted_mean(np.abs(truth - predicted), weights)


def correlation(truth: np.ndarray, predicted: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Pearson's correlation, CORR or PCC in the literature; NaN when either side is constant."""
    truth_variance, predicted_variance, covariance = _moments(truth, predicted, weights)
    return np.clip(ratio(covariance, np.sqrt(truth_variance * predicted_variance)), -1, 1)


def sign_agreement(truth: np.ndarray, predicted: np.ndarray, weights: Weights = None) -> np.ndarray:
    """SAGR: share of rows where truth and prediction have the same sign.

    The sign of 0 is 0: a truth of exactly 0 agrees only with a prediction of exactly 0. A predictor that is always
    positive scores the share of positive truths.

    References:
        Nicolaou, Gunes and Pantic (2011), IEEE Transactions on Affective Computing 2(2), 92-105.
    """
    return weighted_mean((np.sign(truth) == np.sign(predicted)).astype(float), weights)


def concordance(truth: np.ndarray, predicted: np.ndarray, weights: Weights = None) -> np.ndarray:
    """CCC, the concordance correlation coefficient in its population form.

    2 cov(t, p) / (var(t) + var(p) + (mean(t) - mean(p))^2), with 1/n moments. 0 for a constant prediction of a truth
    that varies; NaN when both sides are constant and equal. The mean of the CCC of batches is another, lower number.

    References:
        Lin (1989), A Concordance Correlation Coefficient to Evaluate Reproducibility, Biometrics 45(1), 255-268.
    """
    truth_variance, predicted_variance, covariance = _moments(truth, predicted, weights)
    shift = weighted_mean(truth - predicted, weights)
    return ratio(2 * covariance, truth_variance + predicted_variance + shift**2)


def _moments(truth: np.ndarray, predicted: np.ndarray, weights: Weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Moments about the median: exactly 0 for a constant, and no digits lost where the values lie far from 0.
    truth, predicted = truth - np.median(truth), predicted - np.median(predicted)
    means = weighted_mean(truth, weights), weighted_mean(predicted, weights)
    truth_variance = _variance(truth, means[0], weights)
    predicted_variance = _variance(predicted, means[1], weights)
    covariance = weighted_mean(truth * predicted, weights) - means[0] * means[1]
    varies = (truth_variance > 0) & (predicted_variance > 0)
    return truth_variance, predicted_variance, np.where(varies, covariance, 0)


def _variance(centred: np.ndarray, mean: np.ndarray, weights: Weights) -> np.ndarray:
    variance = weighted_mean(centred**2, weights) - mean**2
    # A resample may repeat one value only: its variance is rounding noise about 0, and means 0.
    noise = 1e-13 * np.max(np.abs(centred)) ** 2
    return np.where(variance <= noise, 0, variance)


DIMENSIONAL: dict[str, Callable[[np.ndarray, np.ndarray, Weights], np.ndarray]] = {
    "rmse": rmse,
    "mae": mae,
    "corr": correlation,
    "sagr": sign_agreement,
    "ccc": concordance,
}
"""By the second half of a figure's name, as in `valence_ccc`."""
