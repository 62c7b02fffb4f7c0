"""The iris: what a photo of it tells (colour by radius, blotches), and a whole one made of that and of fibres.

Polar grids (RADII, ANGLES): row 0 on the pupil's middle, the last row on the limbus; angles counter-clockwise from the
right of the picture, which is the person's left.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.colour import REC709_LUMINANCE
from backend.reflectance.filters import step
from backend.unwrap.observed import EyeSample

RADII, ANGLES = 32, 128

PLAIN, LARGE = 15.0, 28.0
"""Radius of the iris in photo pixels below which its pattern is not believed, and from which it is wholly."""

INNER, OUTER = 0.42, 0.88
"""Radii between which the iris has its mean colour: between pupil and limbus, whatever their size."""

DEEPEST = 0.75
"""Largest deviation from that colour that is believed, of log albedo; beyond lie lashes and mirrored windows."""

TINT = 0.35
"""The same for hue alone: colour fringes of lenses and of JPEG are stronger."""

BLOTCH = 0.10
"""Finest blotches believed, iris radii: about two pixels of an iris of forty."""

PUPIL_SHARES = (0.22, 0.55)
"""Radius of the pupil, as a share of the iris', in bright light and in the dark."""

PUPIL_STEP, PUPIL_LIGHT = 0.35, 0.025
"""Log contrast between pupil and iris from which the pupil is seen, and luminance of the photographed iris below which
that contrast is noise."""


@dataclass(frozen=True)
class IrisLook:
    """How an iris departs from its mean colour, in log albedo; nothing where `trust` is 0."""

    profile: np.ndarray  # (RADII, 3) by radius
    pattern: np.ndarray  # (RADII, ANGLES, 3) on top, its mean 0 at every radius
    trust: float  # 0..1
    pupil: float  # radius as a share of the iris'; NaN when not seen


