"""Per-vertex offsets beyond the model's span, as the smoothest field that explains what landmarks are left with.

The offset is a Gaussian field over space (not over the surface): neighbours across the parting of the lips or of the
lids move together, and with an amplitude well below the field's length the map cannot fold, so the surface stays free
of spikes and of new intersections. Both sides of the face are correlated: what one side does unseen, the other shows.
The landmarker's own correlated errors stay in the noise, so the field does not chase them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from backend.fit.config import FitConfig, RefineConfig
from backend.fit.solver import Problem, row_weights
from backend.fit.start import IRIS_CENTRES, HeadPoints
from backend.fit.state import State
from backend.head.model import HeadModel

MIRROR = np.array([-1.0, 1.0, 1.0])


def offsets(problem: Problem, state: State, points: HeadPoints, neutral: np.ndarray, config: FitConfig) -> np.ndarray:
    """(V, 3) metres to add to `neutral` (V, 3); zeros when refinement is switched off."""
    settings = config.refine
    head = points.head
    if not settings.enabled:
        return np.zeros(head.template.shape)
    places = head.landmark_points(neutral)[points.used]
    keep = np.flatnonzero(~np.isin(points.used, IRIS_CENTRES))[::settings.every]
    places = places[keep]
    rows, rest, noise = [], [], []
    for terms, view in zip(problem.views, state.views, strict=True):
        found = terms.landmarks.rows(state.beta, view)
        weight = np.sqrt(row_weights(terms, found, problem.robust)).reshape(-1, 3)[keep, :2]
        frame = terms.landmarks.frame[keep, :2, :2] * weight[..., None]
        by_point = (terms.landmarks.by_point(state.beta, view) @ view.rotation)[keep, :2]
        rows.append(frame @ by_point)  # (P, 2, 3)
        error = (terms.landmarks.measured - terms.landmarks.predicted(state.beta, view))[keep, :2]
        modes = terms.landmarks.modes[keep, :2]
        error = error + modes @ view.noise  # the modes are noise of the solve below, not already explained
        rest.append(np.einsum("pij,pj->pi", frame, error).ravel())
        noise.append((frame @ modes).reshape(2 * len(keep), -1))
    return _field(settings, head, neutral, places, rows, rest, noise)


def _field(settings: RefineConfig, head: HeadModel, neutral: np.ndarray, places: np.ndarray, rows: Sequence[np.ndarray],
           rest: Sequence[np.ndarray], noise: Sequence[np.ndarray]) -> np.ndarray:
    """Posterior mean of the field at every vertex. P points, N views; `rows` are (P, 2, 3) each."""
    count = len(places)
    own, across = _kernels(settings, places, places)
    covariance = np.einsum("pq,xy->pxqy", own, np.eye(3)) + np.einsum("pq,xy->pxqy", across, np.diag(MIRROR))
    covariance = covariance.reshape(3 * count, 3 * count)
    # Information form: 3 P unknowns whatever the number of views, noise modes marginalised by Woodbury.
    information = np.zeros((3 * count, 3 * count))
    pull = np.zeros(3 * count)
    for row, residual, modes in zip(rows, rest, noise, strict=True):
        scattered = np.zeros((2 * count, count, 3))
        index = np.arange(count)
        scattered[2 * index, index], scattered[2 * index + 1, index] = row[:, 0], row[:, 1]
        dense = scattered.reshape(2 * count, 3 * count)
        inner = cho_factor(np.eye(modes.shape[1]) + modes.T @ modes)
        cleaned = residual - modes @ cho_solve(inner, modes.T @ residual)
        projected = dense.T @ modes
        information += dense.T @ dense - projected @ cho_solve(inner, projected.T)
        pull += dense.T @ cleaned
    # mean = K (1 + I K)^-1 pull; the field elsewhere follows by its covariance with the points.
    dual = np.linalg.solve(np.eye(3 * count) + information @ covariance, pull).reshape(count, 3)
    own, across = _kernels(settings, neutral, places)
    field = own @ dual + (across @ dual) * MIRROR
    squared = (field * field).sum(1, keepdims=True)
    field *= settings.amplitude / np.sqrt(settings.amplitude**2 + squared)  # soft limit: never beyond the amplitude
    return _carried(head, field)


def _kernels(settings: RefineConfig, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(A, B) covariances in square metres of a place with another, and with the other's mirror image."""
    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        squared = (x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T
        return settings.sigma**2 * np.exp(-squared / (2 * settings.length**2))

    share = settings.symmetry
    return kernel(a, b), share * kernel(a * MIRROR, b)


def _carried(head: HeadModel, field: np.ndarray) -> np.ndarray:
    """Eyes and teeth are hard: they move as wholes with the flesh around them."""
    rigid = field.copy()
    for name in ("eye_left", "eye_right"):
        ball = head.skin_weights[:, head.joint(name)] > 0.5
        if ball.any():
            rigid[ball] = field[ball].mean(0)
    teeth = head.material_vertices("teeth")
    lower = teeth & (head.skin_weights[:, head.joint("jaw")] > 0.5)
    for part in (lower, teeth & ~lower):
        if part.any():
            rigid[part] = field[part].mean(0)
    return rigid
