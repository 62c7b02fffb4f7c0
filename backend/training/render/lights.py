"""Lights as equirectangular pictures, and such a picture as a handful of directional lights.

An environment is linear Rec.709 radiance (H, W, 3) in the layout of `core.harmonics.equirectangular_directions`.
Everything is as far away as the sky: near lights with fall-off are not this file's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.core.colour import luminance
from backend.core.harmonics import basis, equirectangular_directions
from backend.errors import InputError

SIZE = (128, 256)
"""Rows and columns of generated environments: 1.4 degrees a texel, enough for a soft box's edge."""

SUN_RADIUS = np.deg2rad(1.5)
"""The sun is drawn larger than its 0.27 degrees, so that its texels are whole; shadows stay hard at head scale."""


@dataclass(frozen=True)
class DirectionalLights:
    """An environment as L directional lights."""

    direction: np.ndarray  # (L, 3) float32 unit, world, towards the light
    power: np.ndarray  # (L, 3) float32 linear radiance times solid angle


def unit(azimuth: float, elevation: float) -> np.ndarray:
    """World direction of a light; degrees. `azimuth` 0 is before the face (-Y), positive to the person's left (+X)."""
    a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
    return np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])


def constant(radiance: float | np.ndarray = 1.0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The same radiance from everywhere: the white furnace."""
    return np.broadcast_to(np.asarray(radiance, np.float32), (*size, 3)).copy()


def gradient(top: np.ndarray, horizon: np.ndarray, ground: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A sky from `horizon` to `top` (3,) over a `ground` (3,), with a soft horizon."""
    directions, _ = equirectangular_directions(*size)
    up = directions[..., 2:3]
    sky = horizon + (np.asarray(top) - horizon) * np.sqrt(np.clip(up, 0, 1))
    blend = 1 / (1 + np.exp(-up / 0.04))
    return (sky * blend + np.asarray(ground) * (1 - blend)).astype(np.float32)


def panel(azimuth: float, elevation: float, width: float, height: float, radiance: np.ndarray,
          softness: float = 4.0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A rectangular soft box or window at infinity.

    Centre in degrees as in `unit`; `width` and `height` of the panel and the `softness` of its edge in degrees.
    """
    directions, _ = equirectangular_directions(*size)
    forward = unit(azimuth, elevation)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    depth = directions @ forward
    across = np.rad2deg(np.arctan2(directions @ right, depth))
    along = np.rad2deg(np.arctan2(directions @ up, np.hypot(depth, directions @ right)))
    edge = np.maximum(np.abs(across) - width / 2, np.abs(along) - height / 2)
    mask = 1 / (1 + np.exp(np.clip(edge / (softness / 4), -30, 30)))
    return (mask[..., None] * np.asarray(radiance)).astype(np.float32)


def sun(azimuth: float, elevation: float, irradiance: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A sun whose light on a surface that faces it is `irradiance` (3,)."""
    directions, solid_angle = equirectangular_directions(*size)
    cosine = directions @ unit(azimuth, elevation)
    mask = cosine >= min(np.cos(SUN_RADIUS), cosine.max())
    area = (mask * solid_angle).sum()
    return (mask[..., None] * np.asarray(irradiance) / area).astype(np.float32)


def kelvin(temperature: float) -> np.ndarray:
    """Colour (3,) of a black body, luminance 1, relative to 6500 K white.

    Krystek's fit of the Planckian locus in CIE 1960 (u, v), 1985, then to Rec.709.
    """
    t = float(temperature)
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t * t) / (1 + 8.42420235e-4 * t + 7.08145163e-7 * t * t)
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t * t) / (1 - 2.89741816e-5 * t + 1.61456053e-7 * t * t)
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    to_rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    rgb = np.clip(to_rgb @ xyz, 0.01, None)
    return rgb / luminance(rgb)


