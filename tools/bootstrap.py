# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Make the virtual environment that the two README commands run in.

Standard library only: it runs before anything is installed. The environment
is ``.venv`` in the repository. A healthy one is used as it is; one whose
installation was cut short is completed; one that does not run is replaced.
"""
import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / 'requirements' / 'constraints.txt'
# The range in which every pinned package has a wheel.
OLDEST, NEWEST = (3, 11), (3, 13)
EXTRAS = ('mm', 'tests')
MARKER = 'mmfer-installed.json'


class BootstrapError(RuntimeError):
    """The environment cannot be made; the message says what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that both commands share.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.add_argument(
        '--venv',
        type=Path,
        default=ROOT / '.venv',
        metavar='DIR',
        help='the virtual environment to make or use (.venv)')
    parser.add_argument(
        '--torch-index',
        metavar='URL',
        help="take torch from this index, for instance your platform's CPU "
        'index; without it pip decides, which on Linux usually means the '
        'large build for GPUs')


def fits(version: Sequence[int]) -> bool:
    """Whether the pinned packages have wheels for a Python version."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def choose_python() -> str:
    """Find a Python that the pinned packages support.

    Returns:
        str: This interpreter if it fits, else one of the search path.

    Raises:
        BootstrapError: If there is none.
    """
    if fits(sys.version_info):
        return sys.executable
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        found = shutil.which(f'python3.{minor}')
        if found and version_of(found) == (3, minor):
            return found
    raise BootstrapError(
        f'This is Python {platform.python_version()}; the packages need '
        f'3.{OLDEST[1]} to 3.{NEWEST[1]} and none is on the search path: '
        f'install Python 3.{OLDEST[1]} and run this command with it.')


def version_of(python: str) -> Optional[tuple]:
    """Ask an interpreter for its version; None when it does not run."""
    code = 'import sys; print(*sys.version_info[:2])'
    try:
        out = subprocess.run([python, '-c', code],
                             capture_output=True,
                             text=True,
                             timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if out.returncode:
        return None
    return tuple(int(number) for number in out.stdout.split())


def interpreter(venv: Path) -> Path:
    """Name the interpreter of an environment."""
    if os.name == 'nt':
        return venv / 'Scripts' / 'python.exe'
    return venv / 'bin' / 'python'


def clean_environment() -> Dict[str, str]:
    """The process environment without what leaks other packages in.

    Returns:
        dict[str, str]: For ``subprocess``.
    """
    env = dict(os.environ)
    for name in ('PYTHONPATH', 'PYTHONHOME', '__PYVENV_LAUNCHER__',
                 'VIRTUAL_ENV'):
        env.pop(name, None)
    env.update(PYTHONNOUSERSITE='1', PIP_DISABLE_PIP_VERSION_CHECK='1')
    return env


def fingerprint() -> Dict[str, str]:
    """What an installation depends on; kept in it once it is complete.

    Returns:
        dict[str, str]: The repository's place and a digest of the files that
        decide what is installed.
    """
    digest = hashlib.sha256()
    files = [ROOT / 'setup.py', ROOT / 'setup.cfg', ROOT / 'pyproject.toml']
    files += [CONSTRAINTS]
    files += [
        ROOT / 'requirements' / f'{name}.txt' for name in ('core', *EXTRAS)
    ]
    for file in files:
        digest.update(file.read_bytes())
    return dict(root=str(ROOT), requirements=digest.hexdigest())


def is_complete(venv: Path) -> bool:
    """Whether an environment runs and holds what this repository asks for.

    Args:
        venv (Path): The environment.

    Returns:
        bool: False also when an installation was cut short.
    """
    try:
        found = json.loads((venv / MARKER).read_text('utf-8'))
    except (OSError, ValueError):
        return False
    if found != fingerprint():
        return False
    probe = 'import mmfer, mmengine, mmaction, av, numpy, torch, pytest'
    return succeeds(venv, '-c', probe)


def succeeds(venv: Path, *arguments: str) -> bool:
    """Whether an environment's interpreter runs and ends well."""
    python = interpreter(venv)
    return python.exists() and subprocess.run(
        [str(python), *arguments],
        env=clean_environment(),
        cwd=venv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL).returncode == 0


def has_pip(venv: Path) -> bool:
    """Whether an environment's interpreter and its pip run."""
    return succeeds(venv, '-m', 'pip', '--version')


def make_venv(venv: Path) -> None:
    """Make an empty environment, in place of one that does not run.

    Args:
        venv (Path): Where. A folder that is no environment is left alone.

    Raises:
        BootstrapError: If the folder holds something else, or if this
            Python cannot make environments.
    """
    if venv.exists() and any(venv.iterdir()):
        if not (venv / 'pyvenv.cfg').is_file():
            raise BootstrapError(
                f'{venv} exists and is not a virtual environment: '
                'name another one with --venv.')
        shutil.rmtree(venv)
    python = choose_python()
    made = subprocess.run([python, '-m', 'venv', str(venv)],
                          env=clean_environment(),
                          capture_output=True,
                          text=True)
    if made.returncode or not has_pip(venv):
        said = (made.stdout + made.stderr).strip().splitlines()
        raise BootstrapError(
            f'{python} cannot make a virtual environment '
            f'({said[-1] if said else "no reason given"}): install its venv '
            'module (Debian and Ubuntu: apt install python3-venv) or run '
            'this command with another Python.')


