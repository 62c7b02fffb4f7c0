"""Close-ups: eyes with their brows, and the mouth, as a frame shows them, held still by the head's pose.

Landmarks follow lids, lips and brows in part, and patches of skin hardly see them: skin folds away there, and what lies
between is not skin. So a frame is sampled on three windows that lie on the person's resting face and move with the
head, not with the face: in them irises, lids and lips are seen to move. Brightness alone, brought to mean nought and
variance one in each window, so that light and tone matter less. What the windows show, by their main components, and
what landmarks told, tell the weights again: a small network, trained on rendered people by
`benchmarks/video_closeups.py`, says what is to be added to what landmarks told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from backend.errors import InputError, ModelError
from backend.npz import read_arrays
from backend.tracking.layers import Layers, answer, from_arrays, to_arrays
from backend.tracking.patches import Picture
from backend.tracking.rigid import Rigid
from backend.tracking.shown import WEIGHTS

TABLE = Path(__file__).parent / "closeup.npz"

CORNERS = ((33, 133), (263, 362), (61, 291))
"""Landmarks at the ends of the person's right eye, left eye (outer, inner), mouth (right, left)."""
REGIONS = ((46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 33, 133, 159, 145, 23, 110, 24, 119, 120, 101),
           (276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 263, 362, 386, 374, 253, 339, 254, 348, 349, 330),
           (61, 291, 0, 17, 37, 267, 39, 269, 40, 270, 84, 314, 91, 321, 164, 200, 167, 393, 165, 391, 43, 273, 92,
            322, 18, 83, 313))
"""Landmarks that tell how the resting face is curved about each."""
EYE, MOUTH = (36, 32, 1.35, 4.5), (46, 30, 1.6, -2.0)
"""Samples across and down, millimetres between them, and millimetres the window's middle lies above the corners'."""


LEAST_BEND = (0.0, 1e-4, 1e-4, 1e-2, 1e-2, 1e-2)
"""Of a landmark's worth, by which a surface is held to be flat: a few landmarks in a line do not tell how it bends."""
BEYOND = 0.6  # of the landmarks' extent, from the corners' middle, beyond which the surface is not followed
MOST = 5.0  # standard deviations of a component, beyond which it is cut
EDGES = (EYE[0] * EYE[1], 2 * EYE[0] * EYE[1])
"""Samples at which the left eye's and the mouth's begin."""


@dataclass(frozen=True)
class CloseUps:
    """One person's windows: right eye, left eye, mouth. P samples in all; the left eye's run from the nose outwards as
    the right eye's do, so that a face and its mirror image give the same with eyes exchanged."""

    points: np.ndarray  # (P, 3) float32 metres on the resting face

    @classmethod
    def of(cls, neutral: np.ndarray) -> CloseUps | None:
        """Of a resting face's landmarks (478, 3) metres; None where it lacks some of them."""
        parts = []
        for corners, region, (wide, high, step, above) in zip(CORNERS, REGIONS, (EYE, EYE, MOUTH), strict=True):
            known = neutral[list(region)].astype(np.float64)
            if not np.isfinite(known).all():
                return None
            middle = neutral[list(corners)].mean(0) + np.array([0, 0, above / 1000])
            across = (np.arange(wide) - (wide - 1) / 2) * step / 1000
            if corners == CORNERS[1]:
                across = -across
            x, z = (part.ravel() for part in np.meshgrid(across, ((high - 1) / 2 - np.arange(high)) * step / 1000))
            design = _bent(known[:, [0, 2]] - middle[[0, 2]])
            bend = np.linalg.solve(design.T @ design + len(known) * np.diag(LEAST_BEND),
                                   design.T @ (known[:, 1] - middle[1]))
            limit = BEYOND * np.ptp(known[:, [0, 2]], axis=0)
            deep = _bent(np.clip(np.column_stack([x, z]), -limit, limit)) @ bend
            parts.append(np.column_stack([x, deep, z]) + middle)
        return cls(np.concatenate(parts).astype(np.float32))

    def seen(self, picture: Picture, pose: Rigid, k: np.ndarray) -> np.ndarray:
        """(P,) float32 of a picture; `k` (3, 3) of the frame it was cut from."""
        focal, centre = picture.camera(k)
        points = self.points @ pose.rotation.T.astype(np.float32) + pose.shift.astype(np.float32)
        pixels = points[:, :2] * (np.float32(focal) / points[:, 2:]) + (centre - 0.5).astype(np.float32)
        found = cv2.remap(picture.log(), pixels[:, :1], pixels[:, 1:], cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REPLICATE)
        return np.concatenate([_even(part) for part in np.split(found[:, 0], EDGES)])


