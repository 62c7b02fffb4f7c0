"""What the landmarker shows of a face: the measured table that tracking believes, and what it tells of one frame.

The landmarker's landmarks follow a face in part, and its scores fire for some shapes and never for others. So neither
is taken at its word. On rendered faces whose motion is known it was measured how landmarks (laid over the person's own
head) and scores move together with each ARKit shape and with the head's turn; from both, with what is the person's own
taken off, a small network tells the weights; and from both as they are, by how much the head's rotation and place were
misread is told by lines (a network did worse: what misleads differs between people, and there are few of them).

The table is made by `benchmarks/video_faces.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.errors import InputError, ModelError
from backend.npz import read_arrays
from backend.tracking.layers import Layers, answer, from_arrays, to_arrays
from backend.tracking.rigid import Rigid

TABLE = Path(__file__).parent / "shown.npz"
IRISES = (468, 473)
"""The person's right and left; the distance between them is a face size."""
LEAST, MOST = 1e-4, 1 - 1e-4
"""Scores beyond these have no odds to speak of."""
POSE_TERMS = 6
PRODUCTS = 40
"""Directions of landmarks that tell other things of a turned head than of a straight one."""
WEIGHTS = len(ARKIT_NAMES)


MOST_MISREAD = 0.2
"""Radians, and shares of the distance: what is told beyond was told from a face unlike all that were measured."""


