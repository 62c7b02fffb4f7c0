"""The eye textures: an iris of fibres in the photo's colour on a sclera that is not paper.

Laid out as `backend.head.eyes` says: azimuthal equidistant about the gaze axis, one square that both eyes share. What
the photo tells of the iris beyond its colour is read in `iris`, the white is painted in `sclera`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.colour import REC709_LUMINANCE
from backend.fit.headfit import HeadFit
from backend.head.eyes import EYEBALL_RADIUS, IRIS_ANGLE, IRIS_RADIUS, PUPIL_RADIUS, UV_EXTENT
from backend.head.model import HeadModel
from backend.reflectance.filters import step
from backend.reflectance.iris import ANGLES, INNER, OUTER, RADII, IrisLook, mixed, read
from backend.reflectance.sclera import sclera
from backend.unwrap.observed import EyeSample

SIZE = 1024

IRIS_CLASSES = np.array([
    # Linear albedo of irises, dark brown to blue: where the photo is too small to say, the nearest is taken.
    [0.026, 0.014, 0.009], [0.055, 0.025, 0.012], [0.095, 0.055, 0.025], [0.085, 0.080, 0.040],
    [0.075, 0.100, 0.085], [0.080, 0.120, 0.150], [0.100, 0.130, 0.145],
])

SHADE_UNDER_LID = 0.72
"""Share of the face's light that reaches the iris under lid and lashes."""

VEIL, VEIL_LIMIT = 0.0025, 0.65
"""What the cornea mirrors of the surroundings over the whole iris, as a share of white, and how much of what is seen
may be that at most. On 8 generated people like those of `benchmarks.tone`, with irises of 40 pixels, their albedo is
wrong by 0.21 with it (mean of absolute log ratios); by 0.36 with 0.006, which leaves dark irises too dark."""

TWO_COLOURS, SURE_RADIUS = 0.40, 12.0
"""Difference in hue of two irises (log ratios of red and of blue to green, root of the sum of squares) from which they
are two colours and not two readings of one (of one person's two irises of this size: at most 0.18 in 17 photos), and
the radius in photo pixels that both must have."""

SIZES, SIZE_TRUST = (0.92, 1.06), 0.8
"""Smallest and largest iris, as a share of the mean one (people's irises differ by 4 %, the scale of a fit by as much),
and how much of what a photo says is believed. Of 8 generated people with a true fit it says 0.99 ± 0.01."""

LIMBUS_SOFT = 0.038
"""Half the width of the limbus, iris radii: sclera thins over the iris' rim."""


@dataclass(frozen=True)
class EyeMaps:
    """Textures of the eyes. `right` is None where one texture serves both."""

    left: np.ndarray  # (SIZE, SIZE, 3) float32 linear albedo
    right: np.ndarray | None
    irises: np.ndarray  # (2, 3) float32 linear mean colours, left and right
    warnings: tuple[str, ...]


def eye_maps(eyes: tuple[EyeSample, EyeSample], shading: np.ndarray, size: float = 1.0) -> EyeMaps:
    """Everything about the eyes. `shading` (2, 3) around them, `size` of their irises as a share of the model's."""
    irises = iris_colours(eyes, shading)
    veils = [VEIL * np.maximum(shading[index] * SHADE_UNDER_LID, 1e-3) for index in range(2)]
    looks = [read(eye, veil) for eye, veil in zip(eyes, veils, strict=True)]
    if two_colours(eyes):
        left, right = (eye_texture(irises[index], look, size, seed=7 + index) for index, look in enumerate(looks))
        return EyeMaps(left, right, irises, ("The irises differ in colour; each eye has a texture of its own.",))
    return EyeMaps(eye_texture(np.exp(np.log(irises).mean(0)), mixed(looks), size), None, irises, ())


def iris_size(eyes: tuple[EyeSample, EyeSample], fit: HeadFit, head: HeadModel) -> float:
    """Radius of the photo's irises as a share of the model's, as far as it is believed; 1 when they are too small."""
    found = []
    for eye, joint in zip(eyes, ("eye_left", "eye_right"), strict=True):
        if eye.radius >= SURE_RADIUS:
            centre = head.joint_regressor[head.joint(joint)] @ fit.posed[eye.view]
            turn, shift = fit.world_to_camera[eye.view][:3, :3], fit.world_to_camera[eye.view][:3, 3]
            depth = float((turn @ centre + shift)[2]) - EYEBALL_RADIUS * np.cos(IRIS_ANGLE)
            found.append(eye.radius * depth / (IRIS_RADIUS * fit.intrinsics[eye.view][0, 0]))
    return 1 + SIZE_TRUST * (float(np.clip(np.mean(found), *SIZES)) - 1) if found else 1.0


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
    log = np.log(np.maximum(found, 2e-3))
    mean = log[known].mean(0)
    # Two eyes of one person are alike far more often than two readings of them are.
    share = 0.0 if two_colours(eyes) else 0.5
    colours = [np.exp((1 - share) * log[index] + share * mean) if known[index] else np.exp(mean) for index in range(2)]
    return np.stack([_plausible(colour) for colour in colours]).astype(np.float32)


