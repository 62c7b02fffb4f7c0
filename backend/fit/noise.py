"""What the landmarker gets wrong, measured: a table of bias, spread and correlated modes per landmark.

The table is made by `benchmarks/fit_noise.py` from renders of heads whose landmarks are known. All lengths are in face
units (63 mm at the face's depth, in pixels), axes are the image's (x right, y down, z away from the camera).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from backend.errors import ModelError

TABLE = Path(__file__).parent / "landmark_noise.npz"


@dataclass(frozen=True)
class LandmarkNoise:
    """Errors of N landmarks as a function of the head's yaw and pitch, with K correlated modes."""

    bias: np.ndarray  # (N, 3, T) per term of `pose_terms`
    sigma: np.ndarray  # (N, 3) what bias and modes leave
    modes: np.ndarray  # (N, 3, K), scores are N(0, 1)

    def at(self, yaw: float, pitch: float) -> np.ndarray:
        """Bias (N, 3) of a head turned by `yaw` and `pitch` radians."""
        return self.bias @ pose_terms(yaw, pitch)[: self.bias.shape[2]]


def pose_terms(yaw: float, pitch: float) -> np.ndarray:
    """(5,) terms in which the bias is linear; kept in range, for an extrapolated square is no measurement."""
    y, p = np.clip(np.sin(yaw), -0.65, 0.65), np.clip(np.sin(pitch), -0.4, 0.4)
    return np.array([1.0, y, y * y, p, y * p])


def yaw_pitch(rotation: np.ndarray) -> tuple[float, float]:
    """Radians at which a camera with world-to-camera `rotation` (3, 3) sees the head.

    Yaw > 0: from the person's left; pitch > 0: from above (as in `core.camera.frontal`).
    """
    offset = -rotation[2]  # from the head to the camera, world
    return float(np.arctan2(offset[0], -offset[1])), float(np.arcsin(np.clip(offset[2], -1, 1)))


@cache
def measured_noise() -> LandmarkNoise:
    """The table that ships."""
    try:
        with np.load(TABLE, allow_pickle=False) as file:
            return LandmarkNoise(*(file[name].astype(np.float64) for name in ("bias", "sigma", "modes")))
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"The table {TABLE.name} cannot be read: {error}.", "Reinstall Likeness.") from error
