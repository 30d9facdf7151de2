# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What goes on without a cache should say so, but not for every sample."""
import logging
from functools import lru_cache

from mmengine.logging import print_log


@lru_cache(maxsize=256)
def warn_once(message: str) -> None:
    """Log a warning, the same one only once in a process.

    Args:
        message (str): One line.
    """
    print_log(message, logger='current', level=logging.WARNING)