def two_colours(eyes: tuple[EyeSample, EyeSample]) -> bool:
    """Whether the photo surely shows eyes of two colours (heterochromia)."""
    hues = []
    for eye in eyes:
        if not (eye.radius >= SURE_RADIUS and (eye.iris > 1e-3).all()):
            return False
        hues.append(np.log(eye.iris[[0, 2]] / eye.iris[1]))
    return bool(np.linalg.norm(hues[0] - hues[1]) > TWO_COLOURS)


def _plausible(colour: np.ndarray) -> np.ndarray:
    """Half way towards the nearest kind of iris: reflections of the room tint what a camera sees there."""
    log = np.log(np.maximum(colour, 2e-3))
    classes = np.log(IRIS_CLASSES)
    distance = np.linalg.norm((classes - log) * np.array([0.6, 0.8, 1.0]), axis=1)
    share = np.exp(-((distance - distance.min()) / 0.35) ** 2)
    nearest = (share[:, None] * classes).sum(0) / share.sum()
    return np.exp(0.5 * log + 0.5 * nearest)


def eye_texture(iris: np.ndarray, look: IrisLook | None = None, size: float = 1.0, seed: int = 7) -> np.ndarray:
    """(SIZE, SIZE, 3) float32 linear albedo. `iris` (3,) linear mean colour, `look` what the photo tells beyond it.

    `size` is the radius of the iris as a share of `IRIS_RADIUS`.
    """
    rng = np.random.default_rng(seed)
    t = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    x, y = np.meshgrid(t, -t)
    theta = np.hypot(x, y) * UV_EXTENT
    phi = np.arctan2(y, x)
    white = sclera(x, y, theta, seed)
    radius = np.sin(np.minimum(theta, np.pi / 2)) / (size * np.sin(IRIS_ANGLE))
    pupil = PUPIL_RADIUS / (size * IRIS_RADIUS) if look is None or not np.isfinite(look.pupil) else look.pupil
    disc = np.exp(_sampled(_iris(np.maximum(iris, 2e-3), look, pupil, rng), radius, phi))
    # The limbus: no line but a grey zone, wider above and below, where the lids have laid sclera over the iris' rim.
    soft = LIMBUS_SOFT * (1 + 0.5 * np.sin(phi) ** 2) * (1 + 0.15 * np.sin(3 * phi + rng.uniform(0, 6)))
    blend = step((radius - 1) / soft, -1.0, 1.6)[..., None]
    colour = disc * (1 - blend) + white * blend
    hole = 1 - step(radius / pupil, 0.95, 1.07)[..., None]
    return np.clip(colour * (1 - hole) + 0.004 * hole, 0, 1).astype(np.float32)


_FINE = (256, 1536)
"""Radii and angles of the polar grid on which fibres are drawn."""


