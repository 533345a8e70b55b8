"""Metrics of a chosen class, all of them functions of the confusion matrix.

A matrix is (..., classes, classes): truth in the rows, prediction in the columns. Leading axes are bootstrap resamples.
A figure without a definition (no rows, or a class without any) is NaN and never a warning.
"""

import numpy as np

from affekt.evaluation.bootstrap import ratio


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Count the rows of each pair of true and predicted class.

    Args:
        truth: (n,) class indices.
        predicted: (n,) class indices.
        classes: number of classes.
        weights: (..., n); None counts every row once.

    Returns:
        (..., classes, classes), truth in the rows.
    """
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
    """Harmonic mean of precision and recall, (..., classes).

    2 TP / (2 TP + FP + FN): 0 for a class of the truth that is never found, NaN for one in neither.
    """
    return ratio(2 * _diagonal(matrix), matrix.sum(axis=-1) + matrix.sum(axis=-2))


def balanced_accuracy(matrix: np.ndarray) -> np.ndarray:
    """Mean recall over the classes in the truth."""
    return mean_over_classes(recall(matrix))


def macro_f1(matrix: np.ndarray) -> np.ndarray:
    """Unweighted mean of F1 over the classes in the truth or in the predictions, as scikit-learn takes them."""
    return mean_over_classes(f1(matrix))


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
    """Mean of (..., classes) over the classes whose figure is defined; NaN where none is."""
    return ratio(np.nan_to_num(figures).sum(axis=-1), (~np.isnan(figures)).sum(axis=-1))


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)