def _bent(flat: np.ndarray) -> np.ndarray:
    """(N, 6) of a paraboloid, for (N, 2) metres; in centimetres, so that all parts are of one size."""
    x, z = flat.T * 100
    return np.column_stack([np.ones_like(x), x, z, x * x, x * z, z * z])


def _even(values: np.ndarray) -> np.ndarray:
    values = values - values.mean(0)
    return values / np.sqrt(np.maximum((values * values).mean(0), 1e-4))


@dataclass(frozen=True)
class Closer:
    """What close-ups tell. E samples of an eye, M of the mouth; Q components of all three windows; L layers."""

    eye_mean: np.ndarray  # (E,)
    eye: np.ndarray  # (QE, E) components, each divided by its standard deviation
    mouth_mean: np.ndarray  # (M,)
    mouth: np.ndarray  # (QM, M)
    layers: Layers

    def components(self, seen: np.ndarray) -> np.ndarray:
        """(N, Q) float32 of close-ups (N, P)."""
        right, left, mouth = np.split(seen, EDGES, axis=1)
        parts = [(right - self.eye_mean) @ self.eye.T, (left - self.eye_mean) @ self.eye.T,
                 (mouth - self.mouth_mean) @ self.mouth.T]
        return np.clip(np.hstack(parts), -MOST, MOST).astype(np.float32)

    def weights(self, told: np.ndarray, terms: np.ndarray, close: np.ndarray) -> np.ndarray:
        """(N, 52) float64, not bounded, of what landmarks told (N, 52), pose terms (N, 6), components (N, Q)."""
        return np.clip(told, 0, 1) + answer(self.layers, inputs(told, terms, close))


def inputs(told: np.ndarray, terms: np.ndarray, close: np.ndarray) -> np.ndarray:
    """(N, I) float32, what the network is shown."""
    turn = terms[:, 1:3]
    return np.hstack([close, told * 2, turn * 2, np.abs(turn)]).astype(np.float32)


def looked_closer(told: np.ndarray, terms: np.ndarray, close: Sequence[np.ndarray | None]) -> np.ndarray:
    """What landmarks told (N, 58), its weights told again where there are components (Q,) of a close-up."""
    there = [index for index, one in enumerate(close) if one is not None]
    if not there:
        return told
    told, some = told.copy(), np.stack([one for one in close if one is not None])
    told[there, :WEIGHTS] = measured_closer().weights(told[there, :WEIGHTS], terms[there], some)
    return told


_ARRAYS = ("eye_mean", "eye", "mouth_mean", "mouth")


def arrays_of(closer: Closer) -> dict[str, np.ndarray]:
    """What `TABLE` holds."""
    arrays = {name: getattr(closer, name).astype(np.float16 if name in ("eye", "mouth") else np.float32)
              for name in _ARRAYS}
    return arrays | to_arrays(closer.layers)


@cache
def measured_closer() -> Closer:
    """The table that ships."""
    try:
        file = read_arrays(TABLE)
        return Closer(**{name: file[name].astype(np.float32) for name in _ARRAYS}, layers=from_arrays(file))
    except (KeyError, InputError) as error:
        raise ModelError(f"The table {TABLE.name} cannot be read: {error}.", "Reinstall Likeness.") from error
