"""The focal length of a film's camera, from how a known head looks when it turns and nods.

A head's own shape and its landmarks' shifts as it turns tell how near the camera is. Landmarks err together, so they
tell less than their number; what is usual for films of faces holds the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.capture.exif import assumed_focal
from backend.tracking.actor import Actor
from backend.tracking.landmarker import Seen
from backend.tracking.rigid import first_guess, solve
from backend.tracking.shown import IRISES, Shown
from backend.tracking.tracker import ENOUGH_STEPS

TRIED = np.linspace(np.log(0.45), np.log(2.2), 13)
"""Logarithms of shares of the usual focal length."""
FRAMES = 12
INDEPENDENT = 0.02
"""So many landmarks' worth one landmark of one frame is, as they err together."""


def found_focal(seen: Sequence[Seen], actor: Actor, size: tuple[int, int], table: Shown) -> float:
    """Pixels, from frames of one clip of pictures of `size` (width, height)."""
    used = np.isfinite(table.sigma) & np.isfinite(actor.neutral).all(1)
    points = actor.neutral[used]
    face = float(np.linalg.norm(actor.neutral[IRISES[0]] - actor.neutral[IRISES[1]]))
    apart = [float(np.linalg.norm(one.landmarks[IRISES[0], :2] - one.landmarks[IRISES[1], :2])) for one in seen]
    usual = assumed_focal(size, max(float(np.quantile(apart, 0.9)), 1.0))
    order = np.linspace(0, len(seen) - 1, min(FRAMES, len(seen))).astype(int)
    cost = 0.5 * (TRIED / usual.sigma) ** 2
    centre = np.array(size) / 2
    for index in np.unique(order):
        pixels = seen[index].landmarks[used, :2]
        start = None
        for number, share in enumerate(np.exp(TRIED)):
            k = np.array([[usual.pixels * share, 0, centre[0]], [0, usual.pixels * share, centre[1]], [0, 0, 1]])
            start = first_guess(points, pixels, k)
            if start is None:
                cost[number] += 1e3
                continue
            _, rms = solve(points, pixels, table.sigma[used] * face, k, start, ENOUGH_STEPS)
            cost[number] += INDEPENDENT * len(points) * rms**2
    best = int(np.argmin(cost))
    inner = min(max(best, 1), len(TRIED) - 2)
    low, middle, high = cost[inner - 1:inner + 2]
    bend = low - 2 * middle + high
    shift = 0.5 * (low - high) / bend if bend > 1e-9 else 0.0
    step = TRIED[1] - TRIED[0]
    return float(usual.pixels * np.exp(TRIED[inner] + np.clip(shift, -1, 1) * step))
