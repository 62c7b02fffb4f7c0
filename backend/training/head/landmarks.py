"""Where MediaPipe's 478 landmarks lie on a head: found by showing the head to the real landmarker.

The template is rendered from several sides with plain colours, the landmarker is run on the pictures, and what it says
is cast back onto the mesh. No table of anyone's is needed, and any head model can be embedded the same way.
Lids, lips and irises are then moved onto the mesh's own borders, which the landmarker means but only nears.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.core.camera import frontal, pixel_rays
from backend.core.rays import Mesh, vertex_normals
from backend.training.head.shading import render

VIEWS = ((0.0, 0.0), (0.0, 0.12), (0.0, -0.12), (0.2, 0.0), (-0.2, 0.0), (0.45, 0.0), (-0.45, 0.0), (0.3, 0.12),
         (-0.3, 0.12))
"""Yaw and pitch of the cameras, radians; mirrored pairs, so that no side is preferred."""

SIZE = 640  # pixels, sides of the pictures
DISTANCE, WIDTH = 0.7, 0.34  # metres: camera distance and what it sees at the head's depth
TARGET = (0.0, -0.03, -0.01)


@dataclass(frozen=True)
class Embedding:
    """478 points on the surface."""

    triangles: np.ndarray  # (478,) int32
    barycentric: np.ndarray  # (478, 3) float32


def detect(landmarker_file: Path, pictures: list[np.ndarray]) -> list[np.ndarray | None]:
    """Landmarks of each sRGB uint8 picture, (478, 3) in pixels, None where no face was found."""
    import mediapipe as mp

    options = mp.tasks.vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=str(landmarker_file)), num_faces=1)
    landmarker = mp.tasks.vision.FaceLandmarker.create_from_options(options)
    found: list[np.ndarray | None] = []
    for picture in pictures:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        answer = landmarker.detect(image).face_landmarks
        size = np.array([picture.shape[1], picture.shape[0], picture.shape[1]])
        found.append(np.array([[p.x, p.y, p.z] for p in answer[0]]) * size if answer else None)
    landmarker.close()
    return found


def landmark_positions(landmarker_file: Path, vertices: np.ndarray, triangles: np.ndarray, albedo: np.ndarray,
                       surface: np.ndarray) -> np.ndarray:
    """Mean position (478, 3) over the views; `surface` (T,) bool is what landmarks may lie on.

    A view counts by how squarely it sees the place, so contour points come from views that look at them.
    """
    pictures = [render(vertices, triangles, albedo, size=SIZE, yaw=yaw, pitch=pitch, distance=DISTANCE, width=WIDTH,
                       target=TARGET) for yaw, pitch in VIEWS]
    mesh = Mesh(vertices, triangles[surface])
    normals = vertex_normals(vertices, triangles[surface])
    total, weight = np.zeros((478, 3)), np.full(478, 1e-9)
    for (yaw, pitch), pixels in zip(VIEWS, detect(landmarker_file, pictures), strict=True):
        if pixels is None:
            continue
        camera = frontal(SIZE * DISTANCE / WIDTH, SIZE, SIZE, np.array(TARGET), DISTANCE, yaw, pitch)
        origins, directions = pixel_rays(pixels[:, :2], *camera)
        hits = mesh.cast(origins, directions)
        corner = triangles[surface][np.maximum(hits.triangle, 0)]
        normal = (normals[corner] * hits.barycentric[..., None]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        facing = np.clip(-(normal * directions).sum(1), 0, 1) ** 4 * hits.hit
        point = origins + directions * np.where(hits.hit, hits.distance, 0)[:, None]
        total += facing[:, None] * point
        weight += facing
    return total / weight[:, None]


def mirror_pairs(points: np.ndarray) -> np.ndarray:
    """(478,) the landmark on the other side, from points on a symmetric head."""
    from scipy.optimize import linear_sum_assignment

    cost = np.linalg.norm(points[:, None] - points[None] * [-1, 1, 1], axis=-1)
    cost = cost + cost.T
    cost[:468, 468:] = cost[468:, :468] = 1e3  # irises pair with irises
    pairs = linear_sum_assignment(cost)[1]
    assert np.array_equal(pairs[pairs], np.arange(len(points)))
    return pairs


def closest_on(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Closest triangle (N,) and barycentrics (N, 3) to each point (N, 3)."""
    best = np.full(len(points), np.inf)
    index, weights = np.zeros(len(points), np.int32), np.zeros((len(points), 3))
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    for number, point in enumerate(points):
        bary = _barycentric_of_closest(point, a, b, c)
        place = bary[:, :1] * a + bary[:, 1:2] * b + bary[:, 2:] * c
        distance = ((place - point) ** 2).sum(1)
        index[number] = distance.argmin()
        best[number], weights[number] = distance.min(), bary[index[number]]
    return index, weights


def _barycentric_of_closest(point: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """(T, 3): projection onto the plane, else onto the nearest of the three edges."""
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    determinant = np.maximum(d00 * d11 - d01 * d01, 1e-18)
    v, w = (d11 * d20 - d01 * d21) / determinant, (d00 * d21 - d01 * d20) / determinant
    inside = np.stack([1 - v - w, v, w], 1)
    t_ab = np.clip(d20 / np.maximum(d00, 1e-18), 0, 1)
    t_ac = np.clip(d21 / np.maximum(d11, 1e-18), 0, 1)
    bc = c - b
    t_bc = np.clip(((point - b) * bc).sum(1) / np.maximum((bc * bc).sum(1), 1e-18), 0, 1)
    zero = np.zeros_like(v)
    edges = [np.stack([1 - t_ab, t_ab, zero], 1), np.stack([1 - t_ac, zero, t_ac], 1),
             np.stack([zero, 1 - t_bc, t_bc], 1)]
    distance = np.stack([((e[:, :1] * a + e[:, 1:2] * b + e[:, 2:] * c - point) ** 2).sum(1) for e in edges])
    edge = np.stack(edges)[distance.argmin(0), np.arange(len(a))]
    within = np.all(inside >= 0, axis=1)[:, None]
    return np.where(within, inside, edge)
