"""Small pictures that a window shows while a job runs, and before one: the face in a photo, the fit as it stands.

They are for a person's eye only. They lie in the job's folder, for its owner alone, and go when the job is done.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.core.colour import linear_to_srgb
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.images import write_png

SIDE = 256
"""Pixels of a picture's side."""
PATTERN = "glimpse-*.png"
_MARGIN = 0.45  # of the face's size, around it: hair and chin are seen too
_CLAY = 0.5  # linear albedo of a head that has no skin yet
_SOFT_FRONT = ((0, 1.6), (1, -0.9), (2, 0.35))
"""Harmonics of a soft light from the front and a little above: index and radiance."""


def of_photo(observation: Observation, *, landmarks: bool = False) -> np.ndarray:
    """(SIDE, SIDE, 3) linear: the face, upright; with `landmarks`, where its points were found."""
    return of_face(observation.image, observation.landmarks[:, :2], landmarks=landmarks)


def of_face(image: np.ndarray, points: np.ndarray, *, landmarks: bool = False) -> np.ndarray:
    """The same of an image (H, W, 3) linear whose face has its landmarks at `points` (478, 2) pixels."""
    points = points.astype(np.float64)
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) * (1 + 2 * _MARGIN)
    corner, scale = (low + high) / 2 - side / 2, side / SIDE
    picture = _window(image, corner, scale)
    if landmarks:
        for x, y in (points - corner) / scale:
            cv2.circle(picture, (round(x - 0.5), round(y - 0.5)), 1, (0.05, 0.75, 0.9), -1, cv2.LINE_AA)
    return picture


def of_fit(observation: Observation, head: HeadModel, fit: HeadFit) -> np.ndarray:
    """(SIDE, SIDE, 3) linear: half the first photo's face, the other half the head in clay as that camera sees it."""
    from backend import preview

    above = head.skin_weights[:, head.joint("neck")] < 0.5
    view = preview.window(fit.posed[0][above], fit.intrinsics[0], fit.world_to_camera[0])
    shrunk = np.diag([SIDE / preview.SIDE, SIDE / preview.SIDE, 1.0])
    grow = preview.SIDE / SIDE
    # cv2 counts pixel centres from 0: a small pixel's centre lies (grow - 1) / 2 large pixels on.
    to_photo = view.to_photo @ np.array([[grow, 0, (grow - 1) / 2], [0, grow, (grow - 1) / 2], [0, 0, 1.0]])
    left = cv2.warpAffine(observation.image, to_photo, (SIDE, SIDE), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP)
    light = np.zeros((9, 3))
    for index, radiance in _SOFT_FRONT:
        light[index] = radiance
    clay = np.full((2, 2, 3), _CLAY, np.float32)
    right = preview.render(head, fit.posed[0], shrunk @ view.intrinsics, fit.world_to_camera[0], light, clay, clay,
                           SIDE)
    return np.concatenate([left[:, :SIDE // 2], right[:, SIDE // 2:]], 1)


def plain(image: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 3) linear: a whole picture (H, W, 3) in which no face was found, on grey."""
    height, width = image.shape[:2]
    side = float(max(height, width))
    return _window(image, np.array([width - side, height - side]) / 2, side / SIDE)


def save(path: Path, picture: np.ndarray) -> None:
    """Linear Rec.709 to an 8-bit PNG that only its owner may read. Raises the disk's OSError."""
    write_png(path, linear_to_srgb(np.clip(picture, 0, 1)))


def _window(image: np.ndarray, corner: np.ndarray, scale: float) -> np.ndarray:
    """A square of SIDE pixels from `corner`, `scale` pixels of the image to one of it."""
    if scale > 2:  # warping alone would skip pixels
        smaller = cv2.resize(image, None, fx=2 / scale, fy=2 / scale, interpolation=cv2.INTER_AREA)
        factor = np.array([smaller.shape[1] / image.shape[1], smaller.shape[0] / image.shape[0]])
        corner, scale, image = corner * factor, scale * float(factor.mean()), smaller
    to_image = np.array([[scale, 0, corner[0] + scale / 2 - 0.5], [0, scale, corner[1] + scale / 2 - 0.5]])
    return cv2.warpAffine(image, to_image, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_CONSTANT, borderValue=(0.05,) * 3)
