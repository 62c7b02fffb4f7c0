"""MediaPipe's landmarks on an adopted head: the reference's, through the registration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.head.model import LANDMARK_COUNT, HeadModel
from backend.head.register.fitting import Laid
from backend.head.register.reference import Reference
from backend.head.register.surface import Surface

IRIS_LANDMARKS = {"right": (468, 469, 470, 471, 472), "left": (473, 474, 475, 476, 477)}
"""MediaPipe's five points of each iris, the person's: its middle and four on its border."""


def with_landmarks(head: HeadModel, own: Reference, laid: Laid) -> HeadModel:
    """The reference's landmarks, through the registration, on the head's own skin and irises."""
    reference = own.head
    index, weights = np.full(LANDMARK_COUNT, -1), np.zeros((LANDMARK_COUNT, 3))
    place = np.full(len(reference.template), -1)
    place[own.sheet] = np.arange(len(own.sheet))
    corners = place[reference.triangles[np.maximum(reference.landmark_triangles, 0)]]
    placed = reference.landmarks_placed & (corners >= 0).all(1)
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    wanted = np.flatnonzero(placed)
    triangle_corners = laid.points[corners[wanted]]
    points = np.einsum("lc,lcx->lx", reference.landmark_barycentric[wanted], triangle_corners)
    normals = np.cross(triangle_corners[:, 1] - triangle_corners[:, 0], triangle_corners[:, 2] - triangle_corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    surface = Surface(head.template.astype(np.float64), head.triangles[skin])
    found, weights[wanted], distance = surface.closest(points, normals)
    lost = ~np.isfinite(distance)
    if lost.any():
        found[lost], weights[wanted[lost]], _ = surface.closest(points[lost])
    index[wanted] = skin[found]
    ball = np.flatnonzero(head.triangle_material == head.material_index("eye"))
    if len(ball):
        eye = Surface(head.template.astype(np.float64), head.triangles[ball])
        rest = reference.landmark_points(reference.template).astype(np.float64)
        joints = head.joint_regressor.astype(np.float64) @ head.template
        for side, ids in IRIS_LANDMARKS.items():
            centre = reference.joint_regressor[reference.joint(f"eye_{side}")].astype(np.float64) @ reference.template
            goal = joints[head.joint(f"eye_{side}")] + (rest[list(ids)] - centre) @ laid.rotation.T
            good = np.isfinite(goal).all(1)
            found, some, _ = eye.closest(goal[good])
            index[np.array(ids)[good]], weights[np.array(ids)[good]] = ball[found], some
    return replace(head, landmark_triangles=index.astype(np.int32), landmark_barycentric=weights.astype(np.float32))
