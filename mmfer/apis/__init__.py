# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From a file to a prediction."""
from .prediction import (ClipPrediction, FaceBox, FacePrediction,
                         WindowPrediction)

__all__ = ['ClipPrediction', 'FaceBox', 'FacePrediction', 'WindowPrediction']
