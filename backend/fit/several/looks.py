"""What a photo's colours say of the person: brows, beard, lips, lids and eyes, the light taken off.

Colours are read about the landmarks, in logarithms. What spherical harmonics of the surface's direction explain is
light (and the skin's tone, which light cannot be told from) and is taken off; both halves are laid on each other, the
one that is seen better counting more. What is left is projected on the few directions in which people differ most
beside how much photos of one person do (Prince and Elder 2007), so that an `Opinion` comes out.

Hair, glasses, make-up and a beard that has grown change such looks and not the person, and the table comes of renders:
`opinion.together` believes looks by half, and within limits. The table is made by `benchmarks/fit_looks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from backend.capture.landmark_mirror import mirror_order
from backend.capture.observation import Observation
from backend.errors import InputError, ModelError
from backend.fit.several.opinion import Opinion
from backend.npz import read_arrays

TABLE = Path(__file__).parent / "looks.npz"
MARKS = 468
IRISES = (468, 473)
BLUR = 0.05  # interocular distances, sigma of the places that are read
PIXELS = 32.0  # between the eyes, at most; what is smaller than such a pixel is no look
DARK = 0.01  # added to linear colours before their logarithm: noise of the sensor
FACING = 0.15  # cosine to the camera from which a place is read
FLAT = 0.02  # spread of luminance's logarithm under which a picture is blank; faces have 0.1 and more
HIGHLIGHT = 0.25  # logarithm of luminance, scale of what is no light on skin


@dataclass(frozen=True)
class Looks:
    """How people's colours differ. Camera axes (x right, y down, z away) of a face seen straight."""

    places: np.ndarray  # (468, 3) metres; NaN where the head has no such landmark
    normals: np.ndarray  # (468, 3)
    numbers: np.ndarray  # (M,) landmarks of one half that are read
    middle: np.ndarray  # (3 M,)
    directions: np.ndarray  # (L, 3 M): photos of one person spread by 1 along each
    between: np.ndarray  # (L,) variance between people along each

    def heard(self, observation: Observation) -> Opinion | None:
        """Of a person's L scores, which are N(0, 1) before looking; None where the photo shows no colours of a face."""
        seen = looks(observation.image, observation.landmarks, self)
        if seen[::3].std() < FLAT:
            return None
        return Opinion(np.diag(self.between), np.sqrt(self.between) * (self.directions @ (seen - self.middle)))


def looks(image: np.ndarray, landmarks: np.ndarray, table: Looks) -> np.ndarray:
    """(3 M,) luminance, red and blue beside green, in logarithms, of a photo (H, W, 3) linear, landmarks (478, 3)."""
    colours = _colours(image, landmarks)
    placed = np.isfinite(table.places).all(1)
    normals = table.normals @ _turn(table.places[placed], landmarks[:MARKS][placed])
    facing = np.where(placed & np.isfinite(colours).all(1), -normals[:, 2], 0)
    weight = np.where(facing > FACING, facing, 0)
    values = np.nan_to_num(np.stack([colours[:, 1], colours[:, 0] - colours[:, 1], colours[:, 2] - colours[:, 1]], 1))
    x, y, z = np.nan_to_num(normals).T
    light = np.column_stack([np.ones(MARKS), x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1])
    rest, held = values, np.diag([1e-6, *[1e-2] * 8])
    for trust in (False, True, True):  # brows, lips and lids are no skin: what is off counts less the second time
        share = weight / (1 + (rest[:, 0] / HIGHLIGHT) ** 2) if trust else weight
        shared = (light * share[:, None]).T
        rest = values - light @ np.linalg.solve(shared @ light + held, shared @ values)
    other = mirror_order()[:MARKS]
    one, two = weight[:, None] ** 2, weight[other][:, None] ** 2
    return ((rest * one + rest[other] * two) / (one + two + 1e-3))[table.numbers].ravel()


def _colours(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(468, 3) logarithm of the linear colour about each landmark; NaN beyond the photo."""
    apart = float(np.linalg.norm(landmarks[IRISES[0], :2] - landmarks[IRISES[1], :2]))
    points = landmarks[:MARKS, :2].astype(np.float64)
    low = np.maximum(np.floor(points.min(0) - 3 * BLUR * apart - 2), 0).astype(int)
    high = np.minimum(np.ceil(points.max(0) + 3 * BLUR * apart + 2), image.shape[1::-1]).astype(int)
    if (high - low).min() < 8 or not apart > 0:
        return np.full((MARKS, 3), np.nan)
    part = np.ascontiguousarray(image[low[1]:high[1], low[0]:high[0]])
    shrunk = min(1.0, PIXELS / apart)
    if shrunk < 1:
        part = cv2.resize(part, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
    # OpenCV counts pixel centres as whole numbers, we as halves.
    places = ((points - low) * (np.array(part.shape[1::-1]) / (high - low)) - 0.5).astype(np.float32)
    part = cv2.GaussianBlur(part, (0, 0), max(BLUR * apart * shrunk, 0.5))
    read = cv2.remap(part, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    beyond = (places < 0).any(1) | (places > np.array(part.shape[1::-1]) - 1).any(1)
    return np.where(beyond[:, None], np.nan, np.log(np.maximum(read, 1e-3) + DARK))


def _turn(places: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(3, 3) that takes `seen` (P, 3) to `places` (P, 3) but for shift and size (Umeyama 1991)."""
    u, _, vt = np.linalg.svd((places - places.mean(0)).T @ (seen - seen.mean(0)).astype(np.float64))
    return u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt


@cache
def measured_looks() -> Looks:
    """The table that ships."""
    try:
        file = read_arrays(TABLE)
        floats = {name: file[name].astype(np.float64)
                  for name in ("places", "normals", "middle", "directions", "between")}
        return Looks(numbers=file["numbers"].astype(int), **floats)
    except (KeyError, InputError) as error:
        raise ModelError(f"The table {TABLE.name} cannot be read: {error}.", "Reinstall Likeness.") from error
