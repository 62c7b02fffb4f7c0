"""How faces look, measured: log colours of the skin by place in the UV square, light's harmonics taken off.

The table is made by `python -m backend.training.appearance` from photos of the project's own generated people. What no
light of nine harmonics explains is in it: pigment, hair of brows, shadows that noses and brows cast, gloss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from backend.errors import ModelError

TABLE = Path(__file__).parent / "appearance.npz"

OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
"""Rows: brightness, red against blue, green against both; orthonormal, of log linear Rec.709."""

BLACK = 0.01
"""Share of the face's median colour that is added before the logarithm: deep shadow is noise."""


@dataclass(frozen=True)
class Appearance:
    """A Gaussian over the log opponent colours of P places: mean + modes . N(0, 1) + sigma . N(0, 1) + light."""

    uvs: np.ndarray  # (P, 2)
    mean: np.ndarray  # (P, 3)
    modes: np.ndarray  # (P, 3, K)
    sigma: np.ndarray  # (P, 3)
    light_precision: np.ndarray  # (9,) of each coefficient of `polynomial`, per channel
    pitch: float  # millimetres per pixel at which it was measured
    blur: float  # millimetres, standard deviation of the smoothing


def log_colours(linear: np.ndarray, dark: float) -> np.ndarray:
    """(..., 3) linear colours -> log opponent colours; `dark` is the face's median."""
    return np.log(np.maximum(linear, 0) + BLACK * max(dark, 1e-6)) @ OPPONENT.T.astype(linear.dtype)


def polynomial(normals: np.ndarray) -> np.ndarray:
    """(P, 3) unit -> (P, 9): the harmonics up to order 2, without their factors."""
    x, y, z = normals.T
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)


def polynomial_slopes(normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(P, 3, 3) derivative of `polynomial(normals) @ light` (P, 3), `light` (9, 3), by the normals."""
    x, y, z = normals.T
    o, one = np.zeros_like(x), np.ones_like(x)
    by = np.stack([np.stack([o, one, o, o, y, o, o, z, 2 * x], 1), np.stack([o, o, one, o, x, z, o, o, -2 * y], 1),
                   np.stack([o, o, o, one, o, y, 6 * z, x, o], 1)], 1)  # (P, axis, 9)
    return np.einsum("pak,kc->pca", by, light)


@cache
def measured_appearance() -> Appearance:
    """The table that ships."""
    try:
        with np.load(TABLE, allow_pickle=False) as file:
            parts = {name: file[name].astype(np.float64) for name in
                     ("uvs", "mean", "modes", "sigma", "light_precision")}
            return Appearance(**parts, pitch=float(file["pitch"]), blur=float(file["blur"]))
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"The table {TABLE.name} cannot be read: {error}.", "Reinstall Likeness.") from error