@dataclass(frozen=True)
class Shown:
    """F features of a frame: Q of landmarks, 52 scores, 52 logarithms of their odds. L layers."""

    sigma: np.ndarray  # (478,) face sizes by which a landmark is off a rigid head; infinite where not to be used
    middle: np.ndarray  # (1434,) face sizes, mean of what landmarks are off the head
    space: np.ndarray  # (Q, 1434) directions in which they are off
    by_pose: np.ndarray  # (F, POSE_TERMS) what the head's turn adds
    by_psi: np.ndarray  # (F, 52) what each ARKit shape adds
    own: np.ndarray  # (F,) variance of what is a person's own
    noise: np.ndarray  # (F,) variance of what is left of one frame
    own_space: np.ndarray  # (O, F) directions in which people differ, of features divided by sqrt(own + noise)
    layers: Layers
    misread: np.ndarray  # (6, G + 1) turn and shift to be put right, per linear input, the last a constant
    sigma_weights: np.ndarray  # (52,) standard deviation of what is told, where all is known of the person

    def features(self, landmarks: np.ndarray, scores: np.ndarray, neutral: np.ndarray, pose: Rigid,
                 focal: float, centre: np.ndarray) -> np.ndarray:
        """(F,) of landmarks (478, 3) pixels and scores (52,), on a head whose landmarks lie at `neutral` (478, 3)."""
        used = np.isfinite(self.sigma)
        size = float(np.linalg.norm(neutral[IRISES[0]] - neutral[IRISES[1]]))
        distance = float((neutral[used].mean(0) @ pose.rotation.T + pose.shift)[2])
        depth = distance * (1 + (landmarks[:, 2] - landmarks[used, 2].mean()) / focal)
        placed = np.column_stack([(landmarks[:, :2] - centre) / focal * depth[:, None], depth])
        off = ((placed - pose.shift) @ pose.rotation - neutral) / size
        off[~np.isfinite(neutral).all(1)] = 0
        cut = np.clip(scores, LEAST, MOST)
        return np.concatenate([self.space @ (off.ravel() - self.middle), scores, np.log(cut / (1 - cut))])

    def tell(self, features: np.ndarray, pose: Rigid, own: np.ndarray | None) -> Told:
        """What `features` (F,) say of the face, `own` (F,) being the person's own share of them, None if unknown."""
        return split(self.answers(features[None], pose_terms(pose.rotation)[None], own)[0])

    def inputs(self, features: np.ndarray, terms: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        """(N, I) float32, what the network is shown of features (N, F) and pose terms (N, POSE_TERMS)."""
        mine = np.zeros_like(features) if own is None else np.broadcast_to(own, features.shape)
        scale = np.sqrt(self.own + self.noise)
        left = (features - terms @ self.by_pose.T - mine) / scale
        known = np.full((len(features), 1), 0.0 if own is None else 1.0)
        return np.hstack([np.clip(left, -8, 8), (mine / scale) @ self.own_space.T, terms[:, 1:],
                          known]).astype(np.float32)

    def answers(self, features: np.ndarray, terms: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        """(N, 58) float64: weights, turn, shift, of features (N, F) and pose terms (N, POSE_TERMS)."""
        return np.hstack([self.network(self.inputs(features, terms, own)), self.straight(features, terms)])

    def straight(self, features: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """(N, 6) turn and shift by which a pose was misread; whose face it is does not matter."""
        said = self.linear_inputs(features, terms) @ self.misread[:, :-1].T + self.misread[:, -1]
        return np.clip(said, -MOST_MISREAD, MOST_MISREAD)

    def linear_inputs(self, features: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """(N, G) what tells how a pose was misread: features, the pose, and their products as far as they matter."""
        scaled = np.clip((features - terms @ self.by_pose.T) / np.sqrt(self.own + self.noise), -6, 6)
        most = scaled[:, :PRODUCTS]
        return np.hstack([scaled, most * terms[:, 1:2], most * terms[:, 2:3], terms[:, 1:], terms[:, 1:2] ** 3])

    def network(self, inputs: np.ndarray) -> np.ndarray:
        """(N, 52) float64, the weights that the network says to inputs (N, I)."""
        return answer(self.layers, inputs)

    def rest(self, features: np.ndarray, terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(N, F) what neither turn nor face (N, 52) explains of features: the person's own, and noise."""
        return features - terms @ self.by_pose.T - weights @ self.by_psi.T


@dataclass(frozen=True)
class Told:
    """What one frame tells."""

    weights: np.ndarray  # (52,) 0..1
    turn: np.ndarray  # (3,) axis-angle radians, on the right of the rotation that was read
    shift: np.ndarray  # (3,) of the face's middle in the camera's axes, in shares of its distance


def split(said: np.ndarray) -> Told:
    """One frame's answers (WEIGHTS + 6,), named."""
    return Told(np.clip(said[:WEIGHTS], 0, 1), said[WEIGHTS:WEIGHTS + 3], said[WEIGHTS + 3:WEIGHTS + 6])


def corrected(pose: Rigid, told: Told, middle: np.ndarray) -> Rigid:
    """`pose` with what was misread of it put right; `middle` (3,) of the landmarks on the head."""
    import cv2

    rotation = pose.rotation @ cv2.Rodrigues(told.turn)[0]
    place = pose.camera(middle)
    return Rigid(rotation, place + told.shift * place[2] - rotation @ middle)


def pose_terms(rotation: np.ndarray) -> np.ndarray:
    """(POSE_TERMS,) 1, yaw, pitch, their squares and product, radians, of a rotation of the head into a camera."""
    offset = -rotation[2]
    yaw, pitch = np.arctan2(offset[0], -offset[1]), np.arcsin(np.clip(offset[2], -1, 1))
    return np.array([1.0, yaw, pitch, yaw * yaw, yaw * pitch, pitch * pitch])


_ARRAYS = ("sigma", "middle", "space", "by_pose", "by_psi", "own", "noise", "own_space", "misread", "sigma_weights")


def arrays_of(table: Shown) -> dict[str, np.ndarray]:
    """What `TABLE` holds."""
    arrays = {name: getattr(table, name).astype(np.float16 if name == "space" else np.float32) for name in _ARRAYS}
    return arrays | to_arrays(table.layers)


@cache
def measured_shown() -> Shown:
    """The table that ships."""
    try:
        file = read_arrays(TABLE)
        parts = {name: file[name].astype(np.float64) for name in _ARRAYS}
        return Shown(**parts, layers=from_arrays(file))
    except (KeyError, InputError) as error:
        raise ModelError(f"The table {TABLE.name} cannot be read: {error}.", "Reinstall Likeness.") from error
