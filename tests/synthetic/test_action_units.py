# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Action units move what the FACS manual says they move."""
import numpy as np
import pytest

from mmfer.synthetic.action_units import (CHANNELS, NAMES, both_sides,
                                          channel, displacements)
from mmfer.synthetic.expressions import CLASSES, PROTOTYPES
from mmfer.synthetic.features import Features
from mmfer.synthetic.geometry import Anatomy, anchors, sample_anatomy
from mmfer.synthetic.looks import sample_looks

REST = Anatomy()


def moved(name, point, side='right'):
    """Displacement of an anchor point of the picture's right half."""
    x, y = anchors(REST)[point]
    sign = 1 if side == 'right' else -1
    basis = displacements(REST, np.array([sign * x]), np.array([y]))
    dx, dy = np.tensordot(both_sides({name: 1.0}), basis, 1)[0]
    return sign * dx, dy


def contours(units):
    looks = sample_looks(np.random.default_rng(0))
    active = np.stack([both_sides({}), both_sides(units)])
    return Features(REST, looks).contours(active, np.zeros((2, 2)))


# name, point, sign of outward motion or None, sign of downward motion or None
DIRECTIONS = [
    ('AU1', 'brow_inner', None, -1), ('AU2', 'brow_outer', None, -1),
    ('AU4', 'brow_inner', -1, 1), ('AU6', 'cheek', None, -1),
    ('AU7', 'lower_lid', None, -1), ('AU9', 'nose_wing', 1, -1),
    ('AU9', 'brow_inner', -1, 1), ('AU10', 'upper_lip_side', None, -1),
    ('AU12', 'lip_corner', 1, -1), ('AU14', 'lip_corner', 1, None),
    ('AU15', 'lip_corner', None, 1), ('AU16', 'lower_lip', None, 1),
    ('AU17', 'chin', None, -1), ('AU18', 'lip_corner', -1, None),
    ('AU20', 'lip_corner', 1, 1), ('AU23', 'lip_corner', -1, None),
    ('AU25', 'lower_lip', None, 1), ('AU26', 'chin', None, 1),
    ('AU27', 'chin', None, 1)]


@pytest.mark.parametrize('name, point, outward, down', DIRECTIONS)
@pytest.mark.parametrize('side', ['left', 'right'])
def test_unit_pulls_its_point(name, point, outward, down, side):
    dx, dy = moved(name, point, side)
    if outward is not None:
        assert outward * dx > 0.008
    if down is not None:
        assert down * dy > 0.015


def test_units_leave_other_regions_alone():
    for name in ('AU12', 'AU15', 'AU17', 'AU20', 'AU26', 'AU27'):
        assert np.abs(moved(name, 'brow_inner')).max() < 0.004
    for name in ('AU1', 'AU2', 'AU4'):
        assert np.abs(moved(name, 'lip_corner')).max() < 0.004


def test_enough_units_and_all_used_by_classes_exist():
    assert len(NAMES) >= 14 and len(CHANNELS) == 2 * len(NAMES)
    used = {unit for name in CLASSES for unit in (
        *PROTOTYPES[name].core, *PROTOTYPES[name].optional)}
    assert used <= set(NAMES)
    assert len(used) >= 14


def test_one_sided_unit_moves_one_side():
    x, y = anchors(REST)['lip_corner']
    basis = displacements(REST, np.array([-x, x]), np.array([y, y]))
    left = basis[channel('AU12', 'left')]
    assert np.linalg.norm(left[0]) > 10 * np.linalg.norm(left[1])


def test_fields_are_mirror_images():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-1, 1, 50), rng.uniform(-1, 1.2, 50)
    here = displacements(REST, x, y)
    there = displacements(REST, -x, y) * (-1, 1)
    for name in NAMES:
        np.testing.assert_allclose(here[channel(name, 'left')],
                                   there[channel(name, 'right')], atol=1e-6)


def test_skin_never_folds_at_full_expression():
    """The warp stays invertible: its Jacobian is positive everywhere."""
    axis = np.linspace(-1.4, 1.5, 90)
    x, y = np.meshgrid(axis, axis)
    step = axis[1] - axis[0]
    for seed in range(6):
        basis = displacements(sample_anatomy(np.random.default_rng(seed)),
                              x, y)
        for name in CLASSES:
            field = np.tensordot(both_sides(PROTOTYPES[name].core), basis, 1)
            down, across = np.gradient(field, step, axis=(0, 1))
            jacobian = ((1 + across[..., 0]) * (1 + down[..., 1])
                        - across[..., 1] * down[..., 0])
            assert jacobian.min() > 0.1, (name, seed)


def test_lids():
    def opening(units):
        eyes = contours(units).eyes
        return np.mean([[e['lower'][t, 8, 1] - e['upper'][t, 8, 1]
                         for t in (0, 1)] for e in eyes], 0)

    rest, wide = opening({'AU5': 1.0})
    assert wide > 1.3 * rest
    assert opening({'AU7': 1.0})[1] < 0.8 * rest
    assert opening({'AU6': 1.0})[1] < 0.9 * rest
    assert opening({'AU45': 1.0})[1] == pytest.approx(0, abs=1e-6)


def test_lips():
    def parting(units):
        mouth = contours(units).mouth
        return (mouth['lower_inner'] - mouth['upper_inner'])[1, 8, 1]

    def thickness(units):
        mouth = contours(units).mouth
        return (mouth['lower_outer'] - mouth['lower_inner'])[1, 8, 1]

    assert parting({}) == pytest.approx(0, abs=1e-9)
    assert 0.03 < parting({'AU25': 1}) < parting({'AU26': 1}) \
        < parting({'AU27': 1})
    assert parting({'AU25': 1, 'AU24': 1}) < 0.5 * parting({'AU25': 1})
    for name in ('AU23', 'AU24'):
        assert thickness({name: 1}) < 0.7 * thickness({})
    assert thickness({'AU18': 1}) > 1.2 * thickness({})


def test_lips_never_cross():
    rng = np.random.default_rng(0)
    active = rng.uniform(-1, 1.5, (400, len(CHANNELS)))
    looks = sample_looks(rng)
    mouth = Features(REST, looks).contours(active, np.zeros((400, 2))).mouth
    down = [mouth[k][..., 1] for k in ('upper_outer', 'upper_inner',
                                       'lower_inner', 'lower_outer')]
    for above, below in zip(down, down[1:]):
        assert (below - above).min() > -1e-9
