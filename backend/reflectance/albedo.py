"""From photographed skin to albedo: the light divided out, and what the light model missed taken out as well.

All in natural logarithms on the FIELD grid; the full-resolution division is in `layers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.colour import REC709_LUMINANCE
from backend.reflectance.filters import fill, gaussian, step, wide_median
from backend.reflectance.regions import SkinSpace

REGION_LOG = {
    # Typical colour of a region relative to plain facial skin, ln of linear R, G, B.
    "lips": (-0.16, -0.55, -0.45),
    "cheeks": (0.01, -0.07, -0.06),
    "nose": (-0.01, -0.07, -0.06),
    "lids": (-0.12, -0.20, -0.18),
    "ears": (0.00, -0.12, -0.09),
}

PALE = (0.30, 0.65)
"""Loss of ln R/B against the expected skin from which a bright texel is distrusted, and is not believed at all."""

MEDIAN_METRES = 0.014
"""Window of the large-scale part: what is narrower than half of it (moles, folds, brows) is the person's own."""

KEEP_LUMINANCE, KEEP_CHROMA = 0.40, 0.75
"""How much of a large-scale deviation that both sides share is believed to be skin. Brightness is mostly light that
the model missed (sockets, jaw); colour is mostly blood and sun."""

GREYER, BLUER, PAST = 0.05, 0.06, 0.10
"""By how much ln R/G of skin may lie below, and ln B/G above, the face's at large scale, and how much of what goes
beyond is believed: patches that grey or blue are a highlight's or a shadow's. Twice that where beards grow: stubble is
grey."""

KEEP_BEARD = 0.70
"""The same for darkening where a beard grows and none is recognised: stubble. What is recognised stays whole."""

BEARD_LIT = 0.65
"""Light on a bearded chin or jaw against that on the skin around the beard, at the least."""

KEEP_ONE_SIDED = 0.12
"""How much of a one-sided deviation is believed to be skin (birthmarks are rare, shadows are not)."""


EDGE_SOFT, EDGE_HARD, EDGE_REACH = 0.15, 0.32, 0.0012
"""Change of log shading per millimetre that only a shadow's edge makes, and how far around it is distrusted, metres."""

LEFT_SOFT, LEFT_HARD = 0.06, 0.15
"""Change of log albedo per millimetre there that betrays the edge as misplaced."""

FOLD_NARROW, FOLD_WIDE, FOLD_REACH = 0.0006, 0.0045, 0.0025
"""Sigmas of the Gaussians around folds and of the window in which their direction is found, metres."""

FOLD_SHARE, NASOLABIAL_SHARE, FOLD_MOST = 0.65, 1.0, 2.5
"""How much of a fold's contrast is light (blood and pigment gather in folds too), anywhere and along the fold of a
smile; and the most that is taken out, log (blue falls by as much inside a fold)."""

NASOLABIAL = ((129, 203, 206, 216, 212, 202), (358, 423, 426, 436, 432, 422))
"""Landmarks along the fold from the nose's wing past the mouth's corner, right and left."""


@dataclass(frozen=True)
class Clean:
    """What albedo estimation found on the FIELD grid."""

    shading: np.ndarray  # (F, F, 3) linear: divide the photo by this
    log_albedo: np.ndarray  # (F, F, 3) natural log, filled where unseen
    prior: np.ndarray  # (F, F, 3) natural log of the skin as it would be without a photo
    trust: np.ndarray  # (F, F) 0..1, weight of what is seen after shadows and clipping
    crease: np.ndarray  # (F, F, 3) log, the folds' part of `shading`: it tells of relief


def region_prior(space: SkinSpace) -> np.ndarray:
    """(F, F, 3) natural log of a region's colour relative to plain facial skin."""
    total = np.zeros((space.size, space.size, 3), np.float32)
    for name, values in REGION_LOG.items():
        total += getattr(space, name)[..., None] * np.array(values, np.float32)
    return total


def clean_albedo(space: SkinSpace, colour: np.ndarray, weight: np.ndarray, shading: np.ndarray,
                 tone: np.ndarray, relative: np.ndarray, beard: np.ndarray, left: float = 1.0,
                 ends: np.ndarray | float = 1.0) -> Clean:
    """Albedo without what the fitted light left behind.

    `colour` (F, F, 3) photographed, `weight` (F, F), `shading` (F, F, 3) absolute, `tone` (3,) albedo of plain skin,
    `relative` (F, F, 3) log region prior, `beard` (F, F) 0..1 from `beard_of`; `left` 0..1 of what looks like light at
    large scale is taken out; `ends` (F, F, 3) the values at which photos end.
    """
    prior = np.log(tone).astype(np.float32) + relative
    grey = shading @ REC709_LUMINANCE
    middle = _typical(grey, weight)
    # Deep shadow holds noise, not skin: never divide by less than a tenth of the typical light.
    floor = np.maximum(shading, 0.1 * middle)
    # Under a beard the light is not known but from around it; hair that comes out paler than skin was lit better.
    around = fill(floor, weight * (1 - beard) + 1e-6)
    floor = floor + gaussian(beard, 1)[..., None] * (np.maximum(floor, BEARD_LIT * around) - floor)
    lit = step(grey / middle, 0.10, 0.35)
    # One channel at its end was guessed (`clipping`); two, and the camera's shoulder before that, leave no colour.
    full = colour / ends
    clipped = np.maximum(0.4 * step(full.max(-1), 0.93, 0.995), step(np.median(full, -1), 0.80, 0.93))
    trust = weight * (0.15 + 0.85 * lit) * (1 - gaussian(clipped.astype(np.float32), 1.0))
    raw = np.log(np.maximum(colour, 1e-3)) - np.log(floor)
    residual = np.clip(raw - prior, -2.5, 1.5)

    own = 1 - np.clip(space.lips + space.brows + space.lids + space.nostrils, 0, 1)
    # Skin that is brighter and much paler than it should be lies under a highlight: nothing of it is known.
    shiny = step(residual[..., 2] - residual[..., 0], *PALE) * step(residual @ REC709_LUMINANCE, 0.0, 0.3)
    trust = trust * (1 - gaussian(shiny * own * (1 - beard), 1.5))
    reliable = (trust > 0.03) * step(trust, 0.0, 0.3)
    filled = fill(residual, (reliable * own).astype(np.float32))
    window = round(MEDIAN_METRES / float(np.median(space.texel_metres[space.face > 0.5])))
    large = wide_median(filled, window)
    believed = _believed(space, large, trust * own, lit, beard)
    miss = left * (large - believed)
    miss = np.where((reliable > 0)[..., None], miss, 0)
    miss = _spread_out(miss, reliable)
    divisor = (floor * np.exp(miss)).astype(np.float32)
    bare = residual - miss
    trust = trust * (1 - 0.95 * _shadow_edges(space, divisor, bare, trust))
    crease = creases(space, fill(bare, (reliable * own).astype(np.float32))) * (reliable * own)[..., None]
    return Clean(
        shading=(divisor * np.exp(crease)).astype(np.float32), log_albedo=(prior + bare - crease).astype(np.float32),
        prior=prior, trust=trust.astype(np.float32), crease=crease,
    )


def creases(space: SkinSpace, bare: np.ndarray) -> np.ndarray:
    """(F, F, 3) the part of a log albedo `bare` (F, F, 3), features filled, that is the shading of folds.

    What is long and narrow at the scale of folds is shape: the dark line of a smile, the bright ridge beside it, the
    pouch under an eye. What is as long as wide (moles, spots) is colour. Told apart by the structure tensor
    (Förstner and Gülch 1987).
    """
    texel = float(np.median(space.texel_metres[space.face > 0.5]))
    fine, wide = (np.stack([gaussian(bare[..., c], sigma / texel) for c in range(3)], -1)
                  for sigma in (FOLD_NARROW, FOLD_WIDE))
    fold = fine - wide
    dy, dx = np.gradient(gaussian(fold @ REC709_LUMINANCE, 0.8))
    xx, yy, xy = (gaussian(part, FOLD_REACH / texel) for part in (dx * dx, dy * dy, dx * dy))
    along = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-7)
    share = FOLD_SHARE * step(along, 0.2, 0.6)
    nasolabial = smile_folds(space)
    # A smile's fold opens when the face comes to rest; its core is as narrow as the skin was pressed together.
    fold = fold + nasolabial[..., None] * np.minimum(bare - fine, 0)
    share = np.maximum(share, NASOLABIAL_SHARE * nasolabial)
    return (share[..., None] * np.clip(fold, -FOLD_MOST, FOLD_MOST)).astype(np.float32)


