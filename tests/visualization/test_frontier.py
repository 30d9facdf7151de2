# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

pytest.importorskip('matplotlib')

from mmfer.evaluation.leakage import LeakageReport  # noqa: E402
from mmfer.visualization.frontier import draw_frontier  # noqa: E402


def report(accuracy, leakage, **measures):
    return LeakageReport({
        'expression': dict(model_UAR=accuracy, probe_UAR=0.4),
        'probe/linear/clip_disjoint':
        dict(accuracy=leakage, chance=0.1, standard_error=0.02),
        **measures
    })


def points(axes):
    """x, y and colour of what was drawn with markers."""
    return [(line.get_xdata()[0], line.get_ydata()[0], line.get_color())
            for line in axes.lines if line.get_marker() in 'o^sDvPX'
            and len(line.get_xdata()) == 1]


def test_each_model_is_a_point_and_each_method_a_colour():
    reports = dict(a0=report(0.8, 0.5), a1=report(0.9, 0.6),
                   b=report(0.85, 0.2))
    figure = draw_frontier(reports, dict(a0='CE', a1='CE', b='dcor'),
                           ceiling=report(math.nan, 1.0))
    axes, = figure.axes  # only one of the panels has numbers
    drawn = points(axes)
    assert [point[:2] for point in drawn] == [(0.5, 0.8), (0.6, 0.9),
                                              (0.2, 0.85)]
    assert drawn[0][2] == drawn[1][2] != drawn[2][2]
    lines = {line.get_label(): line.get_xdata()[0] for line in axes.lines}
    assert lines['chance'] == 0.1 and lines['face embedding'] == 1.0
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(names) == {'CE', 'dcor', 'chance', 'face embedding'}
    low, high = axes.get_ylim()
    assert high - low >= 0.29


def test_eight_methods_look_different():
    reports = {str(n): report(0.5, n / 10) for n in range(8)}
    axes, = draw_frontier(reports).axes
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines
             if line.get_marker() in 'o^sDvPX' and len(line.get_xdata()) == 1}
    assert len(looks) == 8


def test_a_control_without_predictions_stands_at_its_probe():
    axes, = draw_frontier(dict(x=report(math.nan, 0.3))).axes
    assert points(axes)[0][:2] == (0.3, 0.4)


def test_a_picture_can_be_written(tmp_path):
    rank = {'reidentification/lda/different_expression':
            dict(rank1=0.4, chance_rank1=0.1, standard_error=np.nan)}
    figure = draw_frontier(dict(x=report(0.7, 0.3, **rank)))
    assert len(figure.axes) == 2
    figure.savefig(tmp_path / 'frontier.png')
    assert (tmp_path / 'frontier.png').stat().st_size > 5000


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match='no report has one of'):
        draw_frontier(dict(x=LeakageReport({})))
