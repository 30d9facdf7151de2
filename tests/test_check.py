# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""``python -m mmfer.check``: the report, the cures and the exit status."""
import importlib.metadata
import subprocess
import sys
import types

import pytest

from mmfer import check


@pytest.fixture
def versions(monkeypatch):
    """Pretend other versions; None stands for what is not installed."""
    real, pretended = importlib.metadata.version, {}

    def version(name):
        if pretended.get(name, '') is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return pretended.get(name) or real(name)

    monkeypatch.setattr(importlib.metadata, 'version', version)
    return pretended


def need(name):
    return next(n for n in check.CORE + check.MM if n.distribution == name)


def test_this_environment_is_fit():
    out = subprocess.run([sys.executable, '-m', 'mmfer.check'],
                         capture_output=True,
                         text=True)
    assert out.returncode == 0, out.stdout + out.stderr
    lines = out.stdout.splitlines()
    assert lines[-1] == 'Everything that was looked at works.'
    version = importlib.metadata.version('av')
    assert any(line.split() == ['av', version] for line in lines)
    # By then everything is imported, so that no repair waits any more.
    assert not any(': waiting' in line or 'waiting:' in line
                   for line in lines)


def test_codec_only_looks_at_two_packages(versions, capsys):
    versions['mmaction2'] = versions['torch'] = None
    assert check.main(['--codec-only']) == 0
    out = capsys.readouterr().out
    assert 'numpy' in out and 'torch ' not in out


@pytest.mark.parametrize('name, version, cure', [
    ('av', '16.1.0', "pip install 'av>=17,<19'"),
    ('av', '19.0.0', "pip install 'av>=17,<19'"),
    ('mmaction2', '1.1.0', "pip install 'mmfer[mm]'"),
    ('mmcv-lite', '2.2.0', "pip install 'mmfer[mm]'"),
    ('mmengine', '0.10.6', "pip install 'mmfer[mm]'"),
    ('torch', '1.13.1+cu117', "pip install 'torch>=2.0'"),
])
def test_a_version_that_does_not_fit(versions, name, version, cure):
    assert check.problem_of(need(name)) is None
    versions[name] = version
    problem = check.problem_of(need(name))
    assert f'{name} {version} does not fit' in problem
    assert problem.endswith(cure)


def test_an_absent_package_makes_the_exit_status_1(versions, capsys):
    versions['mmaction2'] = None
    assert check.main([]) == 1
    out = capsys.readouterr().out
    assert 'mmaction2              not installed' in out
    assert "mmaction2 is not installed (needed for recognisers and their " \
        "tools): pip install 'mmfer[mm]'" in out


def test_the_full_mmcv_takes_the_place_of_the_lite_one(versions):
    versions.update({'mmcv-lite': None, 'mmcv': '2.1.0'})
    assert check.problem_of(need('mmcv-lite')) is None
    versions['mmcv'] = '2.2.0'
    assert 'mmcv 2.2.0 does not fit' in check.problem_of(need('mmcv-lite'))


def test_a_fork_is_judged_by_its_import_not_by_its_number(versions):
    versions.update({'mmengine': None, 'onedl-mmengine': '9.9'})
    assert check.problem_of(need('mmengine')) is None


def test_a_package_that_cannot_be_imported(monkeypatch):
    broken = check.Need('numpy', 'no_such_module', (1, ), None, '', 'arrays')
    version = importlib.metadata.version('numpy')
    problem = check.problem_of(broken)
    assert 'cannot be imported (ModuleNotFoundError' in problem
    assert problem.endswith('pip install --force-reinstall --no-deps '
                            f'numpy=={version}')


def test_two_opencvs_of_different_versions(versions):
    for name in ('opencv-python', 'opencv-contrib-python'):
        versions[name] = '4.11.0.86'
    for name in ('opencv-python-headless', 'opencv-contrib-python-headless'):
        versions[name] = None
    assert check.opencv_problem() is None
    versions['opencv-python'] = '4.12.0.88'
    assert check.opencv_problem().endswith(
        '--no-deps opencv-python==4.11.0.86 opencv-contrib-python==4.11.0.86')


def test_an_mmaction_whose_models_fail(monkeypatch):
    # As an installed mmdet does whose assertion about mmcv fails.
    def import_module(name):
        if name == 'mmaction.models':
            raise AssertionError('MMCV==9 is used but incompatible')
        return types.ModuleType(name)

    monkeypatch.setattr(check.importlib, 'import_module', import_module)
    problem, = check.find_problems()
    assert problem.startswith('mmaction.models cannot be imported '
                              '(AssertionError: MMCV==9')


@pytest.mark.parametrize('text, expected', [
    ('2.13.0+cpu', (2, 13, 0)),
    ('4.11.0.86', (4, 11, 0, 86)),
    ('0.11.0rc0', (0, 11, 0)),
    ('2.6.0a0+git12', (2, 6, 0)),
    ('1.dev3', (1, )),
])
def test_numbers_of_a_version(text, expected):
    assert check.numbers(text) == expected
