# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Models of mmaction2 whose own imports cannot be met."""
import ast
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from .after_import import when_imported
from .repair import DONE, UNTOUCHED, Repair, installed, package_folder

DEPENDENCY_MODULE = 'mmaction.utils.dependency'


def repair_multimodal() -> Repair:
    """Switch VindLU off where its imports cannot be met.

    mmaction2 tests for ``transformers>=4.28`` only. It then imports VindLU,
    hence timm and names that transformers has moved or dropped since, and
    ``mmaction.models`` as a whole fails.

    Returns:
        Repair: What was done.
    """
    return when_imported('multimodal', DEPENDENCY_MODULE,
                          _switch_multimodal_off)


def _switch_multimodal_off(dependency: Any) -> Repair:
    if not dependency.WITH_MULTIMODAL:
        return Repair('multimodal', UNTOUCHED, 'VindLU is off')
    vindlu = package_folder('mmaction') / 'models' / 'multimodal' / 'vindlu'
    unmet = next(unmet_imports(vindlu, ('transformers', 'timm')), None)
    if unmet is None:
        return Repair('multimodal', UNTOUCHED, 'VindLU can be imported')
    dependency.WITH_MULTIMODAL = False
    return Repair('multimodal', DONE, f'VindLU is switched off: {unmet}')


def unmet_imports(sources: Path, packages: Tuple[str, ...]) -> Iterator[str]:
    """Tell which imports of a folder's files cannot be met.

    The sources are read; nothing is imported, because an import of
    transformers takes seconds and may fail half way.

    Args:
        sources (Path): The folder with the importing ``.py`` files.
        packages (tuple[str]): The imported packages to look at.

    Yields:
        str: One sentence for each import that would fail.
    """
    wanted: Set[Tuple[str, str]] = set()
    for file in sorted(sources.glob('*.py')):
        for node in ast.walk(ast.parse(file.read_text('utf-8'))):
            if isinstance(node, ast.ImportFrom) and not node.level and \
                    node.module.partition('.')[0] in packages:
                wanted.update((node.module, n.name) for n in node.names)
    names: Dict[str, Optional[Set[str]]] = {}
    for module, name in sorted(wanted):
        package = module.partition('.')[0]
        root = package_folder(package)
        if root is None:
            yield f'{package} is not installed'
            continue
        if package == 'timm' and not installed('torchvision'):
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
