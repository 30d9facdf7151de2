# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Facial expression recognition in the compressed domain.

``import mmfer`` repairs what an installed mmaction2 needs repaired (see
``mmfer.compat``) and imports neither torch nor mmengine, so that
``mmfer.codec`` can be used alone, with PyAV and numpy.
"""
from . import compat
from .version import __version__

__all__ = ['__version__', 'compat']

compat.apply()
