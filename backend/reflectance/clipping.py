"""Skin whose red a photo has clipped: the channels that are left say what it was.

Red goes first on skin. Divided by the light, what is left looks yellow or grey where the key light is strongest, and
completion spreads that over the face.
"""

from __future__ import annotations

import numpy as np

from backend.reflectance.filters import step

SOFT, HARD = 0.80, 0.97
"""Linear value from which a channel may be, and is, the end of a camera's curve."""

MOST = 1.6
"""Times by which a channel is raised at the most."""


def recovered(colour: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """(..., 3) linear `colour` with red, then green, continued past the end where the next channel is not there yet.

    `ratio` (2,) are the ln R/G and ln G/B of the same skin where nothing is clipped.
    """
    out = colour.copy()
    for channel in (1, 0):
        # What the end is reached by is told by the channel after it, which clips later.
        told = out[..., channel + 1] * np.float32(np.exp(ratio[channel]))
        share = step(colour[..., channel], SOFT, HARD) * (1 - step(colour[..., channel + 1], 0.90, 0.98))
        raised = np.clip(told, out[..., channel], MOST * out[..., channel])
        out[..., channel] += share * (raised - out[..., channel])
    return out.astype(np.float32)


def ratio_of(colour: np.ndarray, skin: np.ndarray) -> np.ndarray | None:
    """(2,) ln R/G and ln G/B of the brightest tenths of `skin` (F, F) bool that are not clipped; None for too little.

    Bright skin, because what lies in the shade is lit by light of another colour.
    """
    safe = np.maximum(colour, 1e-3)
    whole = skin & (colour.max(-1) < SOFT)
    if whole.sum() < 100:
        return None
    bright = whole & (colour[..., 1] >= np.percentile(colour[..., 1][whole], 60))
    log = np.log(safe[bright])
    return np.median(np.stack([log[:, 0] - log[:, 1], log[:, 1] - log[:, 2]], -1), 0)
