# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402

from mmfer.models import FERDataPreprocessor  # noqa: E402
from mmfer.models.data_preprocessors.fer_data_preprocessor import \
    _joined  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')


def _batch(shape=(4, 3, 8, 8), count=2):
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.randint(-300, 300, shape, dtype=torch.int16, generator=generator)
        for _ in range(count)
    ]
    samples = [ActionDataSample().set_gt_label(i) for i in range(count)]
    return dict(inputs=inputs, data_samples=samples)


def test_signed_data_is_normalised():
    batch = _batch()
    expected = torch.stack(batch['inputs']).double() / 16
    ready = FERDataPreprocessor()(batch)
    assert ready['inputs'].dtype == torch.float32
    assert torch.equal(ready['inputs'].double(), expected)
    assert ready['inputs'].min() < -10
    assert len(ready['data_samples']) == 2


@pytest.mark.parametrize('shape, format_shape', [((4, 3, 8, 8), 'NCHW'),
                                                 ((1, 3, 4, 8, 8), 'NCTHW')])
def test_per_channel(shape, format_shape):
    batch = _batch(shape)
    raw = torch.stack(batch['inputs']).float()
    mean, std = [1., 2., 3.], [4., 5., 6.]
    ready = FERDataPreprocessor(mean, std, format_shape)(batch)['inputs']
    for channel in range(3):
        expected = (raw[:, :, channel] - mean[channel]) / std[channel]
        assert torch.allclose(ready[:, :, channel], expected)
    with pytest.raises(ValueError, match='have 2 channels'):
        FERDataPreprocessor([0, 0], [1, 1], format_shape)(_batch(shape))


def test_a_stacked_tensor_is_taken_too():
    batch = _batch()
    stacked = dict(batch, inputs=torch.stack(batch['inputs']))
    processor = FERDataPreprocessor()
    assert torch.equal(
        processor(stacked)['inputs'], processor(batch)['inputs'])


@pytest.mark.parametrize('how', [
    'neighbours', 'a gap', 'backwards', 'twice', 'columns', 'one', 'floats'
])
def test_tensors_that_lie_together_are_taken_as_one(how):
    values = torch.stack(_batch(count=6)['inputs'])
    inputs = {
        'neighbours': list(values[1:5]),
        'a gap': list(values[::2]),
        'backwards': list(values)[::-1],
        'twice': [values[2], values[2]],
        'columns': list(values.transpose(0, 2)),
        'one': [values[3]],
        'floats': [values[0], values[1].float()],
    }[how]
    expected = torch.stack(inputs) / 16 if how != 'floats' else torch.stack(
        [tensor.float() for tensor in inputs]) / 16
    ready = FERDataPreprocessor()(
        dict(inputs=inputs, data_samples=None))['inputs']
    assert torch.equal(ready, expected)
    joined = _joined(inputs)
    assert isinstance(joined, torch.Tensor) == (how in ('neighbours', 'one'))
    if how == 'neighbours':
        assert joined.data_ptr() == values[1].data_ptr()
    assert _joined(dict(a=inputs)).keys() == {'a'}


def test_pictures_of_different_sizes_are_padded():
    batch = _batch()
    batch['inputs'][0] = batch['inputs'][0][..., :6]
    ready = FERDataPreprocessor()(batch)['inputs']
    assert ready.shape == (2, 4, 3, 8, 8)
    assert not ready[0, ..., 6:].any()


def test_streams():
    batch = _batch()
    keyframes = [torch.full((3, 8, 8), v, dtype=torch.uint8) for v in (0, 255)]
    batch['inputs'] = dict(imgs=batch['inputs'], keyframe=keyframes)
    processor = FERDataPreprocessor(
        streams=dict(keyframe=dict(mean=[127.5], std=[127.5])))
    ready = processor(batch, training=True)['inputs']
    assert ready['keyframe'][:, 0, 0, 0].tolist() == [-1., 1.]
    assert ready['imgs'].shape == (2, 4, 3, 8, 8)
    with pytest.raises(KeyError, match="stream 'keyframe' has no settings"):
        FERDataPreprocessor()(batch)


BLENDING = dict(type='MixupBlending', num_classes=2, alpha=1.)


def test_blending_of_plain_batches_only():
    processor = FERDataPreprocessor(blending=BLENDING)
    ready = processor(_batch(), training=True)
    assert ready['data_samples'][0].gt_label.shape == (2, )
    ready = processor(_batch(), training=False)
    assert ready['data_samples'][0].gt_label.tolist() == [0]
    batch = _batch()
    batch['inputs'] = dict(imgs=batch['inputs'])
    with pytest.raises(ValueError, match='mixes persons'):
        processor(batch, training=True)


def test_statistics_are_not_part_of_a_checkpoint():
    assert not FERDataPreprocessor([0.], [3.]).state_dict()


@pytest.mark.parametrize('kwargs', [
    dict(std=[0.]), dict(mean=[0., 1.]), dict(format_shape='NHWC')
])
def test_arguments_are_checked(kwargs):
    with pytest.raises(ValueError):
        FERDataPreprocessor(**kwargs)
