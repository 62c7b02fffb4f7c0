"""sRGB transfer function and luminance. Images in memory are linear Rec.709 unless a name ends in `_srgb`."""

from __future__ import annotations

import numpy as np

REC709_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 decoding. `srgb` (...,) float in 0..1 (values outside keep their sign); same shape back."""
    magnitude = np.abs(srgb)
    low = magnitude / 12.92
    high = ((magnitude + 0.055) / 1.055) ** 2.4
    return np.copysign(np.where(magnitude <= 0.04045, low, high), srgb).astype(np.asarray(srgb).dtype)


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 encoding, the inverse of `srgb_to_linear`."""
    magnitude = np.abs(linear)
    low = magnitude * 12.92
    high = 1.055 * magnitude ** (1 / 2.4) - 0.055
    return np.copysign(np.where(magnitude <= 0.0031308, low, high), linear).astype(np.asarray(linear).dtype)


def luminance(linear: np.ndarray) -> np.ndarray:
    """Relative luminance of linear Rec.709 (..., 3) -> (...)."""
    return linear @ REC709_LUMINANCE
