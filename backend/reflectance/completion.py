"""Skin that no photo shows: mirrored where the other side was seen, else grown from the person's own colours.

The smooth part is a membrane over the mesh, which has no UV seam; the fine part is the photo's where it was seen,
the mirror's where only the mirror was, and noise of the same strength elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.colour import REC709_LUMINANCE
from backend.reflectance.albedo import Clean
from backend.reflectance.filters import gaussian, step
from backend.reflectance.noise import OCTAVE, octave_tile, triplanar
from backend.reflectance.regions import SkinSpace

STIFFNESS = 6.0
"""Of the membrane against seen texels (counts of grid texels): follows the photo to about a centimetre."""

PULL = 0.004
"""How strongly unseen skin returns to the person's mean colour: over some ten centimetres."""

MIRROR_SHARE = 0.35
"""Weight of a mirrored texel against one that was seen."""

BANDS = (0.0025, 0.006, 0.014)
"""Wavelengths of the mottling that is measured and invented, metres; the FIELD grid holds no shorter ones."""

PLAIN_STRENGTH = ((0.012, 0.016, 0.016), (0.010, 0.014, 0.013), (0.010, 0.015, 0.013))
STRENGTH_LIMIT = (0.035, 0.028, 0.022)
"""Log deviation by band and channel where no photo tells, and the most that is taken for skin and not for noise."""

FEATHER, FEATHER_FEATURES = 0.008, 0.002
"""Width over which seen detail fades into invented detail, on plain skin and on lips, lids and brows, metres."""


BROW_SMOOTH = 2.0
"""Sigma in texels within which light skin between the hairs of a brow does not show."""


BROW_SEEN = (0.25, 0.6)
"""Share of a brow's zone that must be seen for nothing to be added to it, and for nothing at all."""


@dataclass(frozen=True)
class Completion:
    """Everything about the unseen, on the FIELD grid; natural logs."""

    base: np.ndarray  # (F, F, 3) smooth albedo everywhere, equal on both sides of the UV seam
    seen: np.ndarray  # (F, F) 0..1 share of the photo's own detail
    mirrored: np.ndarray  # (F, F) 0..1 share of the mirror's detail in what is left
    grain: np.ndarray  # (F, F, 3) invented detail, already of the person's strength
    strength: np.ndarray  # (bands, 3) standard deviation of that detail, shortest first


def complete(space: SkinSpace, clean: Clean, shares: np.ndarray) -> Completion:
    """Plan the completion. `shares` (F, F, 3) from `noise.planes`."""
    seen = _feathered(space, clean.trust)
    mirrored = space.flip(seen)
    prior = clean.prior + _feature_offsets(space, clean)
    own = (1 - np.clip(space.lips + space.brows + space.lids + space.nostrils, 0, 1)) * space.surface.inside
    residual = clean.log_albedo - prior
    weight = clean.trust * own
    mirror_weight = MIRROR_SHARE * space.flip(clean.trust) * own * (1 - clean.trust)
    mixed = (weight[..., None] * residual + mirror_weight[..., None] * space.flip(residual))
    mixed /= np.maximum(weight + mirror_weight, 1e-6)[..., None]
    values, count = space.to_vertices(mixed, weight + mirror_weight)
    used = count > 0
    mean = _trimmed_mean(values[used], count[used])
    values = np.clip(values - mean, -1.2, 0.8) * used[:, None]
    smooth = space.membrane(values, count, STIFFNESS, PULL) + mean
    base = prior + space.lay_out(smooth)
    # A brow lies where the photo shows it: where its zone shows skin, nothing of a brow may be left to stand.
    shown = np.stack([gaussian(clean.log_albedo[..., c], BROW_SMOOTH) for c in range(3)], -1)
    base = base + (space.brows * seen)[..., None] * np.maximum(shown - base, 0)
    # The mesh is coarser than the features: what is left around them is not for the membrane to say.
    strength = _detail_strength(space, clean, base, seen)
    return Completion(base.astype(np.float32), seen, mirrored, _grain(space, strength, shares), strength)


def _feathered(space: SkinSpace, trust: np.ndarray) -> np.ndarray:
    """Share of the photo: 1 well inside what was seen, 0 at its border, over `FEATHER` metres."""
    solid = ((trust > 0.10) | ~space.surface.inside).astype(np.uint8)
    away = cv2.distanceTransform(solid, cv2.DIST_L2, 5) * space.texel_metres
    features = gaussian(np.clip(space.lips + space.lids + space.brows + space.nostrils + space.ears, 0, 1), 2)
    away /= FEATHER + (FEATHER_FEATURES - FEATHER) * features
    return gaussian(step(away, 0.06, 1.0) * step(trust, 0.05, 0.30), 1.0)


def _feature_offsets(space: SkinSpace, clean: Clean) -> np.ndarray:
    """(F, F, 3) what this person's lips and brows differ from the prior by, for where they are not seen."""
    total = np.zeros_like(clean.prior)
    residual = clean.log_albedo - clean.prior
    right = space.position[..., :1] < 0
    for mask, fallback in ((space.lips, np.zeros(3)), (space.brows, np.full(3, -0.35))):
        weight = mask * clean.trust
        around = gaussian(mask, 8) * (1 - mask) * clean.trust * (1 - space.lids)
        if weight.sum() < 40 or around.sum() < 5:
            offset = fallback
        else:
            offset = np.array([np.average(residual[..., c], weights=weight) - np.average(residual[..., c],
                                                                                       weights=around)
                               for c in range(3)])
        # A lit lip glosses; no lip is paler than the skin by much.
        offset = np.clip(offset - max(0.0, float(offset @ REC709_LUMINANCE) - 0.05), -1.2, 0.4)
        offset[2] = min(offset[2], offset[1] + 0.08)  # blood is no bluer on lips than on cheeks
        total += mask[..., None] * offset.astype(np.float32)
    # A brow that is seen ends where it is seen to end; only one that is hidden has to be made up.
    for side in (right, ~right):
        brow = space.brows[..., None] * side
        share = float((brow[..., 0] * clean.trust).sum() / max(float(brow.sum()), 1e-6))
        total *= 1 - brow * float(step(np.array(share), *BROW_SEEN))
    return total


def _trimmed_mean(values: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(C,) weighted mean without the tenth of the weight that is furthest from the median."""
    if not len(values):
        return np.zeros(3)
    distance = np.linalg.norm(values - np.median(values, 0), axis=1)
    order = np.argsort(distance)
    kept = order[np.cumsum(count[order]) <= 0.9 * count.sum()]
    kept = kept if len(kept) else order
    return np.average(values[kept], weights=count[kept] + 1e-9, axis=0)


def _detail_strength(space: SkinSpace, clean: Clean, base: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(bands, 3) standard deviation of the log detail that the photo shows on cheeks and forehead, by `BANDS`."""
    zone = (seen > 0.8) & (np.maximum(space.cheeks, space.forehead) > 0.3)
    if zone.sum() < 400:
        return np.array(PLAIN_STRENGTH)
    texel = float(np.median(space.texel_metres[zone]))
    left = clean.log_albedo - base
    strength = []
    for wavelength, limit in zip(BANDS, STRENGTH_LIMIT, strict=True):
        # The Gaussian that parts this band from the next: half gone at 1.4 times the wavelength.
        sigma = 1.4 * wavelength * np.sqrt(np.log(2) / 2) / np.pi / texel
        smooth = np.stack([gaussian(left[..., c], sigma) for c in range(3)], -1)
        # Moles and lashes are no mottling: the median does not see them.
        spread = 1.48 * np.median(np.abs((left - smooth)[zone]), 0)
        strength.append(np.clip(spread, 0.003, limit))
        left = smooth
    return np.array(strength)


def _grain(space: SkinSpace, strength: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(F, F, 3) mottling as strong as the photo's own, wavelength by wavelength."""
    grain = np.zeros((space.size, space.size, 3), np.float32)
    for index, (wavelength, deviation) in enumerate(zip(BANDS, strength, strict=True)):
        noise = triplanar(octave_tile(20 + index), space.position, shares, wavelength * OCTAVE)
        blood = triplanar(octave_tile(30 + index), space.position, shares, wavelength * OCTAVE)
        # Blood hides green and blue more than red; what all channels share is pigment and relief.
        common = float(deviation.min())
        own = np.sqrt(np.maximum(deviation**2 - common**2, 0))
        grain += (noise[..., None] * common + blood[..., None] * own).astype(np.float32)
    return grain
