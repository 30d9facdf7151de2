# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What wheels, editable installs and the source archive carry."""
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import mmfer

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    not (REPOSITORY / 'setup.py').is_file(),
    reason='the source tree is not here')


def tracked():
    """List the files of the repository, as git or the disk knows them."""
    out = subprocess.run(['git', 'ls-files', '-z'],
                         cwd=REPOSITORY,
                         capture_output=True)
    if out.returncode == 0:
        names = os.fsdecode(out.stdout).split('\0')
        return [n for n in names if n and (REPOSITORY / n).is_file()]
    return [str(f.relative_to(REPOSITORY)) for f in REPOSITORY.rglob('*')
            if f.is_file() and not any(
                part.startswith(('.venv', '.git', '__pycache__', 'build'))
                or part.endswith('.egg-info')
                for part in f.relative_to(REPOSITORY).parts)]


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """A copy of the source tree under version control."""
    root = tmp_path_factory.mktemp('tree')
    for name in tracked():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, root / name)
    for command in (['init', '-q'], ['add', '-A', '.']):
        subprocess.run(['git', *command], cwd=root, check=True)
    return root


def changes(root):
    """What git sees that was not there before."""
    return subprocess.run(
        ['git', 'ls-files', '--others', '--modified', '--exclude-standard'],
        cwd=root, capture_output=True, text=True, check=True).stdout


