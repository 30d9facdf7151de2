# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Text and bars on pictures, drawn once and used for many pictures."""
from functools import lru_cache
from typing import Sequence, Tuple

import numpy as np

from .palette import ink_on, rgb

_PANEL = (32, 33, 36)
_TRACK = (60, 64, 67)
_LIGHT, _DIM = (241, 243, 244), (154, 160, 166)


@lru_cache(maxsize=16)
def _font(size: int, bold: bool = False):
    try:
        from matplotlib.font_manager import FontProperties, findfont
        from PIL import ImageFont
    except ImportError:
        raise ImportError('text on pictures needs matplotlib: pip install '
                          "'mmfer[vis]'") from None
    # DejaVu Sans comes with matplotlib and has letters of many scripts.
    file = findfont(FontProperties(family='DejaVu Sans',
                                   weight='bold' if bold else 'normal'))
    return ImageFont.truetype(file, size)


def _paper(width: int, height: int, colour: Tuple[int, int, int]):
    from PIL import Image, ImageDraw
    image = Image.new('RGB', (width, height), colour)
    return image, ImageDraw.Draw(image)


@lru_cache(maxsize=256)
def label_chip(text: str, colour: str, size: int) -> np.ndarray:
    """Draw a word on its colour.

    Args:
        text (str): The word.
        colour (str): '#RRGGBB'.
        size (int): Height of the letters in pixels.

    Returns:
        np.ndarray: uint8 (H, W, 3) RGB; not to be written to.
    """
    font, pad = _font(size, bold=True), max(size // 3, 3)
    width = int(font.getlength(text)) + 2 * pad + 1
    image, draw = _paper(width, size + 2 * pad, rgb(colour))
    draw.text((pad, pad + size / 2), text, fill=ink_on(colour), font=font,
              anchor='lm')
    return np.asarray(image)


def bars(classes: Sequence[str], colours: Sequence[str],
         scores: Sequence[float], title: str, width: int,
         row: int = 20) -> np.ndarray:
    """Draw the probabilities of all classes as bars on dark ground.

    Args:
        classes (Sequence[str]): K names.
        colours (Sequence[str]): K times '#RRGGBB'.
        scores (Sequence[float]): K probabilities; NaN leaves the bars empty.
        title (str): Line above.
        width (int): Pixels.
        row (int): Pixels of a line. Defaults to 20.

    Returns:
        np.ndarray: uint8 ((K + 1) * row, width, 3) RGB.
    """
    size = int(row * .6)
    font, bold = _font(size), _font(size, bold=True)
    image, draw = _paper(width, row * (len(classes) + 1), _PANEL)
    draw.text((0, row / 2), title, fill=_LIGHT, font=bold, anchor='lm')
    # Any of them may be the bold one.
    left = min(max(int(bold.getlength(str(name))) for name in classes) + 8,
               width // 2)
    right = width - int(font.getlength('100')) - 8
    known = not np.isnan(scores).any()
    best = int(np.argmax(scores)) if known else -1
    for number, (name, colour) in enumerate(zip(classes, colours)):
        top, middle = row * (number + 1), row * (number + 1.5)
        strong = number == best
        draw.text((0, middle), str(name), anchor='lm',
                  fill=_LIGHT if strong else _DIM,
                  font=bold if strong else font)
        # A long name is cut where the bar begins.
        draw.rectangle((left - 4, top, width, top + row - 1), fill=_PANEL)
        draw.rectangle((left, top + 4, right, top + row - 5), fill=_TRACK)
        if not known:
            continue
        score = float(scores[number])
        filled = round(score * (right - left))
        if filled:
            draw.rectangle((left, top + 4, left + filled, top + row - 5),
                           fill=rgb(colour))
        draw.text((width - 1, middle), f'{100 * score:.0f}', anchor='rm',
                  fill=_LIGHT if strong else _DIM,
                  font=bold if strong else font)
    return np.asarray(image)


def caption(text: str, width: int, size: int = 11) -> np.ndarray:
    """Draw a quiet line of text on dark ground.

    Args:
        text (str): The line; it is cut if it is too long.
        width (int): Pixels.
        size (int): Height of the letters. Defaults to 11.

    Returns:
        np.ndarray: uint8 (H, width, 3) RGB.
    """
    font = _font(size)
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2] + '…'
    image, draw = _paper(width, size + 7, _PANEL)
    draw.text((0, (size + 7) / 2), text, fill=_DIM, font=font, anchor='lm')
    return np.asarray(image)


def paste(picture: np.ndarray, patch: np.ndarray, left: int,
          top: int) -> None:
    """Lay a patch on a picture; what would stick out is cut off.

    Args:
        picture (np.ndarray): (H, W, 3), written to.
        patch (np.ndarray): (h, w, 3).
        left, top (int): Where its corner goes; may be negative.
    """
    height, width = picture.shape[:2]
    above, before = max(-top, 0), max(-left, 0)
    patch = patch[above:max(height - top, above),
                  before:max(width - left, before)]
    top, left = max(top, 0), max(left, 0)
    if patch.size:
        picture[top:top + len(patch), left:left + patch.shape[1]] = patch
