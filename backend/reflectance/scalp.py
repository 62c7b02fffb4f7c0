"""The scalp of a head without hair geometry: closely cropped hair in the photo's own colour, or bare skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.colour import luminance
from backend.reflectance.filters import gaussian, step
from backend.reflectance.noise import mottling_tile, strand_tile, triplanar
from backend.reflectance.regions import SkinSpace
from backend.unwrap.observed import HairSample
from backend.unwrap.surface import band, enlarge

COVER = 0.96
"""How much of the scalp cropped hair hides at its densest."""

SELF_SHADE = 0.7
"""Long hair shines; the same hair cropped is darker than it looks."""

MIRROR, STIFFNESS, PULL = 0.3, 20.0, 0.01
"""How much the mirror's testimony counts, and the membrane's stiffness and pull towards the mean (`SkinSpace`)."""

HAIR_LOW, HAIR_HIGH = 0.012, 0.45
"""Albedo luminance of hair, black to white."""


@dataclass(frozen=True)
class Scalp:
    """On the FIELD grid."""

    cover: np.ndarray  # (F, F) 0..1 share of hair
    colour: np.ndarray  # (F, F, 3) linear albedo of the hair


def scalp_of(space: SkinSpace, hair: HairSample | None, shading: np.ndarray, tone: np.ndarray,
             seen: np.ndarray) -> Scalp:
    """Where hair grows and its colour. `shading` (3,) typical absolute shading of the photo, `seen` (F, F) skin."""
    nothing = Scalp(np.zeros((space.size, space.size), np.float32), np.zeros((space.size, space.size, 3), np.float32))
    if hair is None:
        return nothing
    weight = enlarge(hair.weight, space.size)
    colour = enlarge(hair.colour, space.size)
    scalp = space.scalp
    on_scalp = weight * step(scalp, 0.2, 0.6)
    if (on_scalp > 0.4).sum() < 150:
        return nothing
    grown = _grown(space, on_scalp, seen * step(scalp, 0.5, 0.9) * (1 - on_scalp))
    albedo = SELF_SHADE * colour / np.maximum(shading, 1e-3)
    typical = np.median(albedo[on_scalp > 0.4], 0)
    # Hair glosses and shades itself: its typical colour with a little of the local change, by log deviation.
    deviation = np.log(np.maximum(albedo, 2e-3)) - np.log(np.maximum(typical, 2e-3))
    values, count = space.to_vertices(np.clip(deviation, -0.6, 0.6), step(on_scalp, 0.3, 0.8))
    deviation = space.lay_out(space.membrane(values, count, STIFFNESS, PULL))
    base = np.maximum(typical, 2e-3) * np.exp(0.35 * deviation)
    light = luminance(base.astype(np.float32))
    base *= (np.clip(light, HAIR_LOW, HAIR_HIGH) / np.maximum(light, 1e-4))[..., None]
    # The hairline is where the photo shows it near the scalp's border, else the anatomical one; always soft.
    shown_skin = gaussian(seen * (1 - weight), 3)
    limit = step(scalp, 0.35, 0.95) * (1 - step(shown_skin, 0.3, 0.8)) * step(grown, 0.35, 0.65)
    limit = gaussian(limit.astype(np.float32), 0.004 / float(np.median(space.texel_metres)))
    return Scalp((COVER * limit).astype(np.float32), base.astype(np.float32))


def _grown(space: SkinSpace, hair: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(F, F) 0..1 whether hair grows: what the photo shows, its mirror image, and between them a membrane.

    So a bald crown with grey sides stays one, and the back of the head follows what is nearest.
    """
    weight = hair + skin + MIRROR * space.flip(hair + skin)
    share = (hair + MIRROR * space.flip(hair)) / np.maximum(weight, 1e-6)
    values, count = space.to_vertices(share[..., None], weight)
    mean = float((values[:, 0] * count).sum() / max(float(count.sum()), 1e-9))
    return space.lay_out(space.membrane(values - mean, count, STIFFNESS, PULL) + mean)[..., 0]


def lay_over(space: SkinSpace, scalp: Scalp, albedo: np.ndarray, shares: np.ndarray, rows: slice) -> np.ndarray:
    """Rows of the albedo (h, R, 3) with cropped hair on them. `shares` (F, F, 3) from `noise.planes`."""
    size = albedo.shape[1]
    cover = band(scalp.cover, rows, size)
    if not (cover > 0.002).any():
        return albedo
    position, facing = band(space.position, rows, size), band(shares, rows, size)
    strands = triplanar(strand_tile(), position, facing, 0.00022)
    clumps = triplanar(mottling_tile(8), position, facing, 0.0011)
    # Strands thin out towards the hairline instead of fading like paint.
    present = step(cover / COVER + 0.22 * strands * (1 - cover), 0.30, 0.75) * cover ** 0.25
    present = np.clip(present * (0.95 + 0.04 * strands + 0.02 * clumps), 0, 1)[..., None]
    shade = np.exp(0.20 * strands + 0.04 * clumps)[..., None]
    hair = np.clip(band(scalp.colour, rows, size) * shade, 0.004, 0.8)
    return (albedo * (1 - present) + hair * present).astype(np.float32)

