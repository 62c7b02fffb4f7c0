"""The eye's map in its own UV square: iris, limbus, sclera with veins. Azimuthal equidistant about the gaze axis."""

from __future__ import annotations

import numpy as np

from backend.training.skin.noise import fractal, smooth
from backend.training.skin.traits import Colour

RIM_DEGREES = 110.0
"""Angle from the gaze axis that the square's inscribed circle shows."""

EYEBALL_MM, IRIS_MM = 12.0, 5.85


def eye_map(resolution: int, iris: Colour, rng: np.random.Generator, pupil_mm: float = 1.9) -> np.ndarray:
    """(P, P, 3) float32 linear Rec.709."""
    step = (np.arange(resolution) + 0.5) / resolution * 2 - 1
    x, y = np.meshgrid(step, -step)
    theta = np.deg2rad(RIM_DEGREES) * np.hypot(x, y)
    angle = np.arctan2(y, x)
    radius = EYEBALL_MM * np.sin(np.minimum(theta, np.pi / 2))
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)

    share = np.clip((radius - pupil_mm) / (IRIS_MM - pupil_mm), 0, 1)
    spokes = fractal(np.concatenate([ring[..., :2] * 1.0, share[..., None] * 0.12], -1), 0.055, rng, 3)[..., 0]
    crypts = smooth(np.concatenate([ring[..., :2] * 1.0, share[..., None] * 0.9], -1), 0.25, rng)[..., 0]
    collarette = np.exp(-(((share - 0.32) / 0.12) ** 2))
    bright = np.clip(0.85 + 0.55 * spokes + 0.25 * crypts + 0.35 * collarette, 0.25, 2.2)
    inner = np.array([1.25, 1.0, 0.7]) * 0.5 + 0.5
    colour = np.array(iris) * bright[..., None] * np.where(share[..., None] < 0.4, inner, 1)
    limbus = 1 / (1 + np.exp(-(IRIS_MM - 0.55 - radius) / 0.22))
    colour = colour * (0.3 + 0.7 * limbus[..., None])
    pupil = 1 / (1 + np.exp(-(radius - pupil_mm) / 0.06))
    colour = colour * pupil[..., None] + 0.003

    sphere = np.stack([np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.cos(theta)], -1)
    veins = np.clip(1 - np.abs(fractal(sphere, 0.35, rng, 4, 0.6)[..., 0]) * 9, 0, 1)
    rim = np.clip((theta - 0.6) / 0.9, 0, 1)
    white = np.array([0.66, 0.62, 0.57]) * (1 - 0.15 * rim[..., None])
    red = np.clip(0.10 * rim + 0.30 * veins * rim, 0, 0.6)[..., None]
    sclera = white * (1 - red) + np.array([0.50, 0.16, 0.12]) * red
    outside = 1 / (1 + np.exp(-(np.where(theta > np.pi / 2, EYEBALL_MM * 2, radius) - IRIS_MM) / 0.2))
    return (colour * (1 - outside[..., None]) + sclera * outside[..., None]).astype(np.float32)
