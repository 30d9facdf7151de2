# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One name for every spelling of an expression.

Data sets name the same expression 'happy', 'Happiness' or 'HAP'. To test a
model of one set on another, names are compared in a common spelling. The
table lists spellings found in the releases; it joins words for the same
expression only, never different ones (contempt is not disgust, calm is not
neutral), and a name that is not in it stands for itself.
"""
from typing import Dict, List, Sequence, Tuple

#: Common name to other spellings, without case.
ALIASES: Dict[str, Tuple[str, ...]] = {
    'happy': ('happiness', 'hap', 'ha', 'joy'),
    'sad': ('sadness', 'sa'),
    'neutral': ('neutrality', 'neu', 'ne'),
    'angry': ('anger', 'ang', 'an'),
    'surprise': ('surprised', 'sur', 'su'),
    'disgust': ('disgusted', 'dis', 'di'),
    'fear': ('fearful', 'fea', 'fe'),
    'contempt': ('contemptuous', 'con'),
    'calm': (),
    'anxiety': ('anxious', 'anx'),
    'helplessness': ('helpless', ),
    'disappointment': ('disappointed', 'disap'),
    'repression': (),
    'others': ('other', ),
}

#: Every spelling to its common name.
COMMON_NAMES: Dict[str, str] = {
    spelling: name
    for name, spellings in ALIASES.items() for spelling in (name, *spellings)
}


def common_name(name: str) -> str:
    """Give the common spelling of a class name.

    Args:
        name (str): As a data set writes it.

    Returns:
        str: The common name, or the name itself in lower case.

    Examples:
        >>> common_name('Happiness'), common_name('HAP'), common_name('Bored')
        ('happy', 'happy', 'bored')
    """
    name = name.strip().lower()
    return COMMON_NAMES.get(name, name)


def match_classes(source: Sequence[str],
                  target: Sequence[str]) -> List[Tuple[int, int]]:
    """Find the classes that two label sets share.

    Args:
        source (Sequence[str]): Class names of one set.
        target (Sequence[str]): Class names of another one.

    Returns:
        list[tuple[int, int]]: Position in ``source`` and in ``target`` of
        every shared class, in the order of ``source``.

    Raises:
        ValueError: Two classes of one set have the same common name.

    Examples:
        >>> match_classes(['Happy', 'Sad', 'Fear'], ['anger', 'fear', 'joy'])
        [(0, 2), (2, 1)]
    """
    positions = [_positions(names) for names in (source, target)]
    return [(place, positions[1][name])
            for name, place in positions[0].items() if name in positions[1]]


def _positions(names: Sequence[str]) -> Dict[str, int]:
    places: Dict[str, int] = {}
    for place, name in enumerate(names):
        common = common_name(name)
        if common in places:
            raise ValueError(
                f'{names[places[common]]!r} and {name!r} are two classes of '
                f'one data set and both mean {common!r}: join them with '
                '`label_map` first')
        places[common] = place
    return places
