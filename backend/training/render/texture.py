"""Looking things up in pictures: textures by UV, environments by direction."""

from __future__ import annotations

import numpy as np


def bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray, wrap: bool = False) -> np.ndarray:
    """`image` (H, W) or (H, W, C) at texel coordinates (centres at whole numbers), clamped, or wrapped in x."""
    height, width = image.shape[:2]
    y = np.clip(y, 0, height - 1)
    x = np.mod(x, width) if wrap else np.clip(x, 0, width - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    left = np.mod(left, width)
    right = np.mod(left + 1, width) if wrap else np.minimum(left + 1, width - 1)
    bottom = np.minimum(top + 1, height - 1)
    if image.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    upper = image[top, left] * (1 - fx) + image[top, right] * fx
    lower = image[bottom, left] * (1 - fx) + image[bottom, right] * fx
    return upper * (1 - fy) + lower * fy


def by_uv(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """`image` (R, R) or (R, R, C), row 0 at v = 1, at `uv` (N, 2)."""
    height, width = image.shape[:2]
    return bilinear(image, uv[..., 0] * width - 0.5, (1 - uv[..., 1]) * height - 0.5)


def by_direction(environment: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Radiance (N, 3) of an equirectangular picture along world directions (N, 3)."""
    height, width = environment.shape[:2]
    u = 0.5 - np.arctan2(direction[..., 1], direction[..., 0]) / (2 * np.pi)
    v = 0.5 - np.arcsin(np.clip(direction[..., 2], -1, 1)) / np.pi
    return bilinear(environment, u * width - 0.5, v * height - 0.5, wrap=True)


def halved(image: np.ndarray) -> np.ndarray:
    """Box-filtered to half the size; sides must be even."""
    height, width = image.shape[:2]
    return image.reshape(height // 2, 2, width // 2, 2, *image.shape[2:]).mean((1, 3), dtype=np.float32)


def minified(image: np.ndarray, texels_per_sample: float) -> np.ndarray:
    """The mip level at which one sample covers between one and two texels."""
    while texels_per_sample > 1.5 and image.shape[0] % 2 == 0 and image.shape[0] > 64:
        image, texels_per_sample = halved(image), texels_per_sample / 2
    return image
