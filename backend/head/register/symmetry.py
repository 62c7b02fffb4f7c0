"""Whether a head is its own mirror image about x = 0, and which vertex is whose partner."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from backend.head.register.parts import Parts
from backend.head.register.surface import Surface

SAME_SURFACE = (0.00015, 0.001)
"""Metres: median and 95th percentile of the distance of a mirrored head to itself, up to which it is symmetric."""

SAME_VERTEX = 2e-4
"""Metres within which two vertices of a symmetric mesh are partners."""


def is_symmetric(vertices: np.ndarray, parts: Parts) -> bool:
    """Whether the skin is its own mirror image, as a surface."""
    used = np.unique(parts.skin_triangles)
    distance = Surface(vertices, parts.skin_triangles).closest(vertices[used] * [-1, 1, 1])[2]
    return bool(np.median(distance) < SAME_SURFACE[0] and np.quantile(distance, 0.95) < SAME_SURFACE[1])


def partners(vertices: np.ndarray) -> np.ndarray:
    """(V,) the vertex at the mirrored place, -1 where there is none; an involution."""
    found, index = cKDTree(vertices).query(vertices * [-1, 1, 1])
    index = np.where(found < SAME_VERTEX, index, -1)
    mutual = (index >= 0) & (index[np.maximum(index, 0)] == np.arange(len(index)))
    return np.where(mutual, index, -1)


def nearest_partners(places: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """(V,) the vertex nearest to the mirrored place, among those of the mirrored kind.

    `places` (V, 3) symmetric about x = 0; `kind` (V,): kinds k and -k are mirror images. Pairs that choose one another
    are partners; others keep their choice, which then is no involution.
    """
    answer = np.arange(len(places))
    for label in np.unique(kind):
        own, others = np.flatnonzero(kind == label), np.flatnonzero(kind == -label)
        if len(others):
            answer[own] = others[cKDTree(places[others]).query(places[own] * [-1, 1, 1])[1]]
    return answer
