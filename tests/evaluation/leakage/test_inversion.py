# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

pytest.importorskip('sklearn')

from mmfer.evaluation.leakage import FaceDecoder, invert  # noqa: E402
from mmfer.testing.planted_identity import balanced_design  # noqa: E402

BLOCKS = np.kron(np.eye(16).reshape(16, 4, 4), np.ones((16, 16)))


def portraits(subjects, seed):
    """Faces that are mixtures of 16 grey blocks; a person is a mixture."""
    labels, people = balanced_design(subjects, 3, 2)
    generator = np.random.default_rng(seed)
    mixture = generator.standard_normal((subjects, 16))[people]
    mixture = mixture + 0.1 * generator.standard_normal(mixture.shape)
    grey = 128 + 30 * np.tensordot(mixture, BLOCKS, 1)
    faces = np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, -1)
    return mixture, labels, people, faces


def encode(pictures):
    """A face network: the grey of the blocks."""
    grey = np.stack([p[..., 0] for p in pictures]).astype(np.float64) - 128
    return np.tensordot(grey, BLOCKS, ((1, 2), (1, 2)))


@pytest.fixture(scope='module')
def known():
    return portraits(30, 0)


@pytest.fixture(scope='module')
def unseen():
    return portraits(10, 1)


def attack(write, known, unseen):
    mixture, _, people, faces = known
    decoder = FaceDecoder().fit(write(mixture), faces, people)
    mixture, labels, people, faces = unseen
    return decoder, invert(decoder, write(mixture), labels, people,
                           encode(list(faces)), faces, encode)


def test_unseen_faces_are_painted_from_codes_that_hold_them(known, unseen):
    mixing = np.random.default_rng(5).standard_normal((16, 20))
    decoder, result = attack(lambda m: m @ mixing + 3, known, unseen)
    assert decoder.model.kernel == 'linear'
    assert result.rank1 > 0.95 and result.ceiling_rank1 == 1
    assert result.chance == 0.1 and result.num_clips == 60
    assert result.margin > 0.8 * result.ceiling_margin > 0.4
    assert result.pixel_gain > 0.85


def test_codes_that_hold_nothing_paint_nobody(known, unseen):
    generator = np.random.default_rng(0)
    _, result = attack(
        lambda m: generator.standard_normal((len(m), 20)), known, unseen)
    assert result.rank1 < 0.3 and abs(result.margin) < 0.1
    assert result.pixel_gain < 0.05
    assert result.ceiling_rank1 == 1


def test_constant_codes_are_at_chance(known, unseen):
    decoder, result = attack(lambda m: np.full((len(m), 4), 2.), known, unseen)
    assert result.rank1 == pytest.approx(0.1)
    assert result.margin == pytest.approx(0, abs=1e-6)
    painted = decoder.paint(np.full((2, 4), 2.))
    assert painted.shape == (2, 64, 64, 3) and painted.dtype == np.uint8


@pytest.mark.filterwarnings('error')
def test_equal_faces_are_painted_and_nothing_is_gained(known, unseen):
    grey = np.full((len(known[0]), 8, 8, 3), 90, np.uint8)
    decoder = FaceDecoder().fit(known[0], grey, known[2])
    result = invert(decoder, *unseen[:3], np.ones((60, 16)), grey[:60], encode)
    assert (decoder.paint(unseen[0]) == 90).all()
    assert result.rank1 == pytest.approx(0.1)
    assert math.isnan(result.pixel_gain)


def test_a_bent_code_is_painted_with_a_bent_kernel():
    def ring(subjects, seed):
        labels, people = balanced_design(subjects, 3, 2)
        angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, subjects)
        # The face turns three times as fast as the code.
        mixture = np.zeros((len(people), 16))
        mixture[:, 0] = 3 * np.cos(3 * angle)[people]
        mixture[:, 1] = 3 * np.sin(3 * angle)[people]
        grey = 128 + 30 * np.tensordot(mixture, BLOCKS, 1)
        faces = grey.astype(np.uint8)[..., None].repeat(3, -1)
        code = np.c_[np.cos(angle), np.sin(angle)][people]
        return code, labels, people, faces

    code, _, people, faces = ring(60, 0)
    decoder = FaceDecoder().fit(code, faces, people)
    assert decoder.model.kernel == 'rbf'
    code, labels, people, faces = ring(12, 1)
    result = invert(decoder, code, labels, people, encode(list(faces)), faces,
                    encode)
    assert result.pixel_gain > 0.8


def test_paintings_are_stretched_towards_the_spread_of_faces(known, unseen):
    noise = np.random.default_rng(3)
    decoder, _ = attack(
        lambda m: m + 2 * noise.standard_normal(m.shape), known, unseen)
    assert 1 < decoder.stretch <= 3
    codes = unseen[0]
    plain = decoder.paint(codes, stretched=False).astype(np.float64)
    assert decoder.paint(codes).std() > plain.std()


def test_repeated_attacks_are_equal(known, unseen):
    results = [attack(lambda m: m[:, :6], known, unseen)[1] for _ in range(2)]
    assert results[0] == results[1]
