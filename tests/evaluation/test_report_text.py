# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np

from mmfer.evaluation.report import Run, summarise
from mmfer.evaluation.report_text import to_latex, to_markdown

CLASSES = ['happy', 'sad_ish']


def _report(leave_one_out=False, folds=2, seeds=(0, ), **changes):
    runs = []
    for seed in seeds:
        for fold in range(1, folds + 1):
            labels = np.array([0, 0, 0, 1, 1])
            wrong = np.arange(5) < (fold + seed) % 3
            runs.append(Run(fold, seed, labels, np.where(wrong, 1 - labels,
                                                         labels), epoch=7))
    report = dict(
        title='A test', config='a.py', complete=True, missing=[],
        protocol=dict(split='2-fold'), classes=CLASSES,
        folds=list(range(1, folds + 1)), seeds=list(seeds),
        leave_one_out=leave_one_out,
        selections={
            'last': summarise(runs, CLASSES, leave_one_out, bootstrap=50),
            'best_on_test': summarise(runs, CLASSES, leave_one_out,
                                      bootstrap=0)
        })
    return dict(report, **changes)


def test_the_table_has_means_and_spread():
    text = to_markdown(_report())
    # Fold 1: 4 of 5 right; fold 2: 3 of 5. Recalls 2/3 and 1, 1/3 and 1.
    assert '| last | 70.00 ± 14.14 | 75.00 ± 11.79 |' in text
    assert '| 1 | 0 | 7 | 5 | 80.00 | 83.33 |' in text
    assert '| happy | 3 | 3 | 6 | 50.00 |' in text
    assert 'over 2 folds' in text and 'one seed' in text
    assert '| split | 2-fold |' in text
    assert 'Incomplete' not in text


def test_choosing_by_the_test_is_called_what_it_is():
    text = to_markdown(_report())
    assert 'upper bound' in text
    assert 'last, best_on_test' in text


def test_intervals_stand_where_they_were_computed():
    last, best = to_markdown(_report()).split('## `best_on_test`')
    assert '95 % bootstrap' in last and '95 % bootstrap' not in best


def test_leave_one_out_quotes_the_summed_measures():
    text = to_markdown(_report(leave_one_out=True))
    assert 'UF1 %' in text.splitlines()[2]
    assert '| last | 70.00 | 75.00 | 69.70 |' in text
    assert 'summed over all persons' in text


def test_what_is_missing_is_said_first():
    changes = dict(complete=False, missing=['fold 2, seed 0'])
    assert 'Missing: fold 2, seed 0' in to_markdown(_report(**changes))
    assert 'INCOMPLETE' in to_latex(_report(**changes))


def test_one_split():
    assert 'One split, one seed' in to_markdown(_report(folds=1))
    text = to_markdown(_report(folds=1, seeds=(0, 1)))
    assert 'of 2 seeds' in text and '| last | 70.00 ± 14.14 |' in text


def test_latex_is_escaped_and_carries_the_protocol():
    text = to_latex(_report())
    assert r'70.00 $\pm$ 14.14' in text and r'best\_on\_test' in text
    assert '% split: 2-fold' in text
    body = [line for line in text.splitlines() if not line.startswith('%')]
    assert all('%' not in line.replace(r'\%', '') for line in body)
    assert body[0].startswith(r'\begin{tabular}{lrrr}')
