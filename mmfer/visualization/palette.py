# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The same colour for the same expression in every picture."""
from typing import List, Sequence

import numpy as np

from mmfer.datasets.class_names import common_name

#: Okabe and Ito, "Color Universal Design", 2008, with grey for neutral and
#: four further tones for the larger label sets.
EXPRESSION_COLOURS = {
    'happy': '#E69F00',
    'sad': '#0072B2',
    'neutral': '#9AA0A6',
    'angry': '#D55E00',
    'surprise': '#CC79A7',
    'disgust': '#009E73',
    'fear': '#56B4E9',
    'contempt': '#8C6239',
    'calm': '#B7C4A1',
    'anxiety': '#B8A200',
    'helplessness': '#7A5AA6',
    'disappointment': '#3D6B6B',
    'repression': '#5B5B8C',
    'others': '#5F6368',
}

#: Colour of text on white.
INK = '#202124'


def class_colours(classes: Sequence[str]) -> List[str]:
    """Give every class a colour.

    Args:
        classes (Sequence[str]): Names, in any spelling. Names that are no
            known expression get the colours that are left, in order.

    Returns:
        list[str]: '#RRGGBB', as many as classes. They differ as long as there
        are no more classes than colours.

    Examples:
        >>> class_colours(['Happiness', 'HAP', 'sad'])
        ['#E69F00', '#E69F00', '#0072B2']
    """
    names = [common_name(str(name)) for name in classes]
    free = [colour for name, colour in EXPRESSION_COLOURS.items()
            if name not in names]
    free = free or list(EXPRESSION_COLOURS.values())
    unknown = [name for name in dict.fromkeys(names)
               if name not in EXPRESSION_COLOURS]
    given = {name: free[number % len(free)]
             for number, name in enumerate(unknown)}
    return [EXPRESSION_COLOURS.get(name) or given[name] for name in names]


def rgb(colour: str) -> tuple:
    """Turn '#RRGGBB' into three numbers from 0 to 255.

    Args:
        colour (str): The colour.

    Returns:
        tuple[int, int, int]: Red, green, blue.
    """
    return tuple(int(colour[at:at + 2], 16) for at in (1, 3, 5))


def ink_on(colour: str) -> str:
    """Choose the text colour that can be read on a colour (WCAG 2).

    Args:
        colour (str): '#RRGGBB' of the background.

    Returns:
        str: White, or :data:`INK`.
    """
    levels = np.array(rgb(colour)) / 255
    linear = np.where(levels <= .04045, levels / 12.92,
                      ((levels + .055) / 1.055)**2.4)
    luminance = float(linear @ (.2126, .7152, .0722))
    # Contrast with white against contrast with black.
    return '#FFFFFF' if 1.05 / (luminance + .05) > (luminance + .05) / .05 \
        else INK
