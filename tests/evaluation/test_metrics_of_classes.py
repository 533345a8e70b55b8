"""Every categorical metric against scikit-learn or its definition, then the properties that must hold for any input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from affekt.evaluation import metrics
from affekt.evaluation.charts import curve
from affekt.evaluation.metrics import areas_by_class, mean_over_classes, ranked_counts, roc_auc

CLASSES = 8


def rows(seed=0, n=400, absent=(), ties=False):
    random = np.random.default_rng(seed)
    truth = random.choice([index for index in range(CLASSES) if index not in absent], n)
    scores = random.normal(size=(n, CLASSES))
    scores[np.arange(n), truth] += 1.5
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return truth, np.round(probabilities, 1) if ties else probabilities


def alpha_pair_by_pair(truth, chosen):
    """Return Krippendorff's alpha by its definition: the disagreement within pairs over that of any two values."""
    values = np.concatenate([truth, chosen])
    any_two = [values[i] != values[j] for i in range(len(values)) for j in range(len(values)) if i != j]
    return 1 - np.mean(truth != chosen) / np.mean(any_two)


def matrix_of(truth, probabilities, weights=None):
    return metrics.confusion_matrix(truth, probabilities.argmax(axis=1), CLASSES, weights)


def balanced_accuracy(matrix):
    return mean_over_classes(metrics.recall(matrix))


def macro_f1(matrix):
    return mean_over_classes(metrics.f1(matrix))


@pytest.mark.parametrize("absent", [(), (2,), (5, 7)])
@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (metrics.accuracy, sk.accuracy_score),
        (macro_f1, lambda t, c: sk.f1_score(t, c, average="macro")),
        (metrics.weighted_f1, lambda t, c: sk.f1_score(t, c, average="weighted")),
        (metrics.cohen_kappa, sk.cohen_kappa_score),
        (metrics.krippendorff_alpha, alpha_pair_by_pair),
    ],
)
def test_figures_of_the_matrix_agree_with_the_references(ours, reference, absent):
    truth, probabilities = rows(absent=absent)
    chosen = probabilities.argmax(axis=1)
    assert ours(matrix_of(truth, probabilities)) == pytest.approx(reference(truth, chosen), abs=1e-12)


def test_balanced_accuracy_is_over_the_classes_in_the_truth():
    truth, probabilities = rows(absent=(3,))
    matrix = matrix_of(truth, probabilities)
    reference = sk.recall_score(
        truth, probabilities.argmax(axis=1), labels=np.unique(truth), average="macro", zero_division=0
    )
    assert balanced_accuracy(matrix) == pytest.approx(reference, abs=1e-12)


