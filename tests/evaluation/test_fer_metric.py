# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import doctest

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.evaluator import Evaluator  # noqa: E402

from mmfer.evaluation import FERMetric, fer_metric  # noqa: E402

CLASSES = ('happy', 'sad', 'fear')
SCORES = torch.tensor([[.8, .1, .1], [.2, .7, .1], [.1, .6, .3], [.1, .2, .7]])
LABELS = [0, 1, 2, 2]


def _samples(scores=SCORES, labels=LABELS):
    samples = []
    for score, label in zip(scores, labels):
        sample = ActionDataSample().set_gt_label(label).set_pred_score(score)
        samples.append(sample)
    return samples


def _evaluate(samples, **kwargs):
    evaluator = Evaluator([dict(type='mmfer.FERMetric', **kwargs)])
    evaluator.dataset_meta = dict(classes=CLASSES)
    for start in (0, 2):
        evaluator.process(samples[start:start + 2], {})
    return evaluator.evaluate(len(samples))


@pytest.mark.usefixtures('mmaction_scope')
def test_in_an_evaluator():
    metrics = _evaluate(_samples())
    assert metrics['fer/WAR'] == 0.75
    assert metrics['fer/UAR'] == pytest.approx((1 + 1 + 0.5) / 3)
    assert metrics['fer/recall/fear'] == 0.5
    assert metrics['fer/UAR_low'] <= metrics['fer/UAR'] <= \
        metrics['fer/UAR_high']
    assert all(isinstance(value, float) for value in metrics.values())


@pytest.mark.usefixtures('mmaction_scope')
def test_views_are_averaged():
    views = torch.stack([SCORES, SCORES.flip(1)], 1)
    views[:, 1] = SCORES
    assert _evaluate(_samples(views)) == _evaluate(_samples())


@pytest.mark.usefixtures('mmaction_scope')
def test_offline_on_dumped_samples(tmp_path):
    """What `tools/test.py --dump` writes: a pickled list of dicts."""
    from mmengine.fileio import dump, load
    path = str(tmp_path / 'results.pkl')
    dump([sample.to_dict() for sample in _samples()], path)
    evaluator = Evaluator([dict(type='mmfer.FERMetric', classes=CLASSES)])
    assert evaluator.offline_evaluate(load(path)) == _evaluate(_samples())


def test_calculate_without_a_runner():
    metrics = FERMetric.calculate(SCORES.numpy(), LABELS, bootstrap=0)
    assert metrics['recall/2'] == 0.5 and 'UAR_low' not in metrics
    assert metrics['confusion'].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_an_absent_class_is_reported():
    with pytest.warns(UserWarning, match='no clips'):
        metrics = FERMetric.calculate(
            SCORES[:2].numpy(), LABELS[:2], CLASSES)
    assert metrics['UAR'] == 1 and np.isnan(metrics['recall/fear'])


def test_wrong_number_of_classes_is_explained():
    with pytest.raises(ValueError, match='2 class names .* 3 scores'):
        FERMetric.calculate(SCORES.numpy(), LABELS, ['a', 'b'])


@pytest.mark.usefixtures('mmaction_scope')
def test_confusion_matrix_is_logged(monkeypatch):
    messages = []
    monkeypatch.setattr('mmfer.evaluation.fer_metric.print_log',
                        lambda message, **kwargs: messages.append(message))
    _evaluate(_samples())
    assert not messages
    _evaluate(_samples(), show_confusion=True)
    rows = [line.split() for line in messages[0].splitlines()[1:]]
    assert rows == [['happy', 'sad', 'fear'], ['happy', '1', '0', '0'],
                    ['sad', '0', '1', '0'], ['fear', '0', '1', '1']]


@pytest.mark.usefixtures('mmaction_scope')
def test_several_labels_per_clip_are_refused():
    sample = ActionDataSample().set_gt_label([0, 1]).set_pred_score(SCORES[0])
    with pytest.raises(ValueError, match='one label per clip'):
        FERMetric().process(None, [sample.to_dict()])


def test_examples():
    assert doctest.testmod(fer_metric).failed == 0


def test_scores_that_are_nan_are_no_prediction():
    scores = SCORES.clone().numpy()
    scores[1] = np.nan
    with pytest.raises(ValueError, match='1 of 4 clips .* NaN'):
        FERMetric.calculate(scores, LABELS)


def test_all_processes_refuse_them_together(monkeypatch):
    """Else one would raise and the others wait for its values."""
    monkeypatch.setattr('mmfer.evaluation.fer_metric.all_gather_object',
                        lambda own: [own, 2])  # another process has two
    with pytest.raises(ValueError, match='2 of 4 clips'):
        _evaluate(_samples())
