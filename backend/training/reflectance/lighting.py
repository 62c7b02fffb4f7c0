"""Lights for a stage: an environment as the power of each of its directions, perhaps a sun, perhaps a lamp close by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from backend.core.harmonics import equirectangular_directions
from backend.training.render import lights

GRID = (48, 96)
"""Rows and columns of environments: finer than a stage's directions."""

NAMED, COLOURED, LAMP, HARD = 0.12, 0.12, 0.25, 0.2
"""Shares of lights with a name, with a panel of a strong colour, with a lamp close by, with a hard extra sun."""


@dataclass(frozen=True)
class Lighting:
    """Light on a stage of D directions."""

    power: np.ndarray  # (D, 3) float32 linear radiance times solid angle
    lamp: np.ndarray | None  # (3,) metres, a small lamp
    lamp_power: np.ndarray  # (3,) as of a light far away where the face is
    lamp_direction: int  # the stage's direction whose shadows the lamp throws


def random_lighting(directions: np.ndarray, face: np.ndarray, rng: np.random.Generator,
                    pictures: tuple[np.ndarray, ...] = ()) -> Lighting:
    """Any light on a stage's `directions` (D, 3) and the middle of its face (3,). `pictures` (H, W, 3) are used too."""
    which = rng.random()
    if pictures and rng.random() < 0.5:
        environment = lights.turned(pictures[rng.integers(len(pictures))], rng.uniform(0, 360))
        environment = lights.normalised(environment)
    elif which < NAMED:
        environment = lights.turned(lights.named(str(rng.choice(lights.NAMES)), GRID), rng.normal(0, 25))
    else:
        environment = lights.random(rng, GRID)
    if rng.random() < COLOURED:
        colour = np.exp(rng.normal(0, 0.7, 3)) * np.exp(rng.uniform(0, 2))
        environment = environment + lights.panel(rng.uniform(-140, 140), rng.uniform(-20, 50), rng.uniform(20, 60),
                                                 rng.uniform(20, 60), colour, 5, GRID)
    if rng.random() < HARD:
        strength = lights.kelvin(rng.uniform(3000, 6500)) * rng.uniform(1, 4)
        environment = environment * rng.uniform(0.15, 0.6) + lights.sun(rng.uniform(-100, 100), rng.uniform(0, 70),
                                                                        strength, GRID)
    power = binned(lights.normalised(environment), directions)
    if rng.random() >= LAMP:
        return Lighting(power, None, np.zeros(3, np.float32), 0)
    front = np.flatnonzero(directions[:, 1] < -0.1)
    chosen = int(rng.choice(front))
    strength = lights.kelvin(rng.uniform(2600, 6500)) * np.exp(rng.uniform(-1, 1.2))
    return Lighting(power * rng.uniform(0.2, 1), face + directions[chosen] * rng.uniform(0.25, 1.2),
                    strength.astype(np.float32), chosen)


def binned(environment: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(D, 3) float32 power: every texel of an environment goes to the nearest direction. Energy is kept."""
    places, solid_angle = _sphere(*environment.shape[:2])
    nearest = (places @ directions.T).argmax(1)
    light = (environment * solid_angle[..., None]).reshape(-1, 3)
    return np.stack([np.bincount(nearest, light[:, c], len(directions)) for c in range(3)], -1).astype(np.float32)


@lru_cache(maxsize=4)
def _sphere(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    places, solid_angle = equirectangular_directions(height, width)
    return places.reshape(-1, 3).astype(np.float32), solid_angle


def read_pictures(folder: Path | None) -> tuple[np.ndarray, ...]:
    """The OpenEXR environments of a folder, reduced. Raises InputError for one that cannot be read."""
    if folder is None:
        return ()
    found = []
    for path in sorted(folder.glob("*.exr")):
        picture = lights.read(path)
        while picture.shape[0] > 2 * GRID[0] and picture.shape[0] % 2 == 0 and picture.shape[1] % 2 == 0:
            height, width = picture.shape[:2]
            picture = picture.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
        found.append(picture)
    return tuple(found)