def test_precision_recall_and_f1_by_class():
    truth, probabilities = rows()
    matrix = matrix_of(truth, probabilities)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(truth, probabilities.argmax(axis=1))
    np.testing.assert_allclose(metrics.precision(matrix), precision, atol=1e-12)
    np.testing.assert_allclose(metrics.recall(matrix), recall, atol=1e-12)
    np.testing.assert_allclose(metrics.f1(matrix), f1, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_areas_agree_with_scikit_learn(ties):
    truth, probabilities = rows(ties=ties)
    roc, pr = areas_by_class(truth, probabilities)
    for index in range(CLASSES):
        positive, score = truth == index, probabilities[:, index]
        assert roc[index] == pytest.approx(sk.roc_auc_score(positive, score), abs=1e-12)
        assert pr[index] == pytest.approx(sk.average_precision_score(positive, score), abs=1e-12)


def test_areas_under_weights_are_those_of_the_repeated_rows():
    truth, probabilities = rows(n=60)
    counts = np.random.default_rng(4).integers(0, 4, (5, 60)).astype(float)
    roc, pr = areas_by_class(truth, probabilities, counts)
    for number, repeats in enumerate(counts.astype(int)):
        again = np.repeat(truth, repeats), np.repeat(probabilities, repeats, axis=0)
        np.testing.assert_allclose(roc[number], areas_by_class(*again)[0], atol=1e-12)
        np.testing.assert_allclose(pr[number], areas_by_class(*again)[1], atol=1e-12)


def test_an_absent_class_has_no_area_and_is_left_out_of_the_mean():
    truth, probabilities = rows(absent=(6,))
    roc, pr = areas_by_class(truth, probabilities)
    assert np.isnan(roc[6])
    assert np.isnan(pr[6])
    present = [index for index in range(CLASSES) if index != 6]
    expected = np.mean([sk.roc_auc_score(truth == index, probabilities[:, index]) for index in present])
    assert mean_over_classes(roc) == pytest.approx(expected, abs=1e-12)


def test_curves_agree_with_scikit_learn():
    truth, probabilities = rows(ties=True)
    positive, score = truth == 1, probabilities[:, 1]
    false_rate, true_rate = curve(positive, score, "roc_auc")
    expected_false, expected_true, _ = sk.roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(false_rate, expected_false, atol=1e-12)
    np.testing.assert_allclose(true_rate, expected_true, atol=1e-12)
    recall, precision = curve(positive, score, "pr_auc")
    expected_precision, expected_recall, _ = sk.precision_recall_curve(positive, score)
    np.testing.assert_allclose(recall, expected_recall[::-1], atol=1e-12)
    np.testing.assert_allclose(precision[1:], expected_precision[::-1][1:], atol=1e-12)


def test_a_constant_score_ranks_at_chance():
    truth, _ = rows()
    assert roc_auc(*ranked_counts(truth == 0, np.full(len(truth), 0.3))) == 0.5


def test_one_class_throughout_is_nan_and_not_a_crash():
    truth = np.zeros(10, dtype=int)
    matrix = matrix_of(truth, np.eye(CLASSES)[truth])
    assert metrics.accuracy(matrix) == 1
    assert np.isnan(metrics.cohen_kappa(matrix))
    assert np.isnan(metrics.krippendorff_alpha(matrix))
    assert np.isnan(areas_by_class(truth, np.eye(CLASSES)[truth])[0]).all()


def test_kappa_on_a_balanced_set_is_accuracy_above_chance():
    truth = np.repeat(np.arange(CLASSES), 50)
    chosen = np.where(np.random.default_rng(0).random(400) < 0.3636, truth, 0)
    matrix = metrics.confusion_matrix(truth, chosen, CLASSES)
    assert metrics.cohen_kappa(matrix) == pytest.approx((metrics.accuracy(matrix) - 0.125) / 0.875, abs=1e-12)


FIGURES = (
    metrics.accuracy,
    balanced_accuracy,
    macro_f1,
    metrics.weighted_f1,
    metrics.cohen_kappa,
    metrics.krippendorff_alpha,
)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
def test_ranges_hold_and_order_does_not_matter(seed, n):
    truth, probabilities = rows(seed, n)
    order = np.random.default_rng(seed).permutation(n)
    matrix, shuffled = matrix_of(truth, probabilities), matrix_of(truth[order], probabilities[order])
    for figure in FIGURES:
        value = figure(matrix)
        assert np.isnan(value) or -1 <= value <= 1
        np.testing.assert_array_equal(value, figure(shuffled))
    for areas, again in zip(
        areas_by_class(truth, probabilities), areas_by_class(truth[order], probabilities[order]), strict=True
    ):
        np.testing.assert_allclose(areas, again, atol=1e-12)
        assert ((areas >= 0) & (areas <= 1) | np.isnan(areas)).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60))
def test_a_perfect_prediction_scores_one(seed, n):
    truth, _ = rows(seed, n)
    matrix = matrix_of(truth, np.eye(CLASSES)[truth])
    for figure in FIGURES:
        assert figure(matrix) == pytest.approx(1) or (np.isnan(figure(matrix)) and len(np.unique(truth)) == 1)
    roc, _ = areas_by_class(truth, np.eye(CLASSES)[truth])
    assert (np.isnan(roc) | (roc == 1)).all()
