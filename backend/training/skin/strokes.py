"""Small things set down on a map: spots and hairs, each measured in millimetres on the surface.

A patch of texels around each centre is looked at, so a thing has its true shape wherever the map is stretched.
"""

from __future__ import annotations

import numpy as np

from backend.training.skin.anatomy import Anatomy

BATCH = 4096


def spots(a: Anatomy, centres: np.ndarray, radius: np.ndarray, strength: np.ndarray, edge: float = 0.35) -> np.ndarray:
    """Round spots, (R, R): where they overlap the strongest counts.

    `centres` (N, 2) texels x, y; `radius` (N,) mm; `strength` (N,); `edge` softness as a share of the radius.
    """
    out = np.zeros(a.inside.shape, np.float32)
    texel = a.millimetres_per_texel
    for start in range(0, len(centres), BATCH):
        rows = slice(start, start + BATCH)
        reach = int(np.ceil(1.6 * radius[rows].max() / texel)) + 1
        x, y, gap = _patches(a, centres[rows], reach)
        distance = np.linalg.norm(gap, axis=-1)
        r = radius[rows, None, None]
        blur = np.sqrt((edge * r) ** 2 + (0.5 * texel) ** 2)
        value = strength[rows, None, None] / (1 + np.exp(np.clip((distance - r) * 4 / blur, -30, 30)))
        value *= np.minimum((r / (0.5 * texel)) ** 2, 1)
        np.maximum.at(out, (y, x), value.astype(np.float32))
    return out


def hairs(a: Anatomy, centres: np.ndarray, direction: np.ndarray, length: np.ndarray, width: np.ndarray,
          strength: np.ndarray) -> np.ndarray:
    """Straight tapering hairs, (R, R) coverage in 0..1, layered.

    `centres` (N, 2) texels of their middles; `direction` (N, 3) unit in space; `length`, `width` (N,) mm.
    """
    clear = np.ones(a.inside.shape, np.float32)
    texel = a.millimetres_per_texel
    for start in range(0, len(centres), BATCH):
        rows = slice(start, start + BATCH)
        reach = int(np.ceil(0.5 * length[rows].max() / texel)) + 1
        x, y, gap = _patches(a, centres[rows], reach)
        along = np.einsum("nabx,nx->nab", gap, direction[rows])
        across = np.linalg.norm(gap - along[..., None] * direction[rows, None, None], axis=-1)
        half = length[rows, None, None] / 2
        taper = np.clip(1 - np.maximum(along / half, 0), 0, 1) * 0.7 + 0.3
        sigma = np.sqrt((width[rows, None, None] * 0.5 * taper) ** 2 + (0.42 * texel) ** 2)
        cover = np.minimum(width[rows, None, None] * taper / (2.5 * sigma), 1)
        past = np.clip((np.abs(along) - half) / (0.3 * texel), -30, 30)
        value = cover * np.exp(-0.5 * (across / sigma) ** 2) / (1 + np.exp(past))
        np.multiply.at(clear, (y, x), (1 - strength[rows, None, None] * value).astype(np.float32))
    return 1 - clear


def scattered(a: Anatomy, density: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """`count` random texels (count, 2), as likely as `density` (R, R) times the surface a texel covers."""
    area = np.linalg.norm(np.cross(a.along_u, a.along_v), axis=-1)
    weight = np.where(a.inside, np.maximum(density, 0) * area, 0).ravel().astype(np.float64)
    total = weight.sum()
    if total <= 0 or count == 0:
        return np.zeros((0, 2), np.float32)
    index = np.searchsorted(np.cumsum(weight) / total, rng.random(count)).clip(0, weight.size - 1)
    place = np.stack([index % a.resolution, index // a.resolution], -1)
    return (place + rng.uniform(-0.5, 0.5, place.shape)).astype(np.float32)


def expected(a: Anatomy, density: np.ndarray, per_square_centimetre: float) -> int:
    """How many things a density (R, R) of 0..1 means at so many per square centimetre."""
    area = np.linalg.norm(np.cross(a.along_u, a.along_v), axis=-1)
    return int((np.where(a.inside, density, 0) * area).sum() * 1e4 * per_square_centimetre)


def _patches(a: Anatomy, centres: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texel columns and rows (N, K, K) around centres and the gap to the exact centre, (N, K, K, 3) mm."""
    limit = a.resolution - 1
    middle = np.clip(np.round(centres).astype(int), 0, limit)
    part = (centres - middle)[:, :, None]
    step = np.arange(-reach, reach + 1)
    x = np.clip(middle[:, 0, None, None] + step[None, None, :], 0, limit) + 0 * step[None, :, None]
    y = np.clip(middle[:, 1, None, None] + step[None, :, None], 0, limit) + 0 * step[None, None, :]
    home = (a.position[middle[:, 1], middle[:, 0]] + part[:, 0] * a.along_u[middle[:, 1], middle[:, 0]]
            + part[:, 1] * a.along_v[middle[:, 1], middle[:, 0]])
    return x, y, (a.position[y, x] - home[:, None, None]) * 1000
