# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Extraction reads keyframes alone, can be ended, and equals the on-line way.
"""
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.registry import DATASETS  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from torch import nn  # noqa: E402

from mmfer.codec import CompressedVideo, pictures  # noqa: E402
from mmfer.datasets import IdentityEmbeddings, IdentityFileError  # noqa: E402
from mmfer.datasets.face_preprocess import FacePreprocess  # noqa: E402
from mmfer.engine.identity_extraction import extract_identities  # noqa: E402
from mmfer.models import (FERDataPreprocessor,  # noqa: E402
                          build_identity_encoder)
from mmfer.models.identity import IdentityEncoder  # noqa: E402
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402
from mmfer.testing.streams import RECIPES  # noqa: E402

pytestmark = pytest.mark.usefixtures('mmaction_scope')
TOOL = Path(__file__).parents[2] / 'tools' / 'data' / 'extract_identity.py'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Four persons, three classes; groups of 12 pictures and of 2."""
    folder = tmp_path_factory.mktemp('clips')
    write_labelled_clips(folder, ('happy', 'sad', 'fear'), size=48)
    return folder


@pytest.fixture(scope='module')
def ann_file(folder):
    return str(folder / 'annotations.json')


@pytest.fixture(scope='module')
def encoder():
    torch.manual_seed(0)
    return build_identity_encoder(
        dict(type='mmfer.IResNet', depth=18, embedding_channels=16,
             width=0.125, stem_stride=2, input_size=32, checkpoint=None,
             batch_size=4))


def _extract(ann_file, encoder, out, **kwargs):
    kwargs.setdefault('chunk', 5)
    report = extract_identities(ann_file, encoder, out, progress=False,
                                **kwargs)
    assert not out.with_name(out.name + '.parts').exists()
    return report, IdentityEmbeddings.load(out)


def _keyframes(folder, path):
    with CompressedVideo(folder / path) as video:
        keyframes = video.keyframes
        return keyframes, video.frames_at(keyframes.tolist())


@pytest.mark.parametrize('which', ['first', 'last', 'mean', 'same_gop'])
def test_the_embeddings_are_those_of_the_keyframes(folder, ann_file, encoder,
                                                   tmp_path, which):
    report, found = _extract(ann_file, encoder, tmp_path / 'i.npz',
                             which=which)
    assert len(found) == report.clips == 12 and not report.unreadable
    for path in found.paths:
        keyframes, frames = _keyframes(folder, path)
        assert keyframes.tolist() == [0, 12]
        first, last = encoder.encode(frames)
        rows = [r for r, p in enumerate(found.row_paths) if p == path]
        if which == 'same_gop':
            assert found.frames[rows].tolist() == [0, 12]
            for inds, wanted in (([1, 5, 11], first), ([13, 2, 12], last),
                                 ([3, 13], first)):
                assert np.allclose(found.at(path, inds), wanted, atol=1e-5)
            continue
        mean = (first + last) / np.linalg.norm(first + last)
        wanted, frame = dict(first=(first, 0), last=(last, 12),
                             mean=(mean, -1))[which]
        assert found.frames[rows].tolist() == [frame]
        assert np.allclose(found[path], wanted, atol=1e-5)


def test_only_keyframes_are_decoded(ann_file, encoder, tmp_path, monkeypatch):
    sizes = []
    pad = pictures.padded_packet

    def counted(data):
        sizes.append(len(data))
        return pad(data)

    # Every packet that is decoded to a true picture passes here.
    monkeypatch.setattr(pictures, 'padded_packet', counted)
    _extract(ann_file, encoder, tmp_path / 'first.npz')
    assert len(sizes) == 12
    sizes.clear()
    _extract(ann_file, encoder, tmp_path / 'all.npz', which='same_gop')
    assert len(sizes) == 24
    sizes.clear()
    with CompressedVideo(Path(ann_file).parent / 'clips/s0_sad.mp4') as video:
        video.frame_at(5)
    assert len(sizes) == 6  # the count sees what a P picture costs


@pytest.mark.parametrize('recipe', ['h264_bframes', 'h264_open_gop'])
def test_only_keyframes_are_decoded_among_b_pictures(
        recipe, encoder, tmp_path, monkeypatch):
    ann_file = write_labelled_clips(tmp_path, ('happy', ), 3, 30, 64,
                                    RECIPES[recipe])
    numbers = []
    decode = pictures.padded_packet
    monkeypatch.setattr(pictures, 'padded_packet',
                        lambda data: numbers.append(1) or decode(data))
    _, found = _extract(str(ann_file), encoder, tmp_path / 'i.npz',
                        which='same_gop')
    assert len(found.row_paths) == len(numbers) >= 6


