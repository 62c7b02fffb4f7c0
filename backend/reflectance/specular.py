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
    "forehead": (0.04, -0.04), "nose": (0.05, -0.06), "lips": (0.08, -0.12), "cheeks": (0.01, -0.01),
    "lids": (-0.03, -0.01), "ears": (-0.02, 0.03),
}
"""What a region adds to `PLAIN`, of an ordinary face; oil that a photo shows adds more. Around the eyes skin is thin
and has hardly any glands."""

OIL, OILY = 0.10, 3.0
"""How far a face that mirrors `OILY` times as much as ordinary skin does moves roughness (down); specular moves by
half of it."""

HAIR = (-0.15, 0.08)
"""What hair on the skin adds: brows where they are dark, beards."""

SOFT, SPREAD = 0.002, 0.008
"""Sigmas over which regions pass into each other and over which gloss is averaged, metres."""

CAVITY, PORE = 0.40, 0.03e-3
"""How much light the bottom of a pore of that depth loses (metres): it is shadowed by its own walls."""


def specular_maps(space: SkinSpace, highlight: np.ndarray, sheen: np.ndarray, trust: np.ndarray, pores: np.ndarray,
                  scalp_hair: np.ndarray, hair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R, R) specular level and (R, R) roughness.

    `highlight` (R, R) beyond `sheen` (F, F), what ordinary skin mirrors there, both in units of shading;
    `trust` (F, F), `pores` (R, R) metres of the high band, `scalp_hair` and `hair` of the face (F, F) 0..1.
    """
    size = len(highlight)
    texel = float(np.median(space.texel_metres[space.face > 0.5]))
    level = np.full((space.size, space.size), PLAIN[0], np.float32)
    rough = np.full_like(level, PLAIN[1])
    for name, (more, rougher) in REGION.items():
        mask = gaussian(getattr(space, name), SOFT / texel)
        level += more * mask
        rough += rougher * mask
    level += HAIR[0] * hair
    rough += HAIR[1] * hair
    # Gloss shows where much is mirrored: there it is compared with what is expected.
    shown = space.face * trust * np.minimum(sheen / max(float(np.percentile(sheen[trust > 0.3], 75))
                                                        if (trust > 0.3).any() else 1.0, 1e-4), 2)
    spread = SPREAD / texel
    beyond = gaussian(reduce(highlight, space.size) * shown, spread)
    ratio = 1 + beyond / np.maximum(gaussian(sheen * shown, spread), 1e-4)
    oily = np.clip(np.log(ratio) / np.log(OILY), 0, 1.5) * np.clip(gaussian(shown, spread) * 1.5, 0, 1)
    # Left and right may be lit differently; oil is not.
    oily = np.maximum(oily, space.flip(oily)) * 0.5 + (oily + space.flip(oily)) * 0.25
    rough -= OIL * oily
    level += 0.5 * OIL * oily
    rough += scalp_hair * 0.08
    level -= scalp_hair * 0.06
    level_r, rough_r = enlarge(level, size), enlarge(rough, size)
    cavity = np.clip(-pores / PORE, 0, 1)
    level_r = level_r * (1 - CAVITY * cavity)
    rough_r = rough_r + 0.05 * cavity
    return np.clip(level_r, 0.05, 0.7).astype(np.float32), np.clip(rough_r, 0.25, 0.8).astype(np.float32)
