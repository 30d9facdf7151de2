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
import ast
import importlib
import importlib.metadata
import importlib.util
import logging
import sys
import types
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

logger = logging.getLogger('mmfer')

DRN_MODULE = 'mmaction.models.localizers.drn'
DEPENDENCY_MODULE = 'mmaction.utils.dependency'
CHECKPOINT_MODULE = 'mmengine.runner.checkpoint'
CONFIG_MODULE = 'mmengine.config.utils'
UNTOUCHED, DONE, WAITING = 'not needed', 'done', 'waiting'


@dataclass(frozen=True)
class Repair:
    """What one repair did.

    Attributes:
        name (str): The key in the table above.
        state (str): ``'not needed'``, ``'done'`` or ``'waiting'`` (for the
            import of the module that it concerns).
        detail (str): The reason, or what was changed.
    """
    name: str
    state: str
    detail: str


# Filled by apply(); a repair that waited replaces its entry when it acts.
_RECORDS: Dict[str, Repair] = {}


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
            if _installed(module.partition('.')[0]):
                importlib.import_module(module)
    for repair in (repair_drn, repair_metadata, repair_multimodal,
                   repair_safe_globals, repair_hub):
        _record(repair())
    return list(_RECORDS.values())


def _record(repair: Repair) -> None:
    before = _RECORDS.get(repair.name)
    if before is not None and before.state == DONE:
        return  # On a second call nothing is needed: keep what was done.
    if repair != before:
        logger.debug('%s: %s (%s)', repair.name, repair.state, repair.detail)
    _RECORDS[repair.name] = repair


def _folder(package: str) -> Optional[Path]:
    """Find a top-level package without importing it.

    Args:
        package (str): The import name.

    Returns:
        Path | None: Its folder, or None when it is not installed.
    """
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # ValueError: a module without a spec.
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _installed(package: str) -> bool:
    return package in sys.modules or \
        importlib.util.find_spec(package) is not None


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


def _when_imported(name: str, module: str,
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
    if not _installed(package):
        return Repair(name, UNTOUCHED, f'{package} is not installed')
    if module in sys.modules:
        return action(sys.modules[module])
    waiting = any(
        isinstance(finder, _AfterImport) and finder.module == module
        for finder in sys.meta_path)
    if not waiting:
        sys.meta_path.insert(
            0, _AfterImport(module, lambda loaded: _record(action(loaded))))
    return Repair(name, WAITING, f'until {module} is imported')


def repair_drn() -> Repair:
    """Stand in for the folder that the mmaction2 1.2.0 wheel lacks.

    In a git checkout of mmaction2 the folder exists but imports torchvision,
    which mmaction2 does not require; without torchvision it is stood in for
    too.

    Returns:
        Repair: What was done.
    """
    folder = _folder('mmaction')
    if folder is None:
        return Repair('drn', UNTOUCHED, 'mmaction2 is not installed')
    if DRN_MODULE in sys.modules:
        return Repair('drn', UNTOUCHED, 'localizers.drn is imported')
    localizers = folder / 'models' / 'localizers'
    importer = localizers / '__init__.py'
    if not importer.is_file() or '.drn' not in importer.read_text('utf-8'):
        return Repair('drn', UNTOUCHED, 'this mmaction2 does not import it')
    present = (localizers / 'drn' / 'drn.py').is_file()
    if present and _installed('torchvision'):
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
    if _installed('importlib_metadata'):
        return Repair('metadata', UNTOUCHED, 'importlib_metadata is installed')
    if not _installed('mmaction'):
        return Repair('metadata', UNTOUCHED, 'mmaction2 is not installed')
    sys.modules['importlib_metadata'] = importlib.metadata
    return Repair('metadata', DONE,
                  'importlib.metadata stands in for importlib_metadata')


def repair_multimodal() -> Repair:
    """Switch VindLU off where its imports cannot be met.

    mmaction2 tests for ``transformers>=4.28`` only. It then imports VindLU,
    hence timm and names that transformers has moved or dropped since, and
    ``mmaction.models`` as a whole fails.

    Returns:
        Repair: What was done.
    """
    return _when_imported('multimodal', DEPENDENCY_MODULE,
                          _switch_multimodal_off)


def _switch_multimodal_off(dependency: Any) -> Repair:
    if not dependency.WITH_MULTIMODAL:
        return Repair('multimodal', UNTOUCHED, 'VindLU is off')
    vindlu = _folder('mmaction') / 'models' / 'multimodal' / 'vindlu'
    unmet = next(unmet_imports(vindlu, ('transformers', 'timm')), None)
    if unmet is None:
        return Repair('multimodal', UNTOUCHED, 'VindLU can be imported')
    dependency.WITH_MULTIMODAL = False
    return Repair('multimodal', DONE, f'VindLU is switched off: {unmet}')


def unmet_imports(folder: Path, packages: Tuple[str, ...]) -> Iterator[str]:
    """Tell which imports of a folder's files cannot be met.

    The sources are read; nothing is imported, because an import of
    transformers takes seconds and may fail half way.

    Args:
        folder (Path): The folder with the importing ``.py`` files.
        packages (tuple[str]): The imported packages to look at.

    Yields:
        str: One sentence for each import that would fail.
    """
    wanted: Set[Tuple[str, str]] = set()
    for file in sorted(folder.glob('*.py')):
        for node in ast.walk(ast.parse(file.read_text('utf-8'))):
            if isinstance(node, ast.ImportFrom) and not node.level and \
                    node.module.partition('.')[0] in packages:
                wanted.update((node.module, n.name) for n in node.names)
    names: Dict[str, Optional[Set[str]]] = {}
    for module, name in sorted(wanted):
        package = module.partition('.')[0]
        root = _folder(package)
        if root is None:
            yield f'{package} is not installed'
            continue
        if package == 'timm' and not _installed('torchvision'):
            yield 'timm needs torchvision, which is not installed'
        if module == package:
            continue  # Such packages fill their own name space lazily.
        if module not in names:
            names[module] = _top_level_names(root, module)
        if names[module] is None:
            yield f'there is no {module}'
        elif not names[module] & {name, '*'}:
            yield f'there is no {name} in {module}'


def _top_level_names(root: Path, module: str) -> Optional[Set[str]]:
    """List the names that a module binds, by reading its source."""
    path = root.joinpath(*module.split('.')[1:])
    file = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
    if not file.is_file():
        return None
    names: Set[str] = set()
    todo: List[Any] = list(ast.parse(file.read_text('utf-8')).body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((n.asname or n.name) for n in node.names)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.Tuple, ast.If,
                               ast.Try, ast.ExceptHandler)):
            todo.extend(ast.iter_child_nodes(node))
    return names


