# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Confusion, recall and failures of dumps, as functions and as tools."""
import csv
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('mmaction')

import torch  # noqa: E402
from mmengine.fileio import dump  # noqa: E402

from mmfer.evaluation import per_class_recall  # noqa: E402
from mmfer.evaluation.dumps import read_predictions  # noqa: E402
from mmfer.visualization.confusion import (compare_recall,  # noqa: E402
                                           draw_confusion)
from mmfer.visualization.failures import (failures_csv,  # noqa: E402
                                          find_failures)

TOOLS = Path(__file__).parents[2] / 'tools' / 'analysis'
CLASSES = ('happy', 'sad', 'absent')


def write_dump(path, clip, scores, labels):
    """Write what tools/test.py --dump writes."""
    dump([
        dict(pred_score=torch.tensor(row), gt_label=torch.tensor([label]),
             filename=str(clip) if n == 0 else f'=gone_{n}|.mp4',
             subject=f's{n % 2}')
        for n, (row, label) in enumerate(zip(scores, labels))
    ], str(path))
    return path


@pytest.fixture
def dumps(tmp_path, clip):
    good = [[.1, .9, 0], [.8, .1, .1], [.3, .7, 0], [.4, .6, 0]]
    bad = [[.1, .9, 0], [.1, .9, 0], [.9, .1, 0], [.4, .6, 0]]
    return [write_dump(tmp_path / f'{name}.pkl', clip, scores, [0, 0, 1, 1])
            for name, scores in (('good', good), ('bad', bad))]


@pytest.fixture
def run(capsys):
    """Run a tool in this process; returns (stdout, stderr)."""

    def call(name, *arguments):
        runpy.run_path(str(TOOLS / name))['main'](
            [str(argument) for argument in arguments])
        return capsys.readouterr()

    return call


def test_a_matrix_is_drawn_with_shares_and_counts():
    figure = draw_confusion(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]),
                            CLASSES, 'x')
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ['75 %', '3', '25 %', '1', '·', '·', '100 %', '2', '·',
                     '·', '·', '·']
    assert any('WAR 83.3   UAR 87.5   6 clips' in text.get_text()
               for text in figure.texts)
    with pytest.raises(ValueError, match='2 class names'):
        draw_confusion(np.eye(3, dtype=int), ['a', 'b'])


def test_recall_and_its_paired_difference():
    labels = np.repeat([0, 1], 200)
    rng = np.random.default_rng(0)
    base = np.where(rng.random(400) < .7, labels, 1 - labels)
    better = base.copy()
    better[:30] = 0  # only repairs some mistakes of the first class
    result = compare_recall(labels, dict(base=base, better=better), 3)
    confusion = np.zeros((2, 3, 3))
    for model, predicted in enumerate((base, better)):
        np.add.at(confusion[model], (labels, predicted), 1)
    np.testing.assert_allclose(result['recall'][:, :3],
                               per_class_recall(confusion))
    np.testing.assert_allclose(result['recall'][:, 3],
                               result['recall'][:, :2].mean(1))
    value, low, high = result['difference'][1, 0]
    assert 0 < low < value < high
    np.testing.assert_array_equal(result['difference'][1, 1], 0)
    # Shared draws: narrower than two independent intervals.
    apart = np.diff(result['interval'][:, 0])[:, 0]
    assert high - low < .7 * np.hypot(*apart)
    assert np.isnan(result['recall'][:, 2]).all()


def test_failures_come_by_confidence(dumps):
    failures = find_failures(read_predictions(dumps[1]))
    assert [round(f.confidence, 2) for f in failures] == [.9, .9, .9]
    assert [f.truth for f in failures] == [0, 0, 1]
    rows = list(csv.reader(failures_csv(failures, CLASSES).splitlines()))
    assert rows[0][:4] == ['rank', 'clip', 'subject', 'truth']
    assert rows[2][1:5] == ["'=gone_1|.mp4", 's1', 'happy', 'sad']


def test_the_confusion_tool_sums_up_folds(run, dumps, tmp_path):
    out = run('confusion_matrix.py', *dumps, '--classes', *CLASSES, '--out',
              tmp_path / 'c.png').out
    assert [line.split() for line in out.splitlines()[1:3]] == [
        ['happy', '1', '3', '0'], ['sad', '1', '3', '0']]
    assert cv2.imread(str(tmp_path / 'c.png')).std() > 10
    with pytest.raises(SystemExit, match='error: .* scores of 3 classes'):
        run('confusion_matrix.py', dumps[0], '--classes', 'a')


def test_the_recall_tool_compares_with_a_baseline(run, dumps, tmp_path):
    out = run('class_recall.py', f'new={dumps[0]}', '--baseline', dumps[1],
              '--classes', *CLASSES, '--out', tmp_path / 'r.png').out
    lines = out.splitlines()
    assert lines[0] == '| recall | bad | new − bad |'
    assert '+0.500' in lines[2] and '+0.500' in lines[3]
    assert cv2.imread(str(tmp_path / 'r.png')).std() > 10


def test_the_failure_tool_writes_a_list_and_a_sheet(run, dumps, tmp_path):
    table, sheet = tmp_path / 'f.md', tmp_path / 'f.png'
    out = run('failures.py', dumps[1], '--classes', *CLASSES, '--out', table,
              '--sheet', sheet)
    assert '3 of 4 clips' in out.err
    lines = table.read_text().splitlines()
    assert len(lines) == 5 and '=gone_1\\|.mp4' in lines[3]
    assert cv2.imread(str(sheet)).std() > 10
    with pytest.raises(SystemExit, match='.csv or .md'):
        run('failures.py', dumps[0], '--out', 'x.doc')


def test_no_draws_no_intervals(run, dumps, tmp_path):
    out = run('class_recall.py', f'new={dumps[0]}', '--baseline', dumps[1],
              '--bootstrap', 0, '--out', tmp_path / 'r.png').out
    assert out.splitlines()[2] == '| 0 | 0.000 | +0.500 |'
    assert cv2.imread(str(tmp_path / 'r.png')).std() > 10


@pytest.mark.parametrize('tool', ['confusion_matrix.py', 'class_recall.py',
                                  'failures.py'])
@pytest.mark.parametrize('scores, labels, word', [
    ([[.1, .9], [.8, .2]], [0, -1], 'a label is outside of 0 .. 1'),
    ([[.1, .9], [.8, .2]], [0, 2], 'a label is outside of 0 .. 1'),
    ([[.1, .9], [np.nan, .2]], [0, 1], '1 of 2 clips .* NaN')])
def test_dumps_that_make_no_sense_are_refused(run, tmp_path, clip, tool,
                                              scores, labels, word):
    path = write_dump(tmp_path / 'bad.pkl', clip, scores, labels)
    out = [] if tool == 'failures.py' else ['--out', tmp_path / 'o.png']
    with pytest.raises(SystemExit, match=f'error: .*{word}'):
        run(tool, path, *out)
    assert not (tmp_path / 'o.png').exists()
