# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What is kept on disk is what the reader reads."""
import errno
import os

import numpy as np
import pytest
from mmcv.transforms import Compose

import mmfer  # noqa: F401
from mmfer.datasets import FERDataset

READERS = [
    dict(type='mmfer.ReadResiduals', mode='single'),
    dict(type='mmfer.ReadResiduals', mode='chained', motion=True),
    dict(type='mmfer.ReadResiduals', mode='accumulated', channels='y'),
    dict(type='mmfer.ReadFrames')
]


def steps(reader, **sampling):
    return Compose([
        dict(type='mmfer.OpenCompressedVideo'),
        dict(type='mmfer.SampleSegments', num_segments=4, **sampling), reader
    ])


@pytest.mark.parametrize('reader', READERS)
def test_stored_samples_are_the_readers(labelled_folder, tmp_path, reader):
    dataset = FERDataset(str(labelled_folder / 'annotations.json'), [])
    plain = steps(reader)
    stored = steps(
        dict(type='mmfer.StoredReader', reader=reader, folder=str(tmp_path)))
    for repeat in range(3):
        for number in (0, 3):
            np.random.seed(repeat)
            expected = plain(dataset.get_data_info(number))
            np.random.seed(repeat)
            found = stored(dataset.get_data_info(number))
            assert set(found) == set(expected)
            for name in ('img_shape', 'modality', 'num_residual_channels'):
                assert found.get(name) == expected.get(name)
            assert found['imgs'][0].dtype == expected['imgs'][0].dtype
            assert np.array_equal(found['imgs'], expected['imgs'])
            assert found['imgs'][0].flags.writeable
    # Each clip was read once, and nothing partial is left.
    assert len(os.listdir(tmp_path)) == 2


def test_windows_are_refused(labelled_folder, tmp_path):
    dataset = FERDataset(str(labelled_folder / 'annotations.json'), [])
    stored = steps(
        dict(type='mmfer.StoredReader', reader=READERS[1],
             folder=str(tmp_path)), window=4)
    np.random.seed(1)
    with pytest.raises(ValueError, match='window=None'):
        for number in range(8):
            stored(dataset.get_data_info(number))


def test_a_full_disk_and_damaged_arrays_cost_no_clip(labelled_folder, tmp_path,
                                                     monkeypatch):
    dataset = FERDataset(str(labelled_folder / 'annotations.json'), [])
    stored = steps(dict(type='mmfer.StoredReader', reader=READERS[1],
                        folder=str(tmp_path)))

    def read():
        np.random.seed(0)
        return np.array(stored(dataset.get_data_info(0))['imgs'])

    def full(file, array):
        file.write(b'some of it')
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(np, 'save', full)
        expected = read()
    assert os.listdir(tmp_path) == []
    assert np.array_equal(read(), expected)
    name, = os.listdir(tmp_path)
    path = tmp_path / name
    good = path.read_bytes()
    for bad in (b'', good[:20], good[:-9], b'no array'):
        path.write_bytes(bad)
        assert np.array_equal(read(), expected)
        assert path.read_bytes() == good


def test_a_reader_that_fails_on_some_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="another `otherwise` than 'error'"):
        steps(dict(type='mmfer.StoredReader', folder=str(tmp_path),
                   reader=dict(READERS[0], otherwise='error')))
