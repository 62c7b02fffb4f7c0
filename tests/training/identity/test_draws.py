"""What heads need beyond a basis: found in synthetic heads whose hidden directions are known."""

import numpy as np
import pytest

from backend.training.identity.draws import aligned, beyond, rigid_motions

HALF = 20


@pytest.fixture
def cloud(rng) -> tuple[np.ndarray, np.ndarray]:
    """Mirror-symmetric points and each one's partner."""
    left = rng.uniform(0.02, 0.1, (HALF, 3))
    return np.concatenate([left, left * [-1, 1, 1]]), np.r_[HALF + np.arange(HALF), np.arange(HALF)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def field(rng: np.random.Generator, mirror: np.ndarray, parity: float, size: float) -> np.ndarray:
    one = rng.standard_normal((2 * HALF, 3))
    both = one + parity * one[mirror] * [-1, 1, 1]
    return size * both / np.linalg.norm(both)


def test_hidden_directions_come_back_even_and_odd_by_size(cloud, rng):
    mean, mirror = cloud
    known = np.stack([field(rng, mirror, 1, 0.01), field(rng, mirror, -1, 0.01)])
    hidden = [field(rng, mirror, 1, 0.004), field(rng, mirror, -1, 0.002)]
    share = rng.standard_normal((400, 4)) * [3, 3, 1, 1]
    heads = mean + np.tensordot(share, np.concatenate([known, hidden]), 1)
    heads = heads + (rng.standard_normal((400, 6)) * 1e-3 @ rigid_motions(mean)).reshape(heads.shape)
    found = beyond(heads, mean, known, mirror, np.arange(len(mean)), 2)
    span = np.concatenate([known.reshape(2, -1), rigid_motions(mean)])
    for direction, parity, original in zip(found, (1, -1), hidden, strict=True):
        np.testing.assert_allclose(direction[mirror] * [-1, 1, 1] * parity, direction, atol=1e-7)
        rest = original.ravel() - span.T @ np.linalg.lstsq(span.T, original.ravel(), rcond=None)[0]
        cosine = abs(direction.ravel() @ rest) / np.linalg.norm(direction) / np.linalg.norm(rest)
        assert cosine > 0.999
        assert np.linalg.norm(direction) == pytest.approx(np.linalg.norm(rest), rel=0.15)


def test_with_what_was_found_the_heads_are_reached(cloud, rng):
    mean, mirror = cloud
    known = field(rng, mirror, 1, 0.01)[None]
    hidden = np.stack([field(rng, mirror, 1 - 2 * (k % 2), 0.003) for k in range(5)])
    heads = mean + np.tensordot(rng.standard_normal((60, 5)), hidden, 1)
    every = np.concatenate([known, beyond(heads, mean, known, mirror, np.arange(len(mean)), 5)])
    rows = np.concatenate([every.reshape(6, -1), rigid_motions(mean)])
    rest = (heads - mean).reshape(60, -1)
    rest = rest - (np.linalg.lstsq(rows.T, rest.T, rcond=None)[0].T @ rows)
    assert np.abs(rest).max() < 1e-6


def test_alignment_undoes_a_rigid_motion_and_keeps_size(rng):
    points = rng.standard_normal((30, 3))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = points @ turn + [1, 2, 3]
    np.testing.assert_allclose(aligned(moved, points, np.arange(20)), points, atol=1e-12)
    grown = aligned(1.1 * moved, points, np.arange(30))
    assert np.linalg.norm(grown - grown.mean(0)) == pytest.approx(1.1 * np.linalg.norm(points - points.mean(0)))
