"""The eye texture: an iris of fibres in the photo's colour on a sclera that is not paper.

Laid out as `backend.head.eyes` says: azimuthal equidistant about the gaze axis, one square for both eyes.
"""

from __future__ import annotations

import numpy as np

from backend.head.eyes import IRIS_ANGLE, PUPIL_ANGLE, UV_EXTENT
from backend.reflectance.filters import gaussian, step
from backend.unwrap.observed import EyeSample

SIZE = 512

SCLERA = np.array([0.62, 0.56, 0.52])
"""Linear albedo of the white in front."""

IRIS_CLASSES = np.array([
    # Linear albedo of irises, dark brown to blue: where the photo is too small to say, the nearest is taken.
    [0.020, 0.010, 0.006], [0.055, 0.025, 0.012], [0.095, 0.055, 0.025], [0.085, 0.080, 0.040],
    [0.075, 0.100, 0.085], [0.080, 0.120, 0.150], [0.100, 0.130, 0.145],
])

SHADE_UNDER_LID = 0.72
"""Share of the face's light that reaches the iris under lid and lashes."""

VEIL, VEIL_LIMIT = 0.006, 0.65
"""What the cornea mirrors of the surroundings over the whole iris, as a share of white, and how much of what is seen
may be that at most. On generated people like those of `benchmarks.tone` irises darker than 0.02 came out
twice as bright without it; 0.010 would be best for those and too much for brown ones."""


def iris_colours(eyes: tuple[EyeSample, EyeSample], shading: np.ndarray) -> np.ndarray:
    """(2, 3) linear albedo of the irises. `shading` (2, 3) at the eyes."""
    found = np.full((2, 3), np.nan)
    for index, eye in enumerate(eyes):
        if np.isfinite(eye.iris).all():
            seen = eye.iris / np.maximum(shading[index] * SHADE_UNDER_LID, 1e-3)
            found[index] = np.maximum(seen - VEIL, (1 - VEIL_LIMIT) * seen)
    known = np.isfinite(found).all(1)
    if not known.any():
        return np.tile(IRIS_CLASSES[1], (2, 1)).astype(np.float32)
    mean = np.exp(np.log(np.maximum(found[known], 2e-3)).mean(0))
    # Two eyes of one person are alike far more often than two readings of them are.
    for index in range(2):
        found[index] = np.exp(0.5 * np.log(np.maximum(found[index], 2e-3)) + 0.5 * np.log(mean)) if known[index] \
            else mean
    return np.stack([_plausible(colour) for colour in found]).astype(np.float32)


def _plausible(colour: np.ndarray) -> np.ndarray:
    """Half way towards the nearest kind of iris: reflections of the room tint what a camera sees there."""
    log = np.log(np.maximum(colour, 2e-3))
    classes = np.log(IRIS_CLASSES)
    distance = np.linalg.norm((classes - log) * np.array([0.6, 0.8, 1.0]), axis=1)
    share = np.exp(-((distance - distance.min()) / 0.35) ** 2)
    nearest = (share[:, None] * classes).sum(0) / share.sum()
    return np.exp(0.5 * log + 0.5 * nearest)


def eye_texture(iris: np.ndarray, size: int = SIZE, seed: int = 7) -> np.ndarray:
    """(size, size, 3) float32 linear albedo. `iris` (3,) linear mean colour of the iris."""
    rng = np.random.default_rng(seed)
    t = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(t, -t)
    theta = np.hypot(x, y) * UV_EXTENT
    phi = np.arctan2(y, x)
    white = _sclera(x, y, theta, rng)
    disc = _iris(iris, theta, phi, rng)
    blend = step(theta, IRIS_ANGLE * 0.955, IRIS_ANGLE * 1.045)[..., None]
    colour = disc * (1 - blend) + white * blend
    # The limbus: sclera thins over the iris' rim, a grey-brown ring without a hard edge.
    ring = np.exp(-((theta - IRIS_ANGLE * 0.97) / (0.075 * IRIS_ANGLE)) ** 2)[..., None]
    colour = colour * (1 - 0.55 * ring)
    pupil = 1 - step(theta, PUPIL_ANGLE * 0.95, PUPIL_ANGLE * 1.06)[..., None]
    return np.clip(colour * (1 - pupil) + 0.004 * pupil, 0, 1).astype(np.float32)


