"""Brows and lashes of geometry: a colour and a coverage for every hair, from what the skin's map shows below it.

Hair i of n lies about u = (i + 0.5) / n of its material's UV square, v runs from its root to its tip. The skin's map
keeps the brow that the photo shows; hairs over it add relief where it is hairy and vanish where it is bare.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from backend.core.colour import luminance
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance.filters import fill, gaussian, step
from backend.reflectance.maps import SkinMaps
from backend.reflectance.regions import SkinSpace

TEXELS, ALONG = 4, 32
"""Texels of a map across a hair's column and along it."""

PLAIN_BROW = np.array([0.045, 0.028, 0.018])
"""Linear albedo of brown hair, where a photo shows no brow to take it from."""

HAIRY, DENSE = 0.22, 0.60
"""Share of hair on the skin around a hair's place below which it is not drawn, and from which it is drawn wholly."""

CONTRAST = (0.10, 0.35)
"""Log darkness of a brow's darkest against the skin around it below which there is no brow, and from which there surely
is one: shadows of the brow ridge reach 0.2."""

STRONG = 1.1
"""Log darkness of a brow that leaves no skin to be seen."""

COVER = 0.80
"""Coverage of a hair where the brow is dense: its neighbours and the painted brow below it do the rest."""

OWN = 0.55
"""How far a hair has the brow's hair colour rather than that of the map below it, which is hair and skin mixed."""

LASH_SHARE, LASH_LIGHT, LASH_GREY = 0.22, (0.005, 0.018), 0.5
"""Luminance of lashes as a share of the brow's, its limits (lashes are darker than any other hair), and how much of the
brow's hue they lack."""


@dataclass(frozen=True)
class _Hairs:
    """H hairs of a material, in the order of their columns."""

    path: np.ndarray  # (H, 3, 3) metres: root, middle, tip, on the neutral head
    middle: float  # v of the middle


def hair_maps(maps: SkinMaps, fit: HeadFit, head: HeadModel) -> dict[str, np.ndarray]:
    """`brow_albedo` and `lash_albedo` (ALONG, TEXELS * hairs, 4), linear colour and coverage; row 0 at the tips.

    Only for the materials that the head has.
    """
    brow, lash = (_hairs_of(head, fit.neutral, name) for name in ("brow", "lash"))
    if brow is None and lash is None:
        return {}
    space = SkinSpace.of(head, fit.neutral)
    field = brow_field(maps.diffuse_albedo, space)
    out = {}
    if brow is not None:
        out["brow_albedo"] = _brow_map(brow, field, space)
    if lash is not None:
        out["lash_albedo"] = _lash_map(lash, field)
    return out


@dataclass(frozen=True)
class BrowField:
    """What the skin's map shows about the brows, on the FIELD grid."""

    albedo: np.ndarray  # (F, F, 3)
    share: np.ndarray  # (F, F) 0..1 of hair, 1 where the brow is densest
    hair: np.ndarray  # (3,) its colour
    strength: float  # 0..1, how dark the brow is at its densest: a ribbon of a thin brow stands for thin hairs


def brow_field(albedo: np.ndarray, space: SkinSpace) -> BrowField:
    """Where the brows of a skin map (R, R, 3) are hairy, and the colour of their hair."""
    small = cv2.resize(albedo, (space.size, space.size), interpolation=cv2.INTER_AREA)
    brows = space.brows
    texel = float(np.median(space.texel_metres[brows > 0.5]))
    # What lies around the brows is skin; shadows and stray hairs at their borders are not.
    wide = gaussian(brows, 0.002 / texel)
    free = space.surface.inside & (wide < 0.02) & (space.lids < 0.1)
    near = cv2.dilate((brows > 0.1).astype(np.uint8), np.ones((2 * round(0.020 / texel) + 1,) * 2, np.uint8)) > 0
    weight = (free & near).astype(np.float32)
    skin = fill(np.log(np.maximum(small, 1e-3)).astype(np.float32), weight)
    skin = np.stack([gaussian(skin[..., c], 0.004 / texel) for c in range(3)], -1)
    darkness = luminance(np.exp(skin))
    darkness = np.log(np.maximum(darkness, 1e-3)) - np.log(np.maximum(luminance(small), 1e-3))
    core = brows > 0.6
    if not core.any():
        return BrowField(small, np.zeros_like(darkness), PLAIN_BROW, 0.0)
    deepest = float(np.percentile(darkness[core], 90))
    dark = core & (darkness >= np.percentile(darkness[core], 85))
    sure = float(step(np.array(deepest), *CONTRAST))
    strength = float(np.clip(deepest / STRONG, 0, 1))
    # The darkest of a brow in a photo is still a mixture with skin.
    shown = np.exp(np.log(np.maximum(small[dark], 1e-3)).mean(0))
    hair = np.exp(sure * np.log((1 - 0.3 * strength) * shown) + (1 - sure) * np.log(PLAIN_BROW))
    # The brow hangs over the rim of the zone that landmarks span, but not over the lids.
    zone = step(gaussian(brows, 0.0015 / texel), 0.05, 0.3) * (1 - step(space.lids, 0.3, 0.8))
    share = sure * np.clip(darkness / max(deepest, CONTRAST[1]), 0, 1) * zone
    return BrowField(small, share.astype(np.float32), hair, strength)


