"""sRGB transfer function and luminance. Images in memory are linear Rec.709 unless a name ends in `_srgb`."""

from __future__ import annotations

from functools import cache

import numpy as np

_STEPS = 1 << 16
_PIECE = 1 << 20
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


def srgb_bytes(linear: np.ndarray) -> np.ndarray:
    """uint8 sRGB of linear values (...,), clipped to 0..1 and rounded: a table's answer, exact all the same.

    The table has a step for every 65,535th; values in the few steps in which the byte changes are worked out.
    """
    codes, unsure = _byte_table()
    flat = np.clip(linear, 0, 1).reshape(-1)
    out = np.empty(flat.shape, np.uint8)
    for begin in range(0, len(flat), _PIECE):
        part = flat[begin:begin + _PIECE]
        step = (part * (_STEPS - 1) + 0.5).astype(np.uint16)
        made = codes[step]
        there = np.flatnonzero(unsure[step])
        made[there] = _rounded(part[there])
        out[begin:begin + _PIECE] = made
    return out.reshape(linear.shape)


def _rounded(clipped: np.ndarray) -> np.ndarray:
    return (linear_to_srgb(clipped) * 255 + 0.5).astype(np.uint8)


@cache
def _byte_table() -> tuple[np.ndarray, np.ndarray]:
    """Byte of each step's middle, and whether a step (a little more than it, for rounding) holds several."""
    middle = np.arange(_STEPS) / (_STEPS - 1)
    low, high = (np.clip(middle + side * 0.51 / (_STEPS - 1), 0, 1) for side in (-1, 1))
    return _rounded(middle), _rounded(low) != _rounded(high)


def luminance(linear: np.ndarray) -> np.ndarray:
    """Relative luminance of linear Rec.709 (..., 3) -> (...)."""
    return linear @ REC709_LUMINANCE
