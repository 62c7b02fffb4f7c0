"""What the fit has to say about itself: how sure the metres are, what was not seen, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.capture.observation import Observation
from backend.fit.noise import yaw_pitch
from backend.fit.residuals import FACE_UNIT
from backend.fit.solver import Problem, normal_equations
from backend.fit.start import HeadPoints
from backend.fit.state import State

POOR = 0.09  # face units of landmark error worth a word; a good frontal fit leaves about half
EAR_HIDDEN = 0.35  # radians of yaw beyond which the far ear is not seen


def scale_belief(problem: Problem, state: State, points: HeadPoints,
                 observations: Sequence[Observation]) -> tuple[str, float]:
    """What fixed the metres and their relative standard deviation, from the normal equations.

    Size is read off the distance between the eyes, propagated through the covariance of beta.
    """
    del observations
    hessian, _ = normal_equations(problem, state)
    count = len(state.beta)
    spread = np.linalg.inv(hessian + 1e-9 * np.eye(len(hessian)))[:count, :count]
    left, right = points.irises.mean[1], points.irises.mean[0]
    direction = (left - right) / np.linalg.norm(left - right)
    by_beta = direction @ (points.irises.shape[1] - points.irises.shape[0])
    sigma = float(np.sqrt(max(by_beta @ spread @ by_beta, 0))) / FACE_UNIT
    prior = float(np.linalg.norm(by_beta)) / FACE_UNIT
    measured = any(len(view.iris.diameter) for view in problem.views)
    return ("iris" if measured and sigma < 0.95 * prior else "prior"), sigma


def warnings(observations: Sequence[Observation], state: State, relative: np.ndarray, source: str,
             sigma: float) -> tuple[str, ...]:
    """Sentences for a person, most important first. `relative` (N,): landmark error in face units."""
    said = []
    for observation, error in zip(observations, relative, strict=True):
        if error > POOR:
            said.append(f"The fit of {observation.name} is poor: its landmarks are {error * FACE_UNIT * 1000:.1f} mm "
                        "off on average.")
    yaws = np.array([yaw_pitch(view.rotation)[0] for view in state.views])
    if (yaws > EAR_HIDDEN).all():
        said.append("The right ear and the right side of the face were not seen.")
    elif (yaws < -EAR_HIDDEN).all():
        said.append("The left ear and the left side of the face were not seen.")
    said.append("The back of the head was not seen; it is the model's guess.")
    basis = {"iris": "the size of the irises", "prior": "the average person"}.get(source, source)
    said.append(f"The size in metres rests on {basis} and is good to about {100 * sigma:.0f} percent.")
    return tuple(said)
