"""How far each of several photos is to be believed at a texel, and how well it shows what is there."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from backend.unwrap.laid import SEEN, Laid, blurred, thinned
from backend.unwrap.view import View

SHINE, SHADE = 0.12, 0.50
"""Log by which a texel may be brighter and paler, or darker, than the middle of three views and more: beyond it lies a
highlight or a cast shadow, and the texel is read from another view. What is brighter alone is only lit by another
light; believed as tightly as highlights, that cost likeness."""

THIRD = (0.1, 0.5)
"""Weight of the third best view at which the middle begins to count, and counts for all."""

SPECK = 1.2
"""Texels over which that is judged."""

BURNT = (0.80, 0.93)
"""Linear value of two channels from which a texel is taken for the photo's end."""

DIM, NOISY = (0.01, 0.10), 0.3
"""Linear value at which a photo shows mostly noise and hardly any, and what a texel is worth at the former."""

MOVED = 0.006
"""Metres by which an expression moves skin before it counts half: a smile folds it."""


def trusted(level: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(N, W, W) 0..1: how far each view's log colour (N, W, W, 3) is that of the skin and of no highlight or shadow.

    Where three views or more see a texel, their weighted median is the skin; where fewer do, all are believed.
    """
    trust = np.ones_like(weight)
    if len(weight) < 3:
        return trust
    third = np.partition(weight, -3, axis=0)[-3]
    judged = third > THIRD[0]
    if not judged.any():
        return trust
    sure = np.clip((third[judged] - THIRD[0]) / (THIRD[1] - THIRD[0]), 0, 1)
    # A speck is judged with its surroundings; what a view does not show must not leak in.
    both = np.stack([blurred(np.stack([one.mean(-1), one[..., 2] - one[..., 0]], -1), w, SPECK)[judged]
                     for one, w in zip(level, weight, strict=True)])  # (N, P, 2) brightness, paleness
    off, paler = np.moveaxis(both - np.stack([_weighted_median(both[..., part], weight[:, judged])
                                              for part in (0, 1)], -1), -1, 0)
    shine = np.sqrt(np.maximum(off, 0) * np.maximum(paler, 0))
    believed = 1 / (1 + (shine / SHINE) ** 4 + (np.minimum(off, 0) / SHADE) ** 4)
    trust[:, judged] = 1 - sure * (1 - believed)
    return trust


def burnt(laid: Laid) -> np.ndarray:
    """(W, W) 0..1: two channels at the photo's end, of which no colour is left."""
    return np.clip((np.exp(np.median(laid.log, -1)) - BURNT[0]) / (BURNT[1] - BURNT[0]), 0, 1)


def lit(laid: Laid) -> np.ndarray:
    """(W, W) how little of what a photo shows is noise: less where it is dark."""
    light = np.clip((laid.log.mean(-1) - np.log(DIM[0])) / np.log(DIM[1] / DIM[0]), 0, 1)
    return NOISY + (1 - NOISY) * light


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(P,) of values (N, P): the first at which half the weight is reached."""
    order = np.argsort(values, 0)
    total = np.cumsum(np.take_along_axis(weight, order, 0), 0)
    index = (total < 0.5 * total[-1] - 1e-9).sum(0)
    return np.take_along_axis(np.take_along_axis(values, order, 0), index[None], 0)[0]


def worth(views: Sequence[View], level: Sequence[np.ndarray], weight: np.ndarray,
           moved_by: Sequence[np.ndarray]) -> np.ndarray:
    """(N, W, W) how well each view shows detail: photo pixels a texel, blur of the photo, and stretch by expression."""
    size = len(weight[0])
    fine = np.stack([thinned(view.density, size) for view in views]) * sharpness(level, weight)[:, None, None]
    most = np.maximum((fine * (weight > SEEN)).max(0), 1e-6)
    return np.minimum(fine / most, 1) / (1 + (np.stack(moved_by) / MOVED) ** 2)


def sharpness(level: Sequence[np.ndarray], weight: np.ndarray) -> np.ndarray:
    """(N,) how sharp each view is, 1 for the sharpest, from its detail where others show the same skin.

    Detail is sparse and noise is everywhere: what the strongest twentieth has beyond what noise of the same middle
    would have.
    """
    detail = []
    shared = (weight > 0.3).sum(0) >= 2
    for one, w in zip(level, weight, strict=True):
        grey = one.mean(-1)
        high = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))[shared & (w > 0.3)]
        detail.append(float(np.percentile(high, 95) - 2.9 * np.median(high)) if len(high) > 200 else np.nan)
    found = np.array(detail)
    if not np.isfinite(found).any():
        return np.ones(len(found))
    best = np.nanmax(found)
    return np.clip(np.where(np.isfinite(found), found / max(best, 1e-6), 0.7), 0.3, 1)
