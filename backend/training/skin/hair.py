"""Hair drawn on the skin map: brows, stubble, beard, the scalp's short hair, lashes' shadow."""

from __future__ import annotations

import numpy as np

from backend.training.skin.anatomy import BROWS, Anatomy, hex_grid
from backend.training.skin.noise import cells, fractal, smooth
from backend.training.skin.strokes import expected, hairs, scattered
from backend.training.skin.traits import Traits


def brows(a: Anatomy, traits: Traits, rng: np.random.Generator) -> np.ndarray:
    """(R, R) coverage by brow hairs that stand up at the nose and lie outwards at the temple."""
    cover = np.zeros(a.inside.shape, np.float32)
    for pairs, outward in zip(BROWS, (-1.0, 1.0), strict=True):
        count = int(220 + 420 * traits.brow_density)
        place = hex_grid(count)
        along, across = place[:, 0], place[:, 1]
        along = np.clip(along + rng.normal(0, 0.02, count), 0, 1)
        spread = (across - 0.5) * (0.55 + 0.6 * traits.brow_thickness)
        across = np.clip(spread + 0.5 + rng.normal(0, 0.05, count), -0.2, 1.2)
        # the brow narrows to its tail, and its head is loose
        across = 0.5 + (across - 0.5) * np.interp(along, [0, 0.2, 0.6, 1], [0.9, 1.05, 0.9, 0.35])
        keep = rng.random(count) < np.interp(along, [0, 0.08, 0.85, 1], [0.45, 1, 1, 0.7])
        along, across = along[keep], across[keep]
        upper = _curve(a.landmark_texel[[pair[0] for pair in pairs]], along)
        lower = _curve(a.landmark_texel[[pair[1] for pair in pairs]], along)
        centres = upper + (lower - upper) * across[:, None]
        lean = np.deg2rad(np.interp(along, [0, 0.25, 0.6, 1], [78, 42, 12, -22]) + rng.normal(0, 9, len(along)))
        lean -= np.deg2rad(28) * (0.5 - across)  # upper hairs lie down, lower ones rise: they meet along the middle
        direction = _on_surface(a, centres, np.stack([outward * np.cos(lean), 0 * lean, np.sin(lean)], -1))
        length = np.interp(along, [0, 0.3, 1], [6.0, 7.5, 5.5]) * rng.uniform(0.75, 1.2, len(along))
        width = rng.uniform(0.09, 0.15, len(along)) * (0.8 + 0.4 * traits.brow_density)
        strokes = hairs(a, centres, direction, length, width, np.full(len(along), 0.85))
        cover = 1 - (1 - cover) * (1 - strokes)
    shade = _soft(a, cover, 1.2)
    return np.clip(cover + 0.25 * traits.brow_density * shade, 0, 1)


def beard(a: Anatomy, traits: Traits, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(R, R) how much the skin shows the roots of shaved hair, and coverage by hairs; both 0..1."""
    where = a.masks["beard"] * np.clip(0.75 + 0.5 * fractal(a.position, 0.015, rng, 2)[..., 0], 0, 1)
    roots, cover = np.zeros_like(where), np.zeros_like(where)
    if traits.stubble > 0:
        texel = a.millimetres_per_texel
        dots = np.zeros_like(where)
        rows = where > 0.02
        shown = float(np.clip((0.9 / texel - 0.8) / 1.2, 0, 1))
        if shown > 0:
            near, _ = cells(a.position[rows], 0.0009, int(rng.integers(1 << 20)))
            dots[rows] = np.exp(-((near / 0.33) ** 2)) * 2.2 - 0.5
        roots = where * traits.stubble * np.clip(1 + shown * dots, 0, 2) * 0.5
    if traits.beard > 0:
        density = where ** (2 - traits.beard)
        centres = scattered(a, density, rng, min(expected(a, density, 25 + 55 * traits.beard), 16000))
        count = len(centres)
        down = np.stack([rng.normal(0, 0.35, count), np.full(count, -0.25), np.full(count, -1.0)], -1)
        side = np.sign(a.position[centres[:, 1].astype(int).clip(0, a.resolution - 1),
                                  centres[:, 0].astype(int).clip(0, a.resolution - 1), 0])
        down[:, 0] += 0.25 * side
        length = rng.uniform(2.0, 3.0 + 4.0 * traits.beard, count)
        cover = hairs(a, centres, _on_surface(a, centres, down), length, rng.uniform(0.1, 0.16, count),
                      np.full(count, 0.75))
        under = traits.beard * density * np.clip(0.72 + 0.5 * fractal(a.position, 0.003, rng, 2)[..., 0], 0, 1)
        cover = 1 - (1 - cover) * (1 - under)
    return np.clip(roots, 0, 1), cover


def scalp(a: Anatomy, traits: Traits, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(R, R) coverage of the scalp by cropped hair, and brightness of its strands about 1."""
    uneven = 0.9 * fractal(a.position, 0.005, rng, 3)[..., 0] + 0.5 * smooth(a.position, 0.018, rng)[..., 0]
    ragged = np.clip((a.masks["hair"] - 0.5) * 2.0 + 0.5 + uneven, 0, 1)
    cover = np.where(a.masks["hair"] > 0.98, 1, ragged * np.minimum(a.masks["hair"] * 3, 1)) * traits.hair
    x, y, z = np.moveaxis(a.position, -1, 0)
    crown = a.position[a.inside][a.position[a.inside][:, 2].argmax()]
    angle = np.arctan2(x - crown[0], -(y - crown[1] - 0.02))
    fall = np.stack([angle * 0.09, 0 * angle, np.hypot(np.hypot(x, y - crown[1]), z - crown[2]) * 0.10], -1)
    strands = 1 + 0.55 * smooth(fall.astype(np.float32), 0.0013, rng)[..., 0]
    strands += 0.3 * fractal(a.position, 0.02, rng, 2)[..., 0]
    return cover.astype(np.float32), np.clip(strands, 0.35, 1.9).astype(np.float32)


def _curve(points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """A smooth curve through K points (K, 2) at `place` (N,) in 0..1."""
    from scipy.interpolate import CubicSpline

    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return CubicSpline(lengths / lengths[-1], points, bc_type="natural")(place).astype(np.float32)


def _on_surface(a: Anatomy, centres: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Directions (N, 3) laid onto the surface at texels (N, 2), unit."""
    place = np.round(centres).astype(int).clip(0, a.resolution - 1)
    normal = a.normal[place[:, 1], place[:, 0]]
    flat = direction - np.einsum("nx,nx->n", direction, normal)[:, None] * normal
    return (flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def _soft(a: Anatomy, image: np.ndarray, millimetres: float) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(image, (0, 0), max(millimetres / a.millimetres_per_texel, 0.3))
