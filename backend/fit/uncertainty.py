"""How sure each place of the skin is, in metres, from the normal equations.

Said of the shape alone: what size and place leave open is taken off (the size has a sigma of its own). What no photo
tells of comes out with the spread of people, and nothing is less sure than that. How far what the equations say falls
short of the errors found is measured on heads that are known: `python -m benchmarks.fit_sigma`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.rays import vertex_normals
from backend.fit.points import cross
from backend.fit.solver import Problem, normal_equations
from backend.fit.state import State
from backend.head.model import HeadModel

UNMODELLED = 0.0003
"""Metres that no identity of ours expresses: what the best of them leaves on scan-model heads, in the median."""
OPTIMISM, ALIKE = 1.55, 0.11
"""Factor from the normal equations' sigmas to the errors found, and the power of the number of photos by which it
grows: what `python -m benchmarks.fit_sigma` asked for, after ten own heads (by region from 0.64 to 1.33 of the middle).
"""
TOGETHER = 2000  # vertices taken at once: memory for a head of any size


@dataclass(frozen=True)
class Doubt:
    """How far the fitted surface may be off along its normal."""

    sigma: np.ndarray  # (V,) metres, standard deviation; NaN off the skin
    people: float  # metres by which people differ there, RMS over the face: what is known before looking


def surface_doubt(head: HeadModel, problem: Problem, state: State, neutral: np.ndarray) -> Doubt:
    """Of the fitted head `neutral` (V, 3)."""
    said, spread = equations_say(head, problem, state, neutral)
    factor = OPTIMISM * len(state.views) ** ALIKE
    sigma = np.sqrt(np.minimum(factor**2 * said, spread) + UNMODELLED**2)
    # Faces are of all sizes and some heads do not say which part is the face: ask the landmarks.
    face = head.triangles[head.landmark_triangles[head.landmarks_placed], 0]
    return Doubt(sigma, float(np.sqrt(np.nanmean(spread[face]))))


def equations_say(head: HeadModel, problem: Problem, state: State,
                  neutral: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V,) square metres along the normal that the normal equations leave, and by which people differ; NaN off skin."""
    count = len(state.beta)
    hessian, _ = normal_equations(problem, state)
    root = np.linalg.cholesky(np.linalg.inv(hessian + 1e-9 * np.eye(len(hessian)))[:count, :count])
    skin_faces = head.triangle_material == head.material_index("skin")
    normals = vertex_normals(neutral, head.triangles[skin_faces])
    face = head.triangles[head.landmark_triangles[head.landmarks_placed], 0]
    about = neutral[face].mean(0)
    moves = np.linalg.lstsq(similarities(neutral[face] - about), _displacements(head, face), rcond=None)[0]  # (7, S)
    said, spread = np.full(len(neutral), np.nan), np.full(len(neutral), np.nan)
    skin = np.flatnonzero(head.material_vertices("skin"))
    for start in range(0, len(skin), TOGETHER):
        part = skin[start:start + TOGETHER]
        basis = _displacements(head, part) - similarities(neutral[part] - about) @ moves
        slopes = np.einsum("vxs,vx->vs", basis.reshape(len(part), 3, count), normals[part])
        said[part] = ((slopes @ root) ** 2).sum(1)
        spread[part] = problem.shape_sigma**2 * (slopes * slopes).sum(1)
    return said, spread


def region_sigmas(head: HeadModel, sigma: np.ndarray) -> np.ndarray:
    """(R,) metres, RMS of `sigma` (V,) over each region's skin; NaN where a region holds none."""
    found = np.full(len(head.region_names), np.nan)
    for number, mask in enumerate(head.regions):
        inside = (mask > 0.5) & np.isfinite(sigma)
        if inside.any():
            found[number] = np.sqrt(np.mean(sigma[inside] ** 2))
    return found


def _displacements(head: HeadModel, vertices: np.ndarray) -> np.ndarray:
    """(3 N, S) metres per unit of beta."""
    return head.shape_basis[:, vertices].reshape(len(head.shape_basis), -1).T.astype(np.float64)


def similarities(points: np.ndarray) -> np.ndarray:
    """(3 N, 7) by which small shifts, turns and a change of size move `points` (N, 3)."""
    shifts = np.broadcast_to(np.eye(3), (len(points), 3, 3))
    return np.concatenate([shifts, -cross(points), points[:, :, None]], 2).reshape(-1, 7)