def read(path: Path) -> np.ndarray:
    """An OpenEXR environment, halved until it has at most 256 rows (energy is kept)."""
    import OpenEXR

    try:
        with OpenEXR.File(str(path)) as file:
            channels = file.channels()
            image = channels["RGB"].pixels if "RGB" in channels else np.stack(
                [channels[name].pixels for name in "RGB"], -1)
    except Exception as error:  # OpenEXR raises bare exceptions of several types
        reason = str(error).replace(str(path), path.name).rstrip(".")
        raise InputError(f"{path.name} cannot be read as an OpenEXR picture: {reason}.",
                         "Choose an equirectangular .exr file.") from error
    image = np.asarray(image, np.float32)[..., :3]
    if image.size == 0 or not np.isfinite(image).all() or image.min() < 0:
        raise InputError(f"{path.name} holds light that is negative or no number.",
                         "Choose an equirectangular .exr file.")
    while image.shape[0] > 256 and image.shape[0] % 2 == 0 and image.shape[1] % 2 == 0:
        height, width = image.shape[:2]
        image = image.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    return image


def turned(environment: np.ndarray, degrees: float) -> np.ndarray:
    """The environment turned about +Z, counter-clockwise seen from above, by whole columns."""
    width = environment.shape[1]
    return np.roll(environment, -round(degrees / 360 * width), axis=1)


def normalised(environment: np.ndarray, level: float = 1.0) -> np.ndarray:
    """Scaled as a meter would: a white face sends back luminance `level`, halfway between its front and its lit cheek.

    Cheeks face 60 degrees to either side; shadows are ignored.
    """
    directions, solid_angle = equirectangular_directions(*environment.shape[:2])
    light = luminance(environment) * solid_angle

    def sent_back(azimuth: float) -> float:
        return float((light * np.clip(directions @ unit(azimuth, 0), 0, None)).sum() / np.pi)

    front = sent_back(0)
    seen = (front + max(front, sent_back(60), sent_back(-60))) / 2
    return (environment * (level / max(seen, 1e-9))).astype(np.float32)


