"""Specular albedo and roughness: what skin of each region is like, nudged by the highlights that the photo shows.

Region values follow measured skin (Weyrich et al. 2006: oily forehead and nose, dull cheeks and neck) in the terms of
Blender's Principled shader, where *Specular IOR Level* 0.5 is F0 0.04 and skin's refractive index of 1.4 is 0.35.
"""

from __future__ import annotations

import numpy as np

from backend.reflectance.filters import gaussian
from backend.reflectance.regions import SkinSpace
from backend.unwrap.surface import enlarge, reduce

PLAIN = (0.36, 0.50)
"""Specular level and roughness of plain skin."""

REGION = {
    "forehead": (0.06, -0.05), "nose": (0.09, -0.10), "lips": (0.08, -0.12), "cheeks": (0.01, -0.01),
    "lids": (0.02, -0.03), "ears": (-0.02, 0.02), "brows": (-0.05, 0.05), "beard": (-0.01, 0.02),
}
"""What a region adds to `PLAIN`."""

OIL = 0.07
"""How far a shiny or a dull photo moves roughness (down, up); specular moves by half of it."""

CAVITY = 0.40
"""How much light the bottom of a deep pore loses: it is shadowed by its own walls."""


def specular_maps(space: SkinSpace, highlight: np.ndarray, trust: np.ndarray, height: np.ndarray,
                  scalp_hair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R, R) specular level and (R, R) roughness.

    `highlight` (R, R) in units of shading, `trust` (F, F), `height` (R, R) metres, `scalp_hair` (F, F).
    """
    size = len(highlight)
    level = np.full((space.size, space.size), PLAIN[0], np.float32)
    rough = np.full_like(level, PLAIN[1])
    for name, (more, rougher) in REGION.items():
        mask = getattr(space, name)
        level += more * mask
        rough += rougher * mask
    face = space.face * trust
    shine = gaussian(reduce(highlight, space.size) * face, 10) / np.maximum(gaussian(face, 10), 0.02)
    # 3 % of the diffuse light as visible highlight is ordinary; three times as much is oily, a third is powdered.
    oily = np.tanh(np.log(np.maximum(shine, 0.003) / 0.03) / np.log(3.0)) * np.clip(gaussian(face, 10) * 1.5, 0, 1)
    # Left and right may be lit differently; oil is not.
    oily = np.maximum(oily, space.flip(oily)) * 0.5 + (oily + space.flip(oily)) * 0.25
    rough -= OIL * oily
    level += 0.5 * OIL * oily
    rough += scalp_hair * 0.08
    level -= scalp_hair * 0.06
    level_r, rough_r = enlarge(level, size), enlarge(rough, size)
    cavity = np.clip(-height / 0.05e-3, 0, 1)
    level_r = level_r * (1 - CAVITY * cavity)
    rough_r = rough_r + 0.05 * cavity
    return np.clip(level_r, 0.05, 0.7).astype(np.float32), np.clip(rough_r, 0.25, 0.8).astype(np.float32)
