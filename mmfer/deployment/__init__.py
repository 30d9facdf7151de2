# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Trained models for other runtimes: ONNX Runtime, OpenVINO, TorchScript.

Loading an exported model needs neither torch's nor mmaction2's model classes:
``load_exported(path)`` imports the runtime of the file and nothing else.
"""
from .runtime import ExportedModel, ExportedModelError, load_exported

__all__ = ['ExportedModel', 'ExportedModelError', 'load_exported']