def _brow_map(hairs: _Hairs, field: BrowField, space: SkinSpace) -> np.ndarray:
    at = _along(hairs, ALONG)
    row, column = _places(at, space)
    # Hair hides the skin around it: what counts is how hairy the place is, not one texel of the photo.
    soft = gaussian(field.share, 1.0)
    share = soft[row, column]
    below = field.albedo[row, column]
    steps = np.linspace(0, 1, ALONG)
    # A hair belongs to the brow when most of it does, and is drawn no farther than the brow reaches.
    whole = step(1.2 * share.mean(1), HAIRY, DENSE)[:, None]
    alpha = COVER * (0.35 + 0.65 * field.strength) * whole * step(share, 0.5 * HAIRY, 1.8 * HAIRY)
    alpha = alpha * (0.75 + 0.25 * _uneven(len(alpha)))[:, None] * (1 - 0.35 * steps)
    dark = np.minimum(below, np.exp(0.35 * np.log(np.maximum(below, 1e-3)) + 0.65 * np.log(field.hair)))
    colour = np.exp((1 - OWN) * np.log(np.maximum(dark, 1e-3)) + OWN * np.log(field.hair))
    colour = colour * (0.85 + 0.35 * _uneven(len(alpha))[::-1])[:, None, None]
    return _laid_out(colour, alpha)


def _lash_map(hairs: _Hairs, field: BrowField) -> np.ndarray:
    light = float(luminance(field.hair))
    target = float(np.clip(LASH_SHARE * light, *LASH_LIGHT))
    colour = (LASH_GREY * light + (1 - LASH_GREY) * field.hair) * (target / light)
    count = len(hairs.path)
    shade = (0.8 + 0.4 * _uneven(count))[:, None, None]
    steps = np.linspace(0, 1, ALONG)
    # Roots come out of the skin; where a closing lid leaves them bare, they must not look cut off.
    alpha = np.broadcast_to((1 - 0.5 * steps**2) * (0.15 + 0.85 * step(steps, 0, 0.16)), (count, ALONG))
    return _laid_out(np.broadcast_to(colour * shade, (count, ALONG, 3)), alpha)


def _laid_out(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(ALONG, TEXELS * H, 4) of hairs' colours (H, ALONG, 3) and coverage (H, ALONG); row 0 is v = 1."""
    picture = np.concatenate([np.clip(colour, 0, 1), np.clip(alpha, 0, 1)[..., None]], -1)
    return np.repeat(picture.transpose(1, 0, 2)[::-1], TEXELS, 1).astype(np.float32)


def _uneven(count: int) -> np.ndarray:
    """(count,) 0..1: no two neighbours alike, the same in every run."""
    return (np.arange(count) * 0.6180339887) % 1


def _hairs_of(head: HeadModel, neutral: np.ndarray, material: str) -> _Hairs | None:
    """The hairs of a material, None when the head has none."""
    of = head.material == head.material_index(material)
    if head.material_index(material) < 0 or not of.any():
        return None
    corner = head.faces[of].reshape(-1)
    uv = head.uvs[of].reshape(-1, 2)[corner >= 0].astype(np.float64)
    corner = corner[corner >= 0]
    tips = np.unique(np.round(uv[uv[:, 1] > 0.9, 0], 5))
    count = len(tips)
    hair = np.clip(np.floor(uv[:, 0] * count).astype(int), 0, count - 1)
    third = np.digitize(uv[:, 1], (0.1, 0.9))
    middle = float(np.median(uv[third == 1, 1]))
    path = np.zeros((count, 3, 3))
    for index in range(3):
        here = third == index
        total = np.zeros((count, 3))
        np.add.at(total, hair[here], neutral[corner[here]])
        path[:, index] = total / np.maximum(np.bincount(hair[here], minlength=count), 1)[:, None]
    return _Hairs(path, middle)


def _along(hairs: _Hairs, count: int) -> np.ndarray:
    """(H, count, 3) metres: points from root to tip on the parabola through a hair's three points."""
    t, m = np.linspace(0, 1, count), hairs.middle
    weights = np.stack([(t - m) * (t - 1) / m, t * (t - 1) / (m * (m - 1)), t * (t - m) / (1 - m)], 1)
    return np.einsum("tk,hkx->htx", weights, hairs.path)


def _places(points: np.ndarray, space: SkinSpace) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the FIELD grid of the skin nearest to `points` (..., 3)."""
    candidates = np.argwhere(space.surface.inside & (gaussian(space.brows, 8) > 1e-3))
    tree = cKDTree(space.position[candidates[:, 0], candidates[:, 1]])
    _, nearest = tree.query(points.reshape(-1, 3))
    row, column = candidates[nearest].T
    return row.reshape(points.shape[:-1]), column.reshape(points.shape[:-1])