def pinned(name: str) -> str:
    """Read the pin of one package, such as ``torch==2.13.0``."""
    for line in CONSTRAINTS.read_text('utf-8').splitlines():
        if line.partition('==')[0] == name:
            return line.partition(';')[0].strip()
    raise BootstrapError(f'{CONSTRAINTS} does not pin {name}.')


def decord_has_wheel() -> bool:
    """Whether mmaction2's requirement decord can be installed here."""
    return platform.system() in ('Linux', 'Windows') and \
        platform.machine().lower() in ('x86_64', 'amd64')


def install_commands(python: Path,
                     torch_index: Optional[str] = None,
                     decord: bool = True) -> List[List[str]]:
    """List the pip commands that fill an environment.

    torch comes first and alone, so that an index of CPU builds serves it
    and nothing else.

    Args:
        python (Path): The environment's interpreter.
        torch_index (str, optional): The index to take torch from. Defaults
            to None, pip's own.
        decord (bool): Whether decord has a wheel for this platform. mmfer
            never uses it, yet mmaction2 requires it; without a wheel
            mmaction2 is installed without its requirements. Defaults to
            True.

    Returns:
        list[list[str]]: Commands for ``subprocess``.
    """
    pip = [str(python), '-m', 'pip', 'install']
    torch = [*pip, pinned('torch')]
    if torch_index:
        torch += ['--index-url', torch_index]
    pip += ['-c', str(CONSTRAINTS)]
    if decord:
        return [torch, [*pip, '-e', f'{ROOT}[{",".join(EXTRAS)}]']]
    mm = (ROOT / 'requirements' / 'mm.txt').read_text('utf-8').splitlines()
    mm = [line for line in mm if line and line[0] not in '#']
    rest = [line for line in mm if not line.startswith('mmaction2')]
    files = [f'{ROOT / "requirements" / name}.txt' for name in ('core', 'tests')]
    return [
        torch,
        [*pip, *rest, 'einops', 'scipy', '-r', files[0], '-r', files[1]],
        [*pip, '--no-deps', pinned('mmaction2'), '-e',
         str(ROOT)],
    ]


def ensure_environment(venv: Path,
                       torch_index: Optional[str] = None) -> Path:
    """Make sure that the environment is there and complete.

    Args:
        venv (Path): The environment.
        torch_index (str, optional): The index to take torch from.

    Returns:
        Path: Its interpreter.

    Raises:
        BootstrapError: If it cannot be made; one line with the remedy.
    """
    venv = Path(os.path.abspath(venv))
    python = interpreter(venv)
    if is_complete(venv):
        print(f'Using the environment {venv}', flush=True)
        return python
    if not has_pip(venv):
        print(f'Making the environment {venv}', flush=True)
        make_venv(venv)
    (venv / MARKER).unlink(missing_ok=True)
    commands = install_commands(python, torch_index, decord_has_wheel())
    for number, command in enumerate(commands, 1):
        print(f'[{number}/{len(commands)}] {" ".join(command[1:])}',
              flush=True)
        if subprocess.run(command, env=clean_environment()).returncode:
            raise BootstrapError(
                'pip could not install the packages (its own message stands '
                'above). Run this command again to go on where it stopped.')
    marker = venv / f'{MARKER}.new'
    marker.write_text(json.dumps(fingerprint()), 'utf-8')
    marker.replace(venv / MARKER)
    if not is_complete(venv):
        raise BootstrapError(
            f'The packages are installed, yet they do not work; type '
            f'{python} -m mmfer.check to see why.')
    return python


def run_inside(python: Path, arguments: Sequence[str]) -> int:
    """Run the environment's interpreter in the repository.

    Args:
        python (Path): The interpreter.
        arguments (Sequence[str]): Its arguments.

    Returns:
        int: Its exit status; 130 after an interrupt.
    """
    try:
        return subprocess.run([str(python), *arguments],
                              env=clean_environment(),
                              cwd=ROOT).returncode
    except KeyboardInterrupt:
        return 130


def main(parser: argparse.ArgumentParser, arguments: Sequence[str],
         argv: Optional[Sequence[str]] = None) -> int:
    """Be one of the two commands: make the environment, go on inside it.

    Args:
        parser (argparse.ArgumentParser): The command's parser; what it does
            not know is handed on.
        arguments (Sequence[str]): What the interpreter gets first, such as
            ``('-m', 'pytest')``.
        argv (Sequence[str], optional): The arguments; those of the process
            when None.

    Returns:
        int: The exit status.
    """
    add_arguments(parser)
    known, rest = parser.parse_known_args(argv)
    try:
        python = ensure_environment(known.venv, known.torch_index)
    except BootstrapError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return run_inside(python, [*arguments, *rest])
