# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Configs of this package under its name, for mmengine."""
from typing import Any

from .after_import import when_imported
from .repair import DONE, UNTOUCHED, Repair

CONFIG_MODULE = 'mmengine.config.utils'


def repair_hub() -> Repair:
    """Make ``mmfer::...`` known to mmengine as the package mmfer.

    Returns:
        Repair: What was done.
    """
    return when_imported('hub', CONFIG_MODULE, _name_package)


def _name_package(utils: Any) -> Repair:
    if 'mmfer' in utils.MODULE2PACKAGE:
        return Repair('hub', UNTOUCHED, 'mmengine knows the package mmfer')
    utils.MODULE2PACKAGE['mmfer'] = 'mmfer'
    return Repair('hub', DONE, 'mmfer:: means the package mmfer')
