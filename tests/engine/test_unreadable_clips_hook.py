# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest

pytest.importorskip('mmaction')

from mmengine.dataset import ConcatDataset, RepeatDataset  # noqa: E402
from mmengine.logging import MessageHub  # noqa: E402

from mmfer.datasets import FERDataset  # noqa: E402
from mmfer.engine import UnreadableClipsHook  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


@pytest.fixture
def dataset(tmp_path):
    path = write_labelled_clips(tmp_path, ('a', 'b', 'c'), 3, 3, 32)
    for name in ('s0_a', 's0_c'):
        (tmp_path / 'clips' / f'{name}.mp4').write_bytes(b'broken')
    pipeline = [
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleSegments', num_segments=2),
        dict(type='mmfer.ReadResiduals'),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs')
    ]
    return FERDataset(str(path), pipeline)


def _runner(dataset):
    return SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=dataset),
        epoch=4,
        message_hub=MessageHub.get_instance('unreadable-clips'))


@pytest.mark.parametrize('wrap', [
    lambda d: d, lambda d: RepeatDataset(d, 2),
    lambda d: ConcatDataset([d])
])
def test_failures_are_reported_once(dataset, wrap, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmfer.engine.hooks.unreadable_clips_hook.print_log',
        lambda message, **kwargs: messages.append(message))
    wrapped = wrap(dataset)
    for index in range(len(dataset)):
        wrapped[index]
    runner = _runner(wrapped)
    UnreadableClipsHook(max_names=1).after_train_epoch(runner)
    (message, ) = messages
    assert message.startswith('Epoch 5: 2 clips could not be read')
    assert message.endswith('s0_a.mp4, ...') and 's0_c.mp4' not in message
    assert runner.message_hub.get_info('train/unreadable_clips') == 2

    UnreadableClipsHook().after_train_epoch(runner)
    assert len(messages) == 1
    assert runner.message_hub.get_info('train/unreadable_clips') == 0
