"""Synthetic truth for the fit: a head drawn from the prior, photographed by a known camera, read by a noisy eye."""

from dataclasses import dataclass

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.capture.observation import Focal, Observation
from backend.core import camera
from backend.head.model import HeadModel, default_head

FACE = 0.063


@pytest.fixture(scope="session")
def head() -> HeadModel:
    return default_head()


@dataclass(frozen=True)
class Truth:
    beta: np.ndarray
    psi: np.ndarray
    vertices: np.ndarray  # neutral, metres
    intrinsics: np.ndarray
    world_to_camera: np.ndarray
    observation: Observation


def photograph(head: HeadModel, *, seed: int = 0, yaw: float = 0.0, pitch: float = 0.0, focal: float = 900.0,
               distance: float = 0.6, noise: float = 0.0, beta: np.ndarray | None = None,
               expression: dict[str, float] | None = None, focal_sigma: float = 0.03,
               focal_guess: float | None = None, size: tuple[int, int] = (600, 700),
               extra: np.ndarray | None = None) -> Truth:
    """`noise` is in face units; the landmarker's depth is the true one, as it would write it.

    `extra` (V, 3) metres comes on top of the expression.
    """
    random = np.random.default_rng(seed)
    count = len(head.shape_basis)
    beta = random.standard_normal(count) * 0.8 if beta is None else beta
    neutral = head.template + np.tensordot(beta, head.shape_basis, 1)
    psi, scores = np.zeros(len(head.expression_names)), np.zeros(len(ARKIT_NAMES), np.float32)
    for name, value in (expression or {}).items():
        psi[head.expression_names.index(name)] = scores[ARKIT_NAMES.index(name)] = value
    posed = neutral + np.tensordot(psi, head.expression_basis, 1)
    posed = posed if extra is None else posed + extra
    points = head.landmark_points(posed)
    points[~np.isfinite(points).all(1)] = points[1]
    k, matrix = camera.frontal(focal, *size, points[:468].mean(0), distance, yaw, pitch)
    pixels, depth = camera.project(points, k, matrix)
    unit = focal * FACE / depth.mean()
    measured = np.column_stack([pixels, (depth - depth.mean()) * focal / depth.mean()])
    measured[:468] += random.standard_normal((468, 3)) * noise * unit
    for ring, centre in (((469, 470, 471, 472), 468), ((474, 475, 476, 477), 473)):
        radius = focal * 0.00585 / depth[centre]
        for corner, direction in zip(ring, ((1, 0), (0, -1), (-1, 0), (0, 1)), strict=True):
            measured[corner, :2] = measured[centre, :2] + radius * np.array(direction)
    image = np.full((size[1], size[0], 3), 0.3, np.float32)
    mask = np.zeros((size[1], size[0], 6), np.uint8)
    mask[..., 3] = 255
    observation = Observation(f"truth_{seed}.png", "", image, measured.astype(np.float32), scores,
                              np.eye(4), mask, Focal(focal_guess or focal, focal_sigma, "exif"), ())
    return Truth(beta, psi, neutral, k, matrix, observation)


def face_error(head: HeadModel, found: np.ndarray, true: np.ndarray, scale: bool = True) -> float:
    """Median millimetres over the landmarks after the best similarity (or rigid) alignment."""
    a, b = head.landmark_points(found)[:468], head.landmark_points(true)[:468]
    keep = np.isfinite(a).all(1)
    a, b = a[keep] - a[keep].mean(0), b[keep] - b[keep].mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    factor = s.sum() / (a * a).sum() if scale else 1.0
    return float(np.median(np.linalg.norm(factor * a @ turn.T - b, axis=1)) * 1000)
