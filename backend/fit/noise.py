"""What the landmarker gets wrong, measured: a table of bias, spread and correlated modes per landmark.

Part of the error depends on whose face it is: the landmarker draws every face nearer to its own idea of one than it
is. That part is linear in a few scores of the true face (`Follow`), so the fit can tell how far to believe it.
Part of it depends on the face that is made: of that the landmarker's own 52 scores tell (`Made`).

The table is made by `benchmarks/fit_noise.py` from renders of heads whose landmarks are known. All lengths are in face
units (63 mm at the face's depth, in pixels), axes are the image's (x right, y down, z away from the camera).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from backend.errors import ModelError
from backend.fit.faces import FaceScores, measured_faces

TABLE = Path(__file__).parent / "landmark_noise.npz"
PARTS = ("bias", "sigma", "modes")
MADE = ("calm_scores", "by_score")
FOLLOW = ("turned_by_face", "follow_middle", "follow_directions")
TURNED = 0.3
"""Radians of yaw beyond which the far half of the face hides, and the landmarker errs in other ways."""


@dataclass(frozen=True)
class Follow:
    """Scores of a face by which the landmarker's errors depend on it; the same for every model of a head.

    A face's score is the product of `directions` with its landmarks, taken from their middle and at the mean head's
    size, less `middle`.
    """

    middle: np.ndarray  # (N, 3) metres, world axes; zero where a landmark takes no part
    directions: np.ndarray  # (R, N, 3) scores per metre

    def scores(self, numbers: np.ndarray, mean: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (R,) of the mean head and their derivatives by beta (R, S).

        `numbers` (P,): which landmarks `mean` (P, 3) and `shape` (P, 3, S) are.
        """
        part = np.flatnonzero(self.directions[:, numbers].any((0, 2)))
        ways = self.directions[:, numbers[part]]
        face = mean[part] - mean[part].mean(0)
        # The errors are in face units, whatever a face's size: what changes that alone must change no score, or a fit
        # would take a head's size from them. To first order the face is measured at the mean head's size.
        along = np.einsum("rpx,px->r", ways, face) / np.sum(face**2)
        return (np.einsum("rpx,px->r", ways, face - self.middle[numbers[part]]),
                np.einsum("rpx,pxs->rs", ways - along[:, None, None] * face, shape[part] - shape[part].mean(0),
                          optimize=True))


@dataclass(frozen=True)
class Made:
    """How the errors change with the face that is made, by what its scores exceed those of calm faces."""

    calm: np.ndarray  # (52,) nine calm faces in ten score less
    errors: np.ndarray  # (N, 3, 52) per unit of what is beyond

    def at(self, scores: np.ndarray) -> np.ndarray:
        """(N, 3) of a face with `scores` (52,)."""
        return self.errors @ self.beyond(scores)

    def beyond(self, scores: np.ndarray) -> np.ndarray:
        """(52,) what `scores` tell of a face that is made: brows, lids and lips of calm faces have scores too."""
        return np.maximum(scores - self.calm, 0)


@dataclass(frozen=True)
class LandmarkNoise:
    """Errors of N landmarks as a function of the head's yaw and pitch, with K correlated modes."""

    bias: np.ndarray  # (N, 3, T) per term of `pose_terms`
    sigma: np.ndarray  # (N, 3) what bias and modes leave
    modes: np.ndarray  # (N, 3, K), scores are N(0, 1)
    turned: LandmarkNoise | None = None  # the same of heads turned beyond `TURNED`, where it differs; same K
    by_face: np.ndarray | None = None  # (N, 3, R) error per score of `follow`
    follow: Follow | None = None
    made: Made | None = None
    faces: FaceScores | None = None  # what scores tell of the face that is made; of straight and turned heads alike

    def facing(self, yaw: float) -> LandmarkNoise:
        """The part that holds for a head turned by `yaw` radians."""
        return self.turned if self.turned is not None and abs(yaw) > TURNED else self

    def at(self, yaw: float, pitch: float, distance: float) -> np.ndarray:
        """Bias (N, 3) of a head turned by `yaw` and `pitch` radians, `distance` metres from the camera."""
        return self.bias @ bias_terms(yaw, pitch, distance)[: self.bias.shape[2]]


def bias_terms(yaw: float, pitch: float, distance: float) -> np.ndarray:
    """(6,) terms in which the bias is linear; kept in range, for an extrapolated square is no measurement.

    The last is for nearness: the landmarker has seen few selfies and draws a near face less distorted than it is.
    """
    y, p = np.clip(np.sin(yaw), -0.75, 0.75), np.clip(np.sin(pitch), -0.4, 0.4)
    return np.array([1.0, y, y * y, p, y * p, np.clip(0.45 / distance, 0.2, 2.0) - 0.8])


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
            straight, turned = ([file[kind + name].astype(np.float64) for name in PARTS] for kind in ("", "turned_"))
            by_face, middle, directions = (file[name].astype(np.float64) for name in FOLLOW)
            calm, by_score = (file[name].astype(np.float64) for name in MADE)
            return LandmarkNoise(straight[0], straight[1], straight[2], LandmarkNoise(
                turned[0], turned[1], turned[2], by_face=by_face, follow=Follow(middle, directions)),
                made=Made(calm, by_score), faces=measured_faces())
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"The table {TABLE.name} cannot be read: {error}.", "Reinstall Likeness.") from error
