"""Height of skin along its normal, metres: folds and wrinkles (mid band), pores and fine lines (high band)."""

from __future__ import annotations

import numpy as np

from backend.training.skin.anatomy import LIPS_OUTER, UPPER_LIDS, Anatomy, soft
from backend.training.skin.noise import cells, fractal, smooth
from backend.training.skin.traits import Traits

MM = 1e-3

NASOLABIAL = ((203, 206, 216, 212), (423, 426, 436, 432))
OUTER_CANTHI, INNER_CANTHI = (33, 263), (133, 362)


def middle(a: Anatomy, traits: Traits, rng: np.random.Generator) -> np.ndarray:
    """(R, R) metres: uneven flesh, forehead lines, crow's feet, nasolabial folds, lip furrows."""
    masks = a.masks
    height = 0.06 * fractal(a.position, 0.012, rng, 3)[..., 0] * (0.5 + 0.8 * traits.age)
    height += 0.02 * fractal(a.position, 0.0035, rng, 2)[..., 0] * masks["face"]
    height += _forehead(a, traits, rng) + _crows_feet(a, traits, rng) + _lips(a, rng)
    for path in NASOLABIAL:
        gap, place = a.line(a.landmark[list(path)])
        ends = np.sin(np.pi * np.clip(place * 0.9 + 0.1, 0, 1))
        height -= 0.35 * (0.15 + traits.age) * ends * np.exp(-0.5 * (gap / 1.2) ** 2)
    lids = np.min([a.line(a.landmark[list(path)] + np.array([0, 0, 0.004], np.float32))[0] for path in UPPER_LIDS], 0)
    height -= 0.10 * np.exp(-0.5 * (lids / 0.8) ** 2)
    return np.where(a.inside, height * MM, 0).astype(np.float32)


def high(a: Anatomy, traits: Traits, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(R, R) metres of pores and fine lines, and how much of a pore each texel is, 0..1.

    What is finer than two texels is faded out instead of aliasing.
    """
    masks, texel = a.masks, a.millimetres_per_texel
    oily = np.clip(masks["nose"] + masks["nose_tip"] + 0.8 * masks["cheeks"] + 0.4 * masks["forehead"] + 0.3
                   * masks["chin"], 0, 1.2)
    bare = (1 - masks["lips"]) * (1 - 0.7 * masks["under_eye"]) * (1 - 0.6 * masks["ears"])
    seed = int(rng.integers(1 << 20))
    relief = np.zeros(a.inside.shape, np.float32)
    pore = np.zeros(a.inside.shape, np.float32)
    warp = smooth(a.position, 0.004, rng, 3) * 0.0004
    rows = a.inside & (masks["hair"] < 0.9)
    for cell, depth, kind in ((1.5, 0.055, "pore"), (0.8, 0.035, "pore"), (1.1, 0.018, "line"), (0.55, 0.015, "line")):
        shown = float(np.clip((cell / texel - 1.2) / 1.5, 0, 1))
        if shown <= 0:
            continue
        seed += 7
        near, second = cells((a.position + warp)[rows], cell * MM, seed)
        if kind == "pore":
            pit = np.exp(-((near / 0.30) ** 2))
            weight = (0.25 + oily[rows]) * (0.4 + 1.2 * traits.pores)
            relief[rows] -= shown * depth * weight * pit
            pore[rows] = np.maximum(pore[rows], shown * np.minimum(weight, 1) * pit)
        else:
            relief[rows] -= shown * depth * (0.5 + traits.age) * np.exp(-(((second - near) / 0.16) ** 2))
    return (relief * bare * a.inside * MM).astype(np.float32), pore * bare


def _forehead(a: Anatomy, traits: Traits, rng: np.random.Generator) -> np.ndarray:
    wave = smooth(a.position, 0.02, rng)[..., 0] * 2.2
    z = a.position[..., 2] * 1000 + wave
    spacing = rng.uniform(7, 11)
    phase = rng.uniform(0, 1)
    saw = np.abs(np.mod(z / spacing + phase, 1) - 0.5) * spacing
    broken = np.clip(0.6 + 0.8 * smooth(a.position, 0.018, rng)[..., 0], 0, 1)
    return -0.30 * max(traits.age - 0.12, 0) * a.masks["forehead"] * broken * np.exp(-0.5 * (saw / 0.7) ** 2)


def _crows_feet(a: Anatomy, traits: Traits, rng: np.random.Generator) -> np.ndarray:
    out = np.zeros(a.inside.shape, np.float32)
    for outer, inner in zip(OUTER_CANTHI, INNER_CANTHI, strict=True):
        gap = (a.position - a.landmark[outer]) * 1000
        sign = np.sign(a.landmark[outer, 0] - a.landmark[inner, 0])
        angle = np.arctan2(gap[..., 2], sign * gap[..., 0])
        radius = np.linalg.norm(gap, axis=-1)
        fan = np.exp(-0.5 * (angle / 0.55) ** 2) * soft(radius, 5, 3) * np.exp(-0.5 * (radius / 14) ** 2)
        lines = np.cos(angle * rng.uniform(13, 18) + smooth(a.position, 0.01, rng)[..., 0] * 1.2 + rng.uniform(0, 6))
        out -= 0.25 * max(traits.age - 0.1, 0) * fan * np.clip(lines, 0, 1) ** 4
    return out


def _lips(a: Anatomy, rng: np.random.Generator) -> np.ndarray:
    middle = a.landmark[list(LIPS_OUTER)].mean(0)
    across = (a.position[..., 0] - middle[0]) * 1000 + smooth(a.position, 0.003, rng)[..., 0] * 0.5
    fan = across * (1 - 0.010 * np.abs((a.position[..., 2] - middle[2]) * 1000))
    furrow = np.abs(np.mod(fan / rng.uniform(1.3, 1.8), 1) - 0.5) * 2
    depth = 0.06 * np.clip(0.7 + 0.6 * smooth(a.position, 0.004, rng)[..., 0], 0, 1.3)
    return -depth * a.masks["lips"] * np.exp(-((furrow / 0.35) ** 2))
