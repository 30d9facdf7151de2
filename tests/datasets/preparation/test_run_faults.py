# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Errors of the machine end a run, and the next one goes on."""
import errno
import os
import subprocess
import sys

import pytest

from mmfer.codec import CompressedVideoError
from mmfer.datasets.adapters import SourceClip
from mmfer.datasets.preparation import (PreparationError, Settings,
                                        clip_writer, prepare)
from mmfer.datasets.preparation.journal import Journal
from mmfer.testing import face_like, write_video

WHOLE = Settings('none', encoding=dict(codec='mpeg4', size=[48, 48]))
META = dict(dataset='mine', classes=['a'])
NUMBERS = ('ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EMFILE', 'ENFILE', 'ENOMEM')


def test_a_damaged_size_is_a_fault_of_the_file(tmp_path, clips):
    """FFmpeg answers that there is no memory."""
    data = bytearray(clips[1].source.read_bytes())
    at = data.index(b'stts') + 8
    data[at:at + 4] = (0x1ffffffe).to_bytes(4, 'big')
    (tmp_path / 'bad.mp4').write_bytes(data)
    bad = SourceClip('bad', tmp_path / 'bad.mp4', 'a')
    outcome = run([clips[0], bad, clips[2]], tmp_path / 'out')
    assert outcome.done == 2 and outcome.reasons == dict(unreadable=1)


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp('in')
    for number in range(3):
        write_video(folder / f'{number}.mp4', face_like(6, (48, 48), number),
                    'h264_plain')
    return [SourceClip(f'{n}', folder / f'{n}.mp4', 'a') for n in range(3)]


def run(clips, out, **options):
    return prepare(clips, out, META, WHOLE, workers=0, progress=False,
                   **options)


def failing(monkeypatch, error, hidden=False):
    """Let the second clip that is encoded raise an error."""
    transcode, count = clip_writer.transcode, []

    def other(pictures, *arguments, **options):
        count.append(1)
        if len(count) == 2 and hidden:
            try:
                raise error
            except Exception:  # noqa: B902 - as the codec does it
                raise CompressedVideoError('cannot be encoded') from None
        if len(count) == 2:
            raise error
        return transcode(pictures, *arguments, **options)

    monkeypatch.setattr(clip_writer, 'transcode', other)


@pytest.mark.parametrize('hidden', [False, True])
@pytest.mark.parametrize('name', NUMBERS)
def test_the_run_ends_and_goes_on(tmp_path, monkeypatch, clips, name, hidden):
    number = getattr(errno, name)
    failing(monkeypatch, OSError(number, os.strerror(number)), hidden)
    with pytest.raises(PreparationError, match=(
            r'out: .*1\.mp4\); put that right and start the same command')):
        run(clips, tmp_path / 'out')
    monkeypatch.undo()
    outcome = run(clips, tmp_path / 'out')
    assert (outcome.made, outcome.done, outcome.skipped) == (2, 3, 0)


def test_no_memory(tmp_path, monkeypatch, clips):
    failing(monkeypatch, MemoryError(), hidden=True)
    with pytest.raises(PreparationError, match='not enough memory'):
        run(clips, tmp_path / 'out')


def test_errors_of_a_clip_stay_with_it(tmp_path, monkeypatch, clips):
    failing(monkeypatch, OSError(errno.EIO, 'Input/output error'))
    assert run(clips, tmp_path / 'out').reasons == {'unreadable': 1}


def test_a_journal_that_cannot_be_written(tmp_path, monkeypatch, clips):
    def full(self, record):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Journal, 'add', full)
    with pytest.raises(PreparationError, match='out: the disk is full'):
        run(clips, tmp_path / 'out')
    monkeypatch.undo()
    assert run(clips, tmp_path / 'out').done == 3


def test_a_limit_of_the_system(tmp_path):
    """FFmpeg itself meets the error here."""
    pytest.importorskip('resource')
    (tmp_path / 'in' / 'a').mkdir(parents=True)
    write_video(tmp_path / 'in' / 'a' / 'x.mp4', face_like(20, (128, 128), 0),
                'h264_plain')
    script = (
        'import resource, sys\n'
        'from mmfer.datasets.preparation import Settings\n'
        'from mmfer.datasets.preparation.commands import prepare_custom\n'
        'settings = Settings("none", encoding=dict(codec="mpeg4", qscale=2,'
        ' size=[128, 128]))\n'
        'hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n'
        'resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))\n'
        'prepare_custom(sys.argv[1], sys.argv[2], settings, workers=0,'
        ' progress=False)\n')
    done = subprocess.run(
        [sys.executable, '-c', script, str(tmp_path / 'in'),
         str(tmp_path / 'out')], capture_output=True, text=True)
    assert 'PreparationError' in done.stderr.splitlines()[-1]
    assert 'files may not become so large here' in done.stderr
    assert not (tmp_path / 'out/prepare.jsonl').read_text()
