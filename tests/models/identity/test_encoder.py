# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import copy
import functools

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip('mmaction')

from mmfer.datasets import IdentityEmbeddings, IdentityFileError  # noqa: E402
from mmfer.models import IResNet, build_identity_encoder  # noqa: E402
from mmfer.models.identity import load_face_weights  # noqa: E402
from mmfer.testing.face_weights import draw_weights  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')
SMALL = dict(type='mmfer.IResNet', depth=18, embedding_channels=16,
             width=0.125, stem_stride=2, input_size=32)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    network = IResNet(**{k: v for k, v in SMALL.items() if k != 'type'})
    draw_weights(network)
    path = tmp_path_factory.mktemp('weights') / 'small.pth'
    torch.save(network.state_dict(), path)
    return str(path)


@pytest.fixture(scope='module')
def encoder(checkpoint):
    return build_identity_encoder(dict(SMALL, checkpoint=checkpoint))


def _pictures(count=5, size=(40, 48)):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(count)]


def test_frozen_and_repeatable(encoder):
    assert not any(p.requires_grad for p in encoder.network.parameters())
    assert not any(m.training for m in encoder.network.modules())
    found = encoder.encode(_pictures())
    assert found.dtype == np.float32 and found.shape == (5, 16)
    assert np.array_equal(found, encoder.encode(_pictures()))
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(5))


def test_batches_of_any_size_and_type_give_the_same(checkpoint, encoder):
    expected = encoder.encode(_pictures())
    in_parts = build_identity_encoder(
        dict(SMALL, checkpoint=checkpoint, batch_size=2))
    assert np.allclose(in_parts.encode(_pictures()), expected, atol=1e-5)
    batch = torch.from_numpy(np.stack(_pictures())).permute(0, 3, 1, 2)
    for pictures in (batch, batch.float()):
        assert np.allclose(encoder.encode_batch(pictures), expected, atol=1e-5)
    prepared = np.stack([encoder.preprocess.prepare(p) for p in _pictures()])
    prepared = torch.from_numpy(prepared).permute(0, 3, 1, 2)
    assert prepared.shape[2:] == (32, 32)
    assert np.allclose(encoder.encode_batch(prepared), expected, atol=1e-5)


def test_half_precision_of_the_model_does_not_reach_it(encoder):
    batch = torch.from_numpy(np.stack(_pictures())).permute(0, 3, 1, 2)
    expected = encoder.encode_batch(batch)
    with torch.autocast('cpu', torch.bfloat16):
        found = encoder.encode_batch(batch)
    assert found.dtype == torch.float32 and torch.equal(found, expected)


def test_nothing_of_it_is_part_of_a_model(encoder):
    model = nn.Linear(2, 2)
    model.identity_encoder = encoder
    assert set(model.state_dict()) == {'weight', 'bias'}
    assert len(list(model.modules())) == 1
    assert copy.deepcopy(model).identity_encoder is encoder
    model.train()
    assert not encoder.network.training


def test_normalisation_can_be_left_out(checkpoint, encoder):
    raw = build_identity_encoder(
        dict(SMALL, checkpoint=checkpoint, normalize=False))
    found = raw.encode(_pictures())
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    assert not np.allclose(lengths, 1, atol=0.1)
    assert np.allclose(found / lengths, encoder.encode(_pictures()), atol=1e-5)


def test_pictures_normalised_before_are_refused(encoder):
    with pytest.raises(ValueError, match='from 0 to 255'):
        encoder.encode_batch(torch.randn(2, 3, 32, 32))
    with pytest.raises(ValueError, match=r'\(N, 3, H, W\)'):
        encoder.encode_batch(torch.zeros(2, 1, 32, 32))


