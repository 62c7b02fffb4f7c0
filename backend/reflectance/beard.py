"""Where a photo shows a beard: dark and colourless as no shadow on skin is.

A beard on the lower face looks like a lack of light from below, and its colour like light of another colour. Told
apart by chroma (the shade of skin stays as red as skin or gets redder, because skin lights it; hair is less red) and
by texture (strands and gaps, where shade is smooth).
"""

from __future__ import annotations

import numpy as np

from backend.core.colour import luminance
from backend.reflectance.filters import gaussian, step
from backend.reflectance.regions import SkinSpace, plain_skin

PALER_RED = (0.22, 0.50)
"""Loss of ln R/G against the plain skin's, as a share of it, from which hair is possible and is certain."""

DARKER = (0.15, 0.60)
"""The same of ln luminance."""

ROUGHER = (1.8, 3.5)
"""How many times rougher than plain skin, at the scale of strands, hair may be and hair is."""

STRANDS = 0.0016
"""Sigma below which luminance is texture, metres."""

SCALE = 0.004
"""Sigma over which both are averaged, metres: strands and the skin between them are one beard."""


def beard_of(space: SkinSpace, colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(F, F) float32 0..1 from `colour` (F, F, 3) as photographed and `weight` (F, F)."""
    skin = plain_skin(space) * (weight > 0.3) > 0.5
    if skin.sum() < 100:
        return np.zeros_like(weight)
    texel = float(np.median(space.texel_metres[space.face > 0.5]))
    seen = (weight > 0.02).astype(np.float32)
    share = np.maximum(gaussian(seen, SCALE / texel), 1e-3)
    mean = np.stack([gaussian(colour[..., c] * seen, SCALE / texel) for c in range(3)], -1) / share[..., None]
    mean = np.maximum(mean, 1e-3)
    red = np.log(mean[..., 0] / mean[..., 1])
    light = np.log(luminance(mean))
    typical = float(np.median(red[skin]))
    loss = (typical - red) / max(typical, 0.2)
    dark = float(np.median(light[skin])) - light
    plain = np.log(np.maximum(luminance(colour), 1e-3)) * seen
    fine = (plain - gaussian(plain, STRANDS / texel) / np.maximum(gaussian(seen, STRANDS / texel), 0.1)) * seen
    rough = np.sqrt(gaussian(fine * fine, SCALE / texel) / share)
    rougher = rough / max(float(np.median(rough[skin])), 0.008)
    rough_hair = step(rougher, *ROUGHER) * step(loss, 0.0, 0.5 * PALER_RED[1])  # folds in shade are rough, but red
    hair = np.maximum(step(loss, *PALER_RED), rough_hair) * step(dark, *DARKER)
    return (hair * space.beard * seen).astype(np.float32)
