# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""See mmfer work, end to end: ``python -m mmfer.quickstart``.

Makes labelled clips of synthetic faces, teaches a small face network who is
who on other persons, trains an identity-aware model, the same model without
its penalty and an RGB twin with mmaction2's own ``train.py``, tests them on
unseen persons with mmaction2's own ``test.py``, measures how much their codes
still tell of the person and the way from a file to its prediction, and
classifies one unseen file. What is finished is kept: run it again after an
interruption and it goes on where it stopped.
"""
from .command import main
from .errors import QuickstartError

__all__ = ['QuickstartError', 'main']
