"""What the light network is shown: an unwrapped photo on a small grid, the surface under it, and a first guess.

Training and use come through here, so that both see the same. G x G texels, D directions; numpy, all colours linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core import harmonics
from backend.core.colour import REC709_LUMINANCE, linear_to_srgb, luminance
from backend.reflectance.tone import key_skin, shine

CHANNELS = 18
"""Log colour 3, sRGB 3, weight, normal 3, cosine to the camera, share of the sphere blocked, first guess 3, place 3."""

NUMBERS = 18
"""Of `Whole.vector`."""

ROUNDS, SPREAD = 4, 0.35
"""Of the first guess: reweighted least squares, and the log residual beyond which a texel is an outlier."""

PRIOR = 0.02
"""Pull of the first guess's harmonics towards none, against the mean square of the data."""

SEEN = 0.02
"""Weight below which a texel counts as unseen."""

PLACE = 0.1
"""Metres by which places are divided."""


@dataclass(frozen=True)
class Ground:
    """The surface under a photo and how its own shape lights it."""

    normal: np.ndarray  # (G, G, 3) float32 unit, world
    to_eye: np.ndarray  # (G, G, 3) float32 unit, towards the camera
    transfer: np.ndarray  # (G, G, 9) float32: shading of albedo 1 per coefficient of a light's harmonics
    blocked: np.ndarray  # (G, G) float32 0..1, share of the cosine-weighted sphere in which the head sees itself
    place: np.ndarray  # (G, G, 3) float32 metres, of the head at rest
    relative: np.ndarray  # (G, G, 3) float32 natural log, typical colour of a place against plain skin
    bare: np.ndarray  # (G, G) float32 0..1, plain skin of the face: no lips, brows, lids or beard


@dataclass(frozen=True)
class Whites:
    """What in the photo is known to be white, and what is behind the person. Linear, as photographed; NaN: not seen."""

    sclera: np.ndarray  # (2, 3)
    trust: np.ndarray  # (2,) 0..1
    eye_shading: np.ndarray  # (2,) first guess around the eyes against that on the lit face
    teeth: np.ndarray  # (3,)
    background: float  # luminance; 0: not seen


@dataclass(frozen=True)
class Shown:
    """The network's whole input."""

    channels: np.ndarray  # (CHANNELS, G, G) float32
    vector: np.ndarray  # (NUMBERS,) float32
    guess: np.ndarray  # (G, G, 3) linear, first guess at the shading up to scale
    skin: np.ndarray  # (3,) linear, lit plain skin as photographed


