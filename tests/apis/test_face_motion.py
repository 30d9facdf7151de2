# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A box follows vectors whose truth is known in closed form."""
import numpy as np
import pytest

from mmfer.apis.face_motion import moved_box

BOX = np.array([60., 50., 140., 150.])


def vectors(shift=(0., 0.), zoom=1., size=(240, 200), noise=0., seed=0):
    """Vectors of content that is zoomed around (100, 100) and shifted."""
    width, height = size
    x, y = np.meshgrid(np.arange(4, width, 8.), np.arange(4, height, 8.))
    places = np.stack([x, y], -1)
    earlier = (places - 100 - np.array(shift)) / zoom + 100
    rng = np.random.default_rng(seed)
    return earlier - places + rng.normal(0, noise, places.shape)


def expected(shift, zoom):
    corners = (BOX.reshape(2, 2) - 100) * zoom + 100 + np.array(shift)
    return corners.reshape(-1)


@pytest.mark.parametrize('shift', [(0, 0), (4.25, -3), (-11, 6.5)])
@pytest.mark.parametrize('zoom', [1., 1.03, .98])
def test_shift_and_zoom_are_found_exactly(shift, zoom):
    box = moved_box([BOX], vectors(shift, zoom), None)
    assert np.allclose(box, expected(shift, zoom), atol=1e-6)


def test_noise_averages_out():
    box = moved_box([BOX], vectors((3, 2), 1.02, noise=.7), None)
    assert np.abs(box - expected((3, 2), 1.02)).max() < .8


@pytest.mark.parametrize('share', [.1, .3, .4])
def test_vectors_that_point_elsewhere_do_not_count(share):
    motion = vectors((5, -2))
    rng = np.random.default_rng(1)
    wrong = rng.random(motion.shape[:2]) < share
    motion[wrong] = rng.uniform(-20, 20, (int(wrong.sum()), 2))
    box = moved_box([BOX], motion, None)
    assert np.abs(box - expected((5, -2), 1)).max() < 1.5


def test_the_still_background_does_not_hold_a_face_back():
    motion = vectors((6, 0))
    moved = np.zeros(motion.shape[:2], bool)
    moved[6:19, 8:19] = True  # the face, where it is now
    motion[~moved] = 0
    assert np.allclose(moved_box([BOX], motion, None), expected((6, 0), 1),
                       atol=.2)


def test_cells_without_a_vector_do_not_count():
    motion, inter = vectors((4, 4)), np.ones((25, 30), bool)
    inter[:, ::2] = False
    motion[~inter] = 0
    assert np.allclose(moved_box([BOX], motion, inter), expected((4, 4), 1))


def test_without_any_vector_the_box_stays():
    still = moved_box([BOX], vectors((9, 9)), np.zeros((25, 30), bool))
    assert np.array_equal(still, BOX)
    outside = BOX + 500
    assert np.array_equal(moved_box([outside], vectors(), None), outside)


def test_an_older_reference_is_noticed_by_the_jump():
    earlier, last = BOX - [6, 0, 6, 0], BOX
    on = expected((6, 0), 1)
    # From the last picture, and from the one before it: twice as far.
    for length in (6, 12):
        box = moved_box([last, earlier], vectors((length, 0)), None, on)
        assert np.allclose(box, on, atol=1e-6)


@pytest.mark.parametrize('step', [0, 3, 10, -6])
def test_a_face_may_change_its_speed(step):
    earlier, last = BOX - [6, 0, 6, 0], BOX
    box = moved_box([last, earlier], vectors((step, 0)), None,
                    expected((6, 0), 1))
    assert np.allclose(box, expected((step, 0), 1), atol=1e-6)
