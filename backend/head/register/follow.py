"""How what was given to a head follows its own surface, as linear maps of any displacement of its own vertices.

Three kinds: a hair or bead rides on the surface about its root (value, gradient and the turn that they mean), an arch
of teeth goes with an affine map of the skin about the mouth, an eyeball's cornea with an affine map of the ball.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra

from backend.core.rays import vertex_normals

RIDE_REACH, RIDE_COUNT = (0.0012, 0.003), 9
"""Metres along the surface over which a root feels it (one standard deviation): as far as so many vertices lie, within
these bounds. A fine mesh is felt close by, for around a lid's edge the skin does other things than at it."""

RIDE_RIDGE = 0.0007
"""Metres: where the surface about a root is known over less than this, it is taken to shift without turning."""

CHUNK = 128


@dataclass(frozen=True)
class Ride:
    """A points that ride on a surface of n vertices, each about one root."""

    value: csr_matrix  # (A, n) displacement of the root
    first: csr_matrix  # (A, n) its derivative along the first tangent
    second: csr_matrix  # (A, n)
    frame: np.ndarray  # (A, 3, 3) rows: first tangent, second tangent, normal
    local: np.ndarray  # (A, 3) the point in that frame, metres from the root

    def __call__(self, field: np.ndarray) -> np.ndarray:
        """Displacements (K, n, 3) of the surface -> (K, A, 3) of the points."""
        flat = np.moveaxis(field, 1, 0).reshape(field.shape[1], -1)

        def through(matrix: csr_matrix) -> np.ndarray:
            return np.moveaxis((matrix @ flat).reshape(matrix.shape[0], field.shape[0], 3), 0, 1)

        shift, one, two = through(self.value), through(self.first), through(self.second)
        a, b, c = self.local.T
        t1, t2, n = self.frame.transpose(1, 0, 2)
        # A surface that tilts turns what stands on it: the normal moves against the tangents.
        lean = -t1 * np.einsum("kax,ax->ka", one, n)[..., None] - t2 * np.einsum("kax,ax->ka", two, n)[..., None]
        return shift + a[:, None] * one + b[:, None] * two + c[:, None] * lean


def ride(points: np.ndarray, roots: np.ndarray, owner: np.ndarray, surface: np.ndarray,
         triangles: np.ndarray) -> Ride:
    """Let `points` (A, 3) ride on `surface` (n, 3), `triangles` (T, 3); `owner` (A,) picks each one's root.

    `roots` (R,): vertices of the surface. What lies near a root is measured along edges, not through the air.
    """
    if not len(points):
        none = csr_matrix((0, len(surface)))
        return Ride(none, none, none, np.zeros((0, 3, 3)), np.zeros((0, 3)))
    normals = vertex_normals(surface, triangles)
    graph = edge_graph(surface, triangles)
    parts: list[list[np.ndarray]] = [[], [], [], [], []]
    frame = np.zeros((len(roots), 3, 3))
    for start in range(0, len(roots), CHUNK):
        chosen = roots[start:start + CHUNK]
        reach = dijkstra(graph, directed=False, indices=chosen, limit=3.5 * RIDE_REACH[1])
        for number, root in enumerate(chosen):
            near = np.flatnonzero(np.isfinite(reach[number]))
            if len(near) < 6:
                near = np.argsort(np.linalg.norm(surface - surface[root], axis=1))[:6]
            far = np.where(np.isfinite(reach[number, near]), reach[number, near], RIDE_REACH[1])
            width = np.clip(np.sort(far)[min(RIDE_COUNT, len(far)) - 1], *RIDE_REACH)
            weight = np.exp(-far**2 / (2 * width**2))
            normal = weight @ normals[near]
            normal /= max(np.linalg.norm(normal), 1e-9)
            tangent = np.cross(normal, [1.0, 0, 0] if abs(normal[0]) < 0.7 else [0, 0, 1.0])
            tangent /= np.linalg.norm(tangent)
            frame[start + number] = tangent, np.cross(normal, tangent), normal
            flat = (surface[near] - surface[root]) @ frame[start + number, :2].T
            system = np.column_stack([np.ones(len(near)), flat])
            gram = (system * weight[:, None]).T @ system
            gram += np.diag([0, 1, 1]) * RIDE_RIDGE**2 * weight.sum()
            rows = np.linalg.solve(gram, (system * weight[:, None]).T)
            parts[0].append(np.full(len(near), start + number))
            parts[1].append(near)
            for k in range(3):
                parts[2 + k].append(rows[k])
    row, column = np.concatenate(parts[0]), np.concatenate(parts[1])
    matrices = [coo_matrix((np.concatenate(part), (row, column)), shape=(len(roots), len(surface))).tocsr()[owner]
                for part in parts[2:]]
    frame = frame[owner]
    local = np.einsum("axy,ay->ax", frame, points - surface[roots[owner]])
    return Ride(matrices[0], matrices[1], matrices[2], frame, local)


def edge_graph(surface: np.ndarray, triangles: np.ndarray) -> csr_matrix:
    """(n, n) lengths of the edges of a mesh."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    edges = np.unique(edges, axis=0)
    length = np.maximum(np.linalg.norm(surface[edges[:, 0]] - surface[edges[:, 1]], axis=1), 1e-9)
    return csr_matrix((length, edges.T), shape=(len(surface),) * 2)


def affine(points: np.ndarray, surface: np.ndarray, weight: np.ndarray, ridge: float) -> csr_matrix:
    """(A, n) linear map of displacements of `surface` (n, 3) to the affine motion they mean at `points` (A, 3).

    `weight` (n,); `ridge` metres: a surface that spreads less than this in a direction does not stretch in it.
    """
    used = np.flatnonzero(weight > 1e-3 * weight.max())
    weight = weight[used] / weight[used].sum()
    middle = weight @ surface[used]
    system = np.column_stack([np.ones(len(used)), surface[used] - middle])
    gram = (system * weight[:, None]).T @ system + np.diag([0, 1, 1, 1]) * ridge**2
    rows = np.column_stack([np.ones(len(points)), points - middle]) @ np.linalg.solve(gram,
                                                                                     (system * weight[:, None]).T)
    row, column = np.indices(rows.shape)
    return csr_matrix((rows.ravel(), (row.ravel(), used[column.ravel()])), shape=(len(points), len(surface)))