class _Interrupted(nn.Module):
    """A network that is stopped by the user after some batches."""

    def __init__(self, network, batches):
        super().__init__()
        self.network, self.left = network, batches
        self.out_channels = network.out_channels

    def forward(self, x):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.network(x)


def test_an_ended_run_goes_on_and_gives_the_same_file(ann_file, encoder,
                                                      tmp_path):
    whole, out = tmp_path / 'whole.npz', tmp_path / 'ended.npz'
    _extract(ann_file, encoder, whole, whiten=3)
    # Two batches a chunk: the third chunk is begun and lost.
    ended = IdentityEncoder(
        _Interrupted(encoder.network, 4), encoder.preprocess, batch_size=4,
        settings=encoder.settings)
    with pytest.raises(KeyboardInterrupt):
        extract_identities(ann_file, ended, out, whiten=3, progress=False,
                           chunk=5)
    assert not out.exists()
    again = IdentityEncoder(
        _Interrupted(encoder.network, 1), encoder.preprocess, batch_size=4,
        settings=encoder.settings)  # one batch is all that is left
    report, _ = _extract(ann_file, again, out, whiten=3)
    assert report.resumed == 10 and report.clips == 12
    assert out.read_bytes() == whole.read_bytes()


def test_parts_of_another_encoder_are_not_mixed_in(ann_file, encoder,
                                                   tmp_path):
    out = tmp_path / 'i.npz'
    other = IdentityEncoder(
        _Interrupted(encoder.network, 3), encoder.preprocess, batch_size=4,
        settings=dict(encoder.settings, weights='other'))
    with pytest.raises(KeyboardInterrupt):
        extract_identities(ann_file, other, out, progress=False, chunk=5)
    assert _extract(ann_file, encoder, out)[0].resumed == 0


def test_reading_in_workers_gives_the_same_file(ann_file, encoder, tmp_path):
    a, b = tmp_path / 'a.npz', tmp_path / 'b.npz'
    _extract(ann_file, encoder, a, which='same_gop')
    _extract(ann_file, encoder, b, which='same_gop', workers=1)
    assert a.read_bytes() == b.read_bytes()


def test_whitening_is_fitted_on_training_clips_alone(folder, ann_file,
                                                     encoder, tmp_path):
    _, found = _extract(ann_file, encoder, tmp_path / 'i.npz', whiten=4)
    clips = json.loads(Path(ann_file).read_text())['clips']
    train = np.stack([found[c['path']] for c in clips
                      if c['split'] == 'train'])
    white = found.whiten(train)
    assert np.allclose(white.mean(0), 0, atol=1e-4)
    assert np.allclose(np.cov(white.T), np.eye(4), atol=1e-2)
    # The same clips and others in the test split: the same whitening.
    kept = [c for c in clips if c['split'] == 'train'] + [clips[-1]]
    fewer = folder / 'fewer.json'
    fewer.write_text(json.dumps(dict(clips=kept)))
    _, other = _extract(str(fewer), encoder, tmp_path / 'j.npz', whiten=4)
    for a, b in zip(found.whitening(), other.whitening()):
        assert np.allclose(a, b, rtol=1e-2, atol=1e-3)


def test_a_split_and_folds_have_a_whitening_each(folder, ann_file, encoder,
                                                 tmp_path):
    report, found = _extract(ann_file, encoder, tmp_path / 'i.npz', whiten=3)
    assert set(found.whitenings) == {'train', 'fold1', 'fold2'}
    assert not report.not_whitened
    clips = json.loads(Path(ann_file).read_text())['clips']
    others = np.stack([found[c['path']] for c in clips if c['fold'] != 2])
    assert np.allclose(found.whiten(others, 2).mean(0), 0, atol=1e-4)
    # A fold that leaves too few clips is none; the split goes on.
    for number, clip in enumerate(clips):
        clip['fold'] = int(number > 9)
    path = folder / 'uneven.json'
    path.write_text(json.dumps(dict(clips=clips)))
    report, found = _extract(str(path), encoder, tmp_path / 'j.npz', whiten=3)
    assert list(found.whitenings) == ['train', 'fold1']
    assert 'fold0' in report.not_whitened['fold0']


def test_without_a_split_each_fold_is_left_out_once(folder, encoder,
                                                    tmp_path):
    clips = json.loads((folder / 'annotations.json').read_text())['clips']
    for clip in clips:
        del clip['split']
    path = folder / 'folds.json'
    path.write_text(json.dumps(dict(clips=clips)))
    _, found = _extract(str(path), encoder, tmp_path / 'i.npz', whiten=3)
    assert set(found.whitenings) == {'fold1', 'fold2'}
    others = np.stack([found[c['path']] for c in clips if c['fold'] != 1])
    assert np.allclose(found.whiten(others, 1).mean(0), 0, atol=1e-4)
    assert np.allclose(np.cov(found.whiten(others, 1).T), np.eye(3),
                       atol=1e-2)


