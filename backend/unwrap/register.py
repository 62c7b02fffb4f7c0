"""Photos laid on each other in the UV square: what a fit leaves of their misfit is measured and taken out.

A fit is good to a millimetre; pores, lashes and the rims of lips want a fifth of that. Every view is registered to
those before it, patch by patch with the fit's own matching (`backend.fit.stereo.matching`), and a smooth field of
offsets moves the places at which its photo is read. The head and its cameras stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from backend.fit.config import StereoConfig
from backend.fit.stereo.chart import Chart
from backend.fit.stereo.matching import match
from backend.unwrap.laid import Laid

SEEN = 0.25
"""Weight from which a view may speak of where its skin lies."""

APART = 12
"""Texels between patches."""

COARSE = 1.5
"""Millimetres; broader shading is taken off before patches are compared, as the fit does."""

PATCHES = StereoConfig(levels=(3.0, 1.2), radius=5, rounds=3, likeness=0.7, whole=0.7, reach=5.0, roundtrip=1.0,
                       neighbours=8, uneven=1.0, odd=2.5)
"""Down to finer samples than the fit's: a field may bend more than a head."""

BROAD, NARROW = 36.0, 10.0
"""Texels over which offsets are averaged, first for what a whole view is off by, then for what is left of it."""

HELD = 0.15
"""Patches' worth of weight with which the field is held at zero: far from any patch the fit is believed."""

FEWEST = 12
"""Patches; fewer tell nothing."""


def chart_of(laid: Laid, texel: float) -> Chart:
    """The view as the matching wants it; `texel` millimetres."""
    seen = (laid.weight > SEEN).astype(np.float32)
    wide = COARSE / texel
    around = cv2.GaussianBlur(seen, (0, 0), wide)
    smooth = cv2.GaussianBlur(laid.grey * seen, (0, 0), wide) / np.maximum(around, 1e-3)
    return Chart((laid.grey - smooth) * seen, np.zeros((1, 1, 2)), seen, texel)


def joined(first: Chart, second: Chart) -> Chart:
    """What either shows, the first where both do."""
    ours = first.seen > 0.5
    return replace(first, shade=np.where(ours, first.shade, second.shade), seen=np.maximum(first.seen, second.seen))


def offsets(reference: Chart, chart: Chart) -> np.ndarray | None:
    """(W, W, 2) texels from a place of `reference` to where `chart` shows the same skin; None when nothing is told."""
    texels = _places(reference, chart)
    if len(texels) < FEWEST:
        return None
    found = match(reference, chart, texels, PATCHES)
    if len(found.index) < FEWEST:
        return None
    at = texels[found.index]
    sure = 1.0 / (1.0 + found.covariance.trace(axis1=1, axis2=2) / 0.5)
    size = chart.shade.shape
    broad = _spread(at, found.shift, sure, BROAD, size)
    column, row = (at - 0.5).T.astype(np.float32)
    left = found.shift - cv2.remap(broad, column[None], row[None], cv2.INTER_LINEAR)[0]
    return broad + _spread(at, left, sure, NARROW, size)


def _places(reference: Chart, chart: Chart) -> np.ndarray:
    """(P, 2) middles of patches: the places with most contrast among those that both show, one to a square."""
    both = cv2.erode(reference.seen * chart.seen, np.ones((5, 5), np.uint8))
    slope = np.hypot(cv2.Scharr(reference.shade, cv2.CV_32F, 1, 0), cv2.Scharr(reference.shade, cv2.CV_32F, 0, 1))
    telling = cv2.GaussianBlur(slope * both, (0, 0), 2.0) * (both > 0.5)
    side = len(telling) // APART * APART
    count = side // APART
    blocks = telling[:side, :side].reshape(count, APART, count, APART).transpose(0, 2, 1, 3).reshape(count, count, -1)
    row, column = np.divmod(blocks.argmax(-1), APART)
    used = blocks.max(-1) > 0
    rows, columns = np.nonzero(used)
    return np.column_stack([columns * APART + column[used] + 0.5, rows * APART + row[used] + 0.5]).astype(np.float64)


def _spread(at: np.ndarray, values: np.ndarray, sure: np.ndarray, reach: float, size: tuple[int, ...]) -> np.ndarray:
    """(h, w, 2) float32: `values` (M, 2) at texels `at` (M, 2), averaged over `reach` texels and held at zero."""
    step = max(1, int(reach // 3))
    small = (-(-size[0] // step), -(-size[1] // step))
    grid = np.zeros((*small, 3), np.float32)
    place = (at / step).astype(int)
    np.add.at(grid, (np.minimum(place[:, 1], small[0] - 1), np.minimum(place[:, 0], small[1] - 1)),
              np.column_stack([values * sure[:, None], sure]).astype(np.float32))
    # A Gaussian whose middle counts as one patch: the sum is a number of patches.
    sigma = reach / step
    blurred = cv2.GaussianBlur(grid, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT) * (2 * np.pi * sigma**2)
    field = blurred[..., :2] / (blurred[..., 2:] + HELD)
    large = cv2.resize(field, (small[1] * step, small[0] * step), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(large[:size[0], :size[1]], np.float32)


def moved(field: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(G, G, ...) `field` read `offset` (G, G, 2) of its own texels farther."""
    size = len(field)
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    return cv2.remap(field, x + offset[..., 0], y + offset[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
