"""What the evidence is worth beside the landmarks, and what several photos of one face are worth together.

Measured on own people that no network was trained on: whether the landmarks' normal equations claim more than is true,
whether the pixels do, and how far the network errs alike on photos of one person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.capture.observation import Observation
from backend.fit.config import FitConfig
from backend.fit.contour import slide_contours
from backend.fit.learned.evidence import SURE, Evidence, scores
from backend.fit.learned.sheet import COUNT
from backend.fit.noise import LandmarkNoise
from backend.fit.solver import Problem, normal_equations, solve
from backend.fit.start import HeadPoints, view_problem
from backend.fit.state import State
from backend.training.shape.fits import FREE, POLISH, true_state
from backend.training.shape.samples import observation_of


@dataclass(frozen=True)
class Worth:
    """Of G groups of photos, each of one person; means over groups and scores, scores by the metres they stand for."""

    people: int
    before: float  # squared error of the landmarks' fit, where that of one photo's is 1
    claimed: float  # the same as the landmarks' normal equations have it
    after: float  # with the mean of what the photos say taken off
    honest: float  # square of what the network is off, per variance it states; 1 is honest
    together: float  # correlation of its errors on photos of one person; nan for single photos

    @property
    def overstated(self) -> float:
        """How many times more the landmarks are off than their normal equations claim."""
        return self.before / self.claimed

    def power(self, photos: int) -> float:
        """The power of the number of photos by which information grows, as `photos` with such errors have it."""
        return float(1 - np.log(1 + (photos - 1) * max(self.together, 0)) / np.log(photos))


def worth(evidence: Evidence, groups: Sequence[Sequence[int]], samples: dict[str, np.ndarray], points: HeadPoints,
          metres: np.ndarray, config: FitConfig, noise: LandmarkNoise) -> Worth:
    """Fit the photos of each group together and ask the network; `groups` of rows of `samples`, `metres` (K,)."""
    where = np.searchsorted(points.used, np.arange(COUNT))
    by_beta = np.einsum("klx,lxs->ks", evidence.modes, points.points.shape[where], optimize=True)
    weight = metres**2 / (metres**2).sum()
    rows: dict[str, list[float]] = {name: [] for name in ("before", "claimed", "after", "told", "square", "product")}
    for group in groups:
        observations, state, problem, error = together(group, samples, points, config, noise)
        target = by_beta @ error
        hessian, _ = normal_equations(problem, state)
        covariance = np.linalg.inv(hessian)[:len(error), :len(error)]
        said = [scores(evidence, observation, points, state, view)
                for observation, view in zip(observations, state.views, strict=True)]
        found, left = np.array([one for one, _ in said]), np.array([one for _, one in said])
        # What a photo says of a score, apart from its being about zero in the mean, and by how much that is off.
        information = np.where(left < SURE, 1 / left - 1, 0)
        off = np.where(left < SURE, found / np.maximum(1 - left, 1e-6), 0) - target
        scaled = np.sqrt(information) * off
        rows["before"].append(target**2 @ weight)
        rows["claimed"].append(np.einsum("ks,st,kt->k", by_beta, covariance, by_beta) @ weight)
        rows["after"].append((target - found.mean(0)) ** 2 @ weight)
        rows["told"].append(((information > 0) @ weight).mean())
        rows["square"].append((scaled**2 @ weight).mean())
        if len(group) > 1:
            pairs = scaled.sum(0) ** 2 - (scaled**2).sum(0)
            rows["product"].append(pairs @ weight / (len(group) * (len(group) - 1)))
    mean = {name: float(np.mean(values)) if values else np.nan for name, values in rows.items()}
    return Worth(len(groups), mean["before"], mean["claimed"], mean["after"], mean["square"] / max(mean["told"], 1e-9),
                 mean["product"] / mean["square"])


def together(group: Sequence[int], samples: dict[str, np.ndarray], points: HeadPoints, config: FitConfig,
             noise: LandmarkNoise) -> tuple[list[Observation], State, Problem, np.ndarray]:
    """The fit of photos of one person, started at the truth; and by how much beta (S,) is off it."""
    observations = [observation_of(samples, row) for row in group]
    truths = [true_state(points, samples, row, noise.modes.shape[2]) for row in group]
    state = State(truths[0].beta, tuple(truth.views[0] for truth in truths))
    terms = tuple(slide_contours(view_problem(observation, points, view, noise, config, len(group)), view, state.beta,
                                 points, config)
                  for observation, view in zip(observations, state.views, strict=True))
    problem = Problem(terms, config.priors.shape_sigma, config.landmarks.robust)
    fitted = solve(problem, state, FREE, POLISH)
    return observations, fitted, problem, fitted.beta - state.beta
