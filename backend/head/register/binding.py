"""Joints and skin weights of an adopted head: the file's own untouched, or the reference's by registration."""

from __future__ import annotations

import numpy as np

from backend.head.raw import RawHead
from backend.head.register.faces import Faces
from backend.head.register.fitting import Laid
from backend.head.register.grafts import Grafts
from backend.head.register.match import Match
from backend.head.register.parts import Parts
from backend.head.register.reference import Reference
from backend.head.register.surface import Surface


def skin_weights(raw: RawHead, own: Reference, match: Match, parts: Parts, faces: Faces, grafts: Grafts,
             joint_names: tuple[str, ...]) -> np.ndarray:
    """(V, J) float32, rows sum to 1: the file's own where it has some, else the reference's."""
    reference = np.zeros((len(own.head.template), len(joint_names)))
    for number, joint in enumerate(own.head.joint_names):
        reference[:, joint_names.index(joint) if joint in joint_names else 1] += own.head.skin_weights[:, number]
    if raw.joint_names:
        weights = raw.skin_weights.astype(np.float64)
    else:
        weights = np.zeros((len(raw.template), len(joint_names)))
        weights[match.vertices] = np.clip(match.carried(own, reference[own.sheet]), 0, None)
        weights[faces.rest] = faces.rest_field(reference)
        for ball, joint in zip(parts.eyes or (), ("eye_left", "eye_right"), strict=False):
            for shell in (ball.vertices, ball.inner):
                weights[shell] = np.eye(len(joint_names))[joint_names.index(joint)]
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    given = grafts.weights(weights[match.vertices], reference[grafts.source])
    answer = np.concatenate([weights, given])
    return answer.astype(np.float32)


def joint_regressor(raw: RawHead, own: Reference, laid: Laid, match: Match, parts: Parts, grafts: Grafts,
               joint_names: tuple[str, ...]) -> np.ndarray:
    """(J, V) float32: the file's own where it has one, else the reference's joints on the laid surface."""
    total = len(raw.template) + len(grafts.points)
    answer = np.zeros((len(joint_names), total))
    if raw.joint_names:
        answer[:, :len(raw.template)] = raw.joint_regressor
        return answer.astype(np.float32)
    surface = Surface(match.points, match.triangles)
    triangle, weights, _ = surface.closest(laid.points)
    corners = match.vertices[match.triangles[triangle]]
    for number, joint in enumerate(joint_names):
        row = own.head.joint_regressor[own.head.joint(joint), own.sheet].astype(np.float64)
        if joint.startswith("eye_"):
            side = 0 if joint.endswith("left") else 1
            if parts.eyes is not None:
                ball = parts.eyes[side]
                answer[number, ball.vertices] = combination(raw.template[ball.vertices], ball.centre)
            else:
                placed = grafts.balls[side]
                answer[number, len(raw.template) + placed] = own.head.joint_regressor[own.head.joint(joint),
                                                                                      grafts.source[placed]]
        else:
            np.add.at(answer[number], corners, weights * row[:, None])
        answer[number] /= answer[number].sum()
    return answer.astype(np.float32)


def combination(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(n,) the most even weights that sum to 1 and whose mean of `points` (n, 3) is `target` (3,)."""
    even = np.full(len(points), 1 / len(points))
    system = np.vstack([np.ones(len(points)), (points - target).T])
    return even + np.linalg.pinv(system) @ (np.array([1.0, 0, 0, 0]) - system @ even)
