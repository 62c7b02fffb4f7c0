"""How far a fitted head is from a true one: scan-to-mesh distances in the face region, as the NoW benchmark does.

Region: within 95 mm of the tip of the nose, eyes left out, only what light from the front half-space reaches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from backend.core.rays import Mesh, vertex_normals
from backend.head.model import HeadModel

REACH = 0.095  # metres from the tip of the nose
NOSE_TIP = 1  # landmark
MARKS = 468  # landmarks of the face; irises come after them
CANDIDATES = 8  # triangles tried per point, by their centres' distance
ROUNDS = 8  # of closest-point alignment
TRIM = 0.95  # share of the points that alignment listens to
EXPOSING = ((0, -1, 0), (0.5, -0.8, 0), (-0.5, -0.8, 0), (0, -0.8, 0.5), (0, -0.9, -0.3))


@dataclass(frozen=True)
class Distances:
    """Millimetres of all points, in the truth's scale."""

    similarity: np.ndarray  # (P,) after the best rotation, shift and scale
    rigid: np.ndarray  # (P,) after the best rotation and shift: the fit's own metres
    scale: float  # fitted size per true size


@dataclass(frozen=True)
class Ruler:
    """A true head, to measure found ones by; both may be of any topology."""

    scan: np.ndarray  # (P, 3) metres, points of the compared region
    marks: np.ndarray  # (468, 3) metres, NaN where the head has no such landmark

    @classmethod
    def of(cls, head: HeadModel, neutral: np.ndarray) -> Ruler:
        """The ruler of a `neutral` (V, 3) of `head`."""
        neutral = neutral.astype(np.float64)
        return cls(neutral[face_points(head, neutral)], head.landmark_points(neutral)[:MARKS])

    def measure(self, head: HeadModel, found: np.ndarray) -> Distances:
        """Distances to `found` (V, 3), a neutral of `head`."""
        found = found.astype(np.float64)
        marks = head.landmark_points(found)[:MARKS]
        both = np.isfinite(marks).all(1) & np.isfinite(self.marks).all(1)
        triangles = head.triangles[head.triangle_material == head.material_index("skin")]
        return compare(self.scan, found, triangles, self.marks[both], marks[both])


def face_points(head: HeadModel, neutral: np.ndarray) -> np.ndarray:
    """Vertex numbers of the compared region on a head of ours."""
    skin = head.material_vertices("skin")
    triangles = head.triangles[head.triangle_material == head.material_index("skin")]
    normals = vertex_normals(neutral, triangles)
    mesh = Mesh(neutral, triangles)
    exposed = np.zeros(len(neutral), bool)
    for direction in np.array(EXPOSING, float):
        toward = direction / np.linalg.norm(direction)
        shadowed = mesh.occluded(neutral + normals * 3e-4, np.broadcast_to(toward, neutral.shape))
        exposed |= ~shadowed & (normals @ toward > 0.1)
    nose = head.landmark_points(neutral)[NOSE_TIP]
    return np.flatnonzero(skin & exposed & (np.linalg.norm(neutral - nose, axis=1) < REACH))


def compare(scan: np.ndarray, found: np.ndarray, triangles: np.ndarray, scan_marks: np.ndarray,
            found_marks: np.ndarray) -> Distances:
    """Distances of `scan` (P, 3) to the mesh `found` (V, 3) with `triangles`, aligned from marks (L, 3) onwards."""
    similar, scale = _aligned(scan, found, triangles, scan_marks, found_marks, True)
    rigid, _ = _aligned(scan, found, triangles, scan_marks, found_marks, False)
    return Distances(similar, rigid, scale)


def _aligned(scan: np.ndarray, found: np.ndarray, triangles: np.ndarray, scan_marks: np.ndarray,
             found_marks: np.ndarray, with_scale: bool) -> tuple[np.ndarray, float]:
    corners = found[triangles].astype(np.float64)
    tree = cKDTree(corners.mean(1))
    scale, turn, shift = similarity(scan_marks, found_marks, with_scale)
    for _ in range(ROUNDS):
        moved = scale * scan @ turn.T + shift
        nearest, distance = _closest(tree, corners, moved)
        keep = distance <= np.quantile(distance, TRIM)
        scale, turn, shift = similarity(scan[keep], nearest[keep], with_scale)
    _, distance = _closest(tree, corners, scale * scan @ turn.T + shift)
    return distance / scale * 1000, scale


def similarity(source: np.ndarray, target: np.ndarray, with_scale: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation (3, 3) and shift (3,) that lay `source` on `target` (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ np.diag(sign) @ vt
    scale = float((s * sign).sum() / (a * a).sum()) if with_scale else 1.0
    return scale, turn, target.mean(0) - scale * turn @ source.mean(0)


def _closest(tree: cKDTree, corners: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest surface points (P, 3) and distances (P,)."""
    _, candidates = tree.query(points, k=CANDIDATES)
    best = np.full(len(points), np.inf)
    nearest = np.zeros_like(points)
    for column in candidates.T:
        place = on_triangle(points, corners[column])
        distance = np.linalg.norm(place - points, axis=1)
        closer = distance < best
        best[closer], nearest[closer] = distance[closer], place[closer]
    return nearest, best


def on_triangle(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Nearest point (P, 3) of each point's own triangle (P, 3, 3)."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    ab, ac, ap = b - a, c - a, points - a
    aa, bb, mixed = (ab * ab).sum(1), (ac * ac).sum(1), (ab * ac).sum(1)
    determinant = np.maximum(aa * bb - mixed**2, 1e-24)
    v = (bb * (ap * ab).sum(1) - mixed * (ap * ac).sum(1)) / determinant
    w = (aa * (ap * ac).sum(1) - mixed * (ap * ab).sum(1)) / determinant
    inside = (v >= 0) & (w >= 0) & (v + w <= 1)
    answer = a + v[:, None] * ab + w[:, None] * ac
    edges = []
    for start, end in ((a, b), (b, c), (c, a)):
        along = end - start
        t = np.clip(((points - start) * along).sum(1) / np.maximum((along * along).sum(1), 1e-24), 0, 1)
        edges.append(start + t[:, None] * along)
    stacked = np.stack(edges)
    choice = np.linalg.norm(stacked - points, axis=2).argmin(0)
    on_edge = stacked[choice, np.arange(len(points))]
    return np.where(inside[:, None], answer, on_edge)
