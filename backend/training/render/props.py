"""What a head needs to stand in a photo: shoulders in a plain shirt."""

from __future__ import annotations

import numpy as np

from backend.head.model import HeadModel
from backend.training.render.scene import CLOTHES, Part

SHOULDER_HALF_WIDTH, CHEST_HALF_DEPTH = 0.205, 0.105
"""Metres, of an average adult."""

AROUND, LEVELS = 96, 40


def shoulders(head: HeadModel, posed: np.ndarray) -> Part:
    """A bust under `posed` (V, 3): rings from the neck's open rim outwards to the shoulders and down the chest."""
    rim = _neck_rim(head, posed)
    centre = np.array([0.0, rim[:, 1].mean(), 0.0])
    angle = np.arctan2(rim[:, 0], -(rim[:, 1] - centre[1]))
    order = np.argsort(angle)
    around = np.linspace(-np.pi, np.pi, AROUND, endpoint=False)
    collar = np.stack([np.interp(around, angle[order], rim[order, axis], period=2 * np.pi) for axis in range(3)], -1)
    outward = np.stack([np.sin(around), -np.cos(around), np.zeros(AROUND)], -1)
    rings = []
    for t in np.linspace(0, 1, LEVELS):
        wide = 1 - (1 - min(t / 0.6, 1)) ** 1.7
        full = np.stack([SHOULDER_HALF_WIDTH * np.sin(around), centre[1] + 0.012 - CHEST_HALF_DEPTH * np.cos(around),
                         collar[:, 2]], -1)
        ring = collar + (full - collar) * wide
        drop = 0.030 * wide + 0.05 * wide**5 + 0.30 * max(t - 0.6, 0) / 0.4
        ring[:, 2] = collar[:, 2] * (1 - wide) + collar[:, 2].mean() * wide + 0.006 * np.exp(-t / 0.04) - drop
        ring += outward * 0.0035 * np.exp(-t / 0.1)
        rings.append(ring)
    vertices = np.array(rings).reshape(-1, 3)
    index = np.arange(AROUND)
    after = (index + 1) % AROUND
    triangles = []
    for level in range(LEVELS - 1):
        a, b = level * AROUND + index, level * AROUND + after
        triangles += [np.stack([a, a + AROUND, b], -1), np.stack([b, a + AROUND, b + AROUND], -1)]
    faces = np.concatenate(triangles).astype(np.int32)
    return Part(vertices.astype(np.float32), faces, np.zeros((len(faces), 3, 2), np.float32),
                np.full(len(faces), CLOTHES, np.int32))


def _neck_rim(head: HeadModel, posed: np.ndarray) -> np.ndarray:
    """(N, 3) the skin's lowest open loop: of the edges that only one triangle has, the connected lot farthest down."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    triangles = head.triangles[head.triangle_material == head.material_index("skin")]
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    open_edges = unique[count == 1]
    graph = coo_array((np.ones(len(open_edges)), open_edges.T), shape=(len(posed), len(posed)))
    _, label = connected_components(graph, directed=False)
    used = np.unique(open_edges)
    loops = [used[label[used] == one] for one in np.unique(label[used])]
    return posed[min(loops, key=lambda loop: posed[loop, 2].mean())]
