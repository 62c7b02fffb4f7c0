"""Where on the face pixels are compared: closely around eyes, brows, nose and lips, thinly over bare skin."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from backend.core.rays import Mesh, vertex_normals
from backend.head.model import HeadModel
from backend.training.skin.anatomy import BROWS, EYES, LIP_PARTING, LIPS_OUTER

NOSE = (1, 2, 4, 5, 6, 19, 48, 64, 94, 98, 129, 168, 195, 197, 278, 294, 327, 358)
CLOSE = ((sum(EYES, ()), 0.009), (LIPS_OUTER + LIP_PARTING, 0.007), (sum(sum(BROWS, ()), ()), 0.007), (NOSE, 0.010))
"""Landmarks, and metres around them that are sampled closely."""
SPACING = (0.0016, 0.0034)  # metres, close and elsewhere; the photo itself is smoothed over one millimetre
REACH = 0.115  # metres from the tip of the nose
BEYOND = ("ear_left", "ear_right", "scalp", "neck", "throat")  # regions that are not the face
FRONT = ((0, -1, 0), (0.6, -0.8, 0), (-0.6, -0.8, 0), (0, -0.8, 0.5), (0, -0.9, -0.4))
"""Directions from one of which a place must be seen: the lips' and nostrils' insides are not."""
DARTS = 60_000


def places(head: HeadModel, rng: np.random.Generator) -> np.ndarray:
    """(P, 2) UV, the second half the mirror image of the first: darts thrown on the template, none near another."""
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    template, triangles = head.template.astype(np.float64), head.triangles[skin]
    corners = template[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen, weights = rng.choice(len(triangles), DARTS, p=area / area.sum()), rng.dirichlet([1, 1, 1], DARTS)
    point = np.einsum("pc,pcx->px", weights, corners[chosen])
    normal = np.einsum("pc,pcx->px", weights, vertex_normals(template, triangles)[triangles[chosen]])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    beyond = np.sum([head.region(name) for name in BEYOND], 0)[triangles[chosen]]
    marks = head.landmark_points(template)
    keep = (np.linalg.norm(point - marks[1], axis=1) < REACH) & (point[:, 0] > 0)
    keep &= np.einsum("pc,pc->p", weights, beyond) < 0.3
    mesh, seen = Mesh(template, triangles), np.zeros(DARTS, bool)
    for direction in np.array(FRONT, float):
        toward = direction / np.linalg.norm(direction)
        seen |= ~mesh.occluded(point + normal * 3e-4, np.broadcast_to(toward, point.shape)) & (normal @ toward > 0.1)
    index = np.flatnonzero(keep & seen)
    near = np.zeros(len(index), bool)
    for numbers, reach in CLOSE:
        near |= cKDTree(marks[list(numbers)]).query(point[index])[0] < reach
    spacing = np.where(near, *SPACING)
    tree = cKDTree(point[index])
    free, taken = np.ones(len(index), bool), []
    for dart in range(len(index)):
        if free[dart]:
            taken.append(dart)
            around = np.array(tree.query_ball_point(point[index[dart]], spacing[dart]))
            free[around] = False
    uv = np.einsum("pc,pcx->px", weights, head.triangle_uvs[skin][chosen])[index[taken]]
    return np.concatenate([uv, uv * [-1, 1] + [1, 0]]).astype(np.float32)
