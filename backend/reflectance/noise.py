"""Tileable noise, laid over the head through space (three planar projections), so that no UV seam cuts it.

Skin that nobody saw must not be smoother than skin that somebody did.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

TILE = 512
"""Side of a noise tile, texels."""


@lru_cache(maxsize=8)
def mottling_tile(seed: int = 3) -> np.ndarray:
    """(TILE, TILE) float32, mean 0, standard deviation 1: soft blotches, spectrum falling as 1/f over two octaves."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    frequency = _frequency()
    band = np.exp(-((frequency / 0.22) ** 2)) / np.maximum(frequency, 0.05) * (frequency > 0.03)
    return _normal(np.fft.irfft2(spectrum * band, (TILE, TILE)))


OCTAVE = 0.12
"""Cycles per texel in the middle of `octave_tile`."""


@lru_cache(maxsize=8)
def octave_tile(seed: int) -> np.ndarray:
    """(TILE, TILE) float32, mean 0, standard deviation 1: one octave and a half of noise around `OCTAVE`."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    octaves = np.log2(np.maximum(_frequency(), 1e-4) / OCTAVE)
    return _normal(np.fft.irfft2(spectrum * np.exp(-((octaves / 0.75) ** 2)), (TILE, TILE)))


@lru_cache(maxsize=8)
def pore_tile(seed: int = 5, spacing: float = 9.0) -> np.ndarray:
    """(TILE, TILE) float32 relief: small pits about `spacing` texels apart, joined by shallow furrows.

    Mean 0, standard deviation 1, deepest downwards. A cellular pattern (Worley 1996) of jittered points: the furrows
    are the cell borders, the pores lie in the crossings.
    """
    rng = np.random.default_rng(seed)
    cells = round(TILE / spacing)
    grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).reshape(-1, 2)
    points = (grid + rng.uniform(0.05, 0.95, grid.shape)) * (TILE / cells)
    mark = np.full((TILE * 3, TILE * 3), 255, np.uint8)
    # A tile in the middle of its own copies: distances wrap.
    for shift_x in range(3):
        for shift_y in range(3):
            place = np.round(points + np.array([shift_x, shift_y]) * TILE).astype(int) % (3 * TILE)
            mark[place[:, 1], place[:, 0]] = 0
    distance = cv2.distanceTransform(mark, cv2.DIST_L2, 5)[TILE:2 * TILE, TILE:2 * TILE] / spacing
    pit: np.ndarray = np.zeros((3 * TILE, 3 * TILE), np.float32)
    for shift_x in range(3):
        for shift_y in range(3):
            place = np.round(points + np.array([shift_x, shift_y]) * TILE).astype(int) % (3 * TILE)
            pit[place[:, 1], place[:, 0]] = rng.uniform(0.3, 1.0, len(points))
    pit = cv2.GaussianBlur(pit, (0, 0), 0.16 * spacing)[TILE:2 * TILE, TILE:2 * TILE]
    furrow = np.clip(distance - 0.45, 0, None)
    relief = -1.4 * pit / pit.max() - 0.8 * furrow
    return _normal(relief - cv2.blur(relief, (31, 31), borderType=cv2.BORDER_REFLECT))


@lru_cache(maxsize=8)
def strand_tile(seed: int, across: float, along: float) -> np.ndarray:
    """(TILE, TILE) float32, mean 0, standard deviation 1: strokes along y, for cropped hair.

    `across` and `along` are the highest frequencies, cycles per texel: a stroke is about their inverse long and wide.
    """
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    fy = np.fft.fftfreq(TILE)[:, None]
    fx = np.fft.rfftfreq(TILE)[None, :]
    band = np.exp(-((fx / across) ** 2) - (fy / along) ** 2) * (fx > 0.2 * across)
    return _normal(np.fft.irfft2(spectrum * band, (TILE, TILE)))


def planes(normal: np.ndarray) -> np.ndarray:
    """(h, w, 3) shares of the three projections for unit normals (h, w, 3); their squares sum to 1.

    Sums of independent noise keep their standard deviation that way.
    """
    weight = np.abs(normal) ** 4
    return (weight / np.maximum(np.sqrt((weight**2).sum(-1, keepdims=True)), 1e-6)).astype(np.float32)


def triplanar(tile: np.ndarray, position: np.ndarray, shares: np.ndarray, texel: float) -> np.ndarray:
    """Values (h, w) of `tile` at `position` (h, w, 3) metres, projected along the axes as `planes` says.

    `texel` is the size of a tile texel in metres.
    """
    place = position * np.float32(1 / texel)
    total = np.zeros(position.shape[:2], np.float32)
    for axis, (a, b) in enumerate(((1, 2), (0, 2), (0, 1))):
        # The shift keeps the origin, where the planes meet, from showing three times the same noise.
        noise = cv2.remap(tile, place[..., a] + 37.0 * axis, place[..., b] + 91.0 * axis, cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_WRAP)
        total += shares[..., axis] * noise
    return total


def _frequency() -> np.ndarray:
    return np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :])


def _normal(field: np.ndarray) -> np.ndarray:
    field = field - field.mean()
    return (field / field.std()).astype(np.float32)
