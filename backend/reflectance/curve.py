"""What a camera's tone curve did to hue: shadows more colourful, lights paler than the skin is.

A contrast curve works on every channel by itself, so that ratios of channels grow where it is steep and shrink at its
shoulder. After the light is off, plain skin must not change hue with how bright it was photographed; what does is
the curve's doing (or that of shade lit by another sky than the sun's side, which is just as little the skin's), and is
a function of brightness alone. It is measured on plain skin and taken off everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.colour import luminance

KNOTS = 7
"""Between the darkest and the brightest twentieth of the plain skin."""

NARROW = 0.35
"""Range of ln luminance below which nothing can be told."""

HELD = 150.0
"""Texels that a knot needs to be believed by half."""

MOST = 0.5
"""The largest change of a log ratio."""


@dataclass(frozen=True)
class Curve:
    """Change of ln R/G and ln B/G with ln luminance, 0 in the mean."""

    knots: np.ndarray  # (K,) ln luminance; held beyond the ends
    change: np.ndarray  # (K, 2)

    def undone(self, colour: np.ndarray) -> np.ndarray:
        """(..., 3) linear colour without it, of the same luminance."""
        if not len(self.knots):
            return colour
        bright = luminance(np.maximum(colour, 1e-4))
        at = np.log(bright)
        out = colour.copy()
        for channel, column in ((0, 0), (2, 1)):
            out[..., channel] *= np.exp(-np.interp(at, self.knots, self.change[:, column])).astype(np.float32)
        return (out * (bright / luminance(np.maximum(out, 1e-4)))[..., None]).astype(np.float32)


def curve_of(colour: np.ndarray, residual: np.ndarray, skin: np.ndarray) -> Curve:
    """From plain `skin` (F, F) bool: its `colour` (F, F, 3) and log `residual` (F, F, 3) after light and region."""
    none = Curve(np.zeros(0), np.zeros((0, 2)))
    if skin.sum() < 400:
        return none
    at = np.log(luminance(np.maximum(colour[skin], 1e-4)))
    chroma = np.stack([residual[skin][:, 0] - residual[skin][:, 1], residual[skin][:, 2] - residual[skin][:, 1]], -1)
    low, high = np.percentile(at, [4, 96])
    if high - low < NARROW:
        return none
    edges = np.linspace(low, high, KNOTS + 1)
    bins = np.clip(np.digitize(at, edges[1:-1]), 0, KNOTS - 1)
    middle = np.median(chroma, 0)
    change = np.zeros((KNOTS, 2))
    for number in range(KNOTS):
        here = bins == number
        if here.any():
            believed = here.sum() / (here.sum() + HELD)
            change[number] = believed * (np.median(chroma[here], 0) - middle)
    soft = [np.convolve(np.pad(column, 1, mode="edge"), (0.25, 0.5, 0.25), "valid") for column in change.T]
    return Curve((edges[1:] + edges[:-1]) / 2, np.clip(np.stack(soft, -1), -MOST, MOST))
