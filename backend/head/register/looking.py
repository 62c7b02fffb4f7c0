"""Finds the face of a mesh by showing it to the landmarker, and refuses what has none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.camera import frontal, pixel_rays
from backend.core.rays import Mesh, vertex_normals
from backend.errors import InputError
from backend.head.register.marks import Detect
from backend.head.register.parts import Parts

SIZE = 512
DISTANCE = 4.0
"""Of the frame's width, from which the camera looks: far, so that the unknown depth matters little."""

EYES_APART = (0.042, 0.085)
"""Metres between which the middles of a human head's eyes lie, small children's and giants' left out."""

LEFT_LIDS, RIGHT_LIDS = (362, 385, 387, 263, 373, 380), (133, 158, 160, 33, 144, 153)
CHIN, BROW = 152, 9

HEAD = "Likeness takes a human head that stands upright, faces -Y once read, and is given in metres"


@dataclass(frozen=True)
class Face:
    """What the landmarker says of a mesh."""

    points: np.ndarray  # (478, 3) metres on the surface, NaN where a ray met nothing

    @property
    def eye_windows(self) -> tuple[np.ndarray, np.ndarray]:
        """Points about the openings of the left and the right eye."""
        left, right = (self.points[list(ids)] for ids in (LEFT_LIDS, RIGHT_LIDS))
        return left[np.isfinite(left).all(1)], right[np.isfinite(right).all(1)]


def look(vertices: np.ndarray, parts: Parts, detect: Detect) -> Face:
    """Find the face from the front. Raises InputError for a mesh that shows none, or an odd one."""
    triangles = np.concatenate([parts.skin_triangles, parts.eye_triangles])
    low, high = vertices[np.unique(triangles)].min(0), vertices[np.unique(triangles)].max(0)
    width, height = high[0] - low[0], high[2] - low[2]
    middle = (low + high) / 2
    # The whole mesh first; then the top of it, for heads with shoulders or more.
    frames = [(max(width, height) * 1.15, middle), (min(width, height) * 1.3, np.r_[middle[:2], high[2] - 0.6 *
                                                                                  min(width, height)]),
              (0.34, np.r_[middle[:2], high[2] - 0.15])]
    for extent, target in frames:
        face = _seen(vertices, triangles, len(parts.skin_triangles), extent, target, detect)
        if face is not None:
            _refuse_odd(face)
            return face
    raise InputError("No human face is seen on this mesh from the front.", HEAD + "; turn or scale it so.")


def _seen(vertices: np.ndarray, triangles: np.ndarray, skin: int, extent: float, target: np.ndarray,
          detect: Detect) -> Face | None:
    distance = DISTANCE * extent
    k, camera = frontal(SIZE * DISTANCE, SIZE, SIZE, target, distance)
    pixels = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), -1).reshape(-1, 2)
    mesh = Mesh(vertices, triangles)
    hits = mesh.cast(*pixel_rays(pixels, k, camera))
    normals = vertex_normals(vertices, triangles)
    normal = np.einsum("nc,ncx->nx", hits.barycentric, normals[triangles[hits.triangle]])
    light = np.clip(normal @ [-0.3, -0.84, 0.45], 0, 1) * 0.65 + np.clip(-normal[:, 1], 0, 1) * 0.15 + 0.15
    colour = np.where((hits.triangle >= skin)[:, None], [0.8, 0.8, 0.8], [0.62, 0.42, 0.33])
    image = np.where(hits.hit[:, None], light[:, None] * colour, 0.25)
    found = detect((np.clip(image, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8).reshape(SIZE, SIZE, 3))
    if found is None:
        return None
    origins, directions = pixel_rays(found, k, camera)
    where = mesh.cast(origins, directions)
    points = origins + directions * np.where(where.hit, where.distance, np.nan)[:, None]
    return Face(points)


def _refuse_odd(face: Face) -> None:
    left, right = face.eye_windows
    if len(left) < 3 or len(right) < 3:
        raise InputError("The eyes of this mesh cannot be found.", HEAD + ".")
    one, two = left.mean(0), right.mean(0)
    chin, brow = face.points[CHIN], face.points[BROW]
    upright = np.isfinite(chin).all() and chin[2] < min(one[2], two[2]) - 0.3 * abs(one[0] - two[0])
    if not upright or one[0] <= two[0] or abs(one[2] - two[2]) > 0.3 * abs(one[0] - two[0]) \
            or (np.isfinite(brow).all() and brow[2] < chin[2]):
        raise InputError("The face on this mesh does not stand upright.", HEAD + "; turn it so.")
    apart = float(np.linalg.norm(one - two))
    if not EYES_APART[0] < apart < EYES_APART[1]:
        raise InputError(f"The eyes of this mesh are {apart * 1000:.3g} mm apart; a person's are 50 to 75 mm.",
                         "Give the head in metres (or say its unit).")
