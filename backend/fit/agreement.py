"""Do the photos agree? A photo that fits badly counts less; photos of two people are said to be so, as far as one can.

Landmarks alone tell people apart badly: on renders of the same head, two photos fitted alone differ by 1.6 mm (2.6 mm
in the worst tenth), different heads by 2.5 mm. So only gross disagreement is reported, and nothing is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backend.capture.observation import Observation
from backend.fit.config import FitConfig
from backend.fit.solver import Problem
from backend.fit.start import HeadPoints
from backend.fit.state import State


def view_errors(problem: Problem, state: State) -> np.ndarray:
    """(N,) median landmark error of each view in face units, the landmarker's known errors taken off."""
    errors = []
    for terms, view in zip(problem.views, state.views, strict=True):
        landmarks = terms.landmarks
        difference = (landmarks.predicted(state.beta, view) - landmarks.measured)[:, :2]
        errors.append(float(np.median(np.linalg.norm(difference, axis=1))) / landmarks.unit)
    return np.array(errors)


def weighted(problem: Problem, state: State, config: FitConfig) -> Problem:
    """The problem with each photo's weight: 1, less for one that fits much worse than the middle of them all."""
    if len(problem.views) < 3:
        return problem
    errors = view_errors(problem, state)
    usual = float(np.median(errors)) * config.limits.bad_photo
    weights = np.minimum(1.0, (usual / np.maximum(errors, 1e-9)) ** 2)
    return replace(problem, views=tuple(
        replace(terms, weight=float(weight)) for terms, weight in zip(problem.views, weights, strict=True)))


def strangers(points: HeadPoints, alone: Sequence[np.ndarray], observations: Sequence[Observation],
              config: FitConfig) -> tuple[str, ...]:
    """Sentences naming photos whose own identity is far from all others'. `alone`: each photo's own beta."""
    heads = [points.points.mean + points.points.shape @ beta for beta in alone]
    count = len(heads)
    apart = np.array([[_distance(a, b) for b in heads] for a in heads])
    apart[np.arange(count), np.arange(count)] = np.inf
    limit = config.limits.strangers
    return tuple(
        f"{observation.name} seems to show another person than the other photos: its face differs by "
        f"{1000 * nearest:.1f} mm from the nearest of them."
        for observation, nearest in zip(observations, apart.min(1), strict=True) if nearest > limit)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Metres RMS between two sets of points (P, 3) after the best similarity, at the scale of a mean face."""
    a, b = a - a.mean(0), b - b.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * sign).sum() / (a * a).sum()
    return float(np.sqrt(((scale * a @ (u @ np.diag(sign) @ vt).T - b) ** 2).sum(1).mean()))