def grid(size: int, centre: tuple[float, float], radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates (RADII, ANGLES) for cv2.remap of an iris about `centre` with `radius`, pixels."""
    depth = ((np.arange(RADII) + 0.5) / RADII)[:, None] * radius
    angle = ((np.arange(ANGLES) + 0.5) / ANGLES * 2 * np.pi)[None]
    x, y = centre[0] + depth * np.cos(angle), centre[1] - depth * np.sin(angle)
    return np.clip(x, 0, size - 1).astype(np.float32), np.clip(y, 0, size - 1).astype(np.float32)


def read(eye: EyeSample, veil: np.ndarray) -> IrisLook | None:
    """The look of one photographed iris; `veil` (3,) linear light that the cornea mirrors. None when too small."""
    trust = float(step(np.array(eye.radius), PLAIN, LARGE)) if np.isfinite(eye.radius) else 0.0
    if trust <= 0:
        return None
    size = len(eye.patch)
    x, y = grid(size, (size / 2 - 0.5, size / 2 - 0.5), size / 2)
    colour = cv2.remap(eye.patch, x, y, cv2.INTER_LINEAR)
    weight = cv2.remap(eye.patch_weight, x, y, cv2.INTER_LINEAR).astype(np.float64)
    if (weight > 0.5).mean() < 0.2:
        return None
    log = np.log(np.maximum(colour - veil, np.maximum(0.35 * colour, 1e-3))).astype(np.float64)
    light = log @ REC709_LUMINANCE
    radius = (np.arange(RADII) + 0.5) / RADII
    light, weight = _unshaded(light, weight, radius)
    between = (radius > INNER) & (radius < OUTER)
    seen = weight[between].sum()
    lit = (colour[between] @ REC709_LUMINANCE * weight[between]).sum() / seen > PUPIL_LIGHT if seen else False
    pupil = _pupil(_by_radius(light[..., None], weight)[:, 0], weight.sum(1)) if lit else np.nan
    # What is left of the luminance is the iris' own; the hue keeps its place.
    hue = log - (log @ REC709_LUMINANCE)[..., None]
    log = light[..., None] + hue
    profile = _by_radius(log, weight)
    profile -= np.average(profile[between], axis=0, weights=weight.sum(1)[between] + 1e-6)
    mean_hue = profile - (profile @ REC709_LUMINANCE)[:, None]
    pattern = log - _by_radius(log, weight)[:, None]
    pattern = _limited(_completed(pattern, weight, radius))
    lightness = np.clip(profile @ REC709_LUMINANCE, -DEEPEST, DEEPEST)
    profile = lightness[:, None] + np.clip(mean_hue, -TINT, TINT)
    return IrisLook(_smooth(profile), pattern, trust, pupil)


def mixed(looks: list[IrisLook | None]) -> IrisLook | None:
    """One look of two irises of a person: colours by radius of both, blotches of the one that is better seen."""
    known = [look for look in looks if look is not None]
    if not known:
        return None
    best = max(known, key=lambda look: look.trust)
    weight = np.array([look.trust for look in known])
    pupils = np.array([look.pupil for look in known])
    return IrisLook(np.average([look.profile for look in known], axis=0, weights=weight), best.pattern, best.trust,
                    float(np.nanmean(pupils)) if np.isfinite(pupils).any() else np.nan)


def _unshaded(light: np.ndarray, weight: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log luminance without the lid's shadow, which darkens from above, and robust weights without lashes.

    The shadow is taken for what changes evenly across the iris; the iris' own change with radius is held apart.
    """
    angle = (np.arange(ANGLES) + 0.5) / ANGLES * 2 * np.pi
    x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    # Under the lid the shadow deepens faster than evenly.
    terms = np.stack([x, y, np.maximum(y, 0) ** 2], -1)
    share = weight * radius[:, None]
    fit = np.zeros(3)
    for _ in range(6):
        own = _by_radius((light - terms @ fit)[..., None], share)[:, 0]
        rest = light - own[:, None]
        centred = terms - _by_radius(terms, share)[:, None]
        a = (centred * share[..., None]).reshape(-1, 3)
        fit = np.linalg.solve(a.T @ centred.reshape(-1, 3) + np.diag([1.0, 1.0, 4.0]), a.T @ rest.reshape(-1))
        residual = light - terms @ fit - own[:, None]
        share = weight * radius[:, None] / (1 + (residual / 0.30) ** 2)
    residual = light - terms @ fit - own[:, None]
    return light - terms @ fit, weight / (1 + (residual / 0.35) ** 2)


def _by_radius(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(RADII, C) weighted mean of (RADII, ANGLES, C) around; radii that are not seen take the nearest that is."""
    total = weight.sum(1)
    mean = (values * weight[..., None]).sum(1) / np.maximum(total, 1e-9)[:, None]
    seen = np.flatnonzero(total > 0.06 * ANGLES)
    if not len(seen):
        return np.zeros_like(mean)
    nearest = seen[np.abs(np.arange(RADII)[:, None] - seen).argmin(1)]
    return mean[nearest]


def _pupil(light: np.ndarray, seen: np.ndarray) -> float:
    """Radius of the dark middle, as a share of the iris', where a clear step ends it; else NaN."""
    radius = (np.arange(RADII) + 0.5) / RADII
    best, found = PUPIL_STEP, np.nan
    for edge in np.arange(PUPIL_SHARES[0], PUPIL_SHARES[1], 0.01):
        inside, outside = radius < edge - 0.05, (radius > edge + 0.05) & (radius < edge + 0.22)
        if seen[inside].sum() < 0.2 * ANGLES * inside.sum() * 0.5:
            continue
        contrast = light[outside].mean() - light[inside].mean()
        # Of equally deep steps the steepest is the border.
        slope = np.interp(edge + 0.05, radius, light) - np.interp(edge - 0.05, radius, light)
        if contrast > PUPIL_STEP and slope + 0.3 * contrast > best:
            best, found = slope + 0.3 * contrast, float(edge)
    return found


def _completed(pattern: np.ndarray, weight: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Blotches (RADII, ANGLES, 3) smoothed to what the photo resolves; under the lids their mirror image, faded."""
    support = np.clip(weight, 0, 1) * step(radius, 0.28, 0.42)[:, None] * (1 - step(radius, 0.86, 0.97))[:, None]
    smooth, known = _blur(pattern * support[..., None]), _blur(support[..., None])
    field, sure = smooth / np.maximum(known, 0.05), np.clip(known * 1.5, 0, 1)
    flipped, flipped_sure = field[:, ::-1], sure[:, ::-1]  # angle -> -angle: from below for what is hidden above
    field = sure * field + (1 - sure) * flipped_sure * flipped
    return field - field.mean(1, keepdims=True)


def _blur(field: np.ndarray) -> np.ndarray:
    """Gaussian of BLOTCH over a polar field (RADII, ANGLES, C), closed around the circle."""
    rows = BLOTCH * RADII / 2
    columns = BLOTCH / (2 * np.pi * 0.6) * ANGLES / 2
    pad = ANGLES // 4
    wide = np.concatenate([field[:, -pad:], field, field[:, :pad]], 1)
    blurred = np.stack([cv2.GaussianBlur(wide[..., c], (0, 0), sigmaX=columns, sigmaY=rows,
                                         borderType=cv2.BORDER_REFLECT) for c in range(field.shape[-1])], -1)
    return blurred[:, pad:-pad]


def _limited(pattern: np.ndarray) -> np.ndarray:
    light = np.clip(pattern @ REC709_LUMINANCE, -0.4 * DEEPEST, 0.4 * DEEPEST)
    hue = np.clip(pattern - (pattern @ REC709_LUMINANCE)[..., None], -TINT, TINT)
    return light[..., None] + hue


def _smooth(profile: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(profile.astype(np.float64), (1, 7), sigmaX=1e-3, sigmaY=1.5,
                            borderType=cv2.BORDER_REPLICATE)
