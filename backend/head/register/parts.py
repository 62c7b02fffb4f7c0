"""What a mesh from a file consists of: its skin, its eyeballs, and the rest, told apart by form alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from backend.head.register.surface import exposure

BALL_RADII = (0.008, 0.019)
"""Metres between which an eyeball's radius lies; models with room for a cornea take up to 17 mm."""

BALL_MISFIT = 0.08
"""Of the radius: mean distance from the sphere above which a part is no eyeball. A cornea adds 0.02 to 0.04."""

BALL_CENTRES = (0.018, 0.05)
"""Metres between which an eyeball's middle lies from the plane between the eyes."""

SEEN = 0.02
"""Share of the directions in which the outside is seen from a vertex, above which it counts as seen."""

SKIN_SHARE = 0.02
"""Of the largest part's area: another part that is seen and at least so large is skin as well."""


@dataclass(frozen=True)
class Ball:
    """One eyeball. Sphere fitted to its vertices; metres."""

    vertices: np.ndarray  # (n,) indices of the outermost shell
    inner: np.ndarray  # (m,) indices of further shells within it
    centre: np.ndarray  # (3,)
    radius: float


@dataclass(frozen=True)
class Parts:
    """A mesh of V vertices, F faces and T triangles, taken apart."""

    triangles: np.ndarray  # (T, 3)
    triangle_face: np.ndarray  # (T,)
    skin: np.ndarray  # (F,) bool
    eyes: tuple[Ball, Ball] | None  # the person's left (+X), right
    rest: np.ndarray  # (F,) bool: neither skin nor eyes
    component: np.ndarray  # (V,) number of the connected part a vertex belongs to

    @property
    def skin_triangles(self) -> np.ndarray:
        """(S, 3)."""
        return self.triangles[self.skin[self.triangle_face]]

    @property
    def eye_triangles(self) -> np.ndarray:
        """(E, 3) of both eyeballs, all shells."""
        return self.triangles[~(self.skin | self.rest)[self.triangle_face]]


def cut(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (T, 3) of faces (F, 4), -1 last for a triangle, and the face each came from (T,)."""
    quads = np.flatnonzero(faces[:, 3] >= 0)
    triangles = np.concatenate([faces[:, :3], faces[quads][:, [0, 2, 3]]])
    return triangles.astype(np.int64), np.concatenate([np.arange(len(faces)), quads])


def components(triangles: np.ndarray, count: int) -> np.ndarray:
    """(count,) number of the connected part of each vertex."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def take_apart(vertices: np.ndarray, faces: np.ndarray) -> Parts:
    """Tell a mesh's parts apart. `vertices` (V, 3) metres, our axes; `faces` (F, 4)."""
    triangles, owner = cut(faces)
    label = components(triangles, len(vertices))
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    size = np.bincount(label[triangles[:, 0]], area, label.max() + 1)
    eyes = _eyes(vertices, label, triangles, size)
    is_eye = np.zeros(len(vertices), bool)
    for ball in eyes or ():
        is_eye[ball.vertices] = is_eye[ball.inner] = True
    size[label[is_eye]] = 0
    main = int(size.argmax())
    skin = label == main
    for part in np.flatnonzero((size > SKIN_SHARE * size[main]) & (np.arange(len(size)) != main)):
        own = np.flatnonzero(label == part)
        if (exposure(vertices, triangles, own) > SEEN).mean() > 0.5:
            skin[own] = True
    face_skin = skin[faces[:, 0]]
    return Parts(triangles, owner, face_skin, eyes, ~face_skin & ~is_eye[faces[:, 0]], label)


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Centre, radius and mean distance from the sphere that fits points (n, 3) best (algebraic least squares)."""
    middle = points.mean(0)
    flat = points - middle
    system = np.column_stack([2 * flat, np.ones(len(flat))])
    answer = np.linalg.lstsq(system, (flat**2).sum(1), rcond=None)[0]
    radius = float(np.sqrt(max(answer[3] + answer[:3] @ answer[:3], 0)))
    misfit = float(np.abs(np.linalg.norm(flat - answer[:3], axis=1) - radius).mean())
    return middle + answer[:3], radius, misfit


def _eyes(vertices: np.ndarray, label: np.ndarray, triangles: np.ndarray,
          size: np.ndarray) -> tuple[Ball, Ball] | None:
    found: list[tuple[np.ndarray, float, np.ndarray]] = []
    for part in np.flatnonzero(size > 0):
        own = np.flatnonzero(label == part)
        if len(own) < 24 or np.ptp(vertices[own], axis=0).max() > 2.5 * BALL_RADII[1]:
            continue
        centre, radius, misfit = fit_sphere(vertices[own])
        whole = size[part] > 0.45 * 4 * np.pi * radius**2  # at least the half of a ball
        if BALL_RADII[0] < radius < BALL_RADII[1] and misfit < BALL_MISFIT * radius and whole:
            found.append((centre, radius, own))
    sides: list[Ball] = []
    middle = np.median([centre[0] for centre, _, _ in found]) if found else 0.0
    for sign in (1, -1):
        shells = [shell for shell in found if BALL_CENTRES[0] < (shell[0][0] - middle) * sign < BALL_CENTRES[1]]
        if not shells:
            return None
        shells.sort(key=lambda shell: -shell[1])
        inner = [own for centre, _, own in shells[1:] if np.linalg.norm(centre - shells[0][0]) < shells[0][1]]
        sides.append(Ball(shells[0][2], np.concatenate([np.zeros(0, int), *inner]).astype(int), *shells[0][:2]))
    return sides[0], sides[1]
