# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Words and bars that are drawn on pictures."""
import numpy as np
import pytest

pytest.importorskip('matplotlib')

from mmfer.visualization.lettering import bars  # noqa: E402
from mmfer.visualization.palette import rgb  # noqa: E402

CLASSES, ROW = ('sad', 'surprise', 'fear'), 20
COLOURS = ('#1b9e77', '#d95f02', '#7570b3')


@pytest.mark.parametrize('best', range(3))
def test_the_bold_name_is_not_cut(best):
    scores = np.eye(3)[best]
    image = bars(CLASSES, COLOURS, scores, 'expression', 240, ROW)
    row = image[ROW * (best + 1):ROW * (best + 2)]
    start = (row[ROW // 2] == rgb(COLOURS[best])).all(1).argmax()
    assert 40 < start < 120
    ground = image[0, -1]
    empty = (row[:, :start] == ground).all((0, 2))
    # Names that are too long are cut four pixels before the bar.
    assert empty[start - 5:].all()
    assert not empty[:20].all()
