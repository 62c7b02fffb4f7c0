"""Filters over textures with holes and over textures whose texels are not all of one size."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from backend.core.threads import bands, side_by_side

_ROWS = 64


def step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step: 0 at `low`, 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def fill(field: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pull-push: keep (H, W, C) where `weight` (H, W) is 1, spread it smoothly where it is 0.

    After Gortler et al. 1996 (the lumigraph), on halved grids.
    """
    height, width = weight.shape
    if min(height, width) <= 2:
        total = weight.sum()
        mean = (field * weight[..., None]).sum((0, 1)) / max(total, 1e-9)
        return np.where(weight[..., None] > 1e-6, field, mean).astype(np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    small_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(field * weight[..., None], size, interpolation=cv2.INTER_AREA).reshape(*small_weight.shape, -1)
    small = small / np.maximum(small_weight, 1e-9)[..., None]
    coarse = fill(small, np.minimum(1, small_weight * 4))
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)
    return large + (field - large) * weight[..., None]


def wide_median(field: np.ndarray, window: int, low: float = -1.6, high: float = 1.6) -> np.ndarray:
    """Median over `window`² texels of each channel of a log field (H, W, C), clipped to `low`..`high`.

    The large-scale part of a texture with its hard edges: a cast shadow stays, a mole goes. 8-bit inside (steps of
    1.3 %), because only that is quick; the steps are smoothed away.
    """
    window |= 1
    scale = 255 / (high - low)
    planes = []
    for c in range(field.shape[-1]):
        plane = np.clip((field[..., c] - low) * scale, 0, 255)
        # Ordered rounding hides the steps in flat places: the median of dithered values lies between the steps.
        planes.append(cv2.medianBlur(np.round(plane).astype(np.uint8), window).astype(np.float32) / scale + low)
    return cv2.GaussianBlur(np.stack(planes, -1), (0, 0), 1.5)


class MetricBlur:
    """Gaussian blurs by metres of a weighted field, on texels of varying size: a stack of blurs, interpolated."""

    def __init__(self, field: np.ndarray, weight: np.ndarray, texel: np.ndarray) -> None:
        """`field` and `weight` (R, R), `texel` (R, R) metres per texel."""
        self._weight = weight
        self._log_texel = np.log2(texel)
        self._weighted = field * weight

    def blur(self, sigma: float) -> np.ndarray:
        """(R, R) field blurred by `sigma` metres; 0 far from any weight."""
        level = np.log2(sigma) - self._log_texel
        low, high = float(np.percentile(level, 1)), float(np.percentile(level, 99))
        steps = np.arange(np.floor(low), np.ceil(high) + 1)
        level = np.clip(level, steps[0], steps[-1])
        total, norm = np.zeros_like(self._weight), np.zeros_like(self._weight)
        pieces = bands(len(level), _ROWS)
        for s in steps.tolist():
            field, weight = side_by_side(partial(gaussian, sigma=2.0**s), (self._weighted, self._weight))
            for rows in pieces:  # few rows at a time stay in the processor's cache
                share = np.maximum(1 - np.abs(level[rows] - np.float32(s)), 0)
                if share.any():
                    total[rows] += share * field[rows]
                    norm[rows] += share * weight[rows]
        for rows in pieces:
            total[rows] *= step(norm[rows], 0.0, 0.02) / np.maximum(norm[rows], 1e-4)
        return total


def gaussian(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur that works on a reduced copy when `sigma` (texels) is large."""
    factor = 1
    while sigma / factor > 3.5:
        factor *= 2
    if factor == 1:
        return cv2.GaussianBlur(field, (0, 0), sigma) if sigma > 0.3 else field
    height, width = field.shape[:2]
    small = cv2.resize(field, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
