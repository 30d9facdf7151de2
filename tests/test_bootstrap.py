# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The environment that the two README commands make, without the network."""
import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmfer

ROOT = Path(mmfer.__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    not (ROOT / 'tools/bootstrap.py').is_file(),
    reason='the source tree is not here')


@pytest.fixture
def bootstrap(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import bootstrap as module
    return module


@pytest.fixture
def venv(tmp_path):
    """An empty environment that runs, without pip: made in a moment."""
    subprocess.run(
        [sys.executable, '-m', 'venv', '--without-pip', tmp_path / 'env'],
        check=True)
    return tmp_path / 'env'


def fill(venv, *modules):
    """Put empty modules into an environment."""
    out = subprocess.run(
        [venv / 'bin/python', '-c',
         'import sysconfig; print(sysconfig.get_path("purelib"))'],
        check=True, capture_output=True, text=True)
    for name in modules:
        Path(out.stdout.strip(), f'{name}.py').write_text('')


PROBED = ('mmfer', 'mmengine', 'mmaction', 'av', 'numpy', 'torch', 'pytest')


@pytest.mark.parametrize('name', [
    'bootstrap.py', 'quickstart.py', 'run_tests.py'])
def test_needs_the_standard_library_only(name):
    tree = ast.parse((ROOT / 'tools' / name).read_text())
    imported = {
        n.split('.')[0] for node in ast.walk(tree)
        for n in ([a.name for a in node.names] if isinstance(node, ast.Import)
                  else [node.module] if isinstance(node, ast.ImportFrom)
                  else [])}
    assert imported <= {*sys.stdlib_module_names, 'bootstrap'}


@pytest.mark.skipif(os.name == 'nt', reason='the layout of environments')
class TestEnvironment:

    def test_a_complete_one_is_used_as_it_is(self, bootstrap, venv,
                                             monkeypatch):
        fill(venv, *PROBED)
        (venv / bootstrap.MARKER).write_text(
            json.dumps(bootstrap.fingerprint()))
        monkeypatch.setattr(bootstrap, 'install_commands', None)
        assert bootstrap.ensure_environment(venv) == venv / 'bin/python'

    @pytest.mark.parametrize('broken', ['module', 'marker', 'other', 'python'])
    def test_an_incomplete_one_is_recognised(self, bootstrap, venv, broken):
        fill(venv, *(PROBED[1:] if broken == 'module' else PROBED))
        marker = bootstrap.fingerprint()
        if broken == 'other':
            marker['requirements'] = 'those of another commit'
        if broken != 'marker':
            (venv / bootstrap.MARKER).write_text(json.dumps(marker))
        if broken == 'python':
            (venv / 'bin/python').unlink()
        assert not bootstrap.is_complete(venv)

    def test_one_cut_short_is_completed(self, bootstrap, venv, monkeypatch,
                                        capsys):
        # One that has pip: it is kept, and the installation runs again.
        fill(venv, 'pip')
        (venv / 'kept').write_text('')
        monkeypatch.setattr(bootstrap, 'has_pip', lambda venv: True)
        code = 'import pathlib, sys; pathlib.Path(sys.argv[1]).touch()'
        monkeypatch.setattr(
            bootstrap, 'install_commands',
            lambda python, index, decord: [[str(python), '-c', code,
                                            str(venv / 'installed')]])
        fill(venv, *PROBED)
        assert bootstrap.ensure_environment(venv) == venv / 'bin/python'
        assert (venv / 'installed').exists() and (venv / 'kept').exists()
        assert bootstrap.is_complete(venv)
        assert '[1/1]' in capsys.readouterr().out

    def test_an_installation_that_fails_leaves_no_mark(self, bootstrap, venv,
                                                       monkeypatch):
        fill(venv, *PROBED)
        (venv / bootstrap.MARKER).write_text('{}')
        monkeypatch.setattr(bootstrap, 'has_pip', lambda venv: True)
        monkeypatch.setattr(
            bootstrap, 'install_commands',
            lambda python, index, decord: [[str(python), '-c', 'exit(1)']])
        with pytest.raises(bootstrap.BootstrapError, match='again'):
            bootstrap.ensure_environment(venv)
        assert not (venv / bootstrap.MARKER).exists()

    def test_other_folders_are_left_alone(self, bootstrap, tmp_path):
        (tmp_path / 'thesis.tex').write_text('all of it')
        with pytest.raises(bootstrap.BootstrapError, match='--venv'):
            bootstrap.make_venv(tmp_path)
        assert (tmp_path / 'thesis.tex').exists()

    def test_one_that_does_not_run_is_replaced(self, bootstrap, venv,
                                               monkeypatch):
        (venv / 'stale').write_text('')
        monkeypatch.setattr(bootstrap, 'has_pip', lambda venv: True)
        monkeypatch.setattr(
            bootstrap.subprocess, 'run',
            lambda command, **_: subprocess.CompletedProcess(command, 0, '',
                                                             ''))
        bootstrap.make_venv(venv)
        assert not (venv / 'stale').exists()

    def test_a_python_without_venv_gets_the_remedy(self, bootstrap, tmp_path,
                                                   monkeypatch):
        monkeypatch.setattr(
            bootstrap.subprocess, 'run',
            lambda command, **_: subprocess.CompletedProcess(
                command, 1, '', 'ensurepip is not available'))
        with pytest.raises(bootstrap.BootstrapError,
                           match='ensurepip.*python3-venv'):
            bootstrap.make_venv(tmp_path / 'env')

    def test_packages_from_outside_do_not_leak_in(self, bootstrap, venv,
                                                  tmp_path, monkeypatch):
        (tmp_path / 'leaked.py').write_text('')
        monkeypatch.setenv('PYTHONPATH', str(tmp_path))
        assert bootstrap.run_inside(venv / 'bin/python',
                                    ['-c', 'import leaked']) == 1


class TestCommands:

    def test_torch_comes_first_and_alone_from_its_index(self, bootstrap):
        python = Path('python')
        torch, rest = bootstrap.install_commands(python, 'https://cpu.example')
        assert torch[1:] == ['-m', 'pip', 'install', bootstrap.pinned('torch'),
                             '--index-url', 'https://cpu.example']
        assert rest[-4:] == ['-c', str(bootstrap.CONSTRAINTS), '-e',
                             f'{ROOT}[mm,tests]']
        assert '--index-url' not in rest
        assert '--index-url' not in bootstrap.install_commands(python)[0]

    def test_without_decord_mmaction_comes_without_requirements(
            self, bootstrap):
        commands = bootstrap.install_commands(Path('python'), decord=False)
        flat = [word for command in commands for word in command]
        assert not any('[mm' in word for word in flat)
        assert commands[-1][-4:] == ['--no-deps', 'mmaction2==1.2.0', '-e',
                                     str(ROOT)]
        assert any(word.startswith('mmengine') for word in commands[1])
        assert not any(word.startswith('mmaction2') for word in commands[1])

    @pytest.mark.parametrize('version, expected', [
        ((3, 10, 9), False), ((3, 11, 0), True), ((3, 13, 1), True),
        ((3, 14, 0), False), ((2, 7, 18), False)])
    def test_which_pythons_fit(self, bootstrap, version, expected):
        assert bootstrap.fits(version) is expected

    def test_a_python_that_does_not_fit_is_replaced(self, bootstrap,
                                                    monkeypatch):
        monkeypatch.setattr(bootstrap.sys, 'version_info', (3, 8, 1))
        monkeypatch.setattr(bootstrap.shutil, 'which',
                            lambda name: f'bin/{name}')
        monkeypatch.setattr(
            bootstrap, 'version_of',
            lambda python: (3, 12) if python == 'bin/python3.12' else None)
        assert bootstrap.choose_python() == 'bin/python3.12'
        monkeypatch.setattr(bootstrap, 'version_of', lambda python: None)
        with pytest.raises(bootstrap.BootstrapError, match='3.11 to 3.13'):
            bootstrap.choose_python()

    def test_what_is_not_ours_goes_to_pytest_and_its_status_comes_back(
            self, bootstrap, monkeypatch):
        seen = {}
        monkeypatch.setattr(
            bootstrap, 'ensure_environment',
            lambda venv, index: seen.update(venv=venv, index=index)
            or Path(sys.executable))
        parser = argparse.ArgumentParser(allow_abbrev=False)
        status = bootstrap.main(
            parser,
            ['-c', 'import sys; sys.exit(5 if sys.argv[1:] == '
             '["-k", "codec", "-x", "tests/a b.py"] else 1)'],
            ['--torch-index', 'https://cpu.example', '-k', 'codec', '-x',
             'tests/a b.py'])
        assert status == 5
        assert seen == dict(venv=ROOT / '.venv', index='https://cpu.example')

    def test_an_error_is_one_line_and_status_1(self, bootstrap, monkeypatch,
                                               capsys):
        def fail(venv, index):
            raise bootstrap.BootstrapError('no, because; do this.')

        monkeypatch.setattr(bootstrap, 'ensure_environment', fail)
        assert bootstrap.main(argparse.ArgumentParser(), [], []) == 1
        assert capsys.readouterr().err == 'error: no, because; do this.\n'
