# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import sys

import numpy as np
import pytest

pytest.importorskip('matplotlib')
pytest.importorskip('sklearn')

from mmfer.testing.planted_identity import (balanced_design,  # noqa: E402
                                            plant_identity)
from mmfer.visualization.embedding import (chance_purity,  # noqa: E402
                                           draw_embedding, knn_purity)

DESIGN = balanced_design(9, 3, 3)


def test_purity_counts_neighbours_of_the_same_group():
    codes = np.array([[0.], [1.], [10.], [11.], [12.]])
    assert knn_purity(codes, ['a', 'a', 'b', 'b', 'b'], 1) == 1
    assert knn_purity(codes, ['a', 'b', 'a', 'b', 'a'], 1) == 0
    assert chance_purity(['a', 'a', 'b', 'b', 'b']) == pytest.approx(8 / 20)
    # All others are neighbours: exactly chance.
    groups = ['a', 'a', 'b', 'b', 'b']
    assert knn_purity(codes, groups, 9) == pytest.approx(chance_purity(groups))


def test_both_halves_show_all_clips_and_say_what_they_are_worth():
    codes = plant_identity(*DESIGN, 'absent', noise=0.1)
    figure = draw_embedding(codes, *DESIGN, ('happy', 'sad', 'fear'), 'mine',
                            perplexity=9, seed=4)
    expression, person = figure.axes
    for axes, groups in ((expression, 3), (person, 9)):
        shown = [len(points.get_offsets()) for points in axes.collections]
        assert len(shown) == groups and sum(shown) == 81
    drawn = [sorted(map(tuple, np.concatenate(
        [points.get_offsets() for points in axes.collections])))
        for axes in figure.axes]
    assert drawn[0] == drawn[1]  # one plane
    assert '5-NN purity 1.00 (chance 0.33)' in expression.get_xlabel()
    assert '(chance 0.10)' in person.get_xlabel()
    assert 'perplexity 9, seed 4' in figure.get_supxlabel()
    names = [text.get_text() for text in expression.get_legend().get_texts()]
    assert names == ['fear', 'happy', 'sad']
    # Colour and shape together are unique.
    looks = {(tuple(points.get_facecolor()[0]),
              points.get_paths()[0].vertices.tobytes())
             for points in person.collections}
    assert len(looks) == 9


def test_the_seed_decides():
    codes = plant_identity(*DESIGN, 'absent')
    planes = [
        draw_embedding(codes, *DESIGN).axes[0].collections[0].get_offsets()
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*planes)


def test_equal_codes_cannot_be_drawn():
    with pytest.raises(ValueError, match='27 codes that are equal'):
        draw_embedding(np.ones((27, 3)), np.arange(27) % 3, np.arange(27) % 9)


def test_an_unknown_projection_is_named():
    codes = plant_identity(*DESIGN, 'absent')
    with pytest.raises(ValueError, match="tsne, umap, got .'pca'"):
        draw_embedding(codes, *DESIGN, projections=['pca'])


def test_umap_that_is_not_installed_is_advised(monkeypatch):
    monkeypatch.setitem(sys.modules, 'umap', None)
    codes = plant_identity(*DESIGN, 'absent')
    with pytest.raises(ImportError, match=r"pip install 'mmfer\[umap\]'"):
        draw_embedding(codes, *DESIGN, projections=['umap'])


def test_umap_is_drawn_beside_tsne():
    pytest.importorskip('umap')
    codes = plant_identity(*DESIGN, 'absent', noise=0.1)
    figure = draw_embedding(codes, *DESIGN, perplexity=9,
                            projections=['tsne', 'umap'])
    assert [axes.get_title() for axes in figure.axes] == [
        't-SNE, coloured by expression', 't-SNE, coloured by person',
        'UMAP, coloured by expression', 'UMAP, coloured by person']
    planes = [np.concatenate([points.get_offsets()
                              for points in axes.collections])
              for axes in figure.axes[::2]]
    assert planes[0].shape == planes[1].shape == (81, 2)
    # Expressions, which are three distant groups of codes, stay apart.
    groups = np.repeat([0, 1, 2], 27)
    assert knn_purity(planes[1], groups) == 1
    again = draw_embedding(codes, *DESIGN, perplexity=9, projections=['umap'])
    np.testing.assert_array_equal(
        np.concatenate([p.get_offsets() for p in again.axes[0].collections]),
        planes[1])
