"""The white of the eye: warm towards the corners, blueish where it thins at the limbus, with a few branching veins."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np

from backend.head.eyes import IRIS_ANGLE, UV_EXTENT
from backend.reflectance.filters import gaussian, step

FRONT = np.array([0.63, 0.565, 0.525])
"""Linear albedo of the white in front."""

BACK = np.array([0.57, 0.43, 0.38])
"""Towards the corners, where the conjunctiva is thicker and redder."""

THIN = np.array([0.95, 0.99, 1.035])
"""Factor beside the limbus: the dark inside of the eye shines through."""

YELLOW = np.array([1.02, 0.985, 0.88])
"""Factor of the small yellowish patches beside the iris, on the side of the nose and of the temple, at their most."""

VEIN = np.array([0.10, 0.50, 0.52])
"""Share of the light that a vein takes at its densest, by channel."""

TRUNKS = 26
"""Vessels that come out of the two corners; each branches a few times."""

_STEP = 0.012  # of a vessel's walk, in half sides of the square
_REACH = 1.15  # half sides from the middle at which vessels start


def sclera(x: np.ndarray, y: np.ndarray, theta: np.ndarray, seed: int) -> np.ndarray:
    """(P, P, 3) linear albedo at `x`, `y` (P, P) in -1..1 of the eye square, `theta` radians off the gaze."""
    rng = np.random.default_rng(seed)
    back = step(theta, np.radians(36), np.radians(82))[..., None]
    colour = FRONT * (1 - back) + BACK * back
    near = np.exp(-np.maximum(theta - IRIS_ANGLE, 0) / np.radians(5.0))[..., None]
    colour = colour * (1 + near * (THIN - 1))
    beside = np.exp(-((np.abs(x) - 0.43) / 0.075) ** 2 - ((y + 0.02) / 0.085) ** 2)[..., None]
    colour = colour * (1 + 0.7 * beside * (YELLOW - 1))
    size = len(x)
    for sigma, strength in ((size / 12, 0.022), (size / 40, 0.014)):
        field = gaussian(rng.standard_normal((size, size, 1)).astype(np.float32)[..., 0], sigma)[..., None]
        tint = np.array([0.4, 1.0, 1.3])  # mottling is blood and fat: it takes blue before red
        colour = colour * (1 + strength * tint * field / field.std())
    cover = veins(size, seed)
    return colour * (1 - cover[..., None] * VEIN)


@cache
def veins(size: int, seed: int) -> np.ndarray:
    """(size, size) 0..1: how densely vessels lie at each texel. They come from the corners and thin out in front."""
    rng = np.random.default_rng((seed, size))
    fine, deep = np.zeros((2, 2 * size, 2 * size), np.uint8)
    for trunk in range(TRUNKS):
        corner = 0.0 if trunk % 2 else np.pi
        start = corner + rng.normal(0, 0.45)
        place = (_REACH * math.cos(start), _REACH * math.sin(start))
        heading = start + np.pi + rng.normal(0, 0.25)
        _grow(fine if rng.random() < 0.7 else deep, place, heading, float(rng.uniform(0.55, 1.0)),
              IRIS_ANGLE / UV_EXTENT + rng.uniform(0.02, 0.24), rng, 0)
    small = [cv2.resize(layer, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
             for layer in (fine, deep)]
    # Deep vessels lie under a veil: wider, paler.
    cover = np.clip(0.8 * gaussian(small[0], 0.5 * size / 1024) + 0.55 * gaussian(small[1], 2.6 * size / 1024), 0, 1)
    cover.flags.writeable = False
    return cover


def _grow(layer: np.ndarray, place: tuple[float, float], heading: float, width: float, end: float,
          rng: np.random.Generator, depth: int) -> None:
    """Draw one winding vessel from `place` towards the limbus, and what branches off it."""
    x, y = place
    points, side = [place], len(layer)
    wind = rng.uniform(0, 2 * np.pi, 2).tolist()
    turns = rng.uniform(5, 14, 2).tolist()  # radians per half side: vessels of the conjunctiva are tortuous
    for count in range(int(rng.integers(40, 95))):
        if not end <= math.hypot(x, y) <= 1.3:
            break
        inward = math.atan2(-y, -x)
        # Drawn inwards a little, so that vessels run to the limbus and not around the eye.
        heading += 0.04 * math.sin(inward - heading) + rng.normal(0, 0.06)
        run = count * _STEP * 8
        wave = 0.5 * math.sin(turns[0] * run + wind[0]) + 0.3 * math.sin(turns[1] * run + wind[1])
        x, y = x + _STEP * math.cos(heading + wave), y + _STEP * math.sin(heading + wave)
        points.append((x, y))
        if depth < 3 and rng.random() < 0.045:
            side_heading = heading + float(rng.choice([-1, 1])) * rng.uniform(0.35, 0.8)
            _grow(layer, (x, y), side_heading, width * rng.uniform(0.5, 0.8), end + rng.uniform(-0.02, 0.1), rng,
                  depth + 1)
    if len(points) < 3:
        return
    pixel = (np.stack([1 + np.array(points)[:, 0], 1 - np.array(points)[:, 1]], -1) / 2 * side).astype(np.float32)
    taper = np.linspace(1, 0.25, len(pixel) - 1) * width
    for a, b, share in zip(pixel[:-1], pixel[1:], taper, strict=True):
        wide = max(1, round(3.2 * share * side / 2048))
        ends = np.round(np.stack([a, b]) * 16).astype(int).tolist()
        cv2.line(layer, ends[0], ends[1], 255 * min(1.0, 0.35 + 0.65 * share), wide, cv2.LINE_AA, 4)
