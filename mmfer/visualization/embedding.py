# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The same codes on a plane twice: coloured by expression, and by person."""
from typing import Optional, Sequence, Tuple

import numpy as np

#: Okabe and Ito, "Color Universal Design", 2008: told apart without red or
#: green; yellow is left out because it is too light on white.
COLOURS = ('#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9',
           '#000000')
#: Shapes that tell more groups apart than there are colours.
MARKERS = ('o', '^', 's', 'D', 'v', 'P', 'X')


def knn_purity(features: np.ndarray,
               groups: Sequence,
               neighbours: int = 5) -> float:
    """Share of the nearest other clips that are of the same group.

    Args:
        features (np.ndarray): (N, D); Euclidean distances.
        groups (Sequence): (N, ).
        neighbours (int): How many. Defaults to 5.

    Returns:
        float: Between 0 and 1; compare with :func:`chance_purity`.
    """
    from sklearn.neighbors import NearestNeighbors
    groups = np.asarray(groups)
    count = min(neighbours, len(groups) - 1)
    # Without an argument, a clip is not its own neighbour.
    near = NearestNeighbors(n_neighbors=count).fit(features).kneighbors(
        return_distance=False)
    return float((groups[near] == groups[:, None]).mean())


def chance_purity(groups: Sequence) -> float:
    """Purity of random neighbours.

    Args:
        groups (Sequence): (N, ).

    Returns:
        float: Mean share of the group of a clip among the other clips.
    """
    sizes = np.unique(np.asarray(groups), return_counts=True)[1]
    return float((sizes * (sizes - 1)).sum() /
                 (sizes.sum() * (sizes.sum() - 1)))


def draw_embedding(features: np.ndarray,
                   labels: np.ndarray,
                   subjects: np.ndarray,
                   classes: Optional[Sequence[str]] = None,
                   title: str = '',
                   perplexity: float = 30.,
                   seed: int = 0,
                   projections: Sequence[str] = ('tsne', )):
    """Draw codes on a plane, coloured by expression and by person.

    A picture proves nothing: t-SNE and UMAP invent groups and hide others. So
    the silhouette and the purity of neighbours *among the codes themselves*
    stand below the halves.

    Args:
        features (np.ndarray): (N, D), at least five clips.
        labels (np.ndarray): (N, ), positions in ``classes``.
        subjects (np.ndarray): (N, ), persons.
        classes (Sequence[str], optional): Names. Defaults to None, numbers.
        title (str): Defaults to ''.
        perplexity (float): Of t-SNE, at most a third of the clips, and the
            neighbours of UMAP. Defaults to 30.
        seed (int): Of both. Defaults to 0.
        projections (Sequence[str]): Of :data:`PROJECTIONS`, a row each.
            Defaults to ('tsne', ).

    Returns:
        matplotlib.figure.Figure: Call its ``savefig``.

    Raises:
        ImportError: matplotlib, scikit-learn or umap-learn is missing.
        ValueError: Too few clips, codes that are all equal, or an unknown
            projection.
    """
    try:
        from matplotlib.figure import Figure
        from sklearn.metrics import silhouette_score
    except ImportError as error:
        raise ImportError(f"{error}: pip install 'mmfer[vis]'") from None
    unknown = set(projections) - set(PROJECTIONS)
    if unknown or not projections:
        raise ValueError(f'`projections` are {", ".join(PROJECTIONS)}, got '
                         f'{tuple(projections)}')
    features = np.asarray(features, dtype=np.float64)
    if len(features) < 5 or not np.ptp(features, axis=0).any():
        raise ValueError(f'{len(features)} codes that are equal or too few '
                         'cannot be drawn')
    perplexity = min(perplexity, (len(features) - 1) / 3)
    labels = np.asarray(labels)
    names = np.array([
        str(label) if classes is None else str(classes[int(label)])
        for label in labels
    ])
    rows = len(projections)
    figure = Figure(figsize=(11, .6 + 6 * rows), layout='constrained')
    if title:
        figure.suptitle(title)
    halves = (('expression', names), ('person', np.asarray(subjects)))
    known = [silhouette_score(features, groups) if
             1 < len(set(groups)) < len(groups) else float('nan')
             for _, groups in halves]
    notes = []
    for row, projection in zip(figure.subplots(rows, 2, squeeze=False),
                               projections):
        plane, note = PROJECTIONS[projection](features, perplexity, seed)
        notes.append(note)
        last = row[0].get_subplotspec().is_last_row()
        for axes, (word, groups), score in zip(row, halves, known):
            _scatter(axes, plane, groups, legend=last)
            kind = '' if rows == 1 else f'{note.partition(",")[0]}, '
            axes.set_title(f'{kind}coloured by {word}')
            if last:
                axes.set_xlabel(
                    f'silhouette {score:.2f},  5-NN purity '
                    f'{knn_purity(features, groups):.2f} '
                    f'(chance {chance_purity(groups):.2f})')
    figure.supxlabel(
        f'{len(features)} clips in {features.shape[1]} dimensions: '
        f'{"; ".join(notes)}, seed {seed}', fontsize='small')
    return figure


def _tsne(features: np.ndarray, perplexity: float,
          seed: int) -> Tuple[np.ndarray, str]:
    """Points (N, 2), and how they were made."""
    from sklearn.manifold import TSNE
    plane = TSNE(perplexity=perplexity, init='pca',
                 random_state=seed).fit_transform(features)
    return plane, f't-SNE, perplexity {perplexity:g}'


def _umap(features: np.ndarray, perplexity: float,
          seed: int) -> Tuple[np.ndarray, str]:
    """Points (N, 2), and how they were made."""
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError(
            f"{error}: UMAP needs pip install 'mmfer[umap]'") from None
    neighbours = max(2, round(perplexity))
    # One job: several would ignore the seed.
    plane = UMAP(n_neighbors=neighbours, random_state=seed,
                 n_jobs=1).fit_transform(features)
    return plane, f'UMAP, {neighbours} neighbours'


#: Ways onto a plane: codes, perplexity and seed to points (N, 2).
PROJECTIONS = dict(tsne=_tsne, umap=_umap)


def _scatter(axes, plane: np.ndarray, groups: np.ndarray,
             legend: bool = True) -> None:
    known = sorted(set(groups))
    for number, group in enumerate(known):
        chosen = groups == group
        axes.scatter(
            *plane[chosen].T,
            s=26,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number // len(COLOURS) % len(MARKERS)]
            if len(known) > len(COLOURS) else MARKERS[number % len(MARKERS)],
            alpha=0.8,
            linewidths=0,
            label=str(group))
    axes.set_xticks([])
    axes.set_yticks([])
    if legend and len(known) <= 28:
        axes.legend(
            loc='upper center',
            bbox_to_anchor=(0.5, -0.09),
            ncols=7,
            fontsize='small',
            handletextpad=0.1,
            columnspacing=1,
            frameon=False)
