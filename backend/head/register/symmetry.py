"""Whether a head is its own mirror image about x = 0, and which vertex is whose partner."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from backend.head.register.parts import Parts
from backend.head.register.surface import Surface

SAME_SURFACE = (0.00015, 0.001)
"""Metres: median and 95th percentile of the distance of a mirrored head to itself, up to which it is symmetric."""

SAME_VERTEX = 0.003
"""Metres within which partners lie of one another's mirror image: means of scans are symmetric to a millimetre."""

SAME_EDGES = 0.97
"""Share of the edges between vertices with partners that are edges between the partners, from which a mesh is woven
symmetrically."""


def is_symmetric(vertices: np.ndarray, parts: Parts) -> bool:
    """Whether the skin is its own mirror image, as a surface."""
    used = np.unique(parts.skin_triangles)
    distance = Surface(vertices, parts.skin_triangles).closest(vertices[used] * [-1, 1, 1])[2]
    return bool(np.median(distance) < SAME_SURFACE[0] and np.quantile(distance, 0.95) < SAME_SURFACE[1])


def partners(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray | None:
    """(V,) the partner of each vertex in a mesh that is woven symmetrically, -1 for few without; an involution.

    None for a mesh that is woven otherwise, however symmetric its form. `triangles` (T, 3).
    """
    found, index = cKDTree(vertices).query(vertices * [-1, 1, 1])
    mutual = (found < SAME_VERTEX) & (index[index] == np.arange(len(index)))
    pairs = np.where(mutual, index, -1)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    known = edges[(pairs[edges] >= 0).all(1)]

    def keys(ends: np.ndarray) -> np.ndarray:
        return np.sort(ends, 1).astype(np.int64) @ [len(vertices), 1]

    if mutual[np.unique(triangles)].mean() < 0.9 or np.isin(keys(pairs[known]), keys(edges)).mean() < SAME_EDGES:
        return None
    return pairs


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
