# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What a checkpoint tells of its config, without running it."""
import re

import pytest

from mmfer.engine.stored_config import reading_doubt, stored_config

CONFIG = '''
import os
model = build(os.getcwd())
test_pipeline = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments', num_segments=8),
    dict(type='mmfer.StoredReader', path='x', reader=dict(
        type='mmfer.ReadResiduals', channels='y', gain=-1., size=(2, 2))),
    dict(type='CenterCrop', crop_size=96),
]
'''
SAMPLE = dict(type='SampleSegments', num_segments=8)
READ = dict(type='ReadResiduals', size=[2, 2], channels='y', gain=-1.)


def test_the_same_steps_raise_no_doubt():
    meta = dict(cfg=CONFIG)
    assert list(stored_config(meta)) == ['test_pipeline']
    assert len(stored_config(meta)['test_pipeline']) == 4
    assert reading_doubt([SAMPLE, READ, dict(type='Flip')], meta) is None


@pytest.mark.parametrize('steps, word', [
    ([SAMPLE, dict(type='mmfer.ReadFrames')], r'ReadFrames\(\)'),
    ([SAMPLE, dict(READ, channels='yuv')], "channels='yuv'"),
    ([dict(SAMPLE, num_segments=4), READ], 'num_segments=4')])
def test_other_steps_do(steps, word):
    doubt = reading_doubt(steps, dict(cfg=CONFIG))
    assert re.search(word, doubt) and '\n' not in doubt


@pytest.mark.parametrize('meta', [
    None, {}, dict(cfg=None), dict(cfg='('), dict(cfg='x = 1'),
    dict(cfg='test_pipeline = open("x")'), dict(cfg='test_pipeline = [1]'),
    dict(cfg='test_pipeline = [dict(**{"a": 1})]')])
def test_nothing_is_known_and_nothing_is_run(meta):
    assert reading_doubt([SAMPLE, READ], meta) is None
