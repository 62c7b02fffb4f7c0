"""What a vertex of a simplified mesh may not lose: quadric errors over place, texture and motion together.

Each corner that faces share (a *wedge*: one vertex, one UV, one material) is a point of R^n: its place in metres, its
UV scaled to metres, and how it moves under the shape keys, reduced to a few principal directions. A triangle's quadric
measures the squared distance from its plane in that space (Garland and Heckbert, "Simplifying surfaces with color and
texture using quadric error metrics", 1998), so a flat piece of skin is dear where its texture or its motion bends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEXTURE = 0.2
"""How much a metre of texture counts beside a metre of place."""
MOTION = 0.5
"""How much a metre of motion counts beside a metre of place; 52 shapes share it, and they rarely act at once."""
MOTION_DIRECTIONS = 8
RIM = 4.0
"""How much a metre off an open rim, a seam or a material's border counts beside a metre off the surface."""
_EVEN = 1e-3
"""A pull of every quadric to its own vertex: breaks ties on flat skin towards even triangles."""


@dataclass(frozen=True)
class Wedges:
    """W wedges of a triangle mesh."""

    vertex: np.ndarray  # (W,) int, the vertex of each wedge
    uv: np.ndarray  # (W, 2)
    point: np.ndarray  # (W, n) place, scaled texture, motion; metres
    corner: np.ndarray  # (T, 3) int, the wedge at each triangle's corner


@dataclass
class Quadrics:
    """Q(x) = x' A x + 2 b' x + c for every wedge, square metres times area."""

    matrix: np.ndarray  # (W, n, n)
    vector: np.ndarray  # (W, n)
    scalar: np.ndarray  # (W,)

    def error(self, gone: np.ndarray, kept: np.ndarray, point: np.ndarray) -> np.ndarray:
        """What it costs to move wedges `gone` (K,) into wedges `kept` (K,), whose places are in `point` (W, n)."""
        place = point[kept]
        matrix = self.matrix[gone] + self.matrix[kept]
        square = np.einsum("ki,kij,kj->k", place, matrix, place)
        line = ((self.vector[gone] + self.vector[kept]) * place).sum(1)
        return square + 2 * line + self.scalar[gone] + self.scalar[kept]

    def merge(self, gone: list[int], kept: list[int]) -> None:
        """Give the quadrics of `gone` to `kept`."""
        for old, new in zip(gone, kept, strict=True):
            self.matrix[new] += self.matrix[old]
            self.vector[new] += self.vector[old]
            self.scalar[new] += self.scalar[old]


def wedges_of(vertices: np.ndarray, triangles: np.ndarray, uvs: np.ndarray, material: np.ndarray,
              motion: np.ndarray | None) -> Wedges:
    """Wedges of `triangles` (T, 3) with `uvs` (T, 3, 2) and `material` (T,); `motion` (K, V, 3) metres or None."""
    key = np.column_stack([triangles.reshape(-1), np.repeat(material, 3),
                           np.round(uvs.reshape(-1, 2) * 1e6).astype(np.int64)])
    _, first, corner = np.unique(key, axis=0, return_index=True, return_inverse=True)
    vertex, uv = triangles.reshape(-1)[first], uvs.reshape(-1, 2)[first].astype(np.float64)
    corner = corner.reshape(-1, 3)
    scale = np.zeros(int(material.max(initial=0)) + 1)
    for index in np.unique(material):
        chosen = material == index
        flat = np.abs(_cross2(uvs[chosen])).sum()
        scale[index] = np.sqrt(_double_area(vertices[triangles[chosen]]).sum() / flat) if flat > 0 else 0.0
    texture = uv * (TEXTURE * scale[np.repeat(material, 3)[first]])[:, None]
    point = np.column_stack([vertices[vertex], texture, MOTION * _directions(motion, len(vertices))[vertex]])
    return Wedges(vertex, uv, point, corner)


def quadrics_of(wedges: Wedges, rims: np.ndarray, weight: np.ndarray) -> Quadrics:
    """Quadrics of every wedge. `rims` (R, 2) wedges at both ends of rim edges; `weight` (W,) says how dear each is."""
    count, size = wedges.point.shape
    result = Quadrics(np.zeros((count, size, size)), np.zeros((count, size)), np.zeros(count))
    corners = wedges.point[wedges.corner]
    area = _double_area(corners[..., :3]) / 2
    base = corners[:, 0]
    first = _unit(corners[:, 1] - base)
    second = corners[:, 2] - base
    second = _unit(second - (second * first).sum(1, keepdims=True) * first)
    _add(result, wedges.corner, base, np.stack([first, second], 1), area[:, None] * weight[wedges.corner] / 3, size)
    for side in range(3):
        _add(result, wedges.corner[:, side, None], corners[:, side], np.zeros((len(base), 0, size)),
             _EVEN * area[:, None] * weight[wedges.corner[:, side, None]] / 3, size)
    if len(rims):
        ends = wedges.point[rims]
        along = ends[:, 1] - ends[:, 0]
        along[:, 5:] = 0
        length = np.linalg.norm(along[:, :3], axis=1)
        _add(result, rims, ends[:, 0], _unit(along)[:, None], RIM * length[:, None] ** 2 * weight[rims] / 2, 5)
    return result


def _add(total: Quadrics, owners: np.ndarray, base: np.ndarray, axes: np.ndarray, weight: np.ndarray,
         size: int) -> None:
    """Squared distance from the flats through `base` (M, n) along `axes` (M, k, n), in the first `size` dimensions.

    Each counts with `weight` (M, c) for its `owners` (M, c).
    """
    count = base.shape[1]
    identity = np.diag((np.arange(count) < size).astype(float))
    matrix = identity - np.einsum("mki,mkj->mij", axes, axes)
    vector = -np.einsum("mij,mj->mi", matrix, base)
    scalar = -(vector * base).sum(1)
    for side in range(owners.shape[1]):
        share = weight[:, side]
        np.add.at(total.matrix, owners[:, side], matrix * share[:, None, None])
        np.add.at(total.vector, owners[:, side], vector * share[:, None])
        np.add.at(total.scalar, owners[:, side], scalar * share)


def _directions(motion: np.ndarray | None, count: int) -> np.ndarray:
    """(V, d) metres: the shape keys' motion in its principal directions, which keep lengths as far as they reach."""
    if motion is None or not len(motion):
        return np.zeros((count, 0))
    moved = np.asarray(motion, np.float64).transpose(1, 0, 2).reshape(count, -1)
    values, vectors = np.linalg.eigh(moved.T @ moved)
    del values
    return moved @ vectors[:, ::-1][:, :MOTION_DIRECTIONS]


def _double_area(corners: np.ndarray) -> np.ndarray:
    """(T, 3, 3) -> (T,)."""
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)


def _cross2(corners: np.ndarray) -> np.ndarray:
    """(T, 3, 2) -> (T,) twice the signed area."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 1e-12, length, 1)
