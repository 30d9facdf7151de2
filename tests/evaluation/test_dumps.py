# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.fileio import dump  # noqa: E402

from mmfer.evaluation import evaluate_dumps, read_dump  # noqa: E402

TOOL = Path(__file__).parents[2] / 'tools' / 'analysis_tools' / 'eval_dump.py'


@pytest.fixture
def dumps(tmp_path):
    """Two dumps of two classes: 3 of 4 and 2 of 4 clips right."""
    paths = []
    for number, predictions in enumerate([[0, 0, 1, 0], [0, 1, 1, 0]]):
        samples = []
        for label, prediction in zip([0, 0, 1, 1], predictions):
            score = torch.nn.functional.one_hot(torch.tensor(prediction), 2)
            sample = ActionDataSample().set_gt_label(label)
            samples.append(sample.set_pred_score(score.float()).to_dict())
        paths.append(str(tmp_path / f'{number}.pkl'))
        dump(samples, paths[-1])
    return paths


def test_mean_over_dumps_and_summed_confusion(dumps):
    report = evaluate_dumps(dumps, ['a', 'b'])
    assert [result['UAR'] for result in report['each']] == [0.75, 0.5]
    assert report['mean']['UAR'] == 0.625
    assert report['std']['UAR'] == pytest.approx(0.25 / 2**0.5)
    assert report['confusion'].tolist() == [[3, 1], [2, 2]]
    assert evaluate_dumps(dumps[:1], bootstrap=0)['std']['UAR'] == 0


def test_another_file_is_refused(tmp_path):
    path = str(tmp_path / 'other.pkl')
    dump([dict(x=1)], path)
    with pytest.raises(ValueError, match='other.pkl: not a dump'):
        read_dump(path)


class Harmful:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


def test_a_dump_cannot_run_code(tmp_path):
    path = str(tmp_path / 'bad.pkl')
    dump([Harmful(str(tmp_path / 'traces'))], path)
    with pytest.raises(ValueError, match='it names _?io.open'):
        read_dump(path)
    assert not (tmp_path / 'traces').exists()


def test_arrays_and_numbers_of_numpy_are_read(tmp_path):
    path = str(tmp_path / 'numpy.pkl')
    dump([dict(pred_score=np.float32([.2, .8]), gt_label=np.int64(1))], path)
    scores, labels = read_dump(path)
    assert scores.argmax() == 1 and labels == [1]


def test_the_tool(dumps):
    done = subprocess.run(
        [sys.executable, str(TOOL), *dumps, '--classes', 'happy', 'sad'],
        capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2])
    assert 'UAR 0.625 +- 0.177' in done.stdout
    assert ['happy', '3', '1'] in [x.split() for x in done.stdout.splitlines()]


@pytest.mark.parametrize('arguments, said', [
    (['none.pkl'], 'none.pkl'),
    (['text.pkl'], 'not a dump of tools/test.py'),
    (['text.pkl', '--config', 'none.py'], 'none.py'),
    (['text.pkl', '--bootstrap', '-1'], "'-1' is no whole number from 0 on"),
])
def test_the_tool_says_in_one_line_what_is_wrong(tmp_path, arguments, said):
    (tmp_path / 'text.pkl').write_text('no pickle')
    repository = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', str(TOOL), *arguments],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': repository})
    assert done.returncode == 2 and done.stdout == ''
    assert said in done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr
