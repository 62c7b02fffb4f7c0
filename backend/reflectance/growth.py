"""Where hair grows, in which colour and which way: maps for hair that somebody will grow in place of the painted one.

Brows, beard and scalp each have a density; what the skin looks like below brows and beard goes along, so that painted
hair can make room. Nothing here draws hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.colour import luminance
from backend.reflectance.combing import combed, seen_strands, usual_way
from backend.reflectance.filters import fill, gaussian, step
from backend.reflectance.hairs import brow_field
from backend.reflectance.regions import SkinSpace, plain_skin
from backend.reflectance.scalp import COVER, Scalp
from backend.unwrap.observed import ObservedTexture
from backend.unwrap.surface import enlarge, reduce, skin_normals

MIRROR, STIFFNESS, PULL = 0.3, 20.0, 0.3
"""How much the other cheek says of a beard, and the membrane over what was not seen, which ends without one."""

BEARD, BEARD_SHARE = 0.45, 0.06
"""Density from which a texel is bearded, and the share of the seen lower face that must be for there to be a beard:
the shade below lips and jaw of shaven people reaches half of it."""

ZONE = 0.25
"""Of the zone where beards grow, which fades out over half of the upper lip."""

MOUSTACHE = (0.30, 0.80)
"""Log darkness of the upper lip's albedo against plain skin from which there may be a moustache, and surely is."""

DARKEST = 15
"""Percentile of brightness where a beard is dense that is its hair: the rest is skin between."""

SCALP_SHADE = 0.6
"""A head of long hair shines and is lit all around; what grows in its place shades itself anew."""

BROW_AMONG = (0.07, 0.18)
"""Share of hair around a place from which what is dark there is a brow: shade of the lids and the nose is not."""

BROW_ALIKE = (0.55, 0.85)
"""Cosine of the angle between strands that are seen on a brow and its usual way from which they are believed."""

BROW_GAIN, BROW_GAMMA = 1.2, 0.7
"""Brows are darkest in their middle, but nearly as dense where a photo's blur makes them paler."""

HAIR_LIGHT = (0.008, 0.36)
"""Luminance of hair, black to white; a texel of the photo holds some skin as well."""


@dataclass(frozen=True)
class HairGrowth:
    """F x F texels of the skin's square."""

    density: np.ndarray  # (F, F, 3) 0..1 of brows, beard, scalp
    colour: np.ndarray  # (F, F, 3) linear albedo of the hair that grows there
    direction: np.ndarray  # (F, F, 3) unit tangents from root to tip, world axes of the neutral head
    bare: np.ndarray  # (F, F, 3) linear albedo of the skin below brows and beard
    confidence: np.ndarray  # (F, F, 3) 0..1 how far density, direction and colour were seen


def growth_of(space: SkinSpace, observed: ObservedTexture, albedo: np.ndarray, weight: np.ndarray, beard: np.ndarray,
              scalp: Scalp) -> HairGrowth:
    """Maps of the hair. `albedo` (R, R, 3) with painted hair; `weight`, `beard` (F, F) as the photo shows them."""
    small = reduce(albedo, space.size)
    brows = brow_field(albedo, space)
    chin = _beard(space, beard, weight, small)
    top = np.clip(scalp.cover / COVER, 0, 1) * (1 - step(brows.share, 0.05, 0.3))
    brow = np.clip(BROW_GAIN * gaussian(brows.share, 0.7) ** BROW_GAMMA, 0, 1)
    texel = float(np.median(space.texel_metres[space.brows > 0.5]))
    brow = brow * step(gaussian(brows.share, 0.002 / texel), *BROW_AMONG)
    density = np.stack([brow, chin, top], -1)
    density *= space.surface.inside[..., None]

    normal = space.lay_out(skin_normals(space.head, space.neutral))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    hair = observed.hair
    axis, belief = seen_strands(space, observed.colour, observed.weight, hair.colour if hair else None,
                                hair.weight if hair else None)
    belief = belief * step(density.max(-1), 0.1, 0.4)
    usual = usual_way(space, normal)
    # Brows are combed as brows are, and what the photo shows bends them: their own outline reads as strands across.
    alike = np.abs((axis * usual).sum(-1))
    belief = belief * (1 - step(density[..., 0], 0.02, 0.1) * (1 - step(alike, *BROW_ALIKE)))
    direction, known = combed(space, axis, belief, usual, normal)

    bearded = _colour_of(small, chin, brows.hair)
    nearer = density[..., :2].argmax(-1)[..., None]
    colour = np.where(nearer == 0, brows.hair, bearded)
    share = np.where(density[..., 2] > density[..., :2].max(-1), 1, 0)[..., None] * (scalp.cover > 0.01)[..., None]
    colour = colour + share * (SCALP_SHADE * scalp.colour - colour)
    light = luminance(colour.astype(np.float32))
    colour = colour * (np.clip(light, *HAIR_LIGHT) / np.maximum(light, 1e-4))[..., None]

    over = enlarge(hair.weight, space.size) if hair is not None else np.zeros_like(weight)
    seen = np.clip(np.maximum(step(weight, 0.05, 0.4), over), 0, 1)
    return HairGrowth(density.astype(np.float32), np.clip(colour, 0, 1).astype(np.float32), direction,
                      _bare(space, small, density), np.stack([seen, known, seen], -1).astype(np.float32))


