# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From a file to a prediction."""
from .clip_pipeline import ClipPipeline, UnsuitableConfig
from .clip_sources import NoInput, expand_inputs, is_stream
from .face_tracking import FaceTracker
from .inferencer import FERInferencer
from .prediction import (BoxTrack, ClipPrediction, FaceBox, FacePrediction,
                         WindowPrediction)

__all__ = [
    'BoxTrack', 'ClipPipeline', 'ClipPrediction', 'FERInferencer', 'FaceBox',
    'FacePrediction', 'FaceTracker', 'NoInput', 'UnsuitableConfig',
    'WindowPrediction', 'expand_inputs', 'is_stream'
]