def from_harmonics(light_sh: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The picture of `light_sh` (9, 3); negative lobes are kept, so that its shading is exact."""
    directions, _ = equirectangular_directions(*size)
    return (basis(directions) @ light_sh).astype(np.float32)


def directional(environment: np.ndarray, count: int) -> DirectionalLights:
    """Cut an environment into `count` directional lights by median cut (Debevec 2005).

    The picture is split, again and again, where its energy halves; every part becomes one light at its energy
    centroid. Total power is kept exactly and there is no randomness, so that two renders differ by nothing.
    """
    directions, solid_angle = equirectangular_directions(*environment.shape[:2])
    power = environment * solid_angle[..., None]
    weight = np.abs(luminance(power)).astype(np.float64) + 1e-12
    parts = [(0, environment.shape[0], 0, environment.shape[1])]
    while len(parts) < count:
        energies = [_split_worth(weight, solid_angle, part) for part in parts]
        top, bottom, left, right = parts.pop(int(np.argmax(energies)))
        if (bottom - top) * (right - left) <= 1:
            parts.append((top, bottom, left, right))
            break
        parts.extend(_halves(weight, (top, bottom, left, right)))
    direction, light = [], []
    for top, bottom, left, right in parts:
        block = weight[top:bottom, left:right, None]
        centroid = (directions[top:bottom, left:right] * block).sum((0, 1))
        direction.append(centroid / max(np.linalg.norm(centroid), 1e-12))
        light.append(power[top:bottom, left:right].sum((0, 1)))
    return DirectionalLights(np.array(direction, np.float32), np.array(light, np.float32))


def _split_worth(weight: np.ndarray, solid_angle: np.ndarray, part: tuple[int, int, int, int]) -> float:
    """How much a part wants to be split: by energy and by how far it spreads, nothing when it is one texel.

    Energy counts less than in full, because a wide dim light that became one point would cast one hard shadow.
    """
    top, bottom, left, right = part
    if (bottom - top) * (right - left) <= 1:
        return 0.0
    block = weight[top:bottom, left:right].sum()
    return float(block**0.7 * np.sqrt(solid_angle[top:bottom, left:right].sum()))


def _halves(weight: np.ndarray, part: tuple[int, int, int, int]) -> list[tuple[int, int, int, int]]:
    """Cut a part across its longer side (seen on the sphere) where the energy halves."""
    top, bottom, left, right = part
    block = weight[top:bottom, left:right]
    middle = np.sin((top + bottom) / 2 / weight.shape[0] * np.pi)
    across = (right - left) * middle >= bottom - top
    if (across and right - left > 1) or bottom - top <= 1:
        running = np.cumsum(block.sum(0))
        cut = left + 1 + int(np.searchsorted(running[:-1], running[-1] / 2).clip(0, right - left - 2))
        return [(top, bottom, left, cut), (top, bottom, cut, right)]
    running = np.cumsum(block.sum(1))
    cut = top + 1 + int(np.searchsorted(running[:-1], running[-1] / 2).clip(0, bottom - top - 2))
    return [(top, cut, left, right), (cut, bottom, left, right)]


NAMES = ("studio", "window", "overcast", "sun", "evening", "side", "ring", "night")
"""Generated lights, each a different problem; `named` makes them."""


def named(name: str, size: tuple[int, int] = SIZE) -> np.ndarray:
    """One of `NAMES`, `normalised` for a face that looks along -Y."""
    def white(temperature: float, strength: float = 1.0) -> np.ndarray:
        return kelvin(temperature) * strength

    room = constant(white(5000, 0.25), size)
    makers = {
        "studio": lambda: constant(0.22, size) + panel(38, 35, 50, 50, white(6000, 9), 6, size)
        + panel(-60, 15, 40, 70, white(6500, 2.2), 8, size) + panel(160, 45, 25, 40, white(6500, 7), 6, size),
        "window": lambda: room + panel(-70, 12, 45, 60, white(7200, 10), 2, size)
        + panel(110, 0, 120, 80, white(4500, 0.3), 20, size),
        "overcast": lambda: gradient(white(6800, 1.3), white(6600, 0.8), white(5200, 0.25), size),
        "sun": lambda: gradient(white(12000, 0.25), white(7500, 0.45), white(5000, 0.22), size)
        + sun(35, 48, white(5300, 3.2), size),
        "evening": lambda: gradient(white(9000, 0.18), white(4300, 0.5), white(4000, 0.12), size)
        + sun(-55, 12, white(3300, 2.6), size),
        "side": lambda: constant(white(6500, 0.1), size) + panel(85, 20, 40, 50, white(5600, 9), 4, size),
        "ring": lambda: constant(white(5000, 0.12), size) + panel(0, 5, 26, 26, white(5600, 22), 2, size),
        "night": lambda: constant(white(3000, 0.06), size) + panel(50, 55, 20, 20, white(2700, 16), 3, size)
        + panel(-95, 5, 30, 25, np.array([0.5, 1.0, 3.0]), 4, size),
    }
    if name not in makers:
        raise InputError(f"There is no light named {name}.", f"Choose one of: {', '.join(NAMES)}.")
    return normalised(makers[name]())


def random(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A light no one named: ambient or sky, one to three panels, sometimes a sun; `normalised`."""
    temperature = rng.uniform(3200, 9000)
    if rng.random() < 0.5:
        light = gradient(kelvin(temperature * 1.3) * rng.uniform(0.1, 1), kelvin(temperature) * rng.uniform(0.1, 0.6),
                         kelvin(4500) * rng.uniform(0.03, 0.3), size)
    else:
        light = constant(kelvin(temperature) * rng.uniform(0.03, 0.5), size)
    for _ in range(rng.integers(1, 4)):
        colour = kelvin(rng.uniform(2700, 9000)) * np.exp(rng.uniform(0, 2.5))
        light = light + panel(rng.uniform(-150, 150), rng.uniform(-20, 70), rng.uniform(12, 80), rng.uniform(12, 80),
                              colour, rng.uniform(2, 15), size)
    if rng.random() < 0.35:
        light = light + sun(rng.uniform(-110, 110), rng.uniform(8, 65), kelvin(rng.uniform(3000, 5800))
                            * rng.uniform(1, 5), size)
    return normalised(light)
