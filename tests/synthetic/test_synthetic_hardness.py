# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Static faces are ambiguous, what changes is not, first pictures tell nothing.

Told to a linear classifier that knows every activation exactly, so that this
needs no pictures and bounds what pictures can tell.
"""
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score

from mmfer.synthetic import SyntheticFaces
from mmfer.synthetic.faces import write_script


@pytest.fixture(scope='module')
def recall():
    """Function from a view of the activations to recall on unseen persons."""
    faces = SyntheticFaces(60, 2)
    splits, rng = faces.splits(), np.random.default_rng(0)
    first, apex = [], []
    for item in faces:
        script, labels = write_script(item)
        first.append(script.activations[0])
        apex.append(script.activations[
            labels.get('apex', int(rng.integers(9, 27)))])
    first, apex = np.array(first), np.array(apex)
    labels = np.array([item.label for item in faces])
    tested = np.array([splits[item.subject][0] == 'test' for item in faces])

    def measure(view):
        inputs = view(first, apex)
        model = LinearDiscriminantAnalysis(solver='lsqr', shrinkage='auto')
        model.fit(inputs[~tested], labels[~tested])
        return balanced_accuracy_score(labels[tested],
                                       model.predict(inputs[tested]))
    return measure


def test_first_picture_is_at_chance(recall):
    assert recall(lambda first, apex: first) < 0.25


def test_difference_tells_more_than_the_apex_alone(recall):
    static = recall(lambda first, apex: apex)
    moved = recall(lambda first, apex: apex - first)
    assert moved > 0.85
    assert static < 0.75
