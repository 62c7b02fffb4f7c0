"""Points all over the face's skin, by their place in the UV square, with the tangents that give their normals.

The same few thousand places serve every head that shares the layout. Tangents are differences of points, so they move
with identity, expression and jaw by the same algebra as points do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from backend.core.rays import Mesh
from backend.fit.points import TURNING, PointSet, has_arkit
from backend.head.model import HeadModel

REACH = 0.002
"""Metres from a point to where its tangents end: relief finer than that is no business of twenty-seven lights."""


@dataclass(frozen=True)
class Surface:
    """P places on the skin of a head."""

    points: PointSet
    first: PointSet  # a tangent, metres; nearly horizontal where the face looks ahead
    second: PointSet  # another: first x second points outwards
    placed: np.ndarray  # (P,) bool, places that this head's skin covers; the others lie at vertex 0

    @classmethod
    def of(cls, head: HeadModel, uvs: np.ndarray) -> Surface:
        """Of a head, at `uvs` (P, 2)."""
        skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
        chart = _chart(head, skin)
        triangle, barycentric = _on_chart(chart, skin, uvs)
        placed = triangle >= 0
        corners = head.triangles[np.maximum(triangle, 0)]
        place = np.einsum("pc,pcx->px", barycentric, head.template[corners])
        flat = head.triangle_uvs[np.maximum(triangle, 0)]
        along = [_step(head.template[corners], flat, axis) for axis in (0, 1)]
        weights = _weights(head, corners, barycentric, placed)
        ends = []
        for step in along:
            pair = []
            for sign in (1.0, -1.0):
                moved, where = _on_chart(chart, skin, uvs + sign * step)
                here = np.where(moved >= 0, moved, triangle)
                inside = np.where((moved >= 0)[:, None], where, barycentric)
                pair.append(_weights(head, head.triangles[np.maximum(here, 0)], inside, placed))
            ends.append(pair[0] - pair[1])
        tangent = [np.asarray(end @ head.template) for end in ends]
        outwards = np.cross(tangent[0], tangent[1])
        facing = _facing(head.template[corners])
        flip = np.where((outwards * facing).sum(1) < 0, -1.0, 1.0)
        placed = placed & (np.linalg.norm(outwards, axis=1) > 1e-8) & np.isfinite(place).all(1)
        second = csr_matrix((np.repeat(flip, np.diff(ends[1].indptr)) * ends[1].data, ends[1].indices, ends[1].indptr),
                            ends[1].shape)
        return cls(_points(head, weights), _points(head, ends[0]), _points(head, second), placed)

    def take(self, index: np.ndarray) -> Surface:
        """The places at `index`."""
        return Surface(self.points.take(index), self.first.take(index), self.second.take(index), self.placed[index])


def _chart(head: HeadModel, skin: np.ndarray) -> Mesh:
    flat = np.concatenate([head.triangle_uvs[skin].reshape(-1, 2), np.zeros((3 * len(skin), 1))], 1)
    return Mesh(flat, np.arange(3 * len(skin)).reshape(-1, 3))


def _on_chart(chart: Mesh, skin: np.ndarray, uvs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (P,) of the head, -1 off the layout, and barycentrics (P, 3)."""
    above = np.concatenate([uvs, np.ones((len(uvs), 1))], 1)
    hits = chart.cast(above, np.broadcast_to(np.array([0.0, 0.0, -1.0]), above.shape))
    return np.where(hits.hit, skin[np.maximum(hits.triangle, 0)], -1), hits.barycentric.astype(np.float64)


def _step(corners: np.ndarray, flat: np.ndarray, axis: int) -> np.ndarray:
    """(P, 2) of UV along one of its axes, `REACH` metres long on triangles `corners` (P, 3, 3) with UVs `flat`."""
    edge = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 2)  # (P, 3, 2) by chart below
    chart = np.stack([flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]], 2)
    chart = np.where((np.abs(np.linalg.det(chart)) < 1e-12)[:, None, None], np.eye(2), chart)
    by_uv = edge @ np.linalg.inv(chart)  # metres per unit of UV
    step = np.zeros((len(corners), 2))
    step[:, axis] = REACH / np.maximum(np.linalg.norm(by_uv[:, :, axis], axis=1), 1e-3)
    return step


def _facing(corners: np.ndarray) -> np.ndarray:
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _weights(head: HeadModel, corners: np.ndarray, barycentric: np.ndarray, placed: np.ndarray) -> csr_matrix:
    """(P, V): a point is this mean of vertices; rows of places that the head lacks are vertex 0 alone."""
    count = len(corners)
    weights = np.where(placed[:, None], barycentric, [1.0, 0.0, 0.0])
    columns = np.where(placed[:, None], corners, 0)
    return csr_matrix((weights.ravel(), (np.repeat(np.arange(count), 3), columns.ravel())),
                      (count, len(head.template)))


def _points(head: HeadModel, weights: csr_matrix) -> PointSet:
    """As `points.points_on`, of any linear combination (P, V) of vertices; where it sums to nought, a difference."""
    joints = [head.joint(name) for name in TURNING]
    used = np.unique(weights.indices)
    few = weights[:, used]
    skin_weights = head.skin_weights[used][:, joints].astype(np.float64)  # (U, G)

    def combine(field: np.ndarray, by: csr_matrix = few) -> np.ndarray:  # (K, V, 3) -> (P, 3, K)
        picked = np.ascontiguousarray(field[:, used].transpose(1, 2, 0), np.float64)
        combined = np.asarray(by @ picked.reshape(len(used), -1)).reshape(by.shape[0], 3, len(field))
        return combined if len(field) == 1 else combined.astype(np.float32)  # thousands of points: half the memory

    def carried(field: np.ndarray) -> np.ndarray:
        return np.stack([combine(field, few.multiply(skin_weights[:, g][None]).tocsr()) if skin_weights[:, g].any()
                         else np.zeros((few.shape[0], 3, len(field)), np.float32) for g in range(len(joints))])

    template = head.template.astype(np.float64)[None]
    products = head.corrective_deltas if has_arkit(head) else head.corrective_deltas[:0]
    moves = [head.expression_basis, products]
    if len(head.pose_basis):
        moves += [head.pose_basis[9 * (joint - 1):9 * joint] for joint in joints]
    motion = np.concatenate(moves)
    regressor = head.joint_regressor[joints].astype(np.float64)
    return PointSet(
        mean=combine(template)[..., 0], shape=combine(head.shape_basis), motion=combine(motion),
        carried_mean=carried(template)[..., 0], carried_shape=carried(head.shape_basis),
        carried_motion=carried(motion), weight=np.asarray(few @ skin_weights).T,
        joint_mean=regressor @ template[0],
        joint_shape=np.einsum("gv,svx->gxs", regressor, head.shape_basis, optimize=True),
        drivers=head.corrective_drivers[:len(products)])
