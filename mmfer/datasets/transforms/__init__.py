# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Transforms: from the name of a compressed file to residuals.

No name contains ``Init`` or ``Decode``: mmaction2's inferencer replaces
pipeline steps whose names do by its own RGB decoding.
"""
from .augmenting import (FlipResidual, ResidualErase, ResidualNoise,
                         ResidualScale)
from .formatting import FormatResidual
from .identity import FormatKeyframe, LoadIdentity, SampleKeyframe
from .opening import OpenCompressedVideo
from .reading import ReadFrames, ReadResiduals
from .sampling import SampleSegments
from .storing import StoredReader
from .streams import JoinStreams, ReadApex, ReadKeyframe, SplitStreams

__all__ = [
    'FlipResidual', 'FormatKeyframe', 'FormatResidual', 'JoinStreams',
    'LoadIdentity', 'OpenCompressedVideo', 'ReadApex', 'ReadFrames',
    'ReadKeyframe', 'ReadResiduals', 'ResidualErase', 'ResidualNoise',
    'ResidualScale', 'SampleKeyframe', 'SampleSegments', 'SplitStreams',
    'StoredReader'
]