def _iris(iris: np.ndarray, theta: np.ndarray, phi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Radial fibres, a paler collarette round the pupil, darker towards the rim."""
    depth = np.clip((theta - PUPIL_ANGLE) / (IRIS_ANGLE - PUPIL_ANGLE), 0, 1)
    fibres = np.zeros_like(theta)
    for count, strength in ((37, 0.5), (83, 0.7), (151, 0.6)):
        phase = rng.uniform(0, 2 * np.pi, 3)
        bend = 1.5 * np.sin(5 * phi + phase[1]) + 2.0 * depth * np.sin(7 * phi + phase[2])
        wave = np.sin(count * phi + phase[0] + bend)
        fibres += strength * wave * np.abs(wave) ** 0.5
    patches = _polar_noise(phi, depth, rng)
    collarette = np.exp(-((depth - 0.28 - 0.05 * patches) / 0.13) ** 2)
    light = 0.16 * fibres * (0.4 + 0.6 * np.sin(np.pi * np.clip(depth, 0.02, 0.98)))
    light = light + 0.22 * patches + 0.38 * collarette - 0.55 * np.clip(depth - 0.72, 0, 1) / 0.28 - 0.1
    mean = np.maximum(iris, 2e-3)
    # The collarette is warmer than the rest of a pale iris.
    warm = np.array([0.22, 0.06, -0.16]) * collarette[..., None]
    return np.exp(np.log(mean) + light[..., None] + warm)


def _polar_noise(phi: np.ndarray, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth blotches that close around the circle."""
    total = np.zeros_like(phi)
    for turns in (2, 3, 5, 8, 13):
        a, b, c = rng.uniform(0, 2 * np.pi, 3)
        total += np.sin(turns * phi + a + 2 * np.sin(3 * depth + b)) * np.cos(2.5 * depth * turns**0.5 + c) / turns**0.4
    return total / 2.2


def _sclera(x: np.ndarray, y: np.ndarray, theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Off-white, pinker towards the corners, with a few thin veins that come from behind."""
    back = step(theta, np.radians(34), np.radians(85))[..., None]
    colour = SCLERA * (1 - back) + np.array([0.56, 0.40, 0.35]) * back
    size = len(x)
    veins = np.zeros_like(x)
    for start in rng.uniform(0, 2 * np.pi, 46):
        # Most vessels of a healthy eye run horizontally, from the corners.
        start = start if abs(np.cos(start)) > 0.35 else start + 0.9
        angle, radius, heading = start, rng.uniform(0.72, 0.95), rng.uniform(-0.3, 0.3)
        end = np.degrees(IRIS_ANGLE) / np.degrees(UV_EXTENT) + rng.uniform(0.06, 0.22)
        width = rng.uniform(0.4, 1.0)
        while radius > end:
            heading = 0.93 * heading + rng.normal(0, 0.05)
            angle += heading * 0.012 / max(radius, 0.1)
            radius -= 0.0035
            i = int((1 - radius * np.sin(angle)) / 2 * size)
            j = int((1 + radius * np.cos(angle)) / 2 * size)
            if 0 <= i < size and 0 <= j < size:
                veins[i, j] += width * (radius - end + 0.05)
    veins = gaussian(veins.astype(np.float32), 0.9) * 2.2 + gaussian(veins.astype(np.float32), 2.5) * 1.5
    veins = np.clip(veins, 0, 0.7)[..., None]
    mottled = gaussian(rng.standard_normal(x.shape).astype(np.float32), 10)
    mottled = 1 + 0.02 * (mottled / mottled.std())[..., None]
    return colour * mottled * (1 - veins * np.array([0.12, 0.55, 0.55]))

