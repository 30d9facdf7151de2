# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Hand over to the scripts that an installed mmaction2 carries.

mmaction2 keeps ``train.py``, ``test.py`` and its analysis tools in the folder
``.mim/tools`` of the installed package. Running them from here means that the
repairs of ``mmfer.compat`` are in place before their first import, also for
those scripts that never read a config. From the command line::

    python -m mmfer.handover deployment/publish_model.py in.pth out.pth
"""
import importlib.util
import runpy
import sys
from pathlib import Path
from typing import Optional, Sequence

from . import compat


class ScriptNotFound(FileNotFoundError):
    """mmaction2, or one script of it, is not installed."""


def find_script(name: str) -> Path:
    """Find one of mmaction2's scripts without importing mmaction2.

    Args:
        name (str): Its path below ``tools``, such as ``'train.py'`` or
            ``'analysis_tools/get_flops.py'``.

    Returns:
        Path: The script of the wheel, or that of a git checkout which is
        installed editable.

    Raises:
        ScriptNotFound: If there is none; the message says what to type.
    """
    spec = importlib.util.find_spec('mmaction')
    if spec is None or not spec.submodule_search_locations:
        raise ScriptNotFound(
            'mmaction2 is not installed, and its tools do the work: '
            "pip install 'mmfer[mm]'")
    package = Path(next(iter(spec.submodule_search_locations))).resolve()
    for tools in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (tools / name).is_file():
            return tools / name
    raise ScriptNotFound(
        f'The mmaction2 in {package} carries no tools/{name}: '
        "pip install --force-reinstall --no-deps 'mmaction2==1.2.0'")


def run_script(name: str, argv: Optional[Sequence[str]] = None) -> None:
    """Run one of mmaction2's scripts in this process, repairs first.

    Args:
        name (str): Its path below ``tools``.
        argv (Sequence[str], optional): Its arguments; those of this process
            when None. Defaults to None.

    Raises:
        SystemExit: With one line when the script is not installed, or as
            the script itself exits.
    """
    try:
        script = find_script(name)
    except ScriptNotFound as error:
        raise SystemExit(f'error: {error}') from None
    # Some scripts load checkpoints without ever importing mmengine.
    compat.apply(wait=False)
    sys.argv = [str(script), *(sys.argv[1:] if argv is None else argv)]
    runpy.run_path(str(script), run_name='__main__')


if __name__ == '__main__':
    if len(sys.argv) < 2:
        raise SystemExit('usage: python -m mmfer.handover SCRIPT [arguments]')
    run_script(sys.argv[1], sys.argv[2:])
