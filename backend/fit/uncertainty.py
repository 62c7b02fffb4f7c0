"""How sure each region of the face is, in metres, from the normal equations.

Said of the shape alone: what size and place leave open is taken off (the size has a sigma of its own). Regions that no
landmark of any photo touches come out with the spread of people, and none is less sure than that.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from backend.core.rays import vertex_normals
from backend.fit.points import cross
from backend.fit.solver import Problem, normal_equations
from backend.fit.state import State
from backend.head.model import HeadModel

UNMODELLED = 0.0003
"""Metres that no identity of ours expresses: what the best of them leaves on scan-model heads, in the median."""
OPTIMISM, ALIKE = 1.5, 0.28
"""Factor from the normal equations' sigmas to the errors found, and the power of the number of photos by which it
grows: the landmarker errs on one face in one way, however many photos show it. On scan-model heads the median region's
error was 1.47 times what the equations said from one photo (24 heads), 1.99 times from three (8 heads)."""
SAMPLES = 200  # vertices of a region


def region_sigmas(head: HeadModel, problem: Problem, state: State, neutral: np.ndarray) -> np.ndarray:
    """(R,) metres, standard deviation of a region's surface along its normal; NaN where a region holds no skin.

    `neutral` (V, 3) is the fitted head.
    """
    count = len(state.beta)
    hessian, _ = normal_equations(problem, state)
    decomposed = cho_factor(hessian + 1e-9 * np.eye(len(hessian)))
    spread = cho_solve(decomposed, np.eye(len(hessian))[:, :count])[:count]
    factor = OPTIMISM * len(state.views) ** ALIKE
    skin_faces = head.triangle_material == head.material_index("skin")
    normals = vertex_normals(neutral, head.triangles[skin_faces])
    skin = head.material_vertices("skin")
    face = head.triangles[head.landmark_triangles[head.landmarks_placed], 0]
    about = neutral[face].mean(0)
    flat = _displacements(head, face)
    moves = np.linalg.lstsq(_similarities(neutral[face] - about), flat, rcond=None)[0]  # (7, S)
    sigmas = np.full(len(head.region_names), np.nan)
    for number, mask in enumerate(head.regions):
        inside = np.flatnonzero((mask > 0.5) & skin)
        if not len(inside):
            continue
        inside = inside[np.linspace(0, len(inside) - 1, min(SAMPLES, len(inside))).astype(int)]
        basis = _displacements(head, inside) - _similarities(neutral[inside] - about) @ moves
        slopes = np.einsum("vxs,vx->vs", basis.reshape(len(inside), 3, count), normals[inside])
        variance = np.einsum("vs,st,vt->v", slopes, spread, slopes, optimize=True).mean()
        people = problem.shape_sigma**2 * (slopes * slopes).sum(1).mean()
        sigmas[number] = np.sqrt(min(factor**2 * variance, people) + UNMODELLED**2)
    return sigmas


def _displacements(head: HeadModel, vertices: np.ndarray) -> np.ndarray:
    """(3 N, S) metres per unit of beta."""
    return head.shape_basis[:, vertices].reshape(len(head.shape_basis), -1).T.astype(np.float64)


def _similarities(points: np.ndarray) -> np.ndarray:
    """(3 N, 7) by which small shifts, turns and a change of size move `points` (N, 3)."""
    shifts = np.broadcast_to(np.eye(3), (len(points), 3, 3))
    return np.concatenate([shifts, -cross(points), points[:, :, None]], 2).reshape(-1, 7)