def _iris(iris: np.ndarray, look: IrisLook | None, pupil: float, rng: np.random.Generator) -> np.ndarray:
    """Log albedo (_FINE, 3), radius 0 to 1.04 of the iris': fibres, crypts, a collarette, a darker rim."""
    radius = np.linspace(0, 1.04, _FINE[0])[:, None]
    depth = np.clip((radius - pupil) / (1 - pupil), 0, 1)
    log = np.log(iris)
    light = float(np.exp(log @ REC709_LUMINANCE))
    # A brown iris is velvet: pigment hides the fibres that make a pale one.
    pale = float(np.clip(np.log(light / 0.012) / np.log(0.10 / 0.012), 0, 1))
    ring = 0.30 + 0.05 * _around(rng, 9, 1.0) + 0.02 * _around(rng, 40, 0.5)  # the collarette, a zigzag
    inner = 1 - step(depth / np.maximum(ring, 0.1), 0.85, 1.15)
    fibres = _fibres(rng, 1.1, 46, 0.7) + 0.9 * _fibres(rng, 2.6, 60, 1.0)
    fine = _fibres(rng, 0.8, 30, 0.3)
    crypts = np.maximum(_fibres(rng, 9, 16, 1.2) - 0.8, 0) * np.exp(-((depth - ring - 0.14) / 0.13) ** 2)
    furrows = np.exp(-((depth - 0.72 - 0.03 * _around(rng, 4, 1.0)) / 0.018) ** 2) * step(_around(rng, 5, 1.0), 0, 0.8)
    shape = np.sin(np.pi * np.clip(0.12 + 0.80 * depth, 0, 1))
    clumps = (0.75 + 0.35 * _around(rng, 8, 1.0)) * (1 - 0.6 * inner)
    lightness = (0.07 + 0.13 * pale) * fibres * shape * clumps + (0.05 + 0.07 * pale) * fine * inner
    lightness = lightness - (0.15 + 0.35 * pale) * crypts - 0.12 * furrows
    lightness = lightness + (0.10 + 0.18 * pale) * np.exp(-((depth - ring) / 0.09) ** 2)
    # The edge of the pupil is a brown frill, the rim a dark ring of uneven width.
    lightness = lightness - 0.35 * np.exp(-(depth / 0.045) ** 2)
    rim = (0.11 + 0.025 * _around(rng, 3, 1.0)) * (0.8 + 0.3 * pale)
    limbal = (0.45 + 0.30 * pale) * step((radius - 1 + 1.6 * rim) / (0.02 + 1.6 * rim), 0, 1)
    warm = np.array([0.20, 0.05, -0.16]) * (0.4 + 0.6 * pale) * (inner * (1 - 0.6 * depth))[..., None]
    own = 0.10 * _around(rng, 6, 1.0) * (1 - inner) + 0.22 * (inner - 0.3) - 0.12
    trust = 0.0 if look is None else look.trust
    out = log + (lightness - (1 - 0.2 * trust) * limbal)[..., None] + (1 - trust) * (own[..., None] + warm)
    if look is not None:
        out = out + trust * _of_photo(look, radius[:, 0], pupil)
    between = ((radius[:, 0] > max(INNER, pupil + 0.05)) & (radius[:, 0] < OUTER))
    # The mean stays what was measured: in light, where means of photos are made.
    mean = np.average(np.exp(out[between]).mean(1), axis=0, weights=radius[between, 0])
    return out + np.log(iris / mean)


def _of_photo(look: IrisLook, radius: np.ndarray, pupil: float) -> np.ndarray:
    """The photo's deviations on the fine grid (_FINE, 3); the rim and the pupil's blurred edge are not iris."""
    at = np.clip(np.maximum(radius, pupil + 0.07), 0, 0.93) * RADII - 0.5
    rows = np.repeat(at[:, None], _FINE[1], 1).astype(np.float32)
    columns = np.repeat(((np.arange(_FINE[1]) + 0.5) / _FINE[1] * ANGLES - 0.5)[None], len(radius), 0)
    whole = (look.profile[:, None] + look.pattern).astype(np.float32)
    wide = np.concatenate([whole[:, -1:], whole, whole[:, :1]], 1)
    return cv2.remap(wide, (columns + 1).astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _fibres(rng: np.random.Generator, width: float, length: float, wave: float) -> np.ndarray:
    """(_FINE) radial streaks, standard deviation 1: `width` and `length` in cells of the grid; `wave` bends them."""
    rows, columns = _FINE
    noise = rng.standard_normal((rows, columns)).astype(np.float32)
    pad = columns // 8
    wide = np.concatenate([noise[:, -pad:], noise, noise[:, :pad]], 1)
    streaks = cv2.GaussianBlur(wide, (0, 0), sigmaX=width, sigmaY=length, borderType=cv2.BORDER_REFLECT)
    depth = np.linspace(0, 1, rows)[:, None]
    wide_bend, tight_bend = _around(rng, 7, 1.0), _around(rng, 17, 1.0)
    bend = 6 * wave * (wide_bend * np.sin(2.2 * depth + 0.4) + 0.6 * tight_bend * np.sin(5 * depth))
    place = np.arange(columns)[None] + pad + bend
    y = np.broadcast_to(np.arange(rows)[:, None], place.shape)
    out = cv2.remap(streaks, place.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    return out / out.std()


def _around(rng: np.random.Generator, turns: int, falloff: float) -> np.ndarray:
    """(1, angles) smooth noise that closes around the circle, standard deviation 1, up to `turns` waves."""
    angle = np.arange(_FINE[1])[None] / _FINE[1] * 2 * np.pi
    total = sum(np.sin(turn * angle + rng.uniform(0, 2 * np.pi)) * rng.normal() / turn ** (1 - falloff)
                for turn in range(1, turns + 1))
    total = np.asarray(total)
    return total / total.std()


def _sampled(polar: np.ndarray, radius: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """A (_FINE, 3) grid at radii and angles (P, P)."""
    rows, columns = _FINE
    wide = np.concatenate([polar[:, -1:], polar, polar[:, :1]], 1).astype(np.float32)
    place = (phi % (2 * np.pi)) / (2 * np.pi) * columns + 1 - 0.5
    return cv2.remap(wide, place.astype(np.float32), (np.minimum(radius, 1.04) / 1.04 * (rows - 1)).astype(np.float32),
                     cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
