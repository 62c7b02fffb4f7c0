"""The table of looks: places on both sides, and statistics that find what was put in."""

import numpy as np

from backend.fit.pixels.appearance import polynomial
from backend.head.model import default_head
from backend.training.appearance.photos import Seen
from backend.training.appearance.places import SPACING, places
from backend.training.appearance.statistics import measure


def test_places_mirror_each_other_and_keep_their_distance():
    head = default_head()
    uvs = places(head, np.random.default_rng(0))
    half = len(uvs) // 2
    assert np.allclose(uvs[:half] * [-1, 1] + [1, 0], uvs[half:])
    assert 1500 < len(uvs) < 4000
    surface = surface_of(head, uvs[:half])
    gaps = np.linalg.norm(surface[:, None] - surface[None], axis=2) + np.eye(half)
    assert gaps.min() > 0.95 * SPACING[0]


def surface_of(head, uvs):
    from backend.fit.pixels.surface import Surface

    return Surface.of(head, uvs).points.mean


def test_statistics_find_mean_noise_and_what_varies():
    """Photos are made of two known patterns, a light of their own and noise of 0.1, a third of the places hidden."""
    random = np.random.default_rng(1)
    count, half = 80, 60
    uvs = np.concatenate([random.uniform(0, 0.5, (half, 2))] * 2)
    patterns = random.normal(0, 0.5, (2 * half, 3, 2))
    patterns[half:] = patterns[:half]  # alike on both sides, for every photo counts mirrored too
    base = random.normal(0, 0.3, (half, 3))
    photos, truth = [], []
    for _ in range(count):
        normals = random.normal(0, 1, (half, 3)) * [1, 1, 0.5] - [0, 0, 1.5]
        normals = np.concatenate([normals, normals * [-1, 1, 1]])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        scores = random.normal(0, 1, 2)
        light = random.normal(0, 0.5, (9, 3))
        clean = np.concatenate([base] * 2) + patterns @ scores
        photos.append(Seen(clean + polynomial(normals) @ light + random.normal(0, 0.1, (2 * half, 3)), normals,
                           random.random(2 * half) < 0.67))
        truth.append(clean)
    table = measure(photos, uvs, 1.2, 1.0, random, lambda text: None, modes=4)
    assert abs(np.median(table.sigma) - 0.1) < 0.02
    # the two patterns lie in the span of the modes, light's own constant apart
    span = np.concatenate([table.modes.reshape(-1, 4), np.kron(np.ones((2 * half, 1)), np.eye(3))], 1)
    wanted = patterns.reshape(-1, 2)
    left = wanted - span @ np.linalg.lstsq(span, wanted, rcond=None)[0]
    assert np.linalg.norm(left) < 0.35 * np.linalg.norm(wanted)
