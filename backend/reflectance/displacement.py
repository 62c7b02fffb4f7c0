"""Relief from the texture, in two bands of true millimetres, and pores where the photo has none.

Wrinkles and folds come from `slopes`. Pores after Beeler et al. 2010 (mesoscopic augmentation): what is darker than
its surroundings at their scale gets less light because it lies lower. Hair and colour break both rules, so hair is
masked and amplitudes are bounded by what skin can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.threads import bands, side_by_side
from backend.reflectance.filters import MetricBlur, step
from backend.reflectance.noise import pore_tile, triplanar
from backend.reflectance.regions import SkinSpace
from backend.reflectance.slopes import Turning, heights
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import band, enlarge, reduce

MID_LOW, MID_HIGH = 0.0005, 0.0022
"""Sigmas of the Gaussians around the middle band, metres: wavelengths of about 1.5 to 8 mm (wrinkles, folds)."""

HIGH_LOW, HIGH_HIGH = 0.00008, 0.0005
"""The same for the high band: below 1.5 mm (pores, furrows)."""

MID_GRID, MID_GAIN, MID_LIMIT = 1024, 1.4, 0.30e-3
"""Grid of the middle band, texels; what the prior's shrinkage is undone by (measured on generated people); and the most
that a height can be: a deep wrinkle is about a third of a millimetre."""

HIGH_GAIN, HIGH_LIMIT = 0.22e-3, 0.06e-3
"""Metres per unit of log luminance, and the most: pores are 0.02 to 0.06 mm deep."""

PORE_TEXEL = 0.00007
"""Size of a texel of the pore tile on the skin, metres: pores about 0.6 mm apart."""

PORES = ((0.00063, 1.0), (0.0013, 0.5))
"""Spacing of pores and of the wider furrows between groups of them, metres, and their share of `PORE_DEPTH`. What does
not fit the map's texels is left out: it would come back as coarser noise."""

PORE_DEPTH = {"plain": 0.010e-3, "nose": 0.010e-3, "cheeks": 0.006e-3, "forehead": 0.003e-3}
"""Standard deviation of invented relief, metres; regions add to `plain`."""


@dataclass(frozen=True)
class Relief:
    """R x R metres along the normal."""

    mid: np.ndarray
    high: np.ndarray


def relief(space: SkinSpace, observed: ObservedTexture, flat: np.ndarray, seen: np.ndarray,
           shares: np.ndarray, scalp_hair: np.ndarray, turning: Turning | None = None) -> Relief:
    """Both bands.

    `flat` (R, R) log of the photo over its shading, `seen` (F, F) 0..1, `shares` (F, F, 3) from `noise.planes`,
    `scalp_hair` (F, F), `turning` what slopes do to `flat`; without, dark is deep in both bands.
    """
    size = len(observed.inside)
    texel = enlarge(space.texel_metres, size) * (space.size / size)
    features = np.clip(space.brows + space.lids + space.nostrils + 0.7 * space.lips, 0, 1)
    usable = enlarge((1 - cv2.GaussianBlur(features, (0, 0), 1.5)) * seen, size) * (observed.weight > 0.05)
    hairless = enlarge(1 - scalp_hair, size)
    pixel = texel / np.maximum(observed.texel_density, 1e-3)
    # A band is shown by the photo when two and a half pixels fit into its shorter wavelengths.
    mid_shown = usable * step(0.0016 / pixel, 0.8, 1.6)
    high_shown = usable * step(0.0007 / pixel, 0.8, 1.8)
    mid = _middle(flat, usable, mid_shown, texel, turning, space)
    # Outliers (moles, lashes, glints) count as edges of what is there, not as depth.
    pyramid = MetricBlur(flat, np.maximum(usable, 1e-3 * (observed.weight > 0)), texel)
    high = _bounded(HIGH_GAIN * (pyramid.blur(HIGH_LOW) - pyramid.blur(MID_LOW)), HIGH_LIMIT) * high_shown
    depth = np.full(space.position.shape[:2], PORE_DEPTH["plain"], np.float32)
    for name, value in PORE_DEPTH.items():
        if name != "plain":
            depth += value * getattr(space, name)
    depth *= (1 - 0.7 * space.lips) * (1 - space.brows * 0.3)
    share = np.sqrt(np.clip(1 - high_shown**2, 0, 1))

    def add_pores(rows: slice) -> None:
        for number, (spacing, part) in enumerate(PORES):
            pores = triplanar(pore_tile(5 + number), band(space.position, rows, size), band(shares, rows, size),
                              PORE_TEXEL * spacing / PORES[0][0])
            fits = _fits(spacing, texel[rows])
            high[rows] += part * fits * share[rows] * band(depth, rows, size) * np.clip(pores, -3, 2)

    side_by_side(add_pores, bands(size, 512))
    inside = observed.inside
    return Relief((mid * hairless * inside).astype(np.float32), (high * hairless * inside).astype(np.float32))


def _middle(flat: np.ndarray, usable: np.ndarray, shown: np.ndarray, texel: np.ndarray, turning: Turning | None,
            space: SkinSpace) -> np.ndarray:
    """(R, R) metres of the middle band, found on a grid of at most `MID_GRID`."""
    size = min(len(flat), MID_GRID)
    weight, small, small_texel = reduce(shown, size), reduce(flat * usable, size), reduce(texel, size)
    share = reduce(usable, size)
    small = small / np.maximum(share, 1e-3)
    small_texel = small_texel * (len(flat) / size)
    pyramid = MetricBlur(small, np.maximum(share, 1e-3 * (share > 0)), small_texel)
    band_passed = pyramid.blur(MID_LOW) - pyramid.blur(MID_HIGH)
    none = np.zeros((space.size, space.size), np.float32)
    height = heights(np.clip(band_passed, -0.5, 0.5), weight, turning or Turning(none, none), small_texel)
    return _bounded(MID_GAIN * enlarge(height, len(flat)), MID_LIMIT) * shown


def _fits(wavelength: float, texel: np.ndarray) -> np.ndarray:
    """(R, R) 0..1: whether a wavelength (metres) has at least some three texels (R, R) of the map."""
    return step(wavelength / texel, 1.5, 3.0)


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

    def turn(rows: slice) -> None:
        lo, hi = max(0, rows.start - 1), min(size, rows.stop + 1)
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

    side_by_side(turn, bands(size, 512))
    return normal