@pytest.mark.parametrize('wrap', [
    lambda s: s,
    lambda s: dict(state_dict=s),
    lambda s: {f'module.{name}': value for name, value in s.items()},
    lambda s: dict(
        meta=dict(epoch=3),
        state_dict={'cls_head.weight': torch.zeros(3, 16),
                    **{f'backbone.{name}': v for name, v in s.items()}}),
    lambda s: {n: v for n, v in s.items() if 'num_batches' not in n},
], ids=['plain', 'state_dict', 'ddp', 'pre-training', 'old'])
def test_checkpoints_of_all_makers(checkpoint, encoder, tmp_path, wrap):
    path = tmp_path / 'wrapped.pth'
    torch.save(wrap(torch.load(checkpoint, weights_only=True)), path)
    other = build_identity_encoder(dict(SMALL, checkpoint=str(path)))
    assert np.array_equal(other.encode(_pictures()),
                          encoder.encode(_pictures()))


def test_the_classes_of_facenet_pytorch_are_left_out(tmp_path):
    network = nn.Module()
    network.last_linear = nn.Linear(4, 2)
    network.surplus_weights = ('logits', )
    path = tmp_path / 'vggface2.pt'
    torch.save(
        dict(network.state_dict(), **{
            'logits.weight': torch.zeros(9, 2),
            'logits.bias': torch.zeros(9)
        }), path)
    assert load_face_weights(network, str(path)) == 2


def test_weights_of_another_network_are_refused(checkpoint):
    with pytest.raises(ValueError, match='small.pth: not the weights of this '
                       'IResNet: [1-9].*set depth, width'):
        build_identity_encoder(dict(SMALL, depth=34, checkpoint=checkpoint))
    with pytest.raises(ValueError, match=r'fc.weight \(\(16, 64\) in the file'
                       r', \(8, 64\) in the network\)'):
        build_identity_encoder(
            dict(SMALL, embedding_channels=8, checkpoint=checkpoint))


def test_missing_forgotten_and_dangerous_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.pth: no such file'):
        build_identity_encoder(dict(SMALL, checkpoint='nowhere.pth'))
    with pytest.raises(KeyError, match='no `checkpoint`'):
        build_identity_encoder(SMALL)
    path = tmp_path / 'code.pth'
    torch.save(dict(fc=functools.partial(print, 'executed')), path)
    with pytest.raises(ValueError, match='not a file of weights alone'):
        build_identity_encoder(dict(SMALL, checkpoint=str(path)))
    path.write_bytes(b'no checkpoint')
    with pytest.raises(ValueError, match='code.pth'):
        build_identity_encoder(dict(SMALL, checkpoint=str(path)))


def test_settings_name_the_weights_and_the_preprocessing(checkpoint, encoder):
    cropped = build_identity_encoder(
        dict(SMALL, checkpoint=checkpoint, preprocess=dict(crop=0.5)))
    assert cropped.settings['weights'] == encoder.settings['weights']
    assert cropped.settings != encoder.settings
    assert not np.allclose(cropped.encode(_pictures()),
                           encoder.encode(_pictures()))
    random = build_identity_encoder(dict(SMALL, checkpoint=None))
    assert random.settings['weights'] is None


def test_whitening_of_an_identity_file(checkpoint, encoder, tmp_path):
    pictures = _pictures(12)
    raw = encoder.encode(pictures)
    names = [f'{i}.mp4' for i in range(12)]
    stored = IdentityEmbeddings(names, raw, np.zeros(12),
                                dict(encoder=encoder.settings))
    stored.fit_whitening('train', names, 4)
    path = str(tmp_path / 'identity.npz')
    stored.save(path)
    cfg = dict(SMALL, checkpoint=checkpoint, whitening=dict(file=path))
    whitened = build_identity_encoder(cfg)
    assert whitened.out_channels == 4
    assert whitened.encode([]).shape == (0, 4)
    assert np.allclose(whitened.encode(pictures), stored.whiten(raw),
                       atol=1e-4)
    with pytest.raises(IdentityFileError, match='another face network'):
        build_identity_encoder(dict(cfg, preprocess=dict(crop=0.5)))
    with pytest.raises(IdentityFileError, match="no whitening 'fold2'"):
        build_identity_encoder(dict(cfg, whitening=dict(file=path, fold=2)))


