# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The registries: scope, parent, locations, and look-up from mmaction2."""
import importlib
import subprocess
import sys

import mmengine.registry as root
import pytest
from mmengine.registry import DefaultScope, Registry

from mmfer import registry

NAMES = [
    name for name, value in vars(registry).items()
    if isinstance(value, Registry) and not name.startswith('MMENGINE_')
]
CHILDREN = [name for name in NAMES if name != 'DEPENDENCE']


def test_every_kind_that_a_config_may_name_has_a_registry():
    assert {
        'MODELS', 'DATASETS', 'TRANSFORMS', 'METRICS', 'HOOKS', 'VISUALIZERS',
        'INFERENCERS', 'OPTIM_WRAPPER_CONSTRUCTORS', 'MODEL_WRAPPERS', 'LOOPS',
        'FUNCTIONS', 'DATA_SAMPLERS', 'TASK_UTILS'
    } <= set(NAMES)


@pytest.mark.parametrize('name', CHILDREN)
def test_is_a_child_of_the_mmengine_root(name):
    child = getattr(registry, name)
    assert child.scope == 'mmfer'
    assert child.parent is getattr(root, name)
    assert child.name == child.parent.name
    assert child.parent.children['mmfer'] is child


@pytest.mark.parametrize('name', NAMES)
def test_locations_can_be_imported(name):
    locations = getattr(registry, name)._locations
    assert locations  # Without any mmengine warns that mmfer is missing.
    for location in locations:
        importlib.import_module(location)


def test_own_kind_is_built_whatever_the_scope_without_a_warning(capfd):
    for scope in ('mmaction', 'mmfer', 'mmengine'):
        for prefix in ('', 'mmfer.'):
            with DefaultScope.overwrite_default_scope(scope):
                penalty = registry.DEPENDENCE.build(
                    dict(type=f'{prefix}dcor', unbiased=False),
                    default_args=dict(x_channels=3, y_channels=2))
                assert DefaultScope.get_current_instance().scope_name == scope
            assert penalty.x_channels == 3 and not penalty.unbiased
    assert 'Failed to search' not in ''.join(capfd.readouterr())


def test_a_module_is_found_from_the_scope_of_mmaction_and_without_any():
    name = 'LookedUpByTheTestOfTheRegistry'
    module = registry.MODELS.register_module(name=name, module=type(
        name, (), {}))
    try:
        with DefaultScope.overwrite_default_scope('mmaction'):
            built = root.MODELS.build(dict(type=f'mmfer.{name}'))
        assert type(built) is module
        # The callers that never switch scope, such as Runner.wrap_model.
        assert root.MODELS.get(f'mmfer.{name}') is module
        assert root.MODELS.get(name) is None
    finally:
        del registry.MODELS._module_dict[name]


def test_a_type_is_found_without_any_import_of_mmfer():
    code = ('from mmengine.registry import TRANSFORMS\n'
            "print(TRANSFORMS.get('mmfer.SampleSegments').__module__)")
    out = subprocess.run([sys.executable, '-W', 'ignore', '-c', code],
                         capture_output=True,
                         text=True)
    assert out.returncode == 0, out.stderr
    assert out.stdout.startswith('mmfer.datasets.')


def test_no_name_repeats_one_of_mmaction():
    # mmaction2 decides by substrings of class names, without the scope.
    import mmaction.registry as theirs
    for name in NAMES:
        own, other = getattr(registry, name), getattr(theirs, name, None)
        if other is None:
            continue
        own.import_from_location()
        other.import_from_location()
        assert not set(own.module_dict) & set(other.module_dict), name
