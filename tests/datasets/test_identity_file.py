# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mmaction')

from mmfer.datasets import IdentityEmbeddings, IdentityFileError  # noqa: E402
from mmfer.datasets.identity_file import (fit_whitening,  # noqa: E402
                                          group_of)

SHUFFLE = Path(__file__).parents[2] / 'tools/data/shuffle_identity.py'


def _embeddings(rows=40, channels=6, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(channels, channels))
    return (rng.normal(size=(rows, channels)) @ mixing + 3).astype(np.float32)


def _stored(**kwargs):
    x = _embeddings(4)
    kwargs.setdefault('metadata', dict(which='same_gop', dataset='mine'))
    paths = ['a/ä b.mp4', 'a/ä b.mp4', 'c.mp4', 'd.mp4']
    return IdentityEmbeddings(paths, x, [0, 12, 0, 0], **kwargs), x


def test_saved_and_loaded(tmp_path):
    stored, x = _stored()
    stored.fit_whitening('train', ['a/ä b.mp4', 'd.mp4'], 2)
    path = tmp_path / 'new' / 'identity.npz'
    stored.save(path)
    assert [p.name for p in path.parent.iterdir()] == ['identity.npz']
    with np.load(path, allow_pickle=False) as content:
        assert content['paths'].tolist() == stored.row_paths
        assert content['mean'].shape == (1, 6)
        assert content['projection'].shape == (1, 6, 2)
    loaded = IdentityEmbeddings.load(path)
    assert len(loaded) == 3 and loaded.paths == stored.paths
    assert np.array_equal(loaded.embeddings, x)
    assert loaded.frames.tolist() == [0, 12, 0, 0]
    assert loaded.metadata == dict(
        which='same_gop', dataset='mine', version=1)
    assert np.array_equal(loaded.whiten(x), stored.whiten(x))


def test_rows_by_clip_and_picture():
    stored, x = _stored()
    assert np.array_equal(stored['a/ä b.mp4'], x[0])
    assert np.array_equal(stored.at('a/ä b.mp4', [11, 12, 30]), x[1])
    assert np.array_equal(stored.at('a/ä b.mp4', [0, 11, 12, 30]), x[0])
    assert np.array_equal(stored.at('c.mp4', [99]), x[2])
    stored['c.mp4'][:] = 0  # a copy
    assert np.array_equal(stored['c.mp4'], x[2])


def test_what_is_not_finite_is_refused(tmp_path):
    stored, x = _stored()
    stored.embeddings[2, 1] = np.nan
    stored.save(tmp_path / 'identity.npz')
    with pytest.raises(IdentityFileError, match='1 of 4 .* of c.mp4'):
        IdentityEmbeddings.load(tmp_path / 'identity.npz')


def test_shuffled():
    stored, _ = _stored()
    stored.fit_whitening('train', ['a/ä b.mp4', 'd.mp4'], 2)
    some = ['a/ä b.mp4', 'd.mp4']
    shuffled = stored.shuffled(some)
    assert shuffled.paths == stored.paths
    assert shuffled.row_paths == ['a/ä b.mp4', 'c.mp4', 'd.mp4', 'd.mp4']
    assert np.array_equal(shuffled['a/ä b.mp4'], stored['d.mp4'])
    assert np.array_equal(shuffled.at('d.mp4', [13]),
                          stored.at('a/ä b.mp4', [13]))
    assert np.array_equal(shuffled['c.mp4'], stored['c.mp4'])
    assert shuffled.whitenings == stored.whitenings
    assert shuffled.metadata['shuffled'] == dict(clips=2, seed=0)
    with pytest.raises(IdentityFileError, match='no embedding of e.mp4'):
        stored.shuffled(['c.mp4', 'e.mp4'])


def test_shuffled_clips_never_keep_their_own():
    names = [f'{number}.mp4' for number in range(40)]
    stored = IdentityEmbeddings(names, _embeddings(40), [0] * 40)
    found = [stored.shuffled(names[:30], seed) for seed in range(5)]
    assert len({one.embeddings.tobytes() for one in found}) == 5
    for one in found:
        same = (one.embeddings == stored.embeddings).all(1)
        assert same.tolist() == [False] * 30 + [True] * 10
        assert {tuple(x) for x in one.embeddings} == {
            tuple(x) for x in stored.embeddings}


@pytest.mark.parametrize('inds, group', [
    ([0], 0), ([11], 0), ([12], 1), ([12, 40, 41], 2), ([1, 13], 0),
    ([13, 1, 14], 1)
])
def test_the_group_of_pictures(inds, group):
    assert group_of(np.array([0, 12, 40]), inds) == group


def test_a_picture_before_the_first_keyframe():
    assert group_of(np.array([4, 12]), [1, 2]) == 0


