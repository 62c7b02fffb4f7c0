"""Shape from shading for wrinkles and folds: one side of a furrow is lit, the other is not.

Linear in the height, because slopes of skin are small (after Horn's and Pentland's linear shape from shading): a slope
turns the normal, and the light found on the face says how much brighter that makes the skin there, from which side.
Where light comes from everywhere that says nothing, and a dip shows by being dark. Both go into one least-squares
problem over the seen skin, with a prior on slopes. Hue does not tell pigment from shade at this scale: wrinkles are
redder than the skin around them, because their walls light each other, and would be taken for blood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.colour import REC709_LUMINANCE
from backend.core.descent import conjugate_gradients
from backend.reflectance.filters import fill, gaussian
from backend.reflectance.light import sphere
from backend.reflectance.lit import LIGHT_GRID, Lit, Stage
from backend.reflectance.regions import SkinSpace
from backend.unwrap.surface import enlarge

DIP = 0.45e-3
"""Depth at which a dip is darker by a factor of e, by what its own walls hide and what gathers in it, metres."""

SLOPE, HEIGHT, LEFT = 0.10, 0.08e-3, 0.035
"""Standard deviations: of slopes, of heights (metres), and of what of the log shading is neither."""

ROUNDS = 60
"""Of conjugate gradients."""


@dataclass(frozen=True)
class Turning:
    """How the log shading changes with the slope, (F, F); 0 where no light is known."""

    along_u: np.ndarray  # metres of the surface times d log shade per unit slope, per FIELD texel to the right
    along_v: np.ndarray  # the same per texel downwards

    @classmethod
    def of(cls, on: Sequence[Stage | None], lit: Lit, space: SkinSpace) -> Turning:
        """From the light of every view. The log shading falls by `along_u * dh/dcolumn + along_v * dh/drow`."""
        grid = LIGHT_GRID
        u, v = np.zeros((2, grid, grid), np.float32)
        known = np.zeros((grid, grid), np.float32)
        for it, light in zip(on, lit.lights, strict=True):
            if it is None:
                continue
            directions = np.concatenate([sphere(), light.sun_directions])
            power = np.concatenate([light.environment, light.sun_irradiance]) @ REC709_LUMINANCE
            cosine = np.maximum(it.normals @ directions.T, 0)
            # Shadows' edges turn with the slope as well; that is left out.
            reach = np.concatenate([it.link.response / np.maximum(cosine[:, :len(sphere())], 0.05),
                                    (cosine[:, len(sphere()):] > 0.02)], 1)
            total = np.maximum((reach * cosine) @ power, 1e-6)
            vector = (reach * power) @ directions / total[:, None]
            vector -= (vector * it.normals).sum(-1, keepdims=True) * it.normals
            place: np.ndarray = np.zeros((grid, grid, 3), np.float32)
            place[it.mine] = it.points
            right, down = _steps(place, it.mine)
            for field, value in zip((u, v), per_step(vector, right[it.mine], down[it.mine]), strict=True):
                field[it.mine] = value
            whole = it.mine & (np.abs(right).sum(-1) > 0) & (np.abs(down).sum(-1) > 0)
            known[whole] = 1
        both = fill(np.stack([u, v], -1) * known[..., None], known) if known.any() else np.stack([u, v], -1)
        both = enlarge(both.astype(np.float32), space.size) * enlarge(known, space.size)[..., None]
        both *= space.size / grid  # a smaller texel's step in height is a steeper slope
        return cls(*(np.ascontiguousarray(gaussian(both[..., k], 2.0)) for k in range(2)))


def heights(shade: np.ndarray, weight: np.ndarray, turning: Turning, texel: np.ndarray) -> np.ndarray:
    """(N, N) metres that explain the log shading `shade` (N, N), band-passed, where `weight` (N, N) 0..1 is above 0.

    `texel` (N, N) metres per texel.
    """
    size = len(shade)
    factor = size / len(turning.along_u)
    # Finer texels make steps smaller: a slope of the surface is a larger multiple of a step in height.
    u, v = (cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR) * np.float32(factor)
            for field in (turning.along_u, turning.along_v))
    w = (weight / LEFT**2).astype(np.float32)
    smooth = (1 / (SLOPE * texel) ** 2).astype(np.float32)
    low = np.float32(1 / HEIGHT**2)

    def forward(h: np.ndarray) -> np.ndarray:
        return h / DIP - u * _right(h) - v * _down(h)

    def backward(r: np.ndarray) -> np.ndarray:
        return r / DIP - _right_t(u * r) - _down_t(v * r)

    def normal(h: np.ndarray) -> np.ndarray:
        a, b = _forward_difference(h)
        return backward(w * forward(h)) + _forward_t(smooth * a, smooth * b) + low * h

    diagonal = w * (1 / DIP**2 + 0.5 * (u * u + v * v)) + 4 * smooth + low
    right = backward(w * shade.astype(np.float32))
    return conjugate_gradients(normal, right, diagonal, ROUNDS, 1e-6)


def _steps(place: np.ndarray, mine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(G, G, 3) metres from texel to texel, to the right and downwards; 0 where a neighbour is missing."""
    out = []
    for axis in (1, 0):
        ahead, behind = np.roll(place, -1, axis), np.roll(place, 1, axis)
        both = np.roll(mine, -1, axis) & np.roll(mine, 1, axis) & mine
        out.append((ahead - behind) / 2 * both[..., None])
    return out[0], out[1]


def per_step(vector: np.ndarray, right: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(...) coefficients of steps along texels in `vector` (..., 3) times the surface gradient of the height."""
    rr, dd, rd = ((a * b).sum(-1) for a, b in ((right, right), (down, down), (right, down)))
    determinant = rr * dd - rd * rd
    safe = determinant > 0.05 * rr * dd
    determinant = np.where(safe, determinant, 1)
    a, b = (vector * right).sum(-1), (vector * down).sum(-1)
    return np.where(safe, (dd * a - rd * b) / determinant, 0), np.where(safe, (rr * b - rd * a) / determinant, 0)


def _right(h: np.ndarray) -> np.ndarray:
    return (np.roll(h, -1, 1) - np.roll(h, 1, 1)) * np.float32(0.5)


def _right_t(r: np.ndarray) -> np.ndarray:
    return (np.roll(r, 1, 1) - np.roll(r, -1, 1)) * np.float32(0.5)


def _down(h: np.ndarray) -> np.ndarray:
    return (np.roll(h, -1, 0) - np.roll(h, 1, 0)) * np.float32(0.5)


def _down_t(r: np.ndarray) -> np.ndarray:
    return (np.roll(r, 1, 0) - np.roll(r, -1, 0)) * np.float32(0.5)


def _forward_difference(h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.roll(h, -1, 1) - h, np.roll(h, -1, 0) - h


def _forward_t(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.roll(a, 1, 1) - a + np.roll(b, 1, 0) - b
