# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracy against leakage of several models."""
import math
from typing import Mapping, Optional, Sequence, Tuple

from .embedding import COLOURS, MARKERS

#: Measure, value and axis label of the panels.
PANELS = (
    ('probe/linear/clip_disjoint', 'accuracy', 'linear probe, new clips'),
    ('probe/mlp/clip_disjoint', 'accuracy', 'MLP probe, new clips'),
    ('reidentification/lda/different_expression', 'rank1',
     're-identification rank 1, LDA'),
)


def draw_frontier(reports: Mapping[str, 'LeakageReport'],  # noqa: F821
                  groups: Optional[Mapping[str, str]] = None,
                  ceiling: Optional['LeakageReport'] = None,  # noqa: F821
                  panels: Sequence[Tuple[str, str, str]] = PANELS):
    """Draw UAR over leakage; the better corner is the upper left.

    A model that collapsed leaks nothing, so leakage alone says nothing. Bars
    are standard errors over persons.

    Args:
        reports (Mapping[str, LeakageReport]): By name; equal training budgets
            make them comparable.
        groups (Mapping[str, str], optional): Group of each name, for example
            the method of several seeds: it gives colour, shape and the entry
            of the legend. Defaults to None, each its own.
        ceiling (LeakageReport, optional): Of the face embeddings themselves,
            drawn as a line. Defaults to None.
        panels (Sequence[tuple]): Measure, value, label. Panels of measures
            that are missing are left out.

    Returns:
        matplotlib.figure.Figure: Call its ``savefig``.

    Raises:
        ImportError: matplotlib is missing.
        ValueError: There is nothing to draw.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"{error}: pip install 'mmfer[vis]'") from None
    groups = {name: (groups or {}).get(name, name) for name in reports}
    legend = list(dict.fromkeys(groups.values()))
    panels = [
        panel for panel in panels
        if any(math.isfinite(_value(r, *panel[:2])) for r in reports.values())
    ]
    if not panels:
        raise ValueError('no report has one of the measures to draw')
    figure = Figure(figsize=(1 + 3.4 * len(panels), 4.2), layout='constrained')
    figure.get_layout_engine().set(wspace=0.06)
    for number, (axes, panel) in enumerate(
            zip(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0],
                panels)):
        for name, report in reports.items():
            group = legend.index(groups[name])
            axes.errorbar(
                _value(report, *panel[:2]),
                _accuracy(report),
                xerr=_value(report, panel[0], 'standard_error'),
                color=COLOURS[group % len(COLOURS)],
                marker=MARKERS[(group + group // len(COLOURS)) %
                               len(MARKERS)],
                linestyle='none',
                markersize=7,
                elinewidth=1,
                capsize=2,
                alpha=0.8,
                label=groups[name])
        one = next(iter(reports.values()))
        chance = _value(one, panel[0],
                        'chance_rank1' if panel[1] == 'rank1' else 'chance')
        if math.isfinite(chance):
            axes.axvline(chance, color='0.4', linestyle=':', label='chance')
        if ceiling is not None:
            axes.axvline(
                _value(ceiling, *panel[:2]),
                color='0.4',
                linestyle='--',
                label='face embedding')
        axes.set_xlabel(panel[2])
        axes.set_xlim(0, None if ceiling is None else 1.03)
        axes.locator_params(axis='x', nbins=6)  # else their numbers touch
        axes.grid(color='0.92')
        axes.set_axisbelow(True)
        if not number:
            axes.set_ylabel('UAR of expressions')
            handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
    low, high = axes.get_ylim()
    # Not less than 0.3 in all, lest noise look like a trade-off.
    room = max(0.3 - (high - low), 0) / 2
    axes.set_ylim(max(low - room, 0), min(high + room, 1.01))
    figure.legend(
        handles.values(),
        handles.keys(),
        loc='outside lower center',
        ncols=min(4, len(handles)),
        fontsize='small',
        frameon=False)
    return figure


def _value(report, measure: str, name: str) -> float:
    return report.measures.get(measure, {}).get(name, math.nan)


def _accuracy(report) -> float:
    """The model's own UAR, or that of a fresh probe for controls."""
    value = _value(report, 'expression', 'model_UAR')
    return value if math.isfinite(value) else _value(report, 'expression',
                                                     'probe_UAR')
