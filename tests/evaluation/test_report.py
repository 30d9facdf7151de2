# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Numbers of a cross-validation against independent computations."""
import json

import numpy as np
import pytest
from sklearn import metrics

from mmfer.evaluation.intervals import bootstrap_clips, bootstrap_groups
from mmfer.evaluation.report import Run, summarise

CLASSES = ['happy', 'sad', 'fear']


def _run(fold=1, seed=0, clips=60, classes=3, skill=.6, persons=6, **kwargs):
    """A model that is right in a share of the clips."""
    generator = np.random.default_rng((int(fold), seed, 7))
    labels = np.random.default_rng(int(fold)).integers(0, classes, clips)
    guess = generator.integers(0, classes, clips)
    predictions = np.where(generator.random(clips) < skill, labels, guess)
    return Run(fold, seed, labels, predictions,
               subjects=[f'f{fold}s{i % persons}' for i in range(clips)],
               **kwargs)


def _uar(run):
    return metrics.balanced_accuracy_score(run.labels, run.predictions)


def test_means_of_folds_agree_with_scikit_learn():
    runs = [_run(fold) for fold in (1, 2, 3)]
    report = summarise(runs, CLASSES)
    uar = [_uar(run) for run in runs]
    war = [metrics.accuracy_score(r.labels, r.predictions) for r in runs]
    f1 = [metrics.f1_score(r.labels, r.predictions, average='macro')
          for r in runs]
    assert report['mean'] == pytest.approx(
        dict(UAR=np.mean(uar), WAR=np.mean(war), macro_F1=np.mean(f1)))
    assert report['std']['UAR'] == pytest.approx(np.std(uar, ddof=1))
    assert [row['UAR'] for row in report['runs']] == pytest.approx(uar)
    assert report['seed_std']['UAR'] is None
    assert report['headline'] == 'mean'
    labels = np.concatenate([run.labels for run in runs])
    predictions = np.concatenate([run.predictions for run in runs])
    pooled = report['pooled']
    assert pooled['confusion'] == metrics.confusion_matrix(
        labels, predictions).tolist()
    assert list(pooled['recall'].values()) == pytest.approx(
        metrics.recall_score(labels, predictions, average=None))
    json.dumps(report)


def test_leave_one_out_counts_once_over_all_persons():
    """Folds without some classes do not distort the summed measures."""
    folds = []
    for person in range(6):
        run = _run(person, clips=9, persons=1)
        keep = run.labels != person % 3
        folds.append(Run(person, 0, run.labels[keep], run.predictions[keep],
                         subjects=[f's{person}'] * keep.sum()))
    report = summarise(folds, CLASSES, leave_one_out=True)
    labels = np.concatenate([run.labels for run in folds])
    predictions = np.concatenate([run.predictions for run in folds])
    # From the definition, with sums of TP, FP and FN.
    f1, recall = [], []
    for label in range(3):
        hits = sum(((r.labels == label) & (r.predictions == label)).sum()
                   for r in folds)
        false = sum(((r.labels != label) & (r.predictions == label)).sum()
                    for r in folds)
        missed = sum(((r.labels == label) & (r.predictions != label)).sum()
                     for r in folds)
        f1.append(2 * hits / (2 * hits + false + missed))
        recall.append(hits / (hits + missed))
    assert report['headline'] == 'pooled'
    assert report['pooled']['UF1'] == pytest.approx(np.mean(f1))
    assert report['pooled']['UAR'] == pytest.approx(np.mean(recall))
    assert report['pooled']['UAR'] == pytest.approx(
        metrics.balanced_accuracy_score(labels, predictions))
    assert [row['absent'] for row in report['runs'][:3]] == \
        [['happy'], ['sad'], ['fear']]


def test_seeds_are_averaged_before_the_spread_over_folds():
    runs = [_run(fold, seed) for seed in (0, 1) for fold in (1, 2, 3)]
    report = summarise(runs, CLASSES)
    table = np.array([[_uar(_run(fold, seed)) for seed in (0, 1)]
                      for fold in (1, 2, 3)])
    assert report['mean']['UAR'] == pytest.approx(table.mean())
    assert report['std']['UAR'] == pytest.approx(
        table.mean(axis=1).std(ddof=1))
    assert report['seed_std']['UAR'] == pytest.approx(
        table.mean(axis=0).std(ddof=1))
    assert np.sum(report['pooled']['confusion']) == 360


def test_intervals_cover_and_shrink():
    few = summarise([_run(clips=60)], CLASSES)
    many = summarise([_run(clips=6000)], CLASSES)
    for report in (few, many):
        for name in ('WAR', 'UAR'):
            low, high = report['intervals'][name]
            assert low < report['mean'][name] < high
    width = [np.ptp(r['intervals']['UAR']) for r in (few, many)]
    # Ten times as narrow with a hundred times the clips.
    assert width[0] / width[1] == pytest.approx(10, rel=.3)
    # The binomial distribution knows the width for WAR; drawing within
    # classes takes a little off.
    share = many['mean']['WAR']
    assert np.ptp(many['intervals']['WAR']) == pytest.approx(
        2 * 1.96 * np.sqrt(share * (1 - share) / 6000), rel=.1)
    assert summarise([_run()], CLASSES, bootstrap=0)['intervals'] == {}


def test_training_again_is_not_testing_on_more_clips():
    once = _run(1, 0)
    again = [Run(1, seed, once.labels, once.predictions) for seed in range(9)]
    assert summarise(again, CLASSES)['intervals']['UAR'] == \
        summarise([again[0]], CLASSES)['intervals']['UAR']


def test_persons_who_are_always_right_or_wrong_widen_the_interval():
    labels = np.tile([0, 1, 2], 40)
    persons = np.repeat(np.arange(8), 15)
    right = persons % 2 == 0
    run = Run(1, 0, labels, np.where(right, labels, (labels + 1) % 3),
              subjects=[f's{p}' for p in persons])
    spans = summarise([run], CLASSES)['intervals']
    assert np.ptp(spans['subjects_UAR']) > 2 * np.ptp(spans['pooled_UAR'])
    unknown = Run(1, 0, labels, labels, subjects=[None] * len(labels))
    assert 'subjects_UAR' not in summarise([unknown], CLASSES)['intervals']


def test_draws_keep_what_they_should():
    run = _run()
    drawn = bootstrap_clips(run.labels, run.predictions, 3, 50)
    # Within classes: every draw has as many clips of each as there are.
    assert (drawn.sum(axis=3)[:, 0] == np.bincount(run.labels)).all()
    groups = bootstrap_groups(run.labels, run.predictions, run.subjects, 3, 50)
    assert groups.shape == (50, 1, 3, 3)
    assert (groups.sum(axis=(1, 2, 3)) == 60).all()  # six persons, 10 clips


@pytest.mark.parametrize('runs, said', [
    ([], 'no finished run'),
    ([_run(1, 0), _run(2, 1)], 'same ones'),
    ([_run(1, 0), _run(1, 1, clips=50)], 'different clips'),
])
def test_what_cannot_be_averaged_is_said(runs, said):
    with pytest.raises(ValueError, match=said):
        summarise(runs, CLASSES)
