"""What a camera and the unwrapping make of light on the skin's square: exposure, tint, curve, noise, a fit's errors."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.colour import linear_to_srgb, luminance, srgb_to_linear

GREY, FOLLOWS, ERROR = (0.15, 0.30), (0.35, 0.80), 0.33
"""What a meter aims at, how much of the way it goes, and its error (natural logarithm)."""

HEADROOM = 1.25
"""The brightest skin may come out this far above white: cameras protect faces."""

BEHIND = (0.03, 1.2)
"""Luminance of what is behind a person, where a white face sends back about 1."""

ASTRAY, SMOOTH = 2.2, 12
"""Millimetres by which a fit puts the skin beside its place, and how many patches of error lie side by side."""


@dataclass(frozen=True)
class Look:
    """One camera's."""

    gain: np.ndarray  # (3,) exposure and white balance
    contrast: float  # 0 sRGB's curve alone, 1 a phone's
    blur: float  # texels
    electrons: float
    read: float
    quantised: float  # spread of what compression does to a block of texels, sRGB
    background: float  # luminance behind the person, as photographed


def random_look(skin: np.ndarray, cast: np.ndarray, rng: np.random.Generator) -> Look:
    """A camera that meters faces of luminances `skin` (n,) in light of the colour `cast` (3,)."""
    behind = float(np.exp(rng.uniform(*np.log(BEHIND))))
    mean = float(skin.mean())
    priority = rng.uniform(0.2, 0.8)
    metered = priority * np.log(mean) + (1 - priority) * np.log(0.5 * mean + 0.5 * min(behind, 2))
    exposure = float(np.exp(rng.uniform(*FOLLOWS) * (np.log(rng.uniform(*GREY)) - metered) + rng.normal(0, ERROR)))
    exposure = min(exposure, HEADROOM / float(np.percentile(skin, 97)))
    balance = np.maximum(cast / cast[1], 0.05) ** -rng.uniform(0.5, 1.0) * np.exp(rng.normal(0, [0.06, 0, 0.09]))
    return Look((exposure * balance).astype(np.float32), float(rng.uniform(0, 0.8)) * float(rng.random() < 0.6),
                float(rng.uniform(0.2, 0.9)), float(np.exp(rng.uniform(np.log(2e3), np.log(4e4)))),
                float(rng.uniform(0, 0.004)), float(rng.uniform(0, 0.01)), behind * exposure)


def developed(radiance: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Linear radiance (G, G, 3) -> what a photo of it decodes to, linear (G, G, 3)."""
    linear = cv2.GaussianBlur(np.minimum(radiance * look.gain, 16).astype(np.float32), (0, 0), look.blur)
    linear = np.clip(linear, 0, 1)
    linear += rng.standard_normal(linear.shape, np.float32) * np.sqrt(linear / look.electrons + look.read**2)
    blocks = rng.standard_normal((len(linear) // 4, len(linear) // 4, 3), np.float32) * look.quantised
    return curved(linear, look, cv2.resize(blocks, linear.shape[1::-1], interpolation=cv2.INTER_NEAREST))


def curved(linear: np.ndarray, look: Look, error: np.ndarray | float = 0.0) -> np.ndarray:
    """The camera's curve, 8 bits and back; `error` in sRGB."""
    encoded = linear_to_srgb(np.clip(linear, 0, 1))
    encoded = encoded + look.contrast * 0.5 * (encoded * encoded * (3 - 2 * encoded) - encoded) + error
    return srgb_to_linear(np.round(np.clip(encoded, 0, 1) * 255) / 255).astype(np.float32)


def misplacement(size: int, texel: float, rng: np.random.Generator) -> np.ndarray:
    """(G, G, 2) float32 map for `moved`: where in the true square a texel of the fitted one lies. `texel` metres."""
    sigma = ASTRAY * rng.uniform(0, 1) / 1000 / texel
    patches = int(rng.integers(3, SMOOTH))
    small = rng.normal(0, sigma, (patches, patches, 2)).astype(np.float32)
    flow = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return np.stack([x, y], -1) + flow


def moved(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A field (G, G, ...) looked up at `places` (G, G, 2)."""
    return cv2.remap(np.ascontiguousarray(field, np.float32), places[..., 0], places[..., 1], cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)


def whites(shading: np.ndarray, look: Look, albedo: np.ndarray, opened: float, sheen: float) -> np.ndarray:
    """(3,) what a white of `albedo` (3,) looks like in a photo, under `shading` (3,) of which `opened` reaches it."""
    return curved((albedo * opened + sheen) * shading * look.gain, look)


def mean_luminance(image: np.ndarray, weight: np.ndarray) -> float:
    """Of (G, G, 3) over `weight` (G, G)."""
    return float((luminance(image) * weight).sum() / max(float(weight.sum()), 1e-9))
