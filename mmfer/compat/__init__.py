# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Repairs without which the mmaction2 1.2.0 wheel does not run today.

``import mmfer`` calls :func:`apply`. Each repair first looks whether it is
needed; what is healthy is left alone. None of them imports torch, mmengine or
mmaction: those that concern a module of theirs wait until somebody imports
that module, so that ``import mmfer.codec`` stays light. ``python -m
mmfer.check`` shows what was done. Every repair can go once its cause is gone:

================== ======================================================
``drn``            The mmaction2 1.2.0 wheel lacks the folder
                   ``localizers/drn``, yet imports it, so that
                   ``mmaction.models`` cannot be imported.
``metadata``       mmaction2 imports ``importlib_metadata`` without
                   declaring it.
``multimodal``     With transformers installed mmaction2 imports its VindLU
                   models, whose own imports newer releases cannot meet.
``safe_globals``   torch 2.6 and later refuse mmengine's own checkpoints. The
                   few harmless names in them are allowed; ``weights_only``
                   stays on.
``hub``            mmengine finds ``mmfer::config.py`` only for packages in
                   a list of its own.
================== ======================================================
"""
import importlib
from typing import List

from .checkpoints import (CHECKPOINT_MODULE, checkpoint_globals,
                          history_buffer_method, repair_safe_globals)
from .hub import CONFIG_MODULE, repair_hub
from .multimodal import DEPENDENCY_MODULE, repair_multimodal, unmet_imports
from .repair import (DONE, RECORDS, UNTOUCHED, WAITING, Repair, installed,
                     record)
from .stand_ins import repair_drn, repair_metadata

__all__ = [
    'DONE', 'UNTOUCHED', 'WAITING', 'Repair', 'apply', 'checkpoint_globals',
    'history_buffer_method', 'repair_drn', 'repair_hub', 'repair_metadata',
    'repair_multimodal', 'repair_safe_globals', 'unmet_imports'
]


def apply(wait: bool = True) -> List[Repair]:
    """Do what is needed and report it. Calling it again changes nothing.

    Args:
        wait (bool): Whether a repair may wait until the module that it
            concerns is imported. With False these modules are imported, so
            that ``torch.load`` reads checkpoints in a program that does not
            use mmengine otherwise. Defaults to True.

    Returns:
        list[Repair]: One record for each repair, in the order of the table.
    """
    if not wait:
        for module in (DEPENDENCY_MODULE, CHECKPOINT_MODULE, CONFIG_MODULE):
            if installed(module.partition('.')[0]):
                importlib.import_module(module)
    for repair in (repair_drn, repair_metadata, repair_multimodal,
                   repair_safe_globals, repair_hub):
        record(repair())
    return list(RECORDS.values())
