# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Reading clip after clip takes no new memory from the system."""
import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='of the GNU C library alone')

COUNT = '''
import resource, sys
from mmfer.codec import CompressedVideo

def read():
    with CompressedVideo(sys.argv[1]) as video:
        return video.chained_at(range(1, len(video), 5))

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    read()
before = faults()
for _ in range(20):
    read()
print((faults() - before) / 20)
'''


def faults_a_read(path, **environment):
    """Pages that each reading of a clip takes from the system."""
    ours = {name: value for name, value in os.environ.items()
            if not name.startswith(('MALLOC_', 'GLIBC_TUNABLES'))}
    return float(subprocess.run(
        [sys.executable, '-c', COUNT, path], env={**ours, **environment},
        check=True, capture_output=True, text=True).stdout)


def test_freed_memory_is_kept(make_clip):
    path = make_clip('h264_default', count=60, size=(224, 224))
    assert faults_a_read(path) < 20
    # A threshold of its own: no size follows the blocks that are freed.
    assert faults_a_read(path, MALLOC_TRIM_THRESHOLD_='131072') > 60
