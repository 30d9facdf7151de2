# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Act on a module of somebody else right after its first import."""
import importlib.util
import sys
import types
from importlib.machinery import ModuleSpec
from typing import Any, Callable

from .repair import UNTOUCHED, WAITING, Repair, installed, record


class _AfterImport:
    """A finder that runs an action right after one module was imported.

    It hands the search to the other finders and removes itself, so the
    module keeps its own loader.
    """

    def __init__(self, module: str, action: Callable[[Any], None]) -> None:
        self.module = module
        self.action = action

    def find_spec(self, fullname, path=None, target=None):
        """Find ``module`` as usual, with the action behind its execution."""
        if fullname != self.module:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenAct(spec.loader, self.action)
        return spec


class _ThenAct:
    """A loader that delegates, restores the real loader, and acts."""

    def __init__(self, loader: Any, action: Callable[[Any], None]) -> None:
        self.loader = loader
        self.action = action

    def create_module(self, spec: ModuleSpec):
        """Delegate to the real loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        """Execute the module as it would be, then act on it."""
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.action(module)


def when_imported(name: str, module: str,
                   action: Callable[[Any], Repair]) -> Repair:
    """Act on a module now if it is loaded, else once it is imported.

    Args:
        name (str): The name of the repair.
        module (str): The full name of the module.
        action (Callable): Takes the module, returns the record.

    Returns:
        Repair: The action's record, or one that says ``'waiting'``.
    """
    package = module.partition('.')[0]
    if not installed(package):
        return Repair(name, UNTOUCHED, f'{package} is not installed')
    if module in sys.modules:
        return action(sys.modules[module])
    waiting = any(
        isinstance(finder, _AfterImport) and finder.module == module
        for finder in sys.meta_path)
    if not waiting:
        sys.meta_path.insert(
            0, _AfterImport(module, lambda loaded: record(action(loaded))))
    return Repair(name, WAITING, f'until {module} is imported')
