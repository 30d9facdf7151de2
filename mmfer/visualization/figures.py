# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Figures that need no window system, and their files."""
from pathlib import Path
from typing import Union

from mmfer.atomic import replacing


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


def save_figure(figure, path: Union[str, Path], **options) -> Path:
    """Write a figure.

    Args:
        figure (matplotlib.figure.Figure): The figure.
        path (str | Path): A name in .png, .pdf or .svg, replaced if it
            exists.
        **options: Of ``Figure.savefig``, such as ``dpi``.

    Returns:
        Path: ``path``.

    Raises:
        ValueError: matplotlib does not know the suffix.
    """
    with replacing(path) as temporary:
        figure.savefig(temporary, **options)
    return Path(path)
