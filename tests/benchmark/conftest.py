# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Benchmark scripts as modules."""
import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmark'


@pytest.fixture(scope='session')
def load_tool():
    """Import a script of tools/benchmark by its name."""
    # A script finds the modules beside it.
    sys.path.insert(0, str(FOLDER))

    def load(name):
        spec = importlib.util.spec_from_file_location(
            f'benchmark_{name}', FOLDER / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.path.remove(str(FOLDER))
