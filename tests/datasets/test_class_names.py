# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmfer.datasets.class_names import (ALIASES, COMMON_NAMES, common_name,
                                        match_classes)

# Class names as the releases write them.
DFEW = ['Happy', 'Sad', 'Neutral', 'Angry', 'Surprise', 'Disgust', 'Fear']
MAFW = ['anger', 'disgust', 'fear', 'happiness', 'neutral', 'sadness',
        'surprise', 'contempt', 'anxiety', 'helplessness', 'disappointment']
CREMA_D = ['ANG', 'DIS', 'FEA', 'HAP', 'NEU', 'SAD']
RAVDESS = ['neutral', 'calm', 'happy', 'sad', 'angry', 'fearful', 'disgust',
           'surprised']
ENTERFACE = ['an', 'di', 'fe', 'ha', 'sa', 'su']


def test_no_spelling_means_two_expressions():
    spellings = [word for name, words in ALIASES.items()
                 for word in (name, *words)]
    assert len(spellings) == len(set(spellings)) == len(COMMON_NAMES)
    assert all(word == word.lower().strip() for word in spellings)


@pytest.mark.parametrize('names, expected', [
    (MAFW, 7), (CREMA_D, 6), (RAVDESS, 7), (ENTERFACE, 6), (DFEW, 7)
])
def test_shared_with_dfew(names, expected):
    pairs = match_classes(DFEW, names)
    assert len(pairs) == expected
    assert [source for source, _ in pairs] == sorted(s for s, _ in pairs)
    for source, target in pairs:
        assert common_name(DFEW[source]) == common_name(names[target])
    # And back.
    back = match_classes(names, DFEW)
    assert sorted((b, a) for a, b in back) == pairs


def test_spot_values():
    assert match_classes(DFEW, CREMA_D) == [(0, 3), (1, 5), (2, 4), (3, 0),
                                            (5, 1), (6, 2)]
    assert common_name(' Anger ') == 'angry'
    assert common_name('Awe') == 'awe'
    # Different expressions stay different.
    assert match_classes(['calm', 'contempt'], ['neutral', 'disgust']) == []


def test_two_names_for_one_class_are_refused():
    with pytest.raises(ValueError, match="'joy' and 'happy'.*`label_map`"):
        match_classes(['joy', 'sad', 'happy'], DFEW)
