"""Reading a photo at sub-pixel places without aliasing: bicubic where it is coarse, a mip pyramid where it is fine."""

from __future__ import annotations

import cv2
import numpy as np

ROWS = 512
"""Rows sampled at a time: bounds memory at 4096²."""


class Pyramid:
    """A linear photo (H, W, 3) and its halvings (Gaussian, 5 taps)."""

    def __init__(self, image: np.ndarray, levels: int) -> None:
        self.levels: list[np.ndarray] = [np.ascontiguousarray(image, np.float32)]
        while len(self.levels) <= levels and min(self.levels[-1].shape[:2]) > 8:
            self.levels.append(cv2.pyrDown(self.levels[-1]))

    def sample(self, pixels: np.ndarray, density: np.ndarray) -> np.ndarray:
        """Colours (h, w, 3) at photo pixels (h, w, 2); `density` (h, w) photo pixels per texel picks the level."""
        # pyrDown's own blur spans about 1.2 pixels, so the level may lag the density by a little.
        level = np.clip(np.log2(np.maximum(density, 1e-6)) - 0.25, 0, len(self.levels) - 1)
        low = int(np.floor(level.min()))
        high = int(np.ceil(level.max()))
        if low == high:
            return self._level(low, pixels)
        colour = np.zeros((*pixels.shape[:2], 3), np.float32)
        for index in range(low, high + 1):
            share = np.maximum(0, 1 - np.abs(level - index)).astype(np.float32)
            if share.any():
                colour += share[..., None] * self._level(index, pixels)
        return colour

    def _level(self, index: int, pixels: np.ndarray) -> np.ndarray:
        # Level l's pixel centre j lies over photo pixel centre j * 2^l (cv2.pyrDown keeps the even samples).
        place = ((pixels - 0.5) / 2**index).astype(np.float32)
        colour = cv2.remap(self.levels[index], place[..., 0], place[..., 1], cv2.INTER_CUBIC,
                           borderMode=cv2.BORDER_REPLICATE)
        return np.maximum(colour, 0)


def levels_for(density: np.ndarray) -> int:
    """How many halvings a field of densities needs."""
    top = float(density.max()) if density.size else 1.0
    return max(0, int(np.ceil(np.log2(max(top, 1.0)))))
