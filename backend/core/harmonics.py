"""Real spherical harmonics to order 2 for light, after Ramamoorthi and Hanrahan 2001.

A light is `light_sh` (9, 3): coefficients of linear Rec.709 radiance over world directions (+Z up),
ordered (0,0), (1,-1), (1,0), (1,1), (2,-2), (2,-1), (2,0), (2,1), (2,2).
"""

from __future__ import annotations

import numpy as np

COSINE_LOBE = np.array([np.pi] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5)
"""Convolution with the clamped cosine, per coefficient (their equation 8)."""


def basis(directions: np.ndarray) -> np.ndarray:
    """Unit directions (..., 3) -> the nine basis functions (..., 9)."""
    x, y, z = np.moveaxis(np.asarray(directions), -1, 0)
    return np.stack([
        np.full_like(x, 0.28209479),
        0.48860251 * y, 0.48860251 * z, 0.48860251 * x,
        1.09254843 * x * y, 1.09254843 * y * z, 0.31539157 * (3 * z * z - 1),
        1.09254843 * x * z, 0.54627422 * (x * x - y * y),
    ], -1)


def shading(normals: np.ndarray, light_sh: np.ndarray) -> np.ndarray:
    """What a white Lambertian surface (albedo 1) sends back: irradiance / pi. (..., 3) normals -> (..., 3)."""
    return basis(normals) @ (light_sh * (COSINE_LOBE / np.pi)[:, None])


def project_equirectangular(image: np.ndarray) -> np.ndarray:
    """Linear environment (H, W, 3) -> light_sh (9, 3).

    Layout as in `equirectangular_directions`.
    """
    directions, solid_angle = equirectangular_directions(*image.shape[:2])
    weighted = basis(directions) * solid_angle[..., None]
    return np.einsum("hwk,hwc->kc", weighted, image)


def equirectangular_directions(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """World direction (H, W, 3) and solid angle (H, W) of each texel of a Blender world texture.

    Row 0 looks up. Cycles' `direction_to_equirectangular`: u = 0.5 - atan2(y, x) / 2 pi, so the middle
    column looks along +X and columns run clockwise seen from above.
    """
    v = (np.arange(height) + 0.5) / height
    u = (np.arange(width) + 0.5) / width
    elevation = (0.5 - v)[:, None] * np.pi
    angle = (0.5 - u)[None, :] * 2 * np.pi
    cosine = np.cos(elevation)
    directions = np.stack([
        cosine * np.cos(angle), cosine * np.sin(angle), np.broadcast_to(np.sin(elevation), (height, width)),
    ], -1)
    solid_angle = np.broadcast_to(cosine * (np.pi / height) * (2 * np.pi / width), (height, width))
    return directions, solid_angle