@pytest.mark.parametrize('crop', [0.5, (0.1, 0.2, 0.9, 0.8)])
def test_a_crop_is_never_lost_nor_applied_twice(checkpoint, crop):
    """Keyframes of the size of the network, by each of the online ways."""
    from mmfer.datasets import FormatKeyframe
    cfg = dict(SMALL, checkpoint=checkpoint, preprocess=dict(crop=crop))
    pictures = _pictures(size=(32, 32))
    expected = build_identity_encoder(cfg).encode(pictures)

    def stream(**kwargs):
        step = FormatKeyframe(**kwargs)
        return torch.from_numpy(np.stack([
            step(dict(keyframe=picture))['keyframe'] for picture in pictures
        ]))

    decoded = stream()
    prepared = stream(preprocess=dict(size=32, crop=crop))
    for batch, known in ((decoded, False), (prepared, True)):
        encoder = build_identity_encoder(dict(cfg, prepared=known))
        assert np.allclose(encoder.encode_batch(batch), expected, atol=1e-5)
        assert np.allclose(encoder.encode(pictures), expected, atol=1e-5)
    with pytest.raises(ValueError, match='set prepared=True'):
        build_identity_encoder(cfg).encode_batch(decoded)
    with pytest.raises(ValueError, match=r'the keyframes are \(40, 32\)'):
        build_identity_encoder(dict(cfg, prepared=True)).encode_batch(
            torch.zeros(1, 3, 40, 32))
    # Other sizes cannot be prepared already.
    larger = _pictures()
    batch = torch.from_numpy(np.stack(larger)).permute(0, 3, 1, 2)
    encoder = build_identity_encoder(cfg)
    assert np.allclose(encoder.encode_batch(batch), encoder.encode(larger),
                       atol=1e-5)


def test_settings_of_the_same_network_agree(checkpoint, encoder):
    from mmfer.models.identity.encoder_settings import same_encoder
    for option in (dict(channels_last=True), dict(dropout_ratio=0.4),
                   dict(preprocess=dict(mean=[127.5])), dict(batch_size=3)):
        other = build_identity_encoder(
            dict(SMALL, checkpoint=checkpoint, **option))
        assert other.settings == encoder.settings, option
    cfg = {k: v for k, v in SMALL.items() if k != 'stem_stride'}
    plain = build_identity_encoder(dict(cfg, checkpoint=None))
    explicit = build_identity_encoder(
        dict(cfg, checkpoint=None, stem_stride=1))
    assert same_encoder(plain.settings, explicit.settings)
    assert not same_encoder(plain.settings, encoder.settings)
    # As files say it that were written before.
    old = dict(
        encoder.settings,
        network=dict(encoder.settings['network'], channels_last=True,
                     dropout_ratio=0.))
    assert same_encoder(old, encoder.settings)
    assert not same_encoder(dict(old, weights='other'), encoder.settings)
    onnx = dict(network=dict(type='mmfer.OnnxFace', size=(112, 112)))
    read = dict(network=dict(type='mmfer.OnnxFace', size=[112, 112],
                             num_threads=2))
    assert same_encoder(onnx, read)
    unknown = dict(network=dict(type='elsewhere.Net', a=(1, 2)))
    assert same_encoder(unknown, dict(
        network=dict(type='elsewhere.Net', a=[1, 2])))
    assert not same_encoder(unknown, onnx)


def test_an_identity_file_of_an_earlier_version_is_accepted(
        checkpoint, encoder, tmp_path):
    from mmfer.engine.leakage import _check_encoder
    settings = dict(
        encoder.settings,
        network=dict(encoder.settings['network'], channels_last=True))
    names = [f'{i}.mp4' for i in range(12)]
    stored = IdentityEmbeddings(names, encoder.encode(_pictures(12)),
                                np.zeros(12), dict(encoder=settings))
    stored.fit_whitening('train', names, 4)
    path = str(tmp_path / 'identity.npz')
    stored.save(path)
    build_identity_encoder(
        dict(SMALL, checkpoint=checkpoint, whitening=dict(file=path)))
    _check_encoder(encoder, IdentityEmbeddings.load(path))
    other = build_identity_encoder(dict(SMALL, checkpoint=None))
    with pytest.raises(ValueError, match='identity.npz: was made by another'):
        _check_encoder(other, IdentityEmbeddings.load(path))
