"""Points on the head that move linearly with identity and expression, and turn with the eyes and the jaw.

A landmark is a barycentric mean of three vertices, so all that linear blend skinning does to it is a sum over joints of
sums over corners; both are taken once, here. What remains per point is small dense algebra: no mesh, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.fit.state import axis_angle
from backend.head.model import HeadModel

TURNING = ("jaw", "eye_left", "eye_right")
"""Joints that a photo's fit may turn. Neck and head stay still: the camera moves instead (see `HeadFit`)."""


@dataclass(frozen=True)
class PointSet:
    """P points of a head with S identity and E expression components, C correctives and G turning joints.

    What moves points besides identity is linear in X *features*: psi, the correctives' weights (products of psi cut to
    0..1) and, where the head has pose correctives, the entries of every R_g - 1. With v = mean + shape . beta +
    motion . features, a posed point is v + sum_g (R_g - 1) (q_g - w_g t_g): q_g is the part of v that joint g carries,
    t_g the joint's rest place.
    """

    mean: np.ndarray  # (P, 3) metres
    shape: np.ndarray  # (P, 3, S) metres per unit of beta
    motion: np.ndarray  # (P, 3, X) metres per unit of a feature
    carried_mean: np.ndarray  # (G, P, 3) metres, weighted by the joint's skin weight
    carried_shape: np.ndarray  # (G, P, 3, S)
    carried_motion: np.ndarray  # (G, P, 3, X)
    weight: np.ndarray  # (G, P) 0..1
    joint_mean: np.ndarray  # (G, 3) metres
    joint_shape: np.ndarray  # (G, 3, S)
    drivers: np.ndarray  # (C, 3) into psi, -1 filler

    def posed(self, beta: np.ndarray, psi: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """(S,), (E,), (G, 3, 3) rotations -> (P, 3) metres, world."""
        features = self.features(psi, turns)
        points = self.mean + _times(self.shape, beta) + _times(self.motion, features)
        for g, part in enumerate(self._carriers):
            change = turns[g] - np.eye(3)
            if len(part.rows) and change.any():
                points[part.rows] += part.lever(beta, features) @ change.T
        return points

    def jacobians(self, beta: np.ndarray, psi: np.ndarray,
                  turns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of `posed` by beta (P, 3, S), by psi (P, 3, E), and by a turn (P, 3, G, 3).

        A turn's increment w is on the left: R_g <- exp(w) R_g.
        """
        features = self.features(psi, turns)
        by_beta, by_feature = self.shape, self.motion
        by_turn = np.zeros((*self.mean.shape, len(self.weight), 3))
        for g, part in enumerate(self._carriers):
            if not len(part.rows):
                continue
            by_turn[part.rows, :, g] = -cross(part.lever(beta, features) @ turns[g].T)
            change = turns[g] - np.eye(3)
            if change.any():
                by_beta = by_beta.copy() if by_beta is self.shape else by_beta
                by_feature = by_feature.copy() if by_feature is self.motion else by_feature
                by_beta[part.rows] += change @ part.lever_shape
                by_feature[part.rows] += change @ part.motion
        count, products = len(psi), len(self.drivers)
        by_psi = by_feature[:, :, :count]
        if products:
            by_psi = by_psi + by_feature[:, :, count:count + products] @ corrective_slopes(psi, self.drivers)
        if by_feature.shape[2] > count + products:
            by_turn = by_turn + np.einsum("pxga,gaw->pxgw", by_feature[:, :, count + products:].reshape(
                *self.mean.shape, len(turns), 9), np.stack([_entries_by_turn(turn) for turn in turns]))
        return by_beta, by_psi, by_turn

    def features(self, psi: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """(X,) what `motion` is linear in."""
        parts = [psi, corrective_weights(psi, self.drivers)]
        if self.motion.shape[2] > len(psi) + len(self.drivers):
            parts.append((turns - np.eye(3)).ravel())
        return np.concatenate(parts)

    def take(self, index: np.ndarray) -> PointSet:
        """The points at `index`."""
        return PointSet(self.mean[index], self.shape[index], self.motion[index], self.carried_mean[:, index],
                        self.carried_shape[:, index], self.carried_motion[:, index], self.weight[:, index],
                        self.joint_mean, self.joint_shape, self.drivers)

    @cached_property
    def _carriers(self) -> list[_Carried]:
        """What each joint carries, without the points that it does not."""
        found = []
        for g, weight in enumerate(self.weight):
            rows = np.flatnonzero(weight)
            weight = weight[rows, None]
            found.append(_Carried(
                rows, self.carried_mean[g, rows] - weight * self.joint_mean[g],
                self.carried_shape[g, rows] - weight[..., None] * self.joint_shape[g], self.carried_motion[g, rows]))
        return found


@dataclass(frozen=True)
class _Carried:
    """The N points that one joint carries, each seen from the joint and by its share."""

    rows: np.ndarray  # (N,) numbers of the points
    lever_mean: np.ndarray  # (N, 3) metres
    lever_shape: np.ndarray  # (N, 3, S)
    motion: np.ndarray  # (N, 3, X)

    def lever(self, beta: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(N, 3) metres."""
        return self.lever_mean + _times(self.lever_shape, beta) + _times(self.motion, features)


def _times(fields: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, 3): `fields` (N, 3, K) times `weights` (K,), as one product instead of N."""
    return (fields.reshape(-1, len(weights)) @ weights).reshape(fields.shape[:2])


def corrective_weights(psi: np.ndarray, drivers: np.ndarray) -> np.ndarray:
    """(C,) as `head.deform` has them: products over each row of `drivers` (C, 3) of psi (E,) cut to 0..1."""
    return _factors(psi, drivers).prod(1)


def corrective_slopes(psi: np.ndarray, drivers: np.ndarray) -> np.ndarray:
    """(C, E) derivatives of `corrective_weights` by psi; on a bound, the slope of the side within."""
    factors, slopes = _factors(psi, drivers), np.zeros((len(drivers), len(psi)))
    inside = (psi >= 0) & (psi <= 1)
    for place in range(drivers.shape[1]):
        rows = np.flatnonzero(drivers[:, place] >= 0)
        columns = drivers[rows, place]
        others = np.delete(factors[rows], place, 1).prod(1)
        np.add.at(slopes, (rows, columns), others * inside[columns])
    return slopes


def _factors(psi: np.ndarray, drivers: np.ndarray) -> np.ndarray:
    padded = np.append(np.clip(psi, 0, 1), 1.0)  # filler -1 takes the last
    return padded[drivers]


def _entries_by_turn(turn: np.ndarray) -> np.ndarray:
    """(9, 3) derivatives of the entries of exp(w) R, row by row, at w = 0."""
    return np.stack([cross(axis) @ turn for axis in np.eye(3)], -1).reshape(9, 3)


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


def shapes_on(head: HeadModel, triangles: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """(P, 3, 52 + C) metres by which the ARKit shapes and the correctives move points of the head at rest."""
    corners = head.triangles[triangles]
    return np.concatenate([np.einsum("pc,kpcx->pxk", barycentric.astype(np.float64), field[:, corners], optimize=True)
                           for field in (head.arkit_deltas, head.corrective_deltas)], 2)


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
    products = head.corrective_deltas if has_arkit(head) else head.corrective_deltas[:0]
    moves = [head.expression_basis, products]
    if len(head.pose_basis):
        moves += [head.pose_basis[9 * (joint - 1):9 * joint] for joint in joints]
    regressor = head.joint_regressor[joints].astype(np.float64)
    return PointSet(
        mean=combine(template)[..., 0], shape=combine(shape),
        motion=np.concatenate([combine(part) for part in moves], 2),
        carried_mean=carried(template)[..., 0], carried_shape=carried(shape),
        carried_motion=np.concatenate([carried(part) for part in moves], 3), weight=carry.sum(2),
        joint_mean=regressor @ template[0], joint_shape=np.einsum("gv,svx->gxs", regressor, shape, optimize=True),
        drivers=head.corrective_drivers[:len(products)])


def pose_of(head: HeadModel, turns: np.ndarray) -> np.ndarray:
    """(J, 3) axis-angle radians of the joints of `head`, of which those of `TURNING` turn by `turns` (G, 3, 3)."""
    pose = np.zeros((len(head.joint_names), 3))
    for name, turn in zip(TURNING, turns, strict=True):
        pose[head.joint(name)] = axis_angle(turn)
    return pose


def has_arkit(head: HeadModel) -> bool:
    """Whether psi begins with the ARKit weights; then correctives are active, as in `head.deform`."""
    return head.expression_names[:len(ARKIT_NAMES)] == ARKIT_NAMES
