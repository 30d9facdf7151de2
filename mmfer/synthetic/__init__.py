# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Synthetic faces: labelled expression clips of our own making.

numpy and OpenCV draw them, `mmfer.codec.transcode` encodes them. Nothing is
downloaded and nobody's face is copied.
"""
from .dataset import PRESETS, ConfigurationMismatch, make_dataset
from .expressions import CLASSES
from .faces import ClipItem, SyntheticFaces, render_clip

__all__ = ['CLASSES', 'PRESETS', 'ClipItem', 'ConfigurationMismatch',
           'SyntheticFaces', 'make_dataset', 'render_clip']
