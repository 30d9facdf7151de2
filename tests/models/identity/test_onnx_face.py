# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import importlib.util

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmfer.models import OnnxFace, build_identity_encoder  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')
WEIGHT = np.random.default_rng(0).normal(size=(3 * 8 * 8, 5)).astype('f')


@pytest.fixture
def write(tmp_path):
    """Write a network of one matrix: a picture of 8x8 to five numbers."""
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')

    def write(shape=('N', 3, 8, 8), flat=True):
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        nodes = [
            helper.make_node('Flatten', ['face'], ['flat']),
            helper.make_node('MatMul', ['flat', 'w'], ['embedding']),
            helper.make_node('Unsqueeze', ['embedding', 'axis'], ['tall'])
        ]
        axis = onnx.numpy_helper.from_array(np.array([1], np.int64), 'axis')
        graph = helper.make_graph(
            nodes, 'face', [helper.make_tensor_value_info('face', kind, shape)
                            ],
            [helper.make_tensor_value_info('embedding', kind, None),
             helper.make_tensor_value_info('tall', kind, None)][::1 if flat
                                                                else -1],
            [onnx.numpy_helper.from_array(WEIGHT, 'w'), axis])
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8)
        path = tmp_path / 'face.onnx'
        onnx.save(model, str(path))
        return str(path)

    return write


def _pictures(count=3):
    return [np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
            for i in range(count)]


@pytest.mark.parametrize('shape, layout', [
    (('N', 3, 8, 8), 'NCHW'), ((1, 3, 8, 8), 'NCHW'), (('N', 8, 8, 3), 'NHWC')
])
def test_embeddings_are_those_of_the_model(write, shape, layout):
    encoder = build_identity_encoder(
        dict(type='mmfer.OnnxFace', file=write(shape)))
    faces = (np.stack(_pictures()).astype(np.float64) - 127.5) / 127.5
    if layout == 'NCHW':
        faces = faces.transpose(0, 3, 1, 2)
    expected = faces.reshape(3, -1) @ WEIGHT
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert encoder.out_channels == 5 and encoder.preprocess.size == (8, 8)
    assert np.allclose(encoder.encode(_pictures()), expected, atol=1e-5)
    assert len(encoder.settings['weights']) == 64
    assert 'file' not in encoder.settings['network']


def test_an_open_size_is_asked_for(write):
    path = write(('N', 3, 'H', 'W'))
    with pytest.raises(ValueError, match='set `size`'):
        OnnxFace(path)
    assert OnnxFace(path, size=8)(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_the_output_is_chosen_and_checked(write):
    path = write(flat=False)
    with pytest.raises(ValueError, match="'tall' is .*name another `output`"):
        OnnxFace(path)
    assert OnnxFace(path, output='embedding').out_channels == 5
    with pytest.raises(ValueError, match='no output .x.; it has tall, emb'):
        OnnxFace(path, output='x')


def test_not_a_model(write, tmp_path):
    path = tmp_path / 'broken.onnx'
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='broken.onnx: not a usable'):
        OnnxFace(str(path))
    with pytest.raises(FileNotFoundError, match='none.onnx: no such'):
        OnnxFace(str(tmp_path / 'none.onnx'))
    with pytest.raises(ValueError, match='set `layout`'):
        OnnxFace(write(('N', 'C', 'H', 'W')), size=8)


@pytest.mark.skipif(importlib.util.find_spec('onnxruntime') is not None,
                    reason='onnxruntime is installed')
def test_without_onnxruntime_it_says_what_to_install():
    with pytest.raises(ImportError, match=r'pip install "mmfer\[face\]"'):
        OnnxFace('face.onnx')
