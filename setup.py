# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Build mmfer; what is static stands in setup.cfg.

OpenMMLab's tools look for a package's scripts and configs in the folder
``.mim`` beside its modules. A wheel gets copies there, an editable install
gets links, and nothing is written into the source tree otherwise.
"""
import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = Path(__file__).resolve().parent
# dataset-index.yml and others may join; each is a file or folder of the root.
MIM = ('tools', 'configs', 'model-index.yml')
EXTRAS = ('mm', 'data', 'vis', 'tests', 'face', 'export', 'bulk',
          'umap')


def requirements(name: str) -> list:
    """Read one file of the folder ``requirements``, without its comments."""
    text = (ROOT / 'requirements' / f'{name}.txt').read_text('utf-8')
    lines = (line.partition('#')[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def copy_mim(package: Path) -> None:
    """Copy tools and configs into a package that is being built."""
    target = package / '.mim'
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
    for name in MIM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignore)
        elif (ROOT / name).is_file():
            shutil.copy2(ROOT / name, target / name)


def link_mim() -> None:
    """Link tools and configs into the package of the source tree."""
    target = ROOT / 'mmfer' / '.mim'
    if target.is_symlink() or target.is_file():
        target.unlink()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    try:
        for name in MIM:
            if (ROOT / name).exists():
                os.symlink(Path('..', '..', name), target / name)
    except OSError:  # A system on which users may not make links.
        copy_mim(ROOT / 'mmfer')


class BuildPy(build_py):
    """Serve wheels and, with ``editable_mode``, PEP 660 installs."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            link_mim()
        else:
            copy_mim(Path(self.build_lib) / 'mmfer')


class Develop(develop):
    """Serve ``python setup.py develop``, which older setuptools run."""

    def run(self) -> None:
        link_mim()
        super().run()


setup(
    cmdclass=dict(build_py=BuildPy, develop=Develop),
    install_requires=requirements('core'),
    extras_require={name: requirements(name)
                    for name in EXTRAS},
)
