# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What the commands have in common: numbers in bounds, and their end."""
import argparse
import math
import os
import sys
from typing import Any, Callable, Optional

#: Exit codes of a shell for a program that a signal ended.
INTERRUPTED, PIPE_CLOSED = 130, 141
_LARGEST = 1e9  # what is above overflows sooner or later


def run(main: Callable[[], Any]) -> None:
    """Run a command and end the process as users expect it.

    Whoever stops reading (``| head``) or interrupts gets no traceback.

    Args:
        main (Callable): The command; what it returns is the exit code.

    Raises:
        SystemExit: Always.
    """
    try:
        try:
            sys.exit(main())
        finally:
            # Here rather than at the end of the interpreter, which complains.
            sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(INTERRUPTED)


def whole_number(least: int = 0,
                 most: Optional[int] = None) -> Callable[[str], int]:
    """Make a ``type`` for ``add_argument`` that refuses what makes no sense.

    Args:
        least (int): The smallest number. Defaults to 0.
        most (int, optional): The largest number. Defaults to None, no limit.

    Returns:
        Callable: Takes the text of the argument, gives the int.
    """
    bounds = f'from {least} on' if most is None else f'from {least} to {most}'

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least or (most is not None
                                                and number > most):
            raise argparse.ArgumentTypeError(
                f'{text!r} is no whole number {bounds}')
        return number

    return read


def positive_number(text: str) -> float:
    """Be a ``type`` for ``add_argument`` that takes what is above zero.

    Args:
        text (str): Of the argument.

    Returns:
        float: The number.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _LARGEST:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no number above 0 and up to {_LARGEST:.0e}')
    return number
