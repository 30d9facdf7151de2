# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Files of results are valid whatever the model or a worker did."""
import csv

import numpy as np
import pytest
import torch

from mmfer.apis import ClipPrediction, FacePrediction, WindowPrediction
from mmfer.apis.clip_progress import ClipProgress
from mmfer.apis.engines.file_jobs import broken, parse_line
from mmfer.apis.outputs import read_json, write_csv, write_json


def answer(scores):
    scores = np.float32(scores)
    window = WindowPrediction(0., 1., 0, 24, scores)
    return ClipPrediction('a.mp4', ('x', 'y', 'z'), (FacePrediction(
        0, 'x', scores, (window, )), ), 25., 64, 64, 25, 'h264')


def test_columns_stay_in_place_behind_a_file_that_kills(tmp_path):
    killer = parse_line(broken('killer.mp4', 'signal 11'))
    write_csv([killer, answer([.5, .3, .2])], tmp_path / 'a.csv')
    with open(tmp_path / 'a.csv', newline='', encoding='utf-8') as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {15}
    assert rows[0][7:10] == ['x', 'y', 'z'] and rows[2][7] == '0.5'
    assert rows[1][0] == 'killer.mp4' and 'new copy' in rows[1][-1]


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_an_error(tmp_path, bad):
    with pytest.raises(ValueError):
        write_json([answer([bad, .3, .2])], tmp_path / 'a.json')
    assert not (tmp_path / 'a.json').exists()
    progress = ClipProgress('a.mp4', ('x', 'y', 'z'))
    for scores in ([.5, .3, .2], [.1, bad, .2]):
        progress.keep(WindowPrediction(0., 1., 0, 24, np.float32(scores)))
    clip = progress.prediction()
    assert not clip.faces and clip.label is None
    assert clip.error.startswith('a.mp4: ') and 'NaN' in clip.error
    write_json([clip], tmp_path / 'a.json')
    assert read_json(tmp_path / 'a.json')[0].error == clip.error


@pytest.mark.parametrize('how', [[], ['--workers', '0', '--jsonl', 'l.jsonl']])
def test_a_model_with_damaged_weights(tool, model_of, clips, tmp_path, how,
                                      monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    content = torch.load(model_of['checkpoint'], weights_only=True)
    content['state_dict']['cls_head.fc_cls.weight'] *= np.nan
    torch.save(content, 'nan.pth')
    with pytest.raises(SystemExit) as caught:
        tool.main([model_of['config'], 'nan.pth', clips[0], '--json',
                   'a.json', *how])
    assert caught.value.code == 1
    assert f'error: {clips[0]}: the scores' in capsys.readouterr().err
    text = (tmp_path / 'a.json').read_text()
    assert '"scores": null' in text and ': NaN' not in text


def test_a_checkpoint_that_tells_nothing(tool, model_of, clips, tmp_path,
                                         capsys):
    content = torch.load(model_of['checkpoint'], weights_only=True)
    content['meta'] = dict(dataset_meta=None)
    torch.save(content, tmp_path / 'k.pth')
    with pytest.raises(SystemExit) as caught:
        tool.main([model_of['config'], str(tmp_path / 'k.pth'), clips[0]])
    assert caught.value.code == 0, capsys.readouterr().err
