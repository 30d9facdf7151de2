# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which pictures of a folder are the clip, and which of them is the apex."""
import re
from typing import Any, Dict, List, Optional

from .layout import natural_key
from .media import MediaIndex, Medium


def picture_number(name: str) -> Optional[int]:
    """Give the number of a picture: the last one in its name.

    Args:
        name (str): For example 'reg_img46.jpg' or '006_05562.jpg'.

    Returns:
        int | None: 46 and 5562; None without a number.
    """
    numbers = re.findall(r'\d+', name.rsplit('.', 1)[0])
    return int(numbers[-1]) if numbers else None


def numbered_pictures(index: MediaIndex, medium: Medium) -> List[str]:
    """Name the pictures of a recording, of which every one has a number.

    A picture without one, such as a cover, was not taken by the camera. It is
    left out and noted in ``index.unnumbered``.

    Args:
        index (MediaIndex): Where the clip was found.
        medium (Medium): A folder of pictures.

    Returns:
        list[str]: File names in the chosen order; all of them if none has a
        number.
    """
    names = index.pictures(medium)
    numbered = [name for name in names if picture_number(name) is not None]
    if not numbered:
        return names
    others = [f'{medium.key}/{name}' for name in names
              if picture_number(name) is None]
    # One recording may hold two expressions and come by twice.
    index.unnumbered += [name for name in others
                         if name not in index.unnumbered]
    return numbered


def last_frame(index: MediaIndex, medium: Medium) -> Dict[str, Any]:
    """Facts of a clip that runs from a neutral face to the apex.

    Args:
        index (MediaIndex): Where the clip was found.
        medium (Medium): A folder of pictures or a video.

    Returns:
        dict: ``apex`` (int), the display index of the last picture in time,
        wherever the chosen order puts it, and ``frames`` if not all pictures
        are taken; empty if nothing is there.
    """
    if medium.pictures:
        names = numbered_pictures(index, medium)
        facts: Dict[str, Any] = {
            'apex': names.index(max(names, key=natural_key))
        }
        if len(names) < len(index.pictures(medium)):
            facts['frames'] = tuple(names)
        return facts
    count = index.count_frames(medium)
    return {'apex': count - 1} if count else {}


def numbered_span(index: MediaIndex,
                  medium: Medium,
                  onset: Optional[int],
                  apex: Optional[int],
                  offset: Optional[int],
                  whole: bool = False) -> Dict[str, Any]:
    """Cut a recording to the expression that its coders saw.

    Args:
        index (MediaIndex): Where the clip was found.
        medium (Medium): A folder of pictures whose names bear their numbers.
        onset, apex, offset (int, optional): Numbers of pictures, as coded;
            None where the coders left it open.
        whole (bool): Whether to keep all pictures. Defaults to False.

    Returns:
        dict: Facts of the clip: ``frames`` and, as display indices within
        them, ``apex``, ``onset`` and ``offset``; and ``problem`` (str) if the
        pictures do not fit the coding, in which case all that have a number
        are taken.
    """
    if not medium.pictures:
        return {'problem': 'a video, its pictures bear no numbers'}
    names = numbered_pictures(index, medium)
    numbers = {picture_number(name): name for name in names}
    everything = index.pictures(medium)
    taken = {} if names == everything else {'frames': tuple(names)}
    coded = {'onset': onset, 'apex': apex, 'offset': offset}
    known = [number for number in coded.values() if number is not None]
    if onset is None or offset is None or known != sorted(known):
        return {'problem': f'coded as onset {onset}, apex {apex}, offset '
                           f'{offset}', **taken}
    if not {onset, offset} <= set(numbers):
        return {'problem': f'coded from picture {onset} to {offset}, the '
                           f'folder has {len(names)} pictures from '
                           f'{names[0]} to {names[-1]}', **taken}
    if not whole:
        names = [name for name in names
                 if onset <= picture_number(name) <= offset]
    facts: Dict[str, Any] = {
        key: names.index(numbers[number])
        for key, number in coded.items() if number in numbers
    }
    if names != everything or index.frame_order != 'natural':
        facts['frames'] = tuple(names)
    return facts
