"""The scalp of a head without hair geometry: closely cropped hair in the photo's own colour, or bare skin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.colour import luminance
from backend.reflectance.filters import gaussian, step
from backend.reflectance.noise import TILE, octave_tile, strand_tile, triplanar
from backend.reflectance.regions import SkinSpace
from backend.unwrap.observed import HairSample
from backend.unwrap.surface import band, enlarge

COVER = 0.96
"""How much of the scalp cropped hair hides at its densest."""

SELF_SHADE = 0.6
"""Long hair shines; the same hair cropped is darker than it looks."""

MIRROR, STIFFNESS, PULL, LEVEL = 0.3, 20.0, 0.04, 0.05
"""How much the mirror's testimony counts, the membrane's stiffness and pull to what is expected at a height
(`SkinSpace`), and metres of height that matter."""

HAIR_LOW, HAIR_HIGH = 0.012, 0.36
"""Albedo luminance of hair, black to white."""


STRAND_CONTRAST, TUFT_CONTRAST = 0.30, 0.22
"""Standard deviation of the log brightness of strands and of tufts of them."""

STRAND_HEIGHT, TUFT_HEIGHT = 0.08e-3, 0.12e-3
"""Standard deviation of their relief, metres: 0.2 to 0.6 mm from valley to ridge."""

STRAND_WIDTH = 0.0013
"""From strand to strand of the finest tile, metres."""

STRAND_TEXEL, TILES_AROUND = 0.0003, 4
"""Size of a texel of the strands along the hair, metres, and how many tiles go around the head: about as fine."""

HEAD_MIDDLE, HEAD_RADIUS, CROWN_TILT, WHORL = 0.030, 0.09, 0.45, 0.15
"""The sphere along which hair falls: its middle behind the temples and its radius, metres; how far back the crown
lies, radians; how far strands turn around it, turns."""


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
    # Hair is lit from all around the head: only half of the colour cast of the light on the face is believed of it.
    cast = np.maximum(shading, 1e-3) / float(luminance(np.maximum(shading, 1e-3)))
    albedo = SELF_SHADE * colour * np.sqrt(cast) / np.maximum(shading, 1e-3)
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
    limit = step(scalp, 0.35, 0.95) * (1 - step(shown_skin, 0.3, 0.8)) * step(grown, 0.28, 0.72)
    limit = gaussian(limit.astype(np.float32), 0.004 / float(np.median(space.texel_metres)))
    return Scalp((COVER * limit).astype(np.float32), base.astype(np.float32))


def _grown(space: SkinSpace, hair: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(F, F) 0..1 whether hair grows: what the photo shows, its mirror image, and between them a membrane.

    Where nothing is near, height decides as it does where something was seen: a bald crown over grey sides goes on
    as such around the back of the head.
    """
    weight = hair + skin + MIRROR * space.flip(hair + skin)
    share = (hair + MIRROR * space.flip(hair)) / np.maximum(weight, 1e-6)
    values, count = space.to_vertices(share[..., None], weight)
    height = (space.neutral[:, 2] - space.landmark_metres[10, 2]) / LEVEL
    line = np.stack([np.ones_like(height), height], -1)
    # Weakly held to no slope, for photos that show hair of one height only.
    system = (line * count[:, None]).T @ line + np.diag([1e-6, 0.05 * count.sum()])
    expected = np.clip(line @ np.linalg.solve(system, (line * count[:, None]).T @ values[:, 0]), 0, 1)[:, None]
    field = space.membrane(values - expected, count, STIFFNESS, PULL) + expected
    return space.lay_out(field)[..., 0]


@dataclass(frozen=True)
class Coat:
    """Cropped hair on some rows of the map, (h, R)."""

    present: np.ndarray  # 0..1 how much of the skin it hides
    shade: np.ndarray  # factor on the hair's colour
    mid: np.ndarray  # metres along the normal, tufts
    high: np.ndarray  # metres, strands


