"""What the fit has to say about itself: how sure the metres are, and what went wrong.

What nobody saw is said by `backend.report`, from the maps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.capture.observation import Observation
from backend.fit.noise import TURNED, yaw_pitch
from backend.fit.residuals import FACE_UNIT
from backend.fit.solver import Problem, normal_equations
from backend.fit.start import HeadPoints
from backend.fit.state import State
from backend.head.model import HeadModel

POOR = 0.06  # face units of landmark error worth a word; portraits of every kind leave 0.015 to 0.035
NOSE_ROOT, CHIN = 168, 152  # landmarks
CHILD = 0.115
"""Beyond this `youth` a face is taken for a child's: 30 adults in photos had 0.09 to 0.105, the one child 0.129."""
UNEXPLAINED = 0.035
"""Relative error of size that the normal equations do not know of: 24 scan-model heads, one photo each, came out 4.3
percent off (RMS) where the equations alone said 2.6."""


def scale_belief(problem: Problem, state: State, points: HeadPoints) -> tuple[str, float]:
    """What fixed the metres and their relative standard deviation, from the normal equations.

    Size is the landmarks' RMS distance from their middle, propagated through the covariance of beta.
    """
    hessian, _ = normal_equations(problem, state)
    count = len(state.beta)
    spread = np.linalg.inv(hessian + 1e-9 * np.eye(len(hessian)))[:count, :count]
    about = points.points.mean - points.points.mean.mean(0)
    by_beta = np.einsum("px,pxs->s", about, points.points.shape) / (about * about).sum()
    sigma = float(np.sqrt(max(by_beta @ spread @ by_beta, 0) + UNEXPLAINED**2))
    prior = float(np.linalg.norm(by_beta)) * problem.shape_sigma
    measured = any(len(view.iris.diameter) for view in problem.views)
    return ("iris" if measured and sigma < 0.95 * prior else "prior"), sigma


def youth(problem: Problem, state: State, head: HeadModel, neutral: np.ndarray) -> float:
    """Diameter of the iris over the distance from the nose's root to the chin, of `neutral` (V, 3), metres.

    NaN unless seen straight. Irises are of adult size from the second year on, faces grow for sixteen more.
    """
    found = []
    for terms, view in zip(problem.views, state.views, strict=True):
        if len(terms.iris.diameter) and abs(yaw_pitch(view.rotation)[0]) < TURNED:
            found.append(float(terms.iris.diameter.mean()) * view.centre[2] / view.focal)
    root, chin = head.landmark_points(neutral)[[NOSE_ROOT, CHIN]]
    return float(np.median(found) / np.linalg.norm(root - chin)) if found else float("nan")


def warnings(observations: Sequence[Observation], relative: np.ndarray, source: str, sigma: float,
             young: float = float("nan")) -> tuple[str, ...]:
    """Sentences for a person, most important first. `relative` (N,): landmark error in face units; `young`: `youth`."""
    said = []
    if young > CHILD:
        said.append("The irises are large for the face, as a child's are. What is known of heads is known of adults: "
                    "this one will be too large in metres, and may look too old.")
    for observation, error in zip(observations, relative, strict=True):
        if error > POOR:
            said.append(f"The fit of {observation.name} is poor: its landmarks are {error * FACE_UNIT * 1000:.1f} mm "
                        "off on average.")
    basis = {"iris": "the average person and the size of the irises", "prior": "the average person"}.get(source, source)
    said.append(f"The size in metres rests on {basis} and is good to about {100 * sigma:.0f} percent.")
    return tuple(said)