def _beard(space: SkinSpace, beard: np.ndarray, weight: np.ndarray, albedo: np.ndarray) -> np.ndarray:
    """(F, F) 0..1 with what was not seen completed; zero for a shaven face. `albedo` (F, F, 3) with painted hair."""
    zone = space.beard * space.surface.inside
    beard = np.clip(beard / np.maximum(zone, ZONE), 0, 1)  # what was found has been faded towards the zone's border
    looked = step(weight, 0.05, 0.3) * (zone > ZONE)
    if looked.sum() < 200 or float(((beard > BEARD) * looked).sum() / looked.sum()) < BEARD_SHARE:
        return np.zeros_like(weight)
    trust = looked + MIRROR * space.flip(looked)
    share = (looked * beard + MIRROR * space.flip(looked * beard)) / np.maximum(trust, 1e-6)
    values, count = space.to_vertices(share[..., None], trust)
    field = space.lay_out(space.membrane(values, count, STIFFNESS, PULL))[..., 0]
    field = field + looked * (beard - field)
    texel = float(np.median(space.texel_metres[space.face > 0.5]))
    field = np.clip(gaussian(field.astype(np.float32), 0.001 / texel), 0, 1) * step(zone, 0.5 * ZONE, 1.5 * ZONE)
    return np.maximum(field, _moustache(space, albedo)) * (1 - step(gaussian(space.lips, 1.0), 0.05, 0.3))


def _moustache(space: SkinSpace, albedo: np.ndarray) -> np.ndarray:
    """(F, F) 0..1 of somebody with a beard: what is dark on the upper lip, where the zone of beards fades out."""
    plain = plain_skin(space) > 0.5
    light = np.log(np.maximum(luminance(albedo), 1e-3))
    dark = float(np.median(light[plain])) - gaussian(light.astype(np.float32), 1.0)
    nose, lip = space.landmark_metres[2], space.landmark_metres[0]
    x, _y, z = np.moveaxis(space.position, -1, 0)
    height = max(float(nose[2] - lip[2]), 0.008)
    zone = step(nose[2] - z, 0.05 * height, 0.35 * height) * step(z - lip[2], -height, 0.0)
    zone = zone * (1 - step(np.abs(x), 0.024, 0.032)) * space.face * (1 - np.clip(space.nostrils, 0, 1))
    return (zone * step(dark, *MOUSTACHE) * space.surface.inside).astype(np.float32)


def _colour_of(albedo: np.ndarray, density: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """(3,) of hairs where they grow: the darkest of what is seen there, for the rest is skin between them."""
    dense = density > 0.6 * max(float(density.max()), 1e-3)
    if density.max() < 0.2 or dense.sum() < 50:
        return otherwise
    light = luminance(albedo[dense])
    return np.exp(np.log(np.maximum(albedo[dense][light <= np.percentile(light, DARKEST)], 1e-3)).mean(0))


def _bare(space: SkinSpace, albedo: np.ndarray, density: np.ndarray) -> np.ndarray:
    """(F, F, 3) the albedo with brows and beard taken out, from the skin around them."""
    texel = float(np.median(space.texel_metres[space.face > 0.5]))
    hairy = np.maximum(step(gaussian(np.maximum(density[..., 0], space.brows), 0.0012 / texel), 0.03, 0.25),
                       step(gaussian(density[..., 1].astype(np.float32), 0.002 / texel), 0.05, 0.30))
    other = np.clip(space.lids + space.lips + space.nostrils, 0, 1) * (hairy > 0.01)
    free = (1 - np.maximum(hairy, other)) * space.surface.inside * step(1 - density[..., 2], 0.5, 0.95)
    logs = np.log(np.maximum(albedo, 1e-3)).astype(np.float32)
    filled = fill(logs, free.astype(np.float32))
    filled = np.stack([gaussian(filled[..., c], 0.0015 / texel) for c in range(3)], -1)
    return np.exp(logs + hairy[..., None] * (filled - logs)).astype(np.float32)
