# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Label numbers of other repositories become ours."""
import numpy as np
import pytest

from mmfer.datasets.adapters import ADAPTERS
from mmfer.datasets.label_orders import (LABEL_ORDERS, foreign_columns,
                                         label_order, map_labels, map_scores)


def test_every_order_names_the_classes_of_its_data_set():
    for dataset, orders in LABEL_ORDERS.items():
        classes = ADAPTERS[dataset].classes
        for order in orders.values():
            assert sorted(order.classes) == sorted(classes)
            assert order.source


@pytest.mark.parametrize('dataset, other, numbers', [
    # Found by comparing the published lists clip by clip: number in S2D to
    # number in the other repository.
    ('dfew', 'mae-dfer', [0, 1, 2, 3, 4, 5, 6]),
    ('ferv39k', 'mae-dfer', [3, 5, 6, 0, 2, 1, 4]),
    ('ferv39k', 'dfer-clip', [3, 5, 6, 0, 2, 1, 4]),
    ('mafw', 'mae-dfer', [0, 8, 7, 10, 1, 2, 3, 9, 4, 5, 6]),
    ('mafw', 'dfer-clip', [3, 8, 7, 10, 5, 6, 0, 9, 2, 1, 4])])
def test_orders_against_published_lists(dataset, other, numbers):
    s2d = label_order(dataset, 's2d').classes
    assert foreign_columns(label_order(dataset, other), s2d) == numbers


def test_scores_and_labels():
    order = label_order('ferv39k', 'mae-dfer')
    ours = ADAPTERS['ferv39k'].classes
    scores = np.eye(7, dtype=np.float32)[None] + .5
    mapped = map_scores(scores, order, ours)
    assert mapped.shape == (1, 7, 7) and mapped.dtype == np.float32
    best = [ours[i] for i in mapped[0].argmax(1)]
    assert best == list(order.classes)
    assert [ours[i] for i in map_labels(range(7), order, ours)] == best


def test_mistakes():
    with pytest.raises(ValueError, match="no label order of 'x' for 'mafw'; "
                                         'known are: s2d, mae-dfer'):
        label_order('mafw', 'x')
    order = label_order('dfew', 's2d')
    with pytest.raises(ValueError, match='only one of them has calm, fear'):
        foreign_columns(order, order.classes[:-1] + ('calm', ))
    with pytest.raises(ValueError, match='5 scores for 7 classes'):
        map_scores(np.zeros((2, 5)), order, order.classes)
