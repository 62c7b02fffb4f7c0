"""What lets a surface move smoothly: the cotangent Laplacian, least squares with a bi-Laplacian, similarities.

Cotangents after Pinkall and Polthier 1993; the least squares are one step of non-rigid registration after Amberg et
al. 2007, with point-to-plane distances and a bending energy in place of their local affine stiffness.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import block_diag, coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import factorized

LARGEST_COTANGENT = 20.0
"""Bound of a cotangent: needle triangles (3 degrees) must not stiffen an edge without limit."""

INNER_BEND, INNER_PULL = 0.005, 0.3
"""What has no counterpart bends no shorter than the first (metres), and the pull of its goal counts the second against
that of a counterpart."""


def cotangent_laplacian(vertices: np.ndarray, triangles: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
    """Positive semi-definite stiffness (V, V) and lumped areas (V,) m^2 of `vertices` (V, 3), `triangles` (T, 3)."""
    count = len(vertices)
    corners = vertices[triangles]
    doubled = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    doubled = np.maximum(doubled, 1e-12)
    rows, columns, weights = [], [], []
    for corner in range(3):
        tip, one, two = (triangles[:, (corner + shift) % 3] for shift in range(3))
        dot = np.einsum("tx,tx->t", vertices[one] - vertices[tip], vertices[two] - vertices[tip])
        cotangent = np.clip(dot / doubled, -LARGEST_COTANGENT, LARGEST_COTANGENT) / 2
        rows += [one, two]
        columns += [two, one]
        weights += [cotangent, cotangent]
    edges = coo_matrix((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))),
                       shape=(count, count)).tocsr()
    # Obtuse pairs give negative weights and with them oscillating modes; a small floor keeps the matrix an M-matrix.
    edges.data = np.maximum(edges.data, 1e-3)
    stiffness = diags(np.asarray(edges.sum(1)).ravel()) - edges
    areas = np.zeros(count)
    np.add.at(areas, triangles.ravel(), np.repeat(doubled / 6, 3))
    return csr_matrix(stiffness), areas


def similarity(source: np.ndarray, target: np.ndarray, scaled: bool,
               mirrored: bool = True) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation, shift with target = scale * rotation @ source + shift (Umeyama 1991).

    `mirrored`: both are symmetric about x = 0, and so is the answer.
    """
    if mirrored:
        source = np.concatenate([source, source * [-1, 1, 1]])
        target = np.concatenate([target, target * [-1, 1, 1]])
    middle, aim = source.mean(0), target.mean(0)
    left, values, right = np.linalg.svd((target - aim).T @ (source - middle))
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    rotation = left * sign @ right
    scale = (values * sign).sum() / ((source - middle) ** 2).sum() if scaled else 1.0
    return scale, rotation, aim - scale * rotation @ middle


class Smooth:
    """Weighted least squares with a bi-Laplacian: the displacement is smooth below a chosen length."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        stiffness, areas = cotangent_laplacian(vertices, triangles)
        self.areas = areas
        floor = np.maximum(areas, np.median(areas) * 0.05)
        self.stiffness, self.inverse_areas = stiffness, 1 / floor
        self.bending = csr_matrix(stiffness @ diags(1 / floor) @ stiffness)  # integral of |Laplacian|^2

    def solve(self, length: float, weight: np.ndarray, normal: np.ndarray, goal: np.ndarray, marks: csr_matrix,
              mark_weight: np.ndarray, mark_goal: np.ndarray) -> np.ndarray:
        """Displacement (N, 3) towards `goal` (N, 3), along `normal` fully and across it a little."""
        tangential = 0.08
        count = len(goal)
        projector = normal[:, :, None] * normal[:, None, :] * (1 - tangential) + np.eye(3) * tangential
        blocks = projector * weight[:, None, None]
        rows = np.repeat(np.arange(count * 3), 3)
        columns = (np.arange(count)[:, None, None] * 3 + np.arange(3)[None, None, :]).repeat(3, 1).ravel()
        data = coo_matrix((blocks.ravel(), (rows, columns)), shape=(count * 3, count * 3))
        single = length**4 * self.bending + marks.T @ diags(mark_weight) @ marks
        matrix = _interleave(csr_matrix(single)) + data.tocsr()
        right = np.einsum("nij,nj->ni", blocks, goal) + marks.T @ (mark_weight[:, None] * mark_goal)
        return factorized(matrix.tocsc())(right.ravel()).reshape(count, 3)

    def continued(self, length: float, weight: np.ndarray, fields: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
        """Fields (K, N, 3) smoothed where `weight` (N,) is 1; where it is 0, drawn softly to `elsewhere` (K, N, 3)."""
        hard, soft = weight * self.areas, (1 - weight) * self.areas * INNER_PULL
        # Two lengths: where skin was measured it is hardly smoothed, elsewhere it bends gently.
        stiff = diags(np.where(weight > 0, length, INNER_BEND) ** 4 * self.inverse_areas)
        matrix = self.stiffness @ stiff @ self.stiffness + diags(hard + soft)
        solve = factorized(matrix.tocsc())
        goal = fields * hard[:, None] + elsewhere * soft[:, None]
        flat = np.moveaxis(goal, 1, 0).reshape(goal.shape[1], -1)
        answer = np.stack([solve(column) for column in flat.T], 1)
        return np.moveaxis(answer.reshape(goal.shape[1], goal.shape[0], 3), 0, 1)


def _interleave(matrix: csr_matrix) -> csr_matrix:
    """The same (N, N) matrix for each of x, y, z, on unknowns x0 y0 z0 x1 ..."""
    whole = coo_matrix(block_diag([matrix] * 3))
    count = matrix.shape[0]
    return coo_matrix((whole.data, ((whole.row % count) * 3 + whole.row // count,
                                    (whole.col % count) * 3 + whole.col // count)), shape=whole.shape).tocsr()
