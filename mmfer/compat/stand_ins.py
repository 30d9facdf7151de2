# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Modules that mmaction2 imports and that are not there."""
import importlib.metadata
import sys
import types

from .repair import DONE, UNTOUCHED, Repair, installed, package_folder

DRN_MODULE = 'mmaction.models.localizers.drn'


def repair_drn() -> Repair:
    """Stand in for the folder that the mmaction2 1.2.0 wheel lacks.

    In a git checkout of mmaction2 the folder exists but imports torchvision,
    which mmaction2 does not require; without torchvision it is stood in for
    too.

    Returns:
        Repair: What was done.
    """
    mmaction = package_folder('mmaction')
    if mmaction is None:
        return Repair('drn', UNTOUCHED, 'mmaction2 is not installed')
    if DRN_MODULE in sys.modules:
        return Repair('drn', UNTOUCHED, 'localizers.drn is imported')
    localizers = mmaction / 'models' / 'localizers'
    importer = localizers / '__init__.py'
    if not importer.is_file() or '.drn' not in importer.read_text('utf-8'):
        return Repair('drn', UNTOUCHED, 'this mmaction2 does not import it')
    present = (localizers / 'drn' / 'drn.py').is_file()
    if present and installed('torchvision'):
        return Repair('drn', UNTOUCHED, 'localizers.drn is installed')

    reason = ('needs torchvision, which is not installed'
              if present else 'is missing from the installed mmaction2')

    class DRN:
        """Takes the name of mmaction2's localiser, which is absent."""

        def __init__(self, *args, **kwargs) -> None:
            raise ImportError(f'mmaction2\'s localizer DRN {reason}')

    package = types.ModuleType(DRN_MODULE, 'Stand-in made by mmfer.compat.')
    package.__path__ = []
    package.drn = types.ModuleType(f'{DRN_MODULE}.drn', package.__doc__)
    package.drn.DRN = DRN
    sys.modules[DRN_MODULE] = package
    sys.modules[f'{DRN_MODULE}.drn'] = package.drn
    return Repair('drn', DONE, f'stand-in for localizers.drn: it {reason}')


def repair_metadata() -> Repair:
    """Let ``import importlib_metadata`` mean the standard library's module.

    Returns:
        Repair: What was done.
    """
    if installed('importlib_metadata'):
        return Repair('metadata', UNTOUCHED, 'importlib_metadata is installed')
    if not installed('mmaction'):
        return Repair('metadata', UNTOUCHED, 'mmaction2 is not installed')
    sys.modules['importlib_metadata'] = importlib.metadata
    return Repair('metadata', DONE,
                  'importlib.metadata stands in for importlib_metadata')
