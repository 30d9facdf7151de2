# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Making data sets: from videos, pictures and archives to labelled clips."""
from .clip_writer import ClipWriter
from .detectors import (DetectorError, HaarDetector, YuNetDetector,
                        build_detector)
from .prepare import Outcome, prepare
from .run_faults import PreparationError
from .settings import Settings
from .sources import open_source

__all__ = [
    'ClipWriter', 'DetectorError', 'HaarDetector', 'Outcome',
    'PreparationError', 'Settings', 'YuNetDetector', 'build_detector',
    'open_source', 'prepare'
]
