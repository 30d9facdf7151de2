# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Exported models in place of a checkpoint: same answers from the same files.

Every format is tried whose packages are installed (``mmfer[export]``);
TorchScript needs none.
"""
import numpy as np
import pytest
from mmengine.config import Config

from mmfer.apis import FERInferencer
from mmfer.apis.outputs import read_json
from mmfer.deployment.exporter import export_checkpoint
from mmfer.deployment.formats import TARGETS, missing_packages

#: Largest difference of a probability that is the precision's.
TOLERANCES = dict(fp32=1e-4, bf16=.05, int8=.25)


@pytest.fixture(scope='module')
def exported(model_of, tmp_path_factory):
    """Path of each export that can be written here."""
    targets = [name for name in TARGETS if not missing_packages(name)]
    made = export_checkpoint(
        Config.fromfile(model_of['config']), model_of['checkpoint'], targets,
        str(tmp_path_factory.mktemp('exported') / 'model'),
        calibration_clips=3, check=False, report=lambda text: None)
    return {name: made[name]['path'] for name in targets}


@pytest.fixture(scope='module')
def theirs(model_of, clips):
    """Answers of the checkpoint."""
    answers = FERInferencer(**model_of, window=.3)(clips)
    # Or any model would answer alike.
    assert np.std([clip.scores for clip in answers], axis=0).max() > 1e-3
    return answers


def _path_of(exported, target):
    if target not in exported:
        pytest.skip(f'{missing_packages(target)} not installed')
    return exported[target]


def _check_alike(mine, theirs, target):
    """Windows, scores, and labels wherever two classes are not on a par."""
    tolerance = TOLERANCES[TARGETS[target][1]]
    assert [clip.path for clip in mine] == [clip.path for clip in theirs]
    for own, other in zip(mine, theirs):
        assert own.classes == other.classes == ('happy', 'sad', 'neutral')
        pairs = list(zip(own.faces[0].windows, other.faces[0].windows))
        assert len(pairs) == len(own.faces[0].windows) == 2
        for window, expected in pairs:
            assert (window.first, window.last) == \
                (expected.first, expected.last)
            np.testing.assert_allclose(
                window.scores, expected.scores, atol=tolerance)
        second, first = np.sort(other.scores)[-2:]
        if first - second > 2 * tolerance:
            assert own.label == other.label


@pytest.mark.parametrize('target', list(TARGETS))
@pytest.mark.parametrize('batch_size', [1, 8])
def test_the_inferencer_answers_alike(target, batch_size, exported, theirs,
                                      model_of, clips):
    inferencer = FERInferencer(
        model_of['config'], _path_of(exported, target), window=.3,
        batch_size=batch_size)
    _check_alike(inferencer(clips), theirs, target)


@pytest.mark.parametrize('target', list(TARGETS))
def test_the_command_answers_alike(target, exported, theirs, model_of, clips,
                                   tool, tmp_path, capsys):
    path = _path_of(exported, target)
    with pytest.raises(SystemExit) as caught:
        tool.main([model_of['config'], path, *clips, '--window', '.3',
                   '--json', str(tmp_path / 'out.json')])
    said = capsys.readouterr()
    assert caught.value.code == 0, said.err
    assert all(clip in said.out for clip in clips)
    _check_alike(read_json(tmp_path / 'out.json'), theirs, target)


def test_an_export_of_another_crop_is_refused(exported, model_of, clips):
    """Not stretched, and not computed on something else."""
    cfg = Config.fromfile(model_of['config'])
    for step in cfg.test_pipeline:
        if step['type'] == 'CenterCrop':
            step['crop_size'] = 64
    inferencer = FERInferencer(cfg, exported['torchscript-fp32'])
    with pytest.raises(ValueError, match='reads samples of shape'):
        inferencer(clips[0])
