# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Each part of the package imports only from the floors below it."""
import ast
from pathlib import Path

import pytest

import mmfer

PACKAGE = Path(mmfer.__file__).parent
#: From the ground up; parts of one floor do not know each other.
FLOORS = (
    ('atomic', 'command_line', 'progress', 'registry', 'version',
     'worker_processes'),
    ('codec', 'compat'),
    ('datasets', 'synthetic'),
    ('models', ),
    ('evaluation', ),
    ('engine', ),
    ('deployment', ),
    ('visualization', ),
    ('apis', ),
    ('check', 'handover'),
    ('quickstart', ),
    ('testing', ),
)
FLOOR = {part: number for number, parts in enumerate(FLOORS)
         for part in parts}


def files_of(part):
    folder = PACKAGE / part
    return sorted(folder.rglob('*.py')) if folder.is_dir() else [
        PACKAGE / f'{part}.py']


def imported_parts(file):
    """Parts of mmfer that a file imports, lazily or not, with the line."""
    package = ('mmfer', *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(file.read_text('utf-8'))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[:len(package) - node.level + 1] \
                if node.level else ()
            base = '.'.join((*above, *filter(None, [node.module])))
            modules = [f'{base}.{alias.name}' for alias in node.names]
        else:
            continue
        for module in modules:
            names = module.split('.')
            # `from mmfer import __version__` names no part.
            if names[0] == 'mmfer' and len(names) > 1 and names[1] in FLOOR:
                yield names[1], node.lineno


def test_every_part_has_a_floor():
    found = {path.stem for path in PACKAGE.iterdir()
             if path.suffix == '.py' or (path / '__init__.py').is_file()}
    assert found - {'__init__'} == set(FLOOR)


@pytest.mark.parametrize('part', FLOOR)
def test_imports_go_down(part):
    wrong = [
        f'{file.relative_to(PACKAGE)}:{line} imports mmfer.{other}'
        for file in files_of(part) for other, line in imported_parts(file)
        if other != part and FLOOR[other] >= FLOOR[part]
    ]
    assert not wrong, '\n'.join(wrong)


def test_imports_are_found():
    found = {part for file in files_of('engine')
             for part, _ in imported_parts(file)}
    # Absolute, relative (`from ..` within the part) and lazy ones.
    assert {'atomic', 'codec', 'datasets', 'engine', 'models'} <= found
