# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import doctest
import warnings

import numpy as np
import pytest

pytest.importorskip('mmengine')
sklearn_metrics = pytest.importorskip('sklearn.metrics')

from mmfer.evaluation import functional as F  # noqa: E402


def _labels(seed, classes=7, count=200):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    noise = generator.integers(0, classes, count)
    keep = generator.random(count) < 0.6
    return labels, np.where(keep, labels, noise)


@pytest.mark.parametrize('seed', range(5))
def test_agreement_with_scikit_learn(seed):
    labels, predictions = _labels(seed)
    confusion = F.confusion_matrix(labels, predictions, 7)
    assert np.array_equal(
        confusion,
        sklearn_metrics.confusion_matrix(labels, predictions, labels=range(7)))
    assert F.weighted_average_recall(confusion) == pytest.approx(
        sklearn_metrics.accuracy_score(labels, predictions))
    assert F.unweighted_average_recall(confusion) == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(labels, predictions))
    assert F.macro_f1(confusion) == pytest.approx(
        sklearn_metrics.f1_score(labels, predictions, average='macro'))
    assert F.per_class_recall(confusion) == pytest.approx(
        sklearn_metrics.recall_score(labels, predictions, average=None))


def test_a_class_that_is_only_predicted_does_not_count():
    """mmaction2's mean_class_accuracy gives 0.5 here."""
    confusion = F.confusion_matrix([0, 0, 1, 1], [0, 0, 1, 5], 7)
    with pytest.warns(UserWarning, match=r'\[2, 3, 4, 5, 6\] have no clips'):
        assert F.unweighted_average_recall(confusion) == 0.75


def test_a_class_that_is_never_predicted_counts():
    confusion = F.confusion_matrix([0, 0, 1, 2], [0, 0, 1, 1], 3)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert F.unweighted_average_recall(confusion) == pytest.approx(2 / 3)
    assert F.macro_f1(confusion) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_many_matrices_at_once():
    matrices = np.stack([
        F.confusion_matrix(*_labels(seed), 7) for seed in range(3)
    ])
    for measure in (F.weighted_average_recall, F.unweighted_average_recall,
                    F.macro_f1):
        assert measure(matrices) == pytest.approx(
            [measure(matrix) for matrix in matrices])


def test_bootstrap_interval_of_accuracy_is_the_binomial_one():
    labels = np.zeros(400, int)
    predictions = np.repeat([0, 1], [300, 100])
    low, high = F.bootstrap_interval(
        labels, predictions, 2, F.weighted_average_recall, num_samples=4000)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - half, abs=0.005)
    assert high == pytest.approx(0.75 + half, abs=0.005)


def test_bootstrap_interval_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    truth, covered = np.array([0.9, 0.5, 0.7]), 0
    labels = np.repeat(range(3), 60)
    for seed in range(200):
        right = generator.random(180) < truth[labels]
        predictions = np.where(right, labels, (labels + 1) % 3)
        low, high = F.bootstrap_interval(
            labels, predictions, 3, F.unweighted_average_recall,
            num_samples=300, seed=seed)
        covered += low <= truth.mean() <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_bootstrap_is_seeded_and_ignores_absent_classes():
    labels, predictions = _labels(0)
    arguments = (labels, predictions, 9,
                 lambda m: F.unweighted_average_recall(m, warn=False))
    first = F.bootstrap_interval(*arguments, seed=1)
    assert first == F.bootstrap_interval(*arguments, seed=1)
    assert first != F.bootstrap_interval(*arguments, seed=2)
    assert np.isfinite(first).all()


@pytest.mark.parametrize('labels, predictions', [([], []), ([0], [0, 1]),
                                                 ([3], [0]), ([0], [-1])])
def test_wrong_labels_are_refused(labels, predictions):
    with pytest.raises(ValueError):
        F.confusion_matrix(labels, predictions, 3)


def test_examples():
    assert doctest.testmod(F).failed == 0
