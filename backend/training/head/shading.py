"""A small ray-cast shader: pictures of a head without textures, for the landmarker and for looking at."""

from __future__ import annotations

import numpy as np

from backend.core.camera import frontal, pixel_rays
from backend.core.colour import linear_to_srgb
from backend.core.rays import Hits, Mesh, vertex_normals

ALBEDO = {"skin": (0.55, 0.33, 0.24), "mouth": (0.28, 0.07, 0.06), "eye": (0.75, 0.72, 0.7),
          "teeth": (0.7, 0.66, 0.58), "tongue": (0.4, 0.12, 0.11), "lash": (0.02, 0.015, 0.012),
          "brow": (0.06, 0.035, 0.022)}
"""Linear Rec.709 a person would not be surprised by, per material."""

_KEY, _FILL = np.array([-0.35, -0.8, 0.5]), np.array([0.7, -0.6, 0.1])


def cast_view(mesh: Mesh, camera: tuple[np.ndarray, np.ndarray], size: int) -> tuple[Hits, np.ndarray]:
    """First hits of one ray per pixel, (size * size,), and their directions."""
    column, row = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    origins, directions = pixel_rays(np.stack([column, row], -1).reshape(-1, 2), *camera)
    return mesh.cast(origins, directions), directions


def render(vertices: np.ndarray, triangles: np.ndarray, albedo: np.ndarray, *, size: int = 512, yaw: float = 0.0,
           pitch: float = 0.0, distance: float = 0.7, width: float = 0.30,
           target: tuple[float, ...] = (0, -0.03, -0.01), normals_of: np.ndarray | None = None) -> np.ndarray:
    """sRGB picture (size, size, 3) uint8 of a mesh under a key, a fill and sky light, twice supersampled.

    `albedo` linear: (V, 3), (T, 3), or (T, 3, 3) for the corners of triangles. `width`: metres seen
    at the target's distance.
    """
    fine = size * 2
    camera = frontal(fine * distance / width, fine, fine, np.array(target), distance, yaw, pitch)
    hits, directions = cast_view(Mesh(vertices, triangles), camera, fine)
    seen = hits.hit
    corner = triangles[hits.triangle[seen]]
    weight = hits.barycentric[seen][..., None]
    normals = vertex_normals(vertices if normals_of is None else normals_of, triangles)
    normal = (normals[corner] * weight).sum(1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    normal = np.where(((normal * directions[seen]).sum(1) > 0)[:, None], -normal, normal)
    light = 0.25 + 0.2 * normal[:, 2]
    for direction, power in ((_KEY, 0.75), (_FILL, 0.3)):
        light = light + power * np.maximum(normal @ (direction / np.linalg.norm(direction)), 0)
    if albedo.ndim == 3:
        colour = (albedo[hits.triangle[seen]] * weight).sum(1)
    elif len(albedo) == len(triangles):
        colour = albedo[hits.triangle[seen]]
    else:
        colour = (albedo[corner] * weight).sum(1)
    image = np.full((fine * fine, 3), 0.22)
    image[seen] = colour * light[:, None]
    image = image.reshape(size, 2, size, 2, 3).mean((1, 3))
    return (linear_to_srgb(np.clip(image, 0, 1)) * 255 + 0.5).astype(np.uint8)
