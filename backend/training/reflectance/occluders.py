"""What stands before a face in photos: strands of hair and the frames of glasses, drawn into the skin's square.

They lie in front of the skin and not on it, so the light is not told from them; the network must say where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.training.skin.anatomy import EYES, NOSE_ROOT, Anatomy

STRANDS, GLASSES, BLOT = 0.25, 0.15, 0.08
"""Shares of photos with hair over the forehead, with glasses, with something else (a hand, a cable)."""


@dataclass(frozen=True)
class Occluder:
    """In G x G texels."""

    cover: np.ndarray  # (G, G) float32 0..1
    albedo: np.ndarray  # (G, G, 3) float32 linear
    shadow: np.ndarray  # (G, G) float32 0..1, light it takes from the skin beside it


def random_occluder(a: Anatomy, rng: np.random.Generator) -> Occluder | None:
    """Something before the face, or nothing."""
    which = rng.random()
    size = a.resolution
    cover: np.ndarray = np.zeros((size, size), np.float32)
    colour = np.exp(rng.uniform(np.log(0.01), np.log(0.25)))
    tint = colour * np.exp(rng.normal(0, 0.2, 3)) * (np.array([1.3, 1.0, 0.75]) if which < STRANDS else 1.0)
    if which < STRANDS:
        _strands(a, cover, rng)
    elif which < STRANDS + GLASSES:
        _frames(a, cover, rng)
    elif which < STRANDS + GLASSES + BLOT:
        _blot(a, cover, rng)
        tint = np.exp(rng.uniform(np.log(0.02), np.log(0.6), 3)) * 0.5 + tint * 0.5
    else:
        return None
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.6), np.float32)
    offset = rng.uniform(-4, 4, 2) / 1000 / (a.millimetres_per_texel / 1000)
    moved = cv2.warpAffine(cover, np.array([[1, 0, offset[0]], [0, 1, offset[1]]]), (size, size))
    shadow = np.clip(cv2.GaussianBlur(moved, (0, 0), 1.0) * rng.uniform(0.2, 0.9), 0, 1)
    albedo = np.broadcast_to(tint, (size, size, 3)).astype(np.float32)
    return Occluder(cover, albedo * rng.uniform(0.7, 1.3, (size, size, 1)).astype(np.float32), shadow)


def _strands(a: Anatomy, cover: np.ndarray, rng: np.random.Generator) -> None:
    """Locks that fall from the hairline down the forehead or beside the face."""
    top = a.landmark_texel[10]
    eyes = a.landmark_texel[list(EYES[0] + EYES[1])]
    fall = float(eyes[:, 1].mean() - top[1])
    middle, lean = rng.uniform(-1, 1), rng.normal(0, 0.5)
    for _ in range(int(rng.integers(3, 22))):
        x = top[0] + (middle + rng.normal(0, 0.5)) * fall * 1.2
        length, wave, phase = fall * rng.uniform(0.4, 2.2), rng.uniform(0, 0.1) * fall, rng.uniform(0, 6.3)
        t = np.linspace(-0.5, 1, 24)
        path = np.stack([x + lean * t * length + wave * np.sin(4 * t + phase), top[1] + t * length], -1)
        cv2.polylines(cover, [np.round(path * 16).astype(np.int32)], False, float(rng.uniform(0.4, 1)),
                      max(1, round(rng.uniform(0.5, 3.5) / a.millimetres_per_texel)), cv2.LINE_AA, 4)


def _frames(a: Anatomy, cover: np.ndarray, rng: np.random.Generator) -> None:
    """Two rims, a bridge and temples."""
    thick = max(1, round(rng.uniform(0.8, 4) / a.millimetres_per_texel))
    dark = rng.random() < 0.2
    inner = []
    for ring in EYES:
        points = a.landmark_texel[list(ring)]
        centre, span = points.mean(0), np.ptp(points[:, 0])
        radius = span * np.array([rng.uniform(0.8, 1.0), rng.uniform(0.6, 0.95)])
        angle = np.linspace(0, 2 * np.pi, 40)
        square = rng.uniform(0.5, 1)
        way = np.stack([np.cos(angle), np.sin(angle)], -1)
        rim = centre + [0, 0.15 * span] + np.sign(way) * np.abs(way) ** square * radius
        shape = [np.round(rim * 16).astype(np.int32)]
        if dark:
            cv2.fillPoly(cover, shape, 1.0, cv2.LINE_AA, 4)
        cv2.polylines(cover, shape, True, 1.0, thick, cv2.LINE_AA, 4)
        inner.append((centre, radius))
    root = a.landmark_texel[NOSE_ROOT]
    for centre, radius in inner:
        out = np.array([np.sign(centre[0] - root[0]) * radius[0], 0])
        for start, end in ((centre - out, root), (centre + out, centre + 4 * out)):
            cv2.line(cover, tuple(int(v) for v in start), tuple(int(v) for v in end), 1.0, thick, cv2.LINE_AA)


def _blot(a: Anatomy, cover: np.ndarray, rng: np.random.Generator) -> None:
    centre = a.landmark_texel[int(rng.choice([50, 280, 152, 10, 205, 425]))] + rng.normal(0, 4, 2)
    axes = rng.uniform(6, 30, 2) / a.millimetres_per_texel
    cv2.ellipse(cover, tuple(int(v) for v in centre), tuple(max(1, int(v)) for v in axes), float(rng.uniform(0, 180)),
                0, 360, 1.0, -1, cv2.LINE_AA)
