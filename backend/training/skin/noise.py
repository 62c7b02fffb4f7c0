"""Random fields over points in space, in metres. Fields follow the surface without a seam, whatever the UVs do."""

from __future__ import annotations

import numpy as np

LATTICE = 48
"""Cells along each side of the random lattice before it repeats."""

COARSE = 4
"""Fields much broader than a texel are computed on every fourth texel and enlarged."""


def smooth(points: np.ndarray, cell: float, rng: np.random.Generator, channels: int = 1) -> np.ndarray:
    """Value noise of wavelength about `cell` metres at `points` (..., 3): (..., channels) in about -1..1, mean 0."""
    import cv2
    import torch

    lattice = rng.uniform(-1, 1, (1, channels, LATTICE, LATTICE, LATTICE)).astype(np.float32)
    lattice = np.pad(lattice, ((0, 0), (0, 0), (0, 1), (0, 1), (0, 1)), mode="wrap")
    shift = rng.uniform(0, LATTICE, 3).astype(np.float32)
    coarse = points.ndim == 3 and min(points.shape[:2]) >= 256 and cell > 3 * COARSE * _stride(points)
    chosen = points[COARSE // 2::COARSE, COARSE // 2::COARSE] if coarse else points
    with torch.no_grad():
        flat = torch.from_numpy(np.ascontiguousarray(chosen, np.float32)).reshape(-1, 3)
        place = flat / cell + torch.from_numpy(shift)
        place = torch.remainder(place, LATTICE)
        base = place.floor()
        place -= base
        place = base + place * place * (3 - 2 * place)
        grid = (place * (2 / LATTICE) - 1)[None, None, None]
        out = torch.nn.functional.grid_sample(torch.from_numpy(lattice), grid, mode="bilinear", align_corners=True)
    field = np.ascontiguousarray(out.numpy().reshape(channels, -1).T).reshape(*chosen.shape[:-1], channels)
    if coarse:
        # the coarse samples sit at texel COARSE // 2; resize expects them half a coarse texel in
        place_x = (np.arange(points.shape[1], dtype=np.float32) - COARSE // 2) / COARSE
        place_y = (np.arange(points.shape[0], dtype=np.float32) - COARSE // 2) / COARSE
        map_x, map_y = np.meshgrid(place_x, place_y)
        field = cv2.remap(field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        field = field.reshape(*points.shape[:2], channels)
    return field


def _stride(points: np.ndarray) -> float:
    """Metres between neighbouring texels of a position map (R, R, 3), where it is coarse (90th percentile)."""
    here = points[4::16, 4::16]
    gaps = [np.linalg.norm(points[4::16, 5::16] - here, axis=-1), np.linalg.norm(points[5::16, 4::16] - here, axis=-1)]
    return float(np.quantile(np.stack(gaps), 0.9))


def fractal(points: np.ndarray, cell: float, rng: np.random.Generator, octaves: int = 3, fall: float = 0.5,
            channels: int = 1) -> np.ndarray:
    """Octaves of `smooth`, each half the size and `fall` the height; (..., channels), standard deviation about 0.4."""
    total, height, norm = np.zeros(1), 1.0, 0.0
    for octave in range(octaves):
        total = total + height * smooth(points, cell / 2**octave, rng, channels)
        norm += height * height
        height *= fall
    return np.asarray(total / np.sqrt(norm), np.float32)


def cells(points: np.ndarray, cell: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cellular noise (Worley 1996): distances to the nearest and second feature point, in cells; both (...).

    Feature points come from an integer hash of the cell, so that any resolution and order gives the same pores.
    """
    flat = points.reshape(-1, 3) / cell
    home = np.floor(flat).astype(np.int64)
    first = np.full(len(flat), 9.0, np.float32)
    second = first.copy()
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for dz in (-1, 0, 1):
                corner = home + np.array([dx, dy, dz])
                gap = (corner + _jitter(corner, seed) - flat).astype(np.float32)
                distance = np.einsum("na,na->n", gap, gap)
                second = np.minimum(second, np.maximum(first, distance))
                first = np.minimum(first, distance)
    return np.sqrt(first).reshape(points.shape[:-1]), np.sqrt(second).reshape(points.shape[:-1])


def _jitter(corner: np.ndarray, seed: int) -> np.ndarray:
    """(N, 3) in 0..1 from integer cells (N, 3)."""
    mixed = (corner[:, 0] * 73856093) ^ (corner[:, 1] * 19349663) ^ (corner[:, 2] * 83492791) ^ (seed * 2654435761)
    out = np.empty(corner.shape, np.float32)
    for axis in range(3):
        mixed = (mixed ^ (mixed >> 13)) * 1274126177 & 0x7FFFFFFF
        mixed = mixed ^ (mixed >> 16)
        out[:, axis] = (mixed & 0xFFFF) / 65536.0
    return out