def transfer_of(response: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(P, 9) from the `response` (P, D) of points to radiance from `directions` (D, 3)."""
    return (response @ harmonics.basis(directions)).astype(np.float32)


def first_guess(colour: np.ndarray, weight: np.ndarray, ground: Ground) -> np.ndarray:
    """(G, G, 3) shading up to scale: harmonics of order 2 with the head's own shadows, fitted robustly.

    Ramamoorthi and Hanrahan 2001, with transfer instead of normals (Sloan et al. 2002).
    """
    used = (weight > SEEN) & (colour.min(-1) > 1e-3) & (colour.max(-1) < 0.98)
    if used.sum() < 60:
        return np.ones_like(colour)
    target = (colour / np.exp(ground.relative))[used]
    target = target / np.maximum(target.mean(0), 1e-6)
    # Light that comes back from the skin itself, as bright as skin is in the mean.
    matrix = ground.transfer[used].astype(np.float64)
    hollow = 0.25 * ground.blocked[used].astype(np.float64)
    plain = (weight * ground.bare)[used] + 0.05 * weight[used]
    trust = plain.copy()
    grey = target.mean(-1)
    for _ in range(ROUNDS):
        answer = _harmonics(matrix, grey - hollow, trust / (grey + 0.2) ** 2)
        shade = np.maximum(matrix @ answer + hollow, 0.03)
        off = np.log(np.maximum(grey, 1e-3) / shade)
        trust = plain / (1 + ((off - np.median(off)) / SPREAD) ** 2) ** 2
    w = trust / (grey + 0.2) ** 2
    every = np.stack([_harmonics(matrix, target[:, c] - hollow, w) for c in range(3)], -1)
    shade = ground.transfer.astype(np.float64) @ every + 0.25 * ground.blocked[..., None]
    # Harmonics ring: nothing is darker than a twentieth of the mean.
    return np.maximum(shade, 0.05).astype(np.float32)


def _harmonics(matrix: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(9,) coefficients, the higher ones pulled to zero a little."""
    w = weight / max(float(weight.sum()), 1e-9)
    form = matrix.T @ (matrix * w[:, None])
    pull = PRIOR * np.trace(form) / 9 * np.array([0.1, 1, 1, 1, 2, 2, 2, 2, 2])
    return np.linalg.solve(form + np.diag(pull), matrix.T @ (w * target))


def shown(colour: np.ndarray, weight: np.ndarray, ground: Ground, whites: Whites) -> Shown:
    """The input of the network. `colour` (G, G, 3) linear as photographed, `weight` (G, G) 0..1."""
    guess = first_guess(colour, weight, ground)
    seen = (weight > SEEN).astype(np.float32)[..., None]
    log = np.log(np.maximum(colour, 1e-3))
    many = seen[..., 0] > 0
    level = np.median(log[many], 0) if many.any() else np.zeros(3)
    shade = np.log(guess)
    shade = shade - (np.median(shade[many], 0) if many.any() else 0)
    facing = np.einsum("hwc,hwc->hw", ground.normal, ground.to_eye)[..., None]
    channels = np.concatenate([
        np.clip(log - level, -3, 3) * seen, linear_to_srgb(np.clip(colour, 0, 1)) * seen, weight[..., None],
        ground.normal, facing, ground.blocked[..., None], shade, ground.place / PLACE], -1)
    vector, skin = _vector(colour, weight, ground, guess, whites)
    return Shown(np.ascontiguousarray(channels.transpose(2, 0, 1), np.float32), vector, guess, skin)


def lit_bare(weight: np.ndarray, ground: Ground) -> np.ndarray:
    """(G, G) bool: plain skin of the face that was seen, or whatever was when that is too little."""
    bare = weight * ground.bare > 0.3
    return bare if bare.sum() >= 40 else weight > SEEN


def _vector(colour: np.ndarray, weight: np.ndarray, ground: Ground, guess: np.ndarray,
            whites: Whites) -> tuple[np.ndarray, np.ndarray]:
    """What tells exposure and the light's colour from the skin's, as `NUMBERS` numbers, and the lit skin (3,)."""
    bare = lit_bare(weight, ground)
    even, shade = (colour / np.exp(ground.relative))[bare], (guess @ REC709_LUMINANCE)[bare]
    if not len(even):
        return np.zeros(NUMBERS, np.float32), np.full(3, 0.2)
    skin, _ = key_skin(even, shade, colour[bare].max(-1))
    bright = float(luminance(skin))
    out = [np.log(max(bright, 1e-3)) + 1.5, *_chroma(skin)]
    eyes = [_beside(colour, skin) * trust for colour, trust in zip(whites.sclera, whites.trust, strict=True)]
    total = sum(float(eye[0]) for eye in eyes)
    out += list(sum(eyes) / max(total, 1e-3)) if total > 0.05 else [0.0] * 4
    out.append(total)
    out.append(float(np.log(np.clip(np.mean(whites.eye_shading), 0.1, 2))) if total > 0.05 else 0.0)
    out += list(_beside(whites.teeth, skin))
    shining = shine(even, shade, colour[bare].max(-1)) if bare.sum() >= 100 else float("nan")
    out += [np.log(max(shining, 0.05)) + 1, 1.0] if np.isfinite(shining) else [0.0, 0.0]
    out += [np.log(whites.background) + 2, 1.0] if whites.background > 0.003 else [0.0, 0.0]
    out.append(float((colour[bare].max(-1) > 0.95).mean()))
    return np.array(out, np.float32), skin


def _beside(white: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(4,) 1 and how much brighter, redder and bluer something white is than the skin; zeros when it is not seen."""
    if not np.isfinite(white).all() or white.min() < 2e-3:
        return np.zeros(4)
    return np.array([1.0, np.log(float(luminance(white)) / float(luminance(skin))), *(_chroma(white) - _chroma(skin))])


def _chroma(colour: np.ndarray) -> np.ndarray:
    return np.log(colour[[0, 2]] / colour[1])
