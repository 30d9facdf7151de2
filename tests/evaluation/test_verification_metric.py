# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402

from mmfer.evaluation import (VerificationMetric,  # noqa: E402
                              equal_error_rate)


def _set(spread, persons=8, clips=6, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(persons, 5))
    x = np.repeat(centres, clips, 0) + spread * rng.normal(
        size=(persons * clips, 5))
    subjects = np.repeat([f's{i}' for i in range(persons)], clips).tolist()
    return x, subjects, ['happy', 'sad', 'fear'] * (persons * clips // 3)


@pytest.mark.parametrize('spread', [0.3, 1.0, 3.0])
def test_rank1_by_a_plain_loop(spread):
    x, subjects, expressions = _set(spread)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    hits = []
    for i in range(len(x)):
        best, person = -2, None
        for j in range(len(x)):
            if expressions[i] != expressions[j] and unit[i] @ unit[j] > best:
                best, person = unit[i] @ unit[j], subjects[j]
        hits.append(person == subjects[i])
    found = VerificationMetric.calculate(x, subjects, expressions)
    assert found['rank1'] == pytest.approx(np.mean(hits))
    # Of 32 clips with another expression 4 show the same person.
    assert found['rank1_chance'] == pytest.approx(4 / 32)


@pytest.mark.parametrize('spread', [0.3, 1.0, 3.0])
def test_equal_error_rate_by_scikit_learn(spread):
    metrics = pytest.importorskip('sklearn.metrics')
    x, subjects, _ = _set(spread)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = np.triu_indices(len(x), 1)
    same = np.array(subjects)[pairs[0]] == np.array(subjects)[pairs[1]]
    accept, hit, _ = metrics.roc_curve(
        same, (unit @ unit.T)[pairs], drop_intermediate=False)
    found = VerificationMetric.calculate(x, subjects)['EER']
    grid = np.linspace(0, 1, 20001)
    gap = np.abs(grid - (1 - np.interp(grid, accept, hit)))
    assert found == pytest.approx(grid[gap.argmin()], abs=2e-3)


def test_known_error_rates():
    same = np.array([True] * 4 + [False] * 4)
    assert equal_error_rate(np.r_[5:1:-1, -1:-5:-1], same) == 0
    assert equal_error_rate(-np.r_[5:1:-1, -1:-5:-1], same) == 1
    assert equal_error_rate(np.zeros(8), same) == 0.5
    # One of four same pairs below the best of four others, and so on.
    scores = np.array([8, 7, 6, 4, 5, 3, 2, 1])
    assert equal_error_rate(scores, same) == 0.25
    assert np.isnan(equal_error_rate(scores, np.ones(8, bool)))


def test_random_embeddings_are_at_chance():
    x, subjects, expressions = _set(1e6, persons=20, clips=12)
    found = VerificationMetric.calculate(x, subjects, expressions)
    assert found['EER'] == pytest.approx(0.5, abs=0.03)
    assert found['rank1'] < 0.15 and found['rank1_chance'] < 0.06


def test_in_a_loop_of_validation():
    x, subjects, expressions = _set(0.5)
    metric = VerificationMetric()
    for row, subject, expression in zip(x, subjects, expressions):
        sample = ActionDataSample()
        sample.set_field(torch.tensor(row), 'pred_embedding')
        sample.set_metainfo(dict(subject=subject, expression=expression))
        metric.process({}, [sample.to_dict()])
    found = metric.evaluate(len(x))
    expected = VerificationMetric.calculate(x, subjects, expressions)
    assert found == {f'identity/{k}': v for k, v in expected.items()}


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match='needs expression, pred_embedding'):
        VerificationMetric().process({}, [dict(subject='s0')])
