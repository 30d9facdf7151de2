# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Annotations and a config of a toy data set that has no clips."""
import json

import pytest


def _write_annotations(folder, subjects=6, folds=3, **changes):
    """Annotations without clips: persons in turn in the folds."""
    clips = [dict(path=f'clips/s{s}_{label}.mp4', label=label,
                  subject=f's{s}', fold=s % folds + 1,
                  split={subjects - 2: 'val', subjects - 1: 'test'}.get(
                      s, 'train'), **changes)
             for s in range(subjects) for label in ('happy', 'sad')]
    (folder / 'annotations.json').write_text(json.dumps(dict(
        metainfo=dict(dataset='toy', classes=['happy', 'sad']), clips=clips)))
    return folder


def _config(folder, save_best='fer/UAR', **where):
    """What the driver needs of a config; by split unless told otherwise."""
    def loader(part):
        choice = where or dict(split=part)
        return dict(dataset=dict(
            type='mmfer.FERDataset', data_root=str(folder),
            ann_file='annotations.json', pipeline=[], check_files=False,
            test_mode=part != 'train', **choice))
    hook = dict(type='CheckpointHook', max_keep_ckpts=1, save_best=save_best)
    from mmengine.config import Config
    return Config(dict(
        train_dataloader=loader('train'), val_dataloader=loader('val'),
        test_dataloader=loader('test'), val_cfg=dict(type='ValLoop'),
        train_cfg=dict(max_epochs=3), default_hooks=dict(checkpoint=hook)))


@pytest.fixture
def write_annotations():
    """Write the annotations of a toy data set without clips."""
    return _write_annotations


@pytest.fixture
def config():
    """Make a config for it."""
    return _config