def repair_safe_globals() -> Repair:
    """Let ``torch.load(weights_only=True)`` read mmengine's checkpoints.

    Their message hub holds log histories: numpy arrays and references to
    the methods of ``HistoryBuffer``. numpy's two functions are allowed under
    the names of numpy 1 and of numpy 2, so that checkpoints travel. For
    ``getattr``, which pickle writes for a method of a class, a function
    stands in that answers for ``HistoryBuffer`` only.

    Returns:
        Repair: What was done.
    """
    return _when_imported('safe_globals', CHECKPOINT_MODULE,
                          _allow_checkpoint_names)


def _allow_checkpoint_names(checkpoint: Any) -> Repair:
    import torch
    version = tuple(int(v) for v in torch.__version__.split('.')[:2])
    if version < (2, 6):
        return Repair('safe_globals', UNTOUCHED,
                      f'torch {torch.__version__} reads them')
    missing = [
        entry for entry in checkpoint_globals()
        if entry not in torch.serialization.get_safe_globals()
    ]
    if not missing:
        return Repair('safe_globals', UNTOUCHED, 'the names are allowed')
    torch.serialization.add_safe_globals(missing)
    return Repair('safe_globals', DONE,
                  f'{len(missing)} names allowed in checkpoints')


def checkpoint_globals() -> List[Any]:
    """List what mmengine's checkpoints refer to besides tensors.

    Returns:
        list: Entries for ``torch.serialization.add_safe_globals``: classes,
        and pairs (object, name in the pickle).
    """
    import numpy as np
    from mmengine.logging import HistoryBuffer

    # Pickle itself tells where this numpy keeps its two functions.
    reconstruct = np.empty(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in '?bhilqBHILQefdFD'}
    functions = [(function, f'numpy.{core}.multiarray.{name}')
                 for core in ('core', '_core')
                 for name, function in (('_reconstruct', reconstruct),
                                        ('scalar', scalar))]
    return [
        HistoryBuffer, np.ndarray, np.dtype,
        *sorted(dtypes, key=lambda kind: kind.__name__), *functions,
        (history_buffer_method, 'builtins.getattr')
    ]


def history_buffer_method(owner: type, name: str) -> Callable:
    """Stand in for ``getattr`` while a checkpoint is read.

    Args:
        owner (type): Must be mmengine's ``HistoryBuffer``.
        name (str): The name of one of its public methods.

    Returns:
        Callable: The method.

    Raises:
        ValueError: If anything else is asked for.
    """
    from mmengine.logging import HistoryBuffer
    if owner is not HistoryBuffer or name.startswith('_'):
        raise ValueError(
            f'This checkpoint asks for the attribute {name!r} of {owner!r}. '
            'A checkpoint of mmengine does not; it was refused.')
    return getattr(HistoryBuffer, name)


def repair_hub() -> Repair:
    """Make ``mmfer::...`` known to mmengine as the package mmfer.

    Returns:
        Repair: What was done.
    """
    return _when_imported('hub', CONFIG_MODULE, _name_package)


def _name_package(utils: Any) -> Repair:
    if 'mmfer' in utils.MODULE2PACKAGE:
        return Repair('hub', UNTOUCHED, 'mmengine knows the package mmfer')
    utils.MODULE2PACKAGE['mmfer'] = 'mmfer'
    return Repair('hub', DONE, 'mmfer:: means the package mmfer')
