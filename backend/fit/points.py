"""Points on the head that move linearly with identity and expression, and turn with the eyes and the jaw.

A landmark is a barycentric mean of three vertices, so all that linear blend skinning does to it is a sum over joints of
sums over corners; both are taken once, here. What remains per point is small dense algebra: no mesh, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.head.model import HeadModel

TURNING = ("jaw", "eye_left", "eye_right")
"""Joints that a photo's fit may turn. Neck and head stay still: the camera moves instead (see `HeadFit`)."""


@dataclass(frozen=True)
class PointSet:
    """P points of a head with S identity and E expression components and G turning joints.

    With v = mean + beta . shape + psi . expression (all linear), a posed point is
    v + sum_g (R_g - 1) (q_g - w_g t_g): q_g is the part of v that joint g carries, t_g the joint's rest place.
    """

    mean: np.ndarray  # (P, 3) metres
    shape: np.ndarray  # (P, 3, S) metres per unit of beta
    expression: np.ndarray  # (P, 3, E) metres per unit of psi
    carried_mean: np.ndarray  # (G, P, 3) metres, weighted by the joint's skin weight
    carried_shape: np.ndarray  # (G, P, 3, S)
    carried_expression: np.ndarray  # (G, P, 3, E)
    weight: np.ndarray  # (G, P) 0..1
    joint_mean: np.ndarray  # (G, 3) metres
    joint_shape: np.ndarray  # (G, 3, S)

    def posed(self, beta: np.ndarray, psi: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """(S,), (E,), (G, 3, 3) rotations -> (P, 3) metres, world."""
        points = self.mean + self.shape @ beta + self.expression @ psi
        for g in np.flatnonzero(self.weight.any(1)).tolist():
            points = points + self._lever(g, beta, psi) @ (turns[g] - np.eye(3)).T
        return points

    def jacobians(self, beta: np.ndarray, psi: np.ndarray,
                  turns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of `posed` by beta (P, 3, S), by psi (P, 3, E), and by a turn (P, 3, G, 3).

        A turn's increment w is on the left: R_g <- exp(w) R_g.
        """
        by_beta, by_psi = self.shape, self.expression
        by_turn = np.zeros((*self.mean.shape, len(self.weight), 3))
        for g in np.flatnonzero(self.weight.any(1)).tolist():
            change = turns[g] - np.eye(3)
            lever_shape = self.carried_shape[g] - self.weight[g][:, None, None] * self.joint_shape[g]
            by_beta = by_beta + np.einsum("xy,pys->pxs", change, lever_shape)
            by_psi = by_psi + np.einsum("xy,pye->pxe", change, self.carried_expression[g])
            by_turn[:, :, g] = -cross(self._lever(g, beta, psi) @ turns[g].T)
        return by_beta, by_psi, by_turn

    def take(self, index: np.ndarray) -> PointSet:
        """The points at `index`."""
        return PointSet(self.mean[index], self.shape[index], self.expression[index], self.carried_mean[:, index],
                        self.carried_shape[:, index], self.carried_expression[:, index], self.weight[:, index],
                        self.joint_mean, self.joint_shape)

    def _lever(self, g: int, beta: np.ndarray, psi: np.ndarray) -> np.ndarray:
        """(P, 3) metres: what joint g carries of each point, seen from the joint."""
        carried = self.carried_mean[g] + self.carried_shape[g] @ beta + self.carried_expression[g] @ psi
        joint = self.joint_mean[g] + self.joint_shape[g] @ beta
        return carried - self.weight[g][:, None] * joint


def cross(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) -> (..., 3, 3), the matrices of the cross product with each vector on the left."""
    matrix = np.zeros((*vectors.shape, 3))
    for row, column, axis, sign in ((0, 1, 2, -1), (0, 2, 1, 1), (1, 0, 2, 1), (1, 2, 0, -1), (2, 0, 1, -1),
                                    (2, 1, 0, 1)):
        matrix[..., row, column] = sign * vectors[..., axis]
    return matrix


def points_on(head: HeadModel, triangles: np.ndarray, barycentric: np.ndarray) -> PointSet:
    """Points at `barycentric` (P, 3) of `triangles` (P,) of the head."""
    return _points(head, head.triangles[triangles], np.asarray(barycentric, np.float64))


def _points(head: HeadModel, corners: np.ndarray, weights: np.ndarray) -> PointSet:
    """`corners` (P, C) vertex indices with `weights` (P, C) that sum to one."""
    joints = [head.joint(name) for name in TURNING]
    carry = weights[None] * head.skin_weights[corners][..., joints].transpose(2, 0, 1)  # (G, P, C)
    moving = carry.any((0, 2))

    def combine(field: np.ndarray) -> np.ndarray:  # (K, V, 3) -> (P, 3, K)
        return np.einsum("pc,kpcx->pxk", weights, field[:, corners], optimize=True)

    def carried(field: np.ndarray) -> np.ndarray:  # (K, V, 3) -> (G, P, 3, K), computed only where a joint carries
        out = np.zeros((len(joints), len(corners), 3, len(field)))
        out[:, moving] = np.einsum("gpc,kpcx->gpxk", carry[:, moving], field[:, corners[moving]], optimize=True)
        return out

    template, shape = head.template.astype(np.float64)[None], head.shape_basis
    regressor = head.joint_regressor[joints].astype(np.float64)
    return PointSet(
        mean=combine(template)[..., 0], shape=combine(shape), expression=combine(head.expression_basis),
        carried_mean=carried(template)[..., 0], carried_shape=carried(shape),
        carried_expression=carried(head.expression_basis), weight=carry.sum(2),
        joint_mean=regressor @ template[0], joint_shape=np.einsum("gv,svx->gxs", regressor, shape, optimize=True))
