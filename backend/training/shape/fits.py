"""What the landmark fit makes of photos whose truth is known, and of the same with other photos' landmark errors.

The fit is started at the truth and polished: near enough to what it finds from scratch, at a tenth of the time. With
the errors of another photo, seen from about the same side, each picture serves several times, and a network cannot
learn by heart what the fit of a picture got wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.capture.landmark_mirror import mirror_order
from backend.capture.observation import Focal, Observation
from backend.core.camera import project
from backend.fit.config import FitConfig
from backend.fit.contour import slide_contours
from backend.fit.learned.sheet import COUNT
from backend.fit.noise import LandmarkNoise, yaw_pitch
from backend.fit.residuals import FACE_UNIT
from backend.fit.solver import Problem, ViewProblem, solve
from backend.fit.start import HeadPoints, view_problem
from backend.fit.state import State, View
from backend.training.shape.samples import observation_of

FREE = ("camera", "focal", "depth", "turns", "noise", "expression", "shape")
POLISH = 4  # iterations with the photo's own landmarks
SWAPPED = 2  # with those of another
ALIKE = 0.15  # radians of yaw between photos that may swap errors
WILD = 0.15  # face units; landmarks this far off are not this face's at all


def true_state(points: HeadPoints, samples: dict[str, np.ndarray], row: int, modes: int) -> State:
    """The unknowns of the fit as they are; beta is filled up with zeros where the head has more components."""
    beta = np.zeros(points.head.shape_basis.shape[0])
    beta[:samples["shape"].shape[1]] = samples["shape"][row]
    matrix, pivot = samples["world_to_camera"][row], points.points.mean.mean(0)
    psi = np.zeros(len(points.head.expression_names))
    psi[:samples["expression"].shape[1]] = samples["expression"][row]
    turns = samples["turns"][row] if "turns" in samples else np.stack([np.eye(3)] * 3)
    view = View(matrix[:3, :3], pivot, matrix[:3, :3] @ pivot + matrix[:3, 3],
                float(np.log(samples["intrinsics"][row][0, 0])), np.zeros(2), turns, np.zeros(modes), psi)
    return State(beta, (view,))


def landmark_error(observation: Observation, points: HeadPoints, state: State) -> tuple[np.ndarray, float]:
    """(478, 3) face units by which the landmarker erred, zero where a landmark has no place; the yaw, radians."""
    view = state.views[0]
    true, unit = _true_landmarks(observation, points, state)
    error = (observation.landmarks - true) / unit
    error[:, 2] -= error[points.used, 2].mean()
    error[~points.head.landmarks_placed] = 0
    return error, yaw_pitch(view.rotation)[0]


def mirrored_error(error: np.ndarray) -> np.ndarray:
    """The error on a mirrored photo."""
    return error[mirror_order()] * [-1, 1, 1]


def swapped(observation: Observation, points: HeadPoints, state: State, error: np.ndarray) -> Observation:
    """The observation as if the landmarker had erred by `error` (478, 3) face units."""
    true, unit = _true_landmarks(observation, points, state)
    placed = points.head.landmarks_placed[:, None]
    landmarks = np.where(placed, true + error * unit, observation.landmarks).astype(np.float32)
    return Observation(observation.name, "", observation.image, landmarks, observation.blendshapes,
                       observation.head_matrix, observation.mask,
                       Focal(observation.focal.pixels, observation.focal.sigma, observation.focal.source), ())


def polished(observation: Observation, points: HeadPoints, state: State, config: FitConfig, noise: LandmarkNoise,
             iterations: int) -> tuple[State, Problem]:
    """The fit of an observation, started at `state`."""
    view = state.views[0]
    terms: ViewProblem = view_problem(observation, points, view, noise, config)
    terms = slide_contours(terms, view, state.beta, points, config)
    problem = Problem((terms,), config.priors.shape_sigma, config.landmarks.robust)
    return solve(problem, state, FREE, iterations), problem


def fits_of(observation: Observation, points: HeadPoints, truth: State, errors: Sequence[np.ndarray],
            config: FitConfig, noise: LandmarkNoise) -> list[State]:
    """The fit with the photo's own landmarks first, then with each of `errors` in their place."""
    found = [polished(observation, points, truth, config, noise, POLISH)[0]]
    for error in errors:
        found.append(polished(swapped(observation, points, truth, error), points, truth, config, noise, SWAPPED)[0])
    return found


def _true_landmarks(observation: Observation, points: HeadPoints, state: State) -> tuple[np.ndarray, float]:
    """(478, 3) pixels, depth to the mean of those used, as the landmarker means it; pixels per face unit."""
    view, head = state.views[0], points.head
    true = np.zeros((head.landmark_triangles.shape[0], 3))
    width, height = observation.size
    k = np.array([[view.focal, 0, width / 2], [0, view.focal, height / 2], [0, 0, 1.0]])
    pixels, depth = project(points.points.posed(state.beta, view.psi, view.turns), k, view.world_to_camera)
    true[points.used] = np.column_stack([pixels, (depth - depth.mean()) * view.focal / view.centre[2]])
    return true, view.focal * FACE_UNIT / float(view.centre[2])


def fit_shard(samples: dict[str, np.ndarray], points: HeadPoints, config: FitConfig, noise: LandmarkNoise,
              pool: list[tuple[np.ndarray, float]], rng: np.random.Generator, swaps: int = 1) -> dict[str, np.ndarray]:
    """Fits of all photos of a shard whose landmarks are of this face at all; `pool` grows by their errors and yaws.

    row (N,) in `samples`, placed (N, 1 + swaps, L, 3) metres in the camera's axes, focal (N, 1 + swaps) pixels, error
    (N, 1 + swaps, 468, 3) metres of the neutral face, fitted less true, yaw (N,). More swaps of the same photos teach
    less than more photos do.
    """
    modes = noise.modes.shape[2]
    kept = []
    for row in range(len(samples["photo"])):
        observation, truth = observation_of(samples, row), true_state(points, samples, row, modes)
        error, yaw = landmark_error(observation, points, truth)
        if np.sqrt((error[points.used, :2] ** 2).sum(1).mean()) < WILD:
            kept.append((row, observation, truth, error, yaw))
            pool += [(error, yaw), (mirrored_error(error), -yaw)]
    yaws = np.array([yaw for _, yaw in pool])
    where = np.searchsorted(points.used, np.arange(COUNT))
    rows = []
    for row, observation, truth, _, yaw in kept:
        away = np.abs(yaws - yaw)
        others = np.argsort(away + 0.05 * rng.random(len(away)))[2:max(12, int((away < ALIKE).sum()))]
        errors = [pool[other][0] for other in rng.choice(others, swaps, replace=len(others) < swaps)]
        states = fits_of(observation, points, truth, errors, config, noise)
        placed = np.array([(points.points.posed(state.beta, view.psi, view.turns) - view.pivot) @ view.rotation.T
                           + view.centre for state in states for view in state.views])
        off = np.einsum("lxs,as->alx", points.points.shape[where], [state.beta - truth.beta for state in states])
        rows.append({"row": row, "placed": placed.astype(np.float32), "error": off.astype(np.float32), "yaw": yaw,
                     "focal": np.array([state.views[0].focal for state in states])})
    return {name: np.array([one[name] for one in rows]) for name in rows[0]} if rows else {}
