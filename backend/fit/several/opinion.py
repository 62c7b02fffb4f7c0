"""What one photo alone says of the person, as a Gaussian over beta, and whether photos speak of one person.

A photo's opinion is what its normal equations know of beta once camera, pose and face are marginalised and the prior is
taken off: an information matrix and its pull. Two photos speak of one person as far as their joint evidence, one beta
behind both, exceeds the product of each one's own (a Bayes factor; Prince and Elder 2007 do the same with features).
Everything happens in the few directions of beta that landmarks show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.capture.landmark_mirror import mirror_order
from backend.fit.points import PointSet
from backend.fit.solver import Problem, free_unknowns, normal_equations
from backend.fit.state import State

LOOKS_TRUST = 0.5  # share of what looks say that is believed: they come of renders, and change with hair and make-up
LOOKS_MOST = 8.0  # and at most so much of it: a beard that has grown outweighs no shape that agrees
DIRECTIONS = 60  # of beta; what landmarks show beyond these is less than their own trembling


@dataclass(frozen=True)
class Opinion:
    """Of D directions of beta, which are N(0, 1) before looking."""

    information: np.ndarray  # (D, D)
    pull: np.ndarray  # (D,) information times the value that fits best
    looks: Opinion | None = None  # of colours, which a mirror does not change

    def __add__(self, other: Opinion) -> Opinion:
        looks = None if self.looks is None or other.looks is None else self.looks + other.looks
        return Opinion(self.information + other.information, self.pull + other.pull, looks)

    @property
    def evidence(self) -> float:
        """Log of the integral of exp(pull x - x information x / 2) under the prior."""
        root = np.linalg.cholesky(self.information + np.eye(len(self.pull)))
        solved = np.linalg.solve(root, self.pull)
        return float(solved @ solved / 2 - np.log(np.diag(root)).sum())


@dataclass(frozen=True)
class Listener:
    """Which directions of beta are listened to, and how they change in a mirror."""

    directions: np.ndarray  # (S, D) orthonormal columns
    mirror: np.ndarray  # (D, D) values of a mirrored person by those of the person
    offset: np.ndarray  # (D,) and what is added: the mean head may be lopsided

    @classmethod
    def of(cls, points: PointSet, used: np.ndarray) -> Listener:
        """For landmarks `used` (P,), whose places are `points`."""
        place = {number: index for index, number in enumerate(used.tolist())}
        other = mirror_order()[used].tolist()
        both = np.array([number in place for number in other])
        index = np.array([place.get(number, 0) for number in other])[both]
        shape = points.shape - points.shape.mean(0)
        _, _, ways = np.linalg.svd(shape.reshape(-1, shape.shape[2]), full_matrices=False)
        directions = ways[:DIRECTIONS].T
        seen = shape @ directions
        flip = np.array([-1.0, 1.0, 1.0])
        design = seen[both].reshape(-1, directions.shape[1])
        mean = points.mean - points.mean.mean(0)
        target = np.concatenate([(seen[index] * flip[:, None]).reshape(design.shape),
                                 (mean[index] * flip - mean[both]).reshape(-1, 1)], 1)
        found = np.linalg.lstsq(design, target, rcond=None)[0]
        return cls(directions, found[:, :-1], found[:, -1])

    def hear(self, problem: Problem, state: State, free: tuple[str, ...], tempered: float) -> Opinion:
        """The opinion of the photos of a solved problem, its certainty divided by `tempered`."""
        hessian, gradient = normal_equations(problem, state)
        count = len(state.beta)
        views = count + np.flatnonzero(free_unknowns(problem, state, free, gradient)[count:])
        across = hessian[:count, views]
        marginal = hessian[:count, :count] - across @ np.linalg.solve(hessian[np.ix_(views, views)], across.T)
        spread = self.directions.T @ np.linalg.solve(marginal, self.directions) / problem.shape_sigma**2
        precision = np.linalg.inv(spread)
        value = self.directions.T @ state.beta / problem.shape_sigma
        return Opinion((precision - np.eye(len(precision))) / tempered, precision @ value / tempered)

    def mirrored(self, opinion: Opinion) -> Opinion:
        """What the photo says of the person if it shows them as in a mirror."""
        pull = opinion.pull - opinion.information @ self.offset
        return Opinion(self.mirror.T @ opinion.information @ self.mirror, self.mirror.T @ pull, opinion.looks)


def together(one: Opinion, other: Opinion) -> float:
    """Log of how much likelier both come of one person than of two; below nought for two."""
    gain = (one + other).evidence - one.evidence - other.evidence
    if one.looks is None or other.looks is None:
        return gain
    return gain + float(np.clip(LOOKS_TRUST * together(one.looks, other.looks), -LOOKS_MOST, LOOKS_MOST))