def test_unreadable_clips_are_named(folder, ann_file, encoder, tmp_path,
                                    capsys):
    broken = tmp_path / 'set'
    shutil.copytree(folder, broken)
    (broken / 'clips/s1_sad.mp4').write_bytes(b'nothing')
    report, found = _extract(str(broken / 'annotations.json'), encoder,
                             tmp_path / 'i.npz')
    assert list(report.unreadable) == ['clips/s1_sad.mp4']
    assert len(found) == 11 and 'clips/s1_sad.mp4' not in found
    shutil.rmtree(broken / 'clips')
    with pytest.raises(IdentityFileError, match='no clip could be read'):
        extract_identities(str(broken / 'annotations.json'), encoder,
                           tmp_path / 'j.npz', progress=False)


def test_an_existing_file_is_not_lost(ann_file, encoder, tmp_path):
    out = tmp_path / 'i.npz'
    _extract(ann_file, encoder, out)
    with pytest.raises(FileExistsError, match='--overwrite'):
        extract_identities(ann_file, encoder, out)
    report, _ = _extract(ann_file, encoder, out, overwrite=True)
    assert report.clips == 12


ONLINE = dict(
    first=dict(type='mmfer.ReadKeyframe'),
    same_gop=dict(type='mmfer.ReadKeyframe', which='same_gop'))


@pytest.mark.parametrize('which', list(ONLINE))
@pytest.mark.parametrize('prepared', [False, True])
def test_the_online_way_gives_the_stored_numbers(folder, ann_file, encoder,
                                                 tmp_path, which, prepared):
    """Although the residuals beside the keyframe are cropped and flipped."""
    out = tmp_path / 'i.npz'
    _extract(ann_file, encoder, out, which=which, whiten=4)
    pipeline = [
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleSegments', num_segments=4),
        ONLINE[which],
        dict(type='mmfer.ReadResiduals', channels='y'),
        dict(type='mmfer.LoadIdentity', file=str(out), whiten=False),
        dict(type='RandomCrop', size=40),
        dict(type='mmfer.FlipResidual'),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='mmfer.FormatKeyframe',
             preprocess=dict(size=32) if prepared else None),
        dict(type='PackActionInputs', collect_keys=('imgs', 'keyframe'),
             algorithm_keys=('identity', ))
    ]
    np.random.seed(0)
    dataset = DATASETS.build(
        dict(type='mmfer.FERDataset', ann_file=ann_file, pipeline=pipeline))
    batch = FERDataPreprocessor(
        streams=dict(keyframe=dict(mean=[0.], std=[1.])))(
            pseudo_collate([dataset[i] for i in range(12)]), training=True)
    assert batch['inputs']['imgs'].shape == (12, 4, 1, 40, 40)
    stored = torch.stack([s.identity for s in batch['data_samples']])
    assert stored.shape == (12, 16)
    found = encoder.encode_batch(batch['inputs']['keyframe'])
    assert torch.allclose(found, stored, atol=1e-5)
    # Other clips have other embeddings, so equality means something.
    assert not torch.allclose(found, stored.roll(1, 0), atol=1e-3)


def test_the_tool(ann_file, tmp_path, capsys):
    spec = importlib.util.spec_from_file_location('extract_identity', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    out = tmp_path / 'i.npz'
    config = tmp_path / 'encoder.py'
    config.write_text("identity_encoder = dict(type='mmfer.IResNet', depth=18,"
                      ' embedding_channels=8, width=0.125, stem_stride=2, '
                      'input_size=32, checkpoint=None)')
    arguments = [ann_file, str(out), '--encoder', str(config), '--quiet']
    assert tool.main(arguments + ['--encoder-options',
                                  'preprocess.crop=0.5']) == 0
    assert '12 clips, 12 embeddings of 8 channels' in capsys.readouterr().out
    said = IdentityEmbeddings.load(out).metadata
    assert said['which'] == 'first' and said['dataset'] == 'labelled-clips'
    assert said['encoder']['preprocess'] == repr(
        FacePreprocess((32, 32), crop=0.5))
    with pytest.raises(SystemExit, match='--overwrite'):
        tool.main(arguments)
    with pytest.raises(SystemExit, match='nowhere.pth: no such file'):
        tool.main(arguments + ['--checkpoint', 'nowhere.pth'])
    with pytest.raises(SystemExit, match='vary in .* directions'):
        tool.main(arguments + ['--overwrite', '--whiten', '8'])