def test_whitened_training_data_are_white():
    x = _embeddings(200)
    mean, projection = fit_whitening(x, 6)
    white = (x - mean) @ projection
    assert np.allclose(np.cov(white.T), np.eye(6), atol=1e-3)
    # The leading components are those of principal component analysis.
    values, vectors = np.linalg.eigh(np.cov(x.T.astype(np.float64)))
    first = (x - x.mean(0)) @ vectors[:, -1] / np.sqrt(values[-1])
    assert np.allclose(np.abs(white[:, 0]), np.abs(first), atol=1e-3)
    assert np.array_equal(fit_whitening(x, 2)[1], projection[:, :2])


def test_whitening_equals_that_of_scikit_learn():
    decomposition = pytest.importorskip('sklearn.decomposition')
    x, new = _embeddings(50), _embeddings(5, seed=1)
    pca = decomposition.PCA(3, whiten=True).fit(x.astype(np.float64))
    mean, projection = fit_whitening(x, 3)
    expected = pca.transform(new)
    found = (new - mean) @ projection
    assert np.allclose(np.abs(found), np.abs(expected), rtol=1e-2, atol=1e-3)


def test_whitening_to_more_than_there_is():
    x = np.repeat(_embeddings(4), 5, axis=0)  # four different rows
    assert fit_whitening(x, 3)[1].shape == (6, 3)
    with pytest.raises(ValueError, match='vary in 3 directions, 4'):
        fit_whitening(x, 4)
    with pytest.raises(ValueError, match='0 embeddings'):
        fit_whitening(x[:0], 1)


def test_what_is_not_there_is_named(tmp_path):
    stored, x = _stored(name='identity.npz')
    with pytest.raises(IdentityFileError, match='identity.npz: has no '
                       'embedding of x.mp4; it holds 3 clips of mine'):
        stored['x.mp4']
    with pytest.raises(IdentityFileError, match=r'no whitening .train.'):
        stored.whiten(x)
    stored.fit_whitening('fold1', stored.paths, 2)
    with pytest.raises(IdentityFileError, match='there are: fold1'):
        stored.whiten(x)
    assert stored.whiten(x, fold=1).shape == (4, 2)
    with pytest.raises(IdentityFileError, match='nowhere.npz: no such'):
        IdentityEmbeddings.load(tmp_path / 'nowhere.npz')


def test_damaged_and_foreign_files(tmp_path):
    path = tmp_path / 'identity.npz'
    _stored()[0].save(path)
    whole = path.read_bytes()
    for content in (whole[:-200], b'', b'text'):
        path.write_bytes(content)
        with pytest.raises(IdentityFileError, match='not an identity file'):
            IdentityEmbeddings.load(path)
    np.savez(path, paths=np.array([dict()], dtype=object))
    with pytest.raises(IdentityFileError, match='not an identity file'):
        IdentityEmbeddings.load(path)
    np.savez(path, paths=np.array(['a']), embeddings=np.zeros((1, 2)),
             frames=np.zeros(1), metadata=np.array('{"version": 99}'))
    with pytest.raises(IdentityFileError, match='version 99'):
        IdentityEmbeddings.load(path)


def test_rows_that_do_not_belong_together():
    x = _embeddings(3)
    with pytest.raises(IdentityFileError, match='do not belong together'):
        IdentityEmbeddings(['a', 'b'], x, [0, 0, 0])
    with pytest.raises(IdentityFileError, match='rows of a lie apart'):
        IdentityEmbeddings(['a', 'b', 'a'], x, [0, 0, 1])


def test_the_tool_that_shuffles(tmp_path):
    names = ['a.mp4', 'b.mp4', 'c.mp4']
    clips = [dict(path=name, label='sad', split=split)
             for name, split in zip(names, ('train', 'train', 'test'))]
    (tmp_path / 'clips.json').write_text(json.dumps(dict(
        metainfo=dict(classes=['sad', 'happy']), clips=clips)))
    stored = IdentityEmbeddings(names, _embeddings(3), [0] * 3)
    stored.save(tmp_path / 'identity.npz')

    def run(*arguments):
        return subprocess.run(
            [sys.executable, '-W', 'ignore', str(SHUFFLE), 'clips.json',
             'identity.npz', 'shuffled.npz', *arguments], cwd=tmp_path,
            capture_output=True, text=True)

    refused = run('--split', 'val')
    assert refused.returncode == 1 and "0 clips of the split 'val'" in \
        refused.stderr.splitlines()[-1]
    assert not (tmp_path / 'shuffled.npz').exists()
    done = run('--seed', '3')
    assert done.returncode == 0 and '2 of 3 clips' in done.stdout, done.stderr
    found = IdentityEmbeddings.load(tmp_path / 'shuffled.npz')
    assert np.array_equal(found['a.mp4'], stored['b.mp4'])
    assert np.array_equal(found['c.mp4'], stored['c.mp4'])
