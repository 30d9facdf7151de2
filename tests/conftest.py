# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What every test may count on; helpers live in mmfer.testing."""
import logging
import os

# Before torch or OpenCV is imported: the suite is timed on two cores, and
# small tensors are slower on many threads.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def everything_is_logged():
    """A test that silences the process would decide what others hear."""
    yield
    silenced = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    assert not silenced, 'logging.disable() was left in force'


@pytest.fixture
def mmaction_scope():
    """Build modules as mmaction2's runner does, whatever ran before."""
    from mmengine.registry import DefaultScope
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield
