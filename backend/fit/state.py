"""The unknowns of the fit and their order in a vector. What they mean to a photo is in `residuals`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

FIXED_BLOCKS = (("camera", 6), ("focal", 1), ("depth", 2))


@dataclass(frozen=True)
class View:
    """One photo's unknowns."""

    rotation: np.ndarray  # (3, 3) world to camera
    pivot: np.ndarray  # (3,) metres, world: the middle of the mean face, fixed
    centre: np.ndarray  # (3,) metres, camera: where the pivot is
    log_focal: float  # of pixels
    depth: np.ndarray  # (2,) log scale and shift (face units) from true to the landmarker's depth
    turns: np.ndarray  # (G, 3, 3) rotations of the turning joints
    noise: np.ndarray  # (K,) scores of the landmarker's correlated errors, N(0, 1)
    psi: np.ndarray  # (E,)

    @property
    def translation(self) -> np.ndarray:
        """(3,) metres, world to camera."""
        return self.centre - self.rotation @ self.pivot

    @property
    def focal(self) -> float:
        """Pixels."""
        return float(np.exp(self.log_focal))

    @property
    def world_to_camera(self) -> np.ndarray:
        """(4, 4)."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation
        return matrix

    @property
    def size(self) -> int:
        """Length of this view's part of the vector."""
        return sum(length for _, length in self.blocks)

    @property
    def blocks(self) -> tuple[tuple[str, int], ...]:
        """Names and lengths of the vector's parts, in order."""
        return (*FIXED_BLOCKS, ("turns", 3 * len(self.turns)), ("noise", len(self.noise)),
                ("expression", len(self.psi)))

    def slice(self, name: str) -> slice:
        """Where a block lies in this view's part of the vector."""
        start = 0
        for block, length in self.blocks:
            if block == name:
                return slice(start, start + length)
            start += length
        raise KeyError(name)

    def moved(self, step: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> View:
        """This view after a `step` (size,); rotations are moved on the left, psi is kept in its bounds.

        The face's place moves in (x / z, y / z, log z): what focal length and distance leave undecided is then a
        straight valley, along which a Gauss-Newton step runs; in metres it is a curve that takes dozens.
        """
        camera = step[self.slice("camera")]
        turn_steps = step[self.slice("turns")].reshape(-1, 3)
        turns = np.stack([rotation(w) @ r for w, r in zip(turn_steps, self.turns, strict=True)])
        return replace(
            self, rotation=rotation(camera[:3]) @ self.rotation, centre=_shifted(self.centre, camera[3:]),
            log_focal=self.log_focal + float(step[self.slice("focal")][0]),
            depth=self.depth + step[self.slice("depth")], turns=turns, noise=self.noise + step[self.slice("noise")],
            psi=np.clip(self.psi + step[self.slice("expression")], lower, upper))


@dataclass(frozen=True)
class State:
    """All unknowns: one identity and the views."""

    beta: np.ndarray  # (S,)
    views: tuple[View, ...]


def centre_jacobian(centre: np.ndarray) -> np.ndarray:
    """(3, 3) metres of `View.centre` per step of its (x / z, y / z, log z)."""
    z = centre[2]
    return np.array([[z, 0, centre[0]], [0, z, centre[1]], [0, 0, z]])


def _shifted(centre: np.ndarray, step: np.ndarray) -> np.ndarray:
    z = centre[2] * np.exp(step[2])
    return np.array([(centre[0] / centre[2] + step[0]) * z, (centre[1] / centre[2] + step[1]) * z, z])


def rotation(axis_angle: np.ndarray) -> np.ndarray:
    """(3,) radians -> (3, 3)."""
    return cv2.Rodrigues(np.asarray(axis_angle, np.float64))[0]


def axis_angle(matrix: np.ndarray) -> np.ndarray:
    """(3, 3) -> (3,) radians."""
    return cv2.Rodrigues(np.asarray(matrix, np.float64))[0][:, 0]
