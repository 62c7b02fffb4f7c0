"""Relief from the texture: dark is deep, in two bands of true millimetres, and pores where the photo has none.

After Beeler et al. 2010 (mesoscopic augmentation): what is darker than its surroundings at the scale of pores and
wrinkles gets less light because it lies lower. Hair and colour break that rule, so hair is masked and amplitudes
are bounded by what skin can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.reflectance.filters import MetricBlur, step
from backend.reflectance.noise import pore_tile, triplanar
from backend.reflectance.regions import SkinSpace
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import band, enlarge

MID_LOW, MID_HIGH = 0.0005, 0.0022
"""Sigmas of the Gaussians around the middle band, metres: wavelengths of about 1.5 to 8 mm (wrinkles, folds)."""

HIGH_LOW, HIGH_HIGH = 0.00008, 0.0005
"""The same for the high band: below 1.5 mm (pores, furrows)."""

MID_GAIN, MID_LIMIT = 0.55e-3, 0.30e-3
"""Metres per unit of log luminance, and the most it can be: a deep wrinkle is about a third of a millimetre."""

HIGH_GAIN, HIGH_LIMIT = 0.22e-3, 0.06e-3
"""The same for pores: 0.02 to 0.06 mm deep."""

PORE_TEXEL = 0.00007
"""Size of a texel of the pore tile on the skin, metres: pores about 0.6 mm apart."""

PORE_DEPTH = {"plain": 0.010e-3, "nose": 0.010e-3, "cheeks": 0.006e-3, "forehead": 0.003e-3}
"""Standard deviation of invented relief, metres; regions add to `plain`."""


@dataclass(frozen=True)
class Relief:
    """R x R metres along the normal."""

    mid: np.ndarray
    high: np.ndarray


def relief(space: SkinSpace, observed: ObservedTexture, flat: np.ndarray, seen: np.ndarray,
           shares: np.ndarray, scalp_hair: np.ndarray) -> Relief:
    """Both bands.

    `flat` (R, R) log of the photo over its shading, `seen` (F, F) 0..1, `shares` (F, F, 3) from `noise.planes`,
    `scalp_hair` (F, F).
    """
    size = len(observed.inside)
    texel = enlarge(space.texel_metres, size) * (space.size / size)
    features = np.clip(space.brows + space.lids + space.nostrils + 0.7 * space.lips, 0, 1)
    usable = enlarge((1 - cv2.GaussianBlur(features, (0, 0), 1.5)) * seen, size) * (observed.weight > 0.05)
    hairless = enlarge(1 - scalp_hair, size)
    # Outliers (moles, lashes, glints) count as edges of what is there, not as depth.
    pyramid = MetricBlur(flat, np.maximum(usable, 1e-3 * (observed.weight > 0)), texel)
    fine, middle, wide = (pyramid.blur(sigma) for sigma in (HIGH_LOW, MID_LOW, MID_HIGH))
    pixel = texel / np.maximum(observed.texel_density, 1e-3)
    # A band is shown by the photo when two and a half pixels fit into its shorter wavelengths.
    mid_shown = usable * step(0.0016 / pixel, 0.8, 1.6)
    high_shown = usable * step(0.0007 / pixel, 0.8, 1.8)
    mid = _bounded(MID_GAIN * (middle - wide), MID_LIMIT) * mid_shown
    high = _bounded(HIGH_GAIN * (fine - middle), HIGH_LIMIT) * high_shown
    depth = np.full(space.position.shape[:2], PORE_DEPTH["plain"], np.float32)
    for name, value in PORE_DEPTH.items():
        if name != "plain":
            depth += value * getattr(space, name)
    depth *= (1 - 0.7 * space.lips) * (1 - space.brows * 0.3)
    share = np.sqrt(np.clip(1 - high_shown**2, 0, 1))
    for top in range(0, size, 512):
        rows = slice(top, min(top + 512, size))
        pores = triplanar(pore_tile(), band(space.position, rows, size), band(shares, rows, size), PORE_TEXEL)
        high[rows] += share[rows] * band(depth, rows, size) * np.clip(pores, -3, 2)
    inside = observed.inside
    return Relief((mid * hairless * inside).astype(np.float32), (high * hairless * inside).astype(np.float32))


def _bounded(height: np.ndarray, limit: float) -> np.ndarray:
    return limit * np.tanh(height / limit)


def normal_map(space: SkinSpace, height: np.ndarray) -> np.ndarray:
    """Tangent-space normals (R, R, 3), +Y up, of a displacement (R, R) in metres.

    The frame is MikkTSpace's: tangent along dP/du, bitangent across it; slopes are metric, shear of the layout
    included. Row 0 is at the top, so v grows against the rows.
    """
    size = len(height)
    per_texel = space.size / size
    p = space.position
    along_u = np.gradient(p, axis=1) * per_texel
    along_v = -np.gradient(p, axis=0) * per_texel
    length_u = np.maximum(np.linalg.norm(along_u, axis=-1), 1e-6)
    shear = np.einsum("hwc,hwc->hw", along_u, along_v) / length_u
    across = np.maximum(np.sqrt(np.maximum((along_v**2).sum(-1) - shear**2, 0)), 0.3 * length_u)
    normal = np.empty((size, size, 3), np.float32)
    for top in range(0, size, 512):
        rows = slice(top, min(top + 512, size))
        lo, hi = max(0, top - 1), min(size, rows.stop + 1)
        block = height[lo:hi]
        hu = (np.roll(block, -1, 1) - np.roll(block, 1, 1)) / 2
        hv = -np.gradient(block, axis=0)
        inner = slice(rows.start - lo, rows.start - lo + rows.stop - rows.start)
        hu, hv = hu[inner], hv[inner]
        lu, sh, ac = (band(field.astype(np.float32), rows, size) for field in (length_u, shear, across))
        slope_x = hu / lu
        slope_y = (hv - hu * sh / lu) / ac
        scale = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
        normal[rows] = np.stack([-slope_x * scale, -slope_y * scale, scale], -1)
    return normal
