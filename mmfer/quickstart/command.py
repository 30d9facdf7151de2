# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The command line of the quick start."""
import argparse
import importlib.util
import sys
import time
import warnings
from pathlib import Path
from typing import Optional, Sequence

from .errors import QuickstartError
from .persons import MIN_PERSONS, PRESET
from .resumption import hold

DESCRIPTION = """\
Make synthetic faces, train an identity-aware model, the same model without
its penalty and an RGB twin, test them on unseen persons, measure how much
their codes tell of the person, and classify one file. Run it again after an
interruption: it goes on where it stopped."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Be the command.

    Args:
        argv (Sequence[str], optional): The arguments; those of the process
            when None.

    Returns:
        int: The exit status.
    """
    args = parse_args(argv)
    start = time.monotonic()
    args.folder.mkdir(parents=True, exist_ok=True)
    lock = hold(args.folder)
    try:
        text = demonstrate(args)
    except (QuickstartError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nInterrupted. Run the same command again to go on.',
              file=sys.stderr)
        return 130
    finally:
        if lock is not None:
            lock.close()
    print(f'\n{text}\n\n{time.monotonic() - start:.0f} s in all')
    return 0


def demonstrate(args: argparse.Namespace) -> str:
    """Run the steps.

    Args:
        args (argparse.Namespace): Of :func:`parse_args`.

    Returns:
        str: The report.

    Raises:
        QuickstartError: If something is missing, or a step fails.
    """
    for package in ('mmaction', 'sklearn'):  # Better now than after minutes.
        if importlib.util.find_spec(package) is None:
            raise QuickstartError(
                f"{package} is not installed: pip install 'mmfer[mm,vis]'")
    # mmcv-lite says at its import what it does without, mmengine from where
    # it takes each setting.
    warnings.filterwarnings('ignore', 'Fail to import')
    from mmengine.logging import MMLogger
    MMLogger.get_current_instance().setLevel('WARNING')
    from .demonstration import run
    return run(args.folder, args.subjects, args.max_epochs)


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        argv (Sequence[str], optional): As in :func:`main`.

    Returns:
        argparse.Namespace: The options.
    """
    parser = argparse.ArgumentParser(
        prog='python -m mmfer.quickstart', description=DESCRIPTION)
    parser.add_argument(
        '--folder',
        type=Path,
        default=Path('quickstart'),
        help='where all files go (quickstart)')
    parser.add_argument(
        '--subjects',
        type=int,
        metavar='N',
        help='make this many persons instead of those of the preset '
        f'{PRESET!r}, and others to learn faces from in proportion')
    parser.add_argument(
        '--max-epochs',
        type=int,
        metavar='N',
        help='train for fewer epochs')
    args = parser.parse_args(argv)
    if args.subjects is not None and args.subjects < MIN_PERSONS:
        parser.error(f'--subjects {args.subjects}: at least {MIN_PERSONS}, '
                     'or fewer than two persons are left for the test')
    if args.max_epochs is not None and args.max_epochs < 1:
        parser.error(f'--max-epochs {args.max_epochs}: at least 1')
    return args