def run(*command, cwd):
    out = subprocess.run([sys.executable, *map(str, command)],
                         cwd=cwd, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout


@pytest.fixture(scope='module')
def wheel(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    run('-m', 'pip', 'wheel', '--no-build-isolation', '--no-deps', '-q', '-w',
        folder, '.', cwd=tree)
    return next(folder.glob('*.whl'))


def scripts_and_configs():
    return {name for name in tracked()
            if name.startswith(('tools/', 'configs/'))
            or name == 'model-index.yml'}


def test_the_wheel_carries_modules_tools_and_configs(wheel, tree):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {n for n in tracked() if re.match(r'mmfer/.*\.py$', n)}
    assert modules and modules <= names
    assert {f'mmfer/.mim/{n}' for n in scripts_and_configs()} == {
        n for n in names if n.startswith('mmfer/.mim/')}
    assert not [n for n in names if n.startswith(('tests/', 'tools/'))]
    assert changes(tree) == ''


def test_the_wheel_names_its_requirements_and_licence(wheel):
    archive = zipfile.ZipFile(wheel)
    info = next(n for n in archive.namelist() if n.endswith('/METADATA'))
    text = archive.read(info).decode()
    assert f'Version: {mmfer.__version__}' in text
    assert 'License: Apache-2.0' in text
    for line in ('Requires-Dist: av<19,>=17', 'Requires-Dist: torch>=2.0',
                 'Requires-Dist: importlib_metadata',
                 'Requires-Dist: mmengine<0.12,>=0.10.7; extra == "mm"',
                 'Requires-Dist: mmaction2<1.3,>=1.2; extra == "mm"',
                 'Provides-Extra: tests', 'Provides-Extra: bulk'):
        assert line in text.splitlines()
    assert any(n.endswith('licenses/LICENSE') for n in archive.namelist())


def test_an_installed_wheel_finds_its_own_tools(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    env = {**os.environ, 'PYTHONPATH': str(tmp_path)}
    out = subprocess.run(
        [sys.executable, str(tmp_path / 'mmfer/.mim/tools/train.py'),
         '--help'], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert '--auto-scale-lr' in out.stdout


@pytest.mark.parametrize('how', ['editable_wheel', 'develop'])
def test_editable_installs_link_tools_and_configs(how, tree, tmp_path):
    shutil.rmtree(tree / 'mmfer/.mim', ignore_errors=True)
    if how == 'editable_wheel':
        run('-c', 'import sys; from setuptools import build_meta as b;'
            'b.build_editable(sys.argv[1])', tmp_path, cwd=tree)
    else:
        # What setuptools before 80 runs for `pip install -e`; only our part
        # of it, for the rest would install into this environment.
        run('-c', 'import setuptools.command.develop as d;'
            'd.develop.run = lambda self: None;'
            'import sys; sys.argv = ["setup.py", "-q", "develop"];'
            'exec(open("setup.py").read(), {"__file__": "setup.py",'
            '"__name__": "__main__"})', cwd=tree)
    mim = tree / 'mmfer/.mim'
    for name in ('tools', 'configs', 'model-index.yml'):
        assert (mim / name).is_symlink()
        assert (mim / name).resolve() == tree / name
    assert changes(tree) == ''


def test_a_wheel_from_an_editable_tree_is_the_same(tree, wheel, tmp_path):
    run('-c', 'import sys; from setuptools import build_meta as b;'
        'b.build_editable(sys.argv[1])', tmp_path, cwd=tree)
    run('-m', 'pip', 'wheel', '--no-build-isolation', '--no-deps', '-q', '-w',
        tmp_path / 'again', '.', cwd=tree)
    again, = (tmp_path / 'again').glob('*.whl')
    assert sorted(zipfile.ZipFile(again).namelist()) == \
        sorted(zipfile.ZipFile(wheel).namelist())


def test_the_source_archive_can_build_the_wheel(tree, wheel, tmp_path):
    run('setup.py', '-q', 'sdist', '-d', tmp_path, cwd=tree)
    archive, = tmp_path.glob('*.tar.gz')
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter='data')
    source, = (p for p in tmp_path.iterdir() if p.is_dir())
    for name in ('LICENSE', 'requirements/constraints.txt', 'tests/conftest.py'):
        assert (source / name).is_file()
    run('-m', 'pip', 'wheel', '--no-build-isolation', '--no-deps', '-q', '-w',
        tmp_path / 'wheel', '.', cwd=source)
    built, = (tmp_path / 'wheel').glob('*.whl')
    assert sorted(zipfile.ZipFile(built).namelist()) == \
        sorted(zipfile.ZipFile(wheel).namelist())
    assert changes(tree) == ''


def test_the_constraints_satisfy_the_requirements():
    from packaging.requirements import Requirement
    pins = {}
    for line in (REPOSITORY / 'requirements/constraints.txt').read_text() \
            .splitlines():
        if line and not line.startswith('#'):
            pin = Requirement(line)
            version, = [s.version for s in pin.specifier]
            pins.setdefault(pin.name.lower(), []).append(version)
    assert set(pins['opencv-python']) == set(pins['opencv-contrib-python'])
    for name in ('core', 'mm', 'vis', 'tests'):
        text = (REPOSITORY / f'requirements/{name}.txt').read_text()
        for line in text.splitlines():
            if not line or line.startswith('#'):
                continue
            wanted = Requirement(line)
            assert wanted.name.lower() in pins, f'{line} is not pinned'
            for version in pins[wanted.name.lower()]:
                assert wanted.specifier.contains(version), line


def test_names_of_configs_are_unique():
    # mim looks a config up by its base name and refuses doubles.
    names = [Path(n).name for n in tracked()
             if n.startswith('configs/') and '_base_' not in n
             and n.endswith('.py')]
    assert len(names) == len(set(names))


def test_the_model_index_lists_files_that_exist():
    import yaml
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    assert index['Import']
    for name in index['Import']:
        models = yaml.safe_load((REPOSITORY / name).read_text())['Models']
        for model in models:  # mmaction2 reads all of these by name.
            assert (REPOSITORY / model['Config']).is_file()
            assert model['Weights']


def test_links_in_the_documents_lead_somewhere():
    for name in tracked():
        if name.endswith('.md'):
            text = (REPOSITORY / name).read_text('utf-8')
            for link in re.findall(r'\]\(([^)#\s]+)', text):
                if not link.startswith(('http:', 'https:')):
                    target = (REPOSITORY / name).parent / link
                    assert target.exists(), f'{name}: {link}'


def test_commands_in_the_readme_name_files_that_exist():
    text = (REPOSITORY / 'README.md').read_text('utf-8')
    named = re.findall(r'(?:python |`)((?:tools|configs)/[\w./-]+)', text)
    assert len(named) > 5
    for name in named:
        assert (REPOSITORY / name).exists(), name


def test_no_file_names_a_place_of_one_machine_or_a_package_index():
    # The patterns are put together so that this file does not match itself.
    slash = '/'
    places = re.compile('|'.join(
        rf'(?<![\w.}}]){slash}{place}{slash}\w'
        for place in ('work', 'root', 'home', 'Users', 'scratch'))
        + '|' + '|'.join(rf'{host}[.]{top}' for host, top in (
            ('pypi', 'org'), ('pythonhosted', 'org'), ('pytorch', 'org/whl'))))
    found = []
    for name in tracked():
        data = (REPOSITORY / name).read_bytes()
        if b'\0' in data[:4096]:
            continue
        for number, line in enumerate(data.decode('utf-8').splitlines(), 1):
            if places.search(line):
                found.append(f'{name}:{number}: {line.strip()}')
    assert not found, '\n'.join(found)


def test_every_module_starts_with_the_licence_line():
    first = ('# Copyright (c) mmfer contributors. '
             'SPDX-License-Identifier: Apache-2.0')
    for name in tracked():
        if name.endswith('.py'):
            text = (REPOSITORY / name).read_text('utf-8')
            assert text.startswith(first), name