def coat(space: SkinSpace, scalp: Scalp, shares: np.ndarray, rows: slice, size: int) -> Coat | None:
    """The strands on these rows of a `size`² map; None where none grow. `shares` (F, F, 3) from `noise.planes`."""
    cover = band(scalp.cover, rows, size)
    if not (cover > 0.002).any():
        return None
    position = band(space.position, rows, size)
    around, down, near_crown = _fall(space, position)
    # Neighbours lean together: without it the strands would be the lines of a comb.
    lean = triplanar(octave_tile(40), position, band(shares, rows, size), 0.0045)
    # Where a texel of the map is wider than a hair's clump, wider clumps stand for it.
    fine = step(STRAND_WIDTH / (band(space.widest_texel, rows, size) * (space.size / size)), 1.5, 3.5)
    strands = fine * _laid(strand_tile(11, 0.28, 0.035), around, down, near_crown, 4.5 * lean)
    strands += np.sqrt(1 - fine**2) * _laid(strand_tile(13, 0.08, 0.016), around, down, near_crown, 4.5 * lean)
    tufts = _laid(strand_tile(12, 0.07, 0.012), around, down, near_crown, 4.5 * lean)
    dense = cover / COVER
    # Single hairs stand before the hairline and skin shows between them: density falls, not opacity.
    ragged = step(dense + (0.30 * strands + 0.20 * tufts) * (1 - dense), 0.30, 0.85) * step(dense, 0.04, 0.30)
    present = np.clip(ragged * (COVER + 0.05 * strands + 0.04 * tufts), 0, 1)
    return Coat(present, np.exp(STRAND_CONTRAST * strands + TUFT_CONTRAST * tufts),
                TUFT_HEIGHT * present * np.clip(tufts, -2, 2), STRAND_HEIGHT * present * np.clip(strands, -2, 2))


def _fall(space: SkinSpace, position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How cropped hair lies at `position` (h, w, 3): turns around the crown, metres down from it, share of the crown.

    Hair grows away from a whorl at the back of the top and turns around it.
    """
    arm, axis, back = _about_crown(space, position)
    angle = np.arccos(np.clip(arm @ axis, -1, 1))
    turns = np.arctan2(arm[..., 0], arm @ back) / (2 * np.pi) + WHORL * np.exp(-angle / 0.35)
    return turns.astype(np.float32), (HEAD_RADIUS * angle).astype(np.float32), 1 - step(angle, 0.25, 0.65)


def _about_crown(space: SkinSpace, position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where `position` (h, w, 3) lies from the middle of the head, unit; the crown's axis, and what is behind it."""
    temple = np.nanmean(space.landmark_metres[[127, 356]], 0)
    middle = np.array([0, temple[1] + HEAD_MIDDLE, temple[2]], np.float32)
    arm = position - middle
    axis = np.array([0, np.sin(CROWN_TILT), np.cos(CROWN_TILT)], np.float32)
    back = np.array([0, np.cos(CROWN_TILT), -np.sin(CROWN_TILT)], np.float32)
    return arm / np.maximum(np.linalg.norm(arm, axis=-1, keepdims=True), 1e-6), axis, back


def away_from_crown(space: SkinSpace) -> np.ndarray:
    """(F, F, 3) unit directions in which hair of the scalp falls, root to tip: the way that `coat` draws it."""
    arm, axis, _back = _about_crown(space, space.position)
    along = arm @ axis
    angle = np.arccos(np.clip(along, -1, 1))
    fall = arm * along[..., None] - axis
    around = np.cross(arm, axis)
    fall, around = (way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-6) for way in (fall, around))
    # Where a strand keeps its number of turns, its way around grows with the way down.
    swirl = np.sin(angle) * 2 * np.pi * WHORL / 0.35 * np.exp(-angle / 0.35)
    way = fall + swirl[..., None] * around
    return (way / np.linalg.norm(way, axis=-1, keepdims=True)).astype(np.float32)


def _laid(tile: np.ndarray, turns: np.ndarray, down: np.ndarray, near_crown: np.ndarray,
          lean: np.ndarray) -> np.ndarray:
    """A tile of strokes along the fall of the hair; fewer of them fit around the crown."""
    y = down / STRAND_TEXEL
    wide, narrow = (cv2.remap(tile, turns * np.float32(TILE * times) + lean, y.astype(np.float32), cv2.INTER_LINEAR,
                              borderMode=cv2.BORDER_WRAP) for times in (TILES_AROUND, 1))
    return wide + near_crown * (narrow - wide)


def lay_over(space: SkinSpace, scalp: Scalp, hair: Coat, albedo: np.ndarray, rows: slice) -> np.ndarray:
    """Rows of the albedo (h, R, 3) with the hair on them."""
    colour = np.clip(band(scalp.colour, rows, albedo.shape[1]) * hair.shade[..., None], 0.004, 0.8)
    return (albedo + hair.present[..., None] * (colour - albedo)).astype(np.float32)
