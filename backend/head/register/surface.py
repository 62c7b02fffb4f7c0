"""Nearest points on a triangle mesh, and how much of a mesh is seen from outside."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from backend.core.rays import Mesh, vertex_normals

CANDIDATES = 40
"""Triangles tried for each point: those whose centres are nearest. Enough where triangles are of like size."""


class Surface:
    """Answers nearest-point questions about one mesh; `vertices` (V, 3) metres, `triangles` (T, 3)."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self.corners = vertices[triangles]
        cross = np.cross(self.corners[:, 1] - self.corners[:, 0], self.corners[:, 2] - self.corners[:, 0])
        self.normals = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-15)
        self._tree = cKDTree(self.corners.mean(1))

    def closest(self, points: np.ndarray, normals: np.ndarray | None = None,
                agreement: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For points (N, 3): triangle (N,), barycentric (N, 3), distance (N,) metres.

        With `normals` (N, 3) only triangles whose normal has a cosine above `agreement` count; where none of the
        candidates has, the distance is infinite.
        """
        _, near = self._tree.query(points, k=min(CANDIDATES, len(self.corners)))
        barycentric = barycentric_of_closest(points[:, None], self.corners[near])
        on = np.einsum("nkc,nkcx->nkx", barycentric, self.corners[near])
        distance = np.linalg.norm(on - points[:, None], axis=2)
        if normals is not None:
            distance = np.where(np.einsum("nkx,nx->nk", self.normals[near], normals) > agreement, distance, np.inf)
        best = distance.argmin(1)
        row = np.arange(len(points))
        return near[row, best], barycentric[row, best], distance[row, best]


def barycentric_of_closest(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric (..., 3) of the point of each triangle (..., 3, 3) that is nearest to a point (..., 3).

    Ericson, Real-Time Collision Detection, 5.1.5: the regions of the three corners, the three edges and the inside.
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac = b - a, c - a

    def dot(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        return (one * two).sum(-1)

    d1, d2 = dot(ab, points - a), dot(ac, points - a)
    d3, d4 = dot(ab, points - b), dot(ac, points - b)
    d5, d6 = dot(ab, points - c), dot(ac, points - c)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2

    def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
        return top / np.where(np.abs(bottom) > 1e-30, bottom, 1.0)

    zero, one = np.zeros_like(d1), np.ones_like(d1)
    edge_ab, edge_ac, edge_bc = ratio(d1, d1 - d3), ratio(d2, d2 - d6), ratio(d4 - d3, (d4 - d3) + (d5 - d6))
    total = va + vb + vc
    regions = [
        ((d1 <= 0) & (d2 <= 0), (one, zero, zero)),
        ((d3 >= 0) & (d4 <= d3), (zero, one, zero)),
        ((vc <= 0) & (d1 >= 0) & (d3 <= 0), (one - edge_ab, edge_ab, zero)),
        ((d6 >= 0) & (d5 <= d6), (zero, zero, one)),
        ((vb <= 0) & (d2 >= 0) & (d6 <= 0), (one - edge_ac, zero, edge_ac)),
        ((va <= 0) & (d4 >= d3) & (d5 >= d6), (zero, one - edge_bc, edge_bc)),
    ]
    answer = np.stack([ratio(va, total), ratio(vb, total), ratio(vc, total)], -1)
    for inside, weights in reversed(regions):
        answer = np.where(inside[..., None], np.stack(weights, -1), answer)
    return answer


def exposure(vertices: np.ndarray, triangles: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(len(chosen),) share of 64 directions above each chosen vertex in which a ray leaves the mesh."""
    normals = vertex_normals(vertices, triangles)[chosen]
    mesh = Mesh(vertices, triangles)
    index = np.arange(128) + 0.5  # a spiral over the sphere (Saff and Kuijlaars 1997)
    height, angle = 1 - 2 * index / 128, index * np.pi * (1 + 5**0.5)
    radius = np.sqrt(1 - height**2)
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], -1)
    free, total = np.zeros(len(chosen)), np.zeros(len(chosen))
    for direction in directions:
        above = normals @ direction > 0.05
        origins = vertices[chosen] + normals * 3e-4
        free[above] += ~mesh.occluded(origins[above], np.broadcast_to(direction, (above.sum(), 3)))
        total += above
    return free / np.maximum(total, 1)
