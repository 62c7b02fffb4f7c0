"""A first guess of each photo's light: nine harmonics from skin pixels under the fitted normals."""

from __future__ import annotations

import numpy as np

from backend.capture.observation import MASK_CLASSES, Observation
from backend.core.camera import camera_position, project
from backend.core.harmonics import COSINE_LOBE, basis
from backend.core.rays import Mesh, vertex_normals
from backend.head.model import HeadModel

ALBEDO_PRIOR = np.array([0.42, 0.28, 0.21])
"""Linear Rec.709, the middle of human skins; the split of brightness between skin and light cannot be seen here."""

RIDGE = np.array([1e-4] + [0.02] * 3 + [0.08] * 5)
"""Per coefficient, relative to the pixels: the front of a head says little about light from behind."""

SAMPLES = 3000
FACING = 0.25  # cosine below which a pixel is too grazing to trust its normal


def first_light(observation: Observation, head: HeadModel, posed: np.ndarray, k: np.ndarray,
                world_to_camera: np.ndarray) -> np.ndarray:
    """(9, 3) linear radiance in world axes, see `core.harmonics`."""
    skin_faces = head.triangle_material == head.material_index("skin")
    normals = vertex_normals(posed, head.triangles[skin_faces])
    to_camera = camera_position(world_to_camera) - posed
    distance = np.linalg.norm(to_camera, axis=1)
    to_camera /= distance[:, None]
    pixels, depth = project(posed, k, world_to_camera)
    width, height = observation.size
    inside = (pixels > 1).all(1) & (pixels[:, 0] < width - 1) & (pixels[:, 1] < height - 1) & (depth > 0)
    usable = inside & (np.einsum("vx,vx->v", normals, to_camera) > FACING) & head.material_vertices("skin")
    index = np.flatnonzero(usable)
    column, row = pixels[index].astype(int).T
    skin = observation.mask[row, column, MASK_CLASSES.index("face_skin")]
    index, column, row = index[skin > 200], column[skin > 200], row[skin > 200]
    if len(index) > SAMPLES:
        keep = np.linspace(0, len(index) - 1, SAMPLES).astype(int)
        index, column, row = index[keep], column[keep], row[keep]
    mesh = Mesh(posed, head.triangles)
    hidden = mesh.occluded(posed[index] + normals[index] * 1e-3, to_camera[index])
    index, column, row = index[~hidden], column[~hidden], row[~hidden]
    if len(index) < 60:
        mean = float(observation.image.mean()) if observation.image.size else 0.5
        ambient = np.zeros((9, 3))
        ambient[0] = max(mean, 0.05) / ALBEDO_PRIOR / (0.28209479 * COSINE_LOBE[0] / np.pi)
        return ambient
    irradiance = observation.image[row, column].astype(np.float64) / ALBEDO_PRIOR
    design = basis(normals[index].astype(np.float64)) * (COSINE_LOBE / np.pi)
    weight = np.ones(len(index))
    weight[(observation.image[row, column] > 0.97).any(1)] = 0
    light = np.zeros((9, 3))
    for _ in range(5):
        weighted = design * weight[:, None]
        light = np.linalg.solve(weighted.T @ design + np.diag(RIDGE) * max(weight.sum(), 1), weighted.T @ irradiance)
        error = np.abs(irradiance - design @ light).max(1)
        scale = 1.5 * np.median(error) + 1e-6
        weight = np.where(weight > 0, 1 / (1 + (error / scale) ** 2), 0)
    return light