def smile_folds(space: SkinSpace) -> np.ndarray:
    """(F, F) 0..1 along the folds from the nose's wings past the corners of the mouth."""
    return np.maximum(*(space.path(line, 0.007) for line in NASOLABIAL))


def _believed(space: SkinSpace, large: np.ndarray, trust: np.ndarray, lit: np.ndarray,
              beard: np.ndarray) -> np.ndarray:
    """The part of the large-scale residual (F, F, 3) that is skin and not light: soft symmetry."""
    other, other_trust, other_lit = space.flip(large), space.flip(trust), space.flip(lit)
    mine = trust * (0.05 + lit) ** 2 + 1e-4
    theirs = other_trust * (0.05 + other_lit) ** 2 + 1e-4
    # Of two sides that disagree, shadow is the darker one; a highlight is rarer and smaller.
    gap = (large - other) @ REC709_LUMINANCE
    mine = mine * np.exp(np.clip(2.0 * gap, -3, 3))
    share = gaussian((mine / (mine + theirs)).astype(np.float32), 2.0)[..., None]
    shared = share * large + (1 - share) * other
    single = (1 - step(np.minimum(trust, other_trust), 0.02, 0.15))[..., None]
    shared = single * large + (1 - single) * shared
    light = (shared @ REC709_LUMINANCE)[..., None]
    keep = KEEP_LUMINANCE * np.ones_like(light)
    keep = keep + (KEEP_BEARD - keep) * space.beard[..., None] * (light < 0)
    keep = keep * (0.35 + 0.65 * np.maximum(space.face, space.ears))[..., None]
    skin = keep * light + KEEP_CHROMA * _skinlike(shared - light, 1 + space.beard)
    skin = skin + KEEP_ONE_SIDED * (1 - single) * (large - shared)
    hair = gaussian(beard, 2)[..., None]
    return skin + hair * (np.minimum(large, 0) - skin)


def _skinlike(chroma: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """(F, F, 3) log colour `chroma` (F, F, 3) of luminance 0, without more grey and blue than skin has; `wide` (F, F)
    times the limits."""
    red, blue = chroma[..., 0] - chroma[..., 1], chroma[..., 2] - chroma[..., 1]
    red = red + (1 - PAST) * np.maximum(-GREYER * wide - red, 0)
    blue = blue - (1 - PAST) * np.maximum(blue - BLUER * wide, 0)
    green = -(REC709_LUMINANCE[0] * red + REC709_LUMINANCE[2] * blue)
    return np.stack([green + red, green, green + blue], -1).astype(np.float32)


def _shadow_edges(space: SkinSpace, shading: np.ndarray, bare: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """(F, F) 0..1 where the light changes so fast that a small error of place leaves a line in the albedo, and did."""
    light = np.log(np.maximum(shading @ REC709_LUMINANCE, 1e-3)).astype(np.float32)
    features = np.clip(space.brows + space.lips + space.lids, 0, 1)
    edge = step(_slope(space, light), EDGE_SOFT, EDGE_HARD) * (trust > 0.02) * (1 - features)
    edge = edge * step(_slope(space, bare @ REC709_LUMINANCE), LEFT_SOFT, LEFT_HARD)
    reach = max(1, round(EDGE_REACH / float(np.median(space.texel_metres[space.face > 0.5]))))
    return gaussian(cv2.dilate(edge, np.ones((2 * reach + 1,) * 2, np.uint8)), 0.7 * reach)


def _slope(space: SkinSpace, log: np.ndarray) -> np.ndarray:
    """(F, F) change of a log field a millimetre."""
    dy, dx = np.gradient(gaussian(log, 0.7))
    return np.hypot(dx, dy) / (space.texel_metres * 1000)


def _spread_out(miss: np.ndarray, reliable: np.ndarray) -> np.ndarray:
    """Continue the correction a little beyond the seen skin, so that enlarging it meets no step."""
    return fill(miss, (reliable > 0).astype(np.float32))


def _typical(values: np.ndarray, weight: np.ndarray) -> float:
    chosen = weight > 0.3
    if chosen.sum() < 20:
        chosen = weight > 0
    return float(np.median(values[chosen]))
