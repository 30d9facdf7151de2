# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Pictures appear under their name when they are complete, or not at all."""
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Union


@contextmanager
def replacing(path: Union[str, Path]) -> Iterator[Path]:
    """Offer a temporary name, then give what was written there its own.

    Args:
        path (str | Path): The final name; its folder is made.

    Yields:
        Path: A name in the same folder with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}.{os.getpid()}{path.suffix}')
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def new_figure(width: float, height: float, dpi: int = 150, **options):
    """Make a matplotlib figure that belongs to nobody's window system.

    Args:
        width, height (float): Inches.
        dpi (int): Dots per inch. Defaults to 150.
        **options: Of ``matplotlib.figure.Figure``.

    Returns:
        matplotlib.figure.Figure: The figure.

    Raises:
        ImportError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('pictures need matplotlib: pip install '
                          "'mmfer[vis]'") from None
    figure = Figure(figsize=(width, height), dpi=dpi, **options)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure, path: Union[str, Path]) -> Path:
    """Write a figure.

    Args:
        figure (matplotlib.figure.Figure): The figure.
        path (str | Path): A name in .png, .pdf or .svg, replaced if it
            exists.

    Returns:
        Path: ``path``.

    Raises:
        ValueError: matplotlib does not know the suffix.
    """
    with replacing(path) as temporary:
        figure.savefig(temporary)
    return Path(path)
