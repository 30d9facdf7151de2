# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The same answers in this process, in forked and in spawned ones."""

import multiprocessing
import pickle
import threading

import pytest

from mmfer.codec import CompressedVideo, VideoIndex
from mmfer.testing import fingerprint


def read(job):
    """Top level, so that spawned processes find it."""
    path, index, number = job
    with CompressedVideo(path, index=index) as video:
        single = fingerprint(video.residual_at(number))
        chain = fingerprint(video.chained_at([number], start=1)[0])
        return single, chain


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_worker_processes_agree(make_clip, method):
    jobs = []
    for coding in ('mpeg4', 'h264_long'):
        path = make_clip(coding, count=24)
        index = VideoIndex.build(path)
        jobs += [(path, index, n) for n in (3, 18, 7)]
        jobs.append((path, None, 5))
    wanted = [read(job) for job in jobs]
    # A video that is open here must not disturb the children.
    with CompressedVideo(jobs[0][0]) as open_here:
        open_here.residual_at(2)
        with multiprocessing.get_context(method).Pool(2) as pool:
            found = pool.map_async(read, jobs, chunksize=1).get(60)
        assert fingerprint(open_here.residual_at(3)) == wanted[0][0]
    assert found == wanted


def test_an_open_video_survives_a_fork(make_clip):
    """Parent and child read the same open object, in turns."""
    with CompressedVideo(make_clip('h264_long', count=24)) as video:
        wanted = [fingerprint(video.residual_at(n)) for n in range(1, 20)]
        receiver, sender = multiprocessing.Pipe(False)

        def child():
            sender.send([fingerprint(video.residual_at(n))
                         for n in range(1, 20)])

        process = multiprocessing.get_context('fork').Process(target=child)
        process.start()
        mine = [fingerprint(video.residual_at(n)) for n in range(1, 20)]
        assert receiver.poll(60)
        theirs = receiver.recv()
        process.join(60)
        assert process.exitcode == 0
    assert mine == wanted and theirs == wanted


def test_one_object_a_thread(make_clip):
    path = make_clip('mpeg4', count=24)
    wanted = [read((path, None, n)) for n in range(1, 11)]
    found, errors = {}, []

    def work(thread):
        try:
            found[thread] = [read((path, None, n)) for n in range(1, 11)]
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n, )) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors and list(found.values()) == [wanted] * 4


def test_the_index_is_what_travels(make_clip):
    path = make_clip('mpeg4')
    assert pickle.loads(pickle.dumps(VideoIndex.build(path))).codec == 'mpeg4'
    with CompressedVideo(path) as video:
        with pytest.raises(TypeError):
            pickle.dumps(video)


def test_codec_needs_neither_torch_nor_the_mm_stack(make_clip):
    """``mmfer.codec`` is useful alone."""
    import subprocess
    import sys
    code = ('import sys\n'
            'for name in ("torch", "mmengine", "mmcv", "mmaction", "cv2"):\n'
            '    sys.modules[name] = None\n'
            'from mmfer.codec import CompressedVideo\n'
            'with CompressedVideo(sys.argv[1]) as video:\n'
            '    print(int(abs(video.residual_at(3).y).sum()))\n')
    path = make_clip('mpeg4')
    done = subprocess.run([sys.executable, '-c', code, path], timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with CompressedVideo(path) as video:
        assert int(done.stdout) == abs(video.residual_at(3).y).sum()
