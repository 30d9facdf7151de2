# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Look whether this environment can run mmfer: ``python -m mmfer.check``.

Prints the versions found, what ``mmfer.compat`` repaired, and what is wrong
together with the command that cures it. The exit status is 0 when everything
that was asked for works and 1 otherwise.
"""
import argparse
import importlib
import importlib.metadata
import platform
import sys
import warnings
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from . import compat
from .version import __version__

MINSTALL = "pip install 'mmfer[mm]'"


@dataclass(frozen=True)
class Need:
    """One distribution that mmfer uses.

    Attributes:
        distribution (str): The name that pip knows.
        module (str): The name to import.
        lowest (tuple[int]): The first version that works.
        below (tuple[int] | None): The first version that does not any more.
        command (str): What to type when it is absent or does not fit.
        why (str): What it is needed for.
    """
    distribution: str
    module: str
    lowest: Tuple[int, ...]
    below: Optional[Tuple[int, ...]]
    command: str
    why: str


CORE = (
    Need('numpy', 'numpy', (1, 23), None, "pip install 'numpy>=1.23'",
         'arrays'),
    Need('av', 'av', (17, ), (19, ), "pip install 'av>=17,<19'",
         'reading packets'),
    Need('torch', 'torch', (2, 0), None, "pip install 'torch>=2.0'",
         'networks'),
)
MM = (
    Need('mmengine', 'mmengine', (0, 10, 7), (0, 12), MINSTALL,
         'the training loop'),
    Need('mmcv-lite', 'mmcv', (2, 1), (2, 2), MINSTALL, 'transforms'),
    Need('mmaction2', 'mmaction', (1, 2), (1, 3), MINSTALL,
         'recognisers and their tools'),
    Need('opencv-python', 'cv2', (4, 5), None, MINSTALL, 'resizing'),
)
# Other distributions that provide the same module.
SUBSTITUTES = {
    'mmengine': ('onedl-mmengine', ),
    'mmcv-lite': ('mmcv', ),
    'opencv-python': ('opencv-contrib-python', 'opencv-python-headless',
                      'opencv-contrib-python-headless'),
}


def installed_version(need: Need) -> Tuple[str, Optional[str]]:
    """Find which distribution provides a module.

    Args:
        need (Need): What is looked for.

    Returns:
        tuple[str, str | None]: The distribution's name and its version, None
        when it is not installed.
    """
    names = (need.distribution, *SUBSTITUTES.get(need.distribution, ()))
    for name in names:
        try:
            return name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return need.distribution, None


def numbers(version: str) -> Tuple[int, ...]:
    """Turn ``'2.13.0+cpu'`` into ``(2, 13, 0)``.

    Args:
        version (str): A version as in PEP 440.

    Returns:
        tuple[int]: Its release numbers, up to the first that is none.
    """
    release: List[int] = []
    for part in version.partition('+')[0].split('.'):
        digits = part[:len(part) - len(part.lstrip('0123456789'))]
        if not digits:
            break
        release.append(int(digits))
        if digits != part:
            break
    return tuple(release)


def problem_of(need: Need) -> Optional[str]:
    """Say what is wrong with one distribution.

    Args:
        need (Need): What is needed.

    Returns:
        str | None: One line with the command that cures it, or None.
    """
    name, version = installed_version(need)
    if version is None:
        return (f'{name} is not installed (needed for {need.why}): '
                f'{need.command}')
    # A fork has its own numbering; whether it works shows in its import.
    found = numbers(version)
    if name == need.distribution or need.module == 'mmcv':
        if found < need.lowest or (need.below and found >= need.below):
            lowest = '.'.join(map(str, need.lowest))
            below = '.'.join(map(str, need.below)) if need.below else None
            limits = f'{lowest} or later' + (f', below {below}'
                                             if below else '')
            return (f'{name} {version} does not fit; mmfer needs {limits}: '
                    f'{need.command}')
    try:
        importlib.import_module(need.module)
    except Exception as error:  # Whatever a broken installation raises.
        return (f'{name} {version} is installed but cannot be imported '
                f'({type(error).__name__}: {error}): '
                f'pip install --force-reinstall --no-deps {name}=={version}')
    return None


def opencv_problem() -> Optional[str]:
    """Two OpenCV distributions write the same files: compare their versions.

    Returns:
        str | None: One line with the command that cures it, or None.
    """
    found = {}
    for name in ('opencv-python', *SUBSTITUTES['opencv-python']):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if len(set(found.values())) < 2:
        return None
    listed = ' and '.join(f'{name} {version}'
                          for name, version in found.items())
    version = min(found.values(), key=numbers)
    wanted = ' '.join(f'{name}=={version}' for name in found)
    return (f'{listed} overwrite each other\'s files: '
            f'pip install --force-reinstall --no-deps {wanted}')


def import_problem(module: str, cure: str) -> Optional[str]:
    """Try to import a module.

    Args:
        module (str): Its full name.
        cure (str): What to type when it fails.

    Returns:
        str | None: One line, or None when it can be imported.
    """
    try:
        importlib.import_module(module)
    except Exception as error:  # Anything at all may come out of it.
        return (f'{module} cannot be imported ({type(error).__name__}: '
                f'{error}): {cure}')
    return None


def find_problems(codec_only: bool = False) -> List[str]:
    """Look through the environment.

    Args:
        codec_only (bool): Only what ``mmfer.codec`` needs. Defaults to
            False.

    Returns:
        list[str]: One line for each problem; empty when all is well.
    """
    if codec_only:
        needs = CORE[:2]
    else:
        needs = CORE + MM
    problems = [problem_of(need) for need in needs]
    problems.append(import_problem('mmfer.codec', CORE[1].command))
    if not codec_only:
        problems.append(opencv_problem())
        if not any(problems):
            problems.append(
                import_problem(
                    'mmaction.models',
                    "pip install --force-reinstall --no-deps "
                    "'mmaction2==1.2.0'"))
        if not any(problems):
            for module in ('mmfer.models', 'mmfer.datasets',
                           'mmfer.evaluation', 'mmfer.engine'):
                problems.append(
                    import_problem(
                        module, 'pip install --force-reinstall --no-deps '
                        f'mmfer=={__version__}'))
    return [problem for problem in problems if problem]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the report.

    Args:
        argv (Sequence[str], optional): The arguments; those of the process
            when None. Defaults to None.

    Returns:
        int: 0 when nothing is wrong, else 1.
    """
    parser = argparse.ArgumentParser(
        prog='python -m mmfer.check', description=__doc__.splitlines()[0])
    parser.add_argument(
        '--codec-only',
        action='store_true',
        help='look only at what mmfer.codec needs: PyAV and numpy')
    args = parser.parse_args(argv)

    with warnings.catch_warnings():
        # mmcv-lite warns of operators that nothing here uses.
        warnings.simplefilter('ignore')
        problems = find_problems(args.codec_only)
    print(f'mmfer {__version__} on Python {platform.python_version()}, '
          f'{platform.platform()}')
    for need in CORE[:2] if args.codec_only else CORE + MM:
        name, version = installed_version(need)
        print(f'  {name:22} {version or "not installed"}')
    print('Repairs')
    for repair in compat.apply():
        print(f'  {repair.name:22} {repair.state}: {repair.detail}')
    if not problems:
        print('Everything that was looked at works.')
        return 0
    print(f'{len(problems)} problem(s), each with the command to type')
    for problem in problems:
        print(f'  {problem}')
    return 1


if __name__ == '__main__':
    sys.exit(main())
