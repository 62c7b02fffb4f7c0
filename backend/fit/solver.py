"""Levenberg-Marquardt over one identity and N views, with robust weights and bounds.

Rows come from `residuals`; each view touches beta and its own block only, so the normal equations are built block by
block and solved dense (a few hundred unknowns). Bounds are an active set: an unknown that sits on its bound and is
pushed outwards is left out of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from backend.core.threads import side_by_side
from backend.fit.residuals import IrisTerm, LandmarkTerm, PriorTerm, Rows
from backend.fit.several.devices import Tie
from backend.fit.state import State, View

DAMPING_START, DAMPING_LEAST, DAMPING_MOST = 1e-5, 1e-9, 1e9
ENOUGH = 2e-5  # relative gain of the cost below which an iteration is the last


class Term(Protocol):
    """A further term of a view; robust weights, if any, are constants in its rows."""

    def rows(self, beta: np.ndarray, view: View) -> Rows:
        """Whitened residuals and derivatives."""
        ...

    def cost(self, beta: np.ndarray, view: View) -> float:
        """Sum of squares of those residuals."""
        ...


@dataclass(frozen=True)
class ViewProblem:
    """All terms of one view, and what may move in it."""

    landmarks: LandmarkTerm
    iris: IrisTerm
    prior: PriorTerm
    lower: np.ndarray  # (E,) bounds of psi
    upper: np.ndarray  # (E,)
    movable: np.ndarray  # (E,) bool, shapes of psi that are asked for
    weight: float = 1.0  # trust in the whole photo
    extra: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Belief:
    """Evidence for identity that no landmark gave: `matrix` @ beta is `value`, each row give or take one."""

    matrix: np.ndarray  # (M, S)
    value: np.ndarray  # (M,)


class Pair(Protocol):
    """A term between two views."""

    @property
    def views(self) -> tuple[int, int]:
        """Which."""
        ...

    def rows(self, beta: np.ndarray, first: View, second: View) -> tuple[Rows, Rows]:
        """Whitened residuals, twice: with the derivatives by either view; those by beta are the whole in both."""
        ...

    def cost(self, beta: np.ndarray, first: View, second: View) -> float:
        """Sum of squares of those residuals."""
        ...


@dataclass(frozen=True)
class Problem:
    """The whole fit."""

    views: Sequence[ViewProblem]
    shape_sigma: float
    robust: float  # Geman-McClure scale, sigmas
    beliefs: tuple[Belief, ...] = ()
    ties: Sequence[Tie] = ()  # between focal lengths of photos of one device
    pairs: Sequence[Pair] = ()  # what two photos show of the same skin


def solve(problem: Problem, state: State, free: Sequence[str], iterations: int) -> State:
    """Move the `free` blocks of `state` to the least cost. Never raises; a bad start just ends early."""
    damping = DAMPING_START
    cost = total_cost(problem, state)
    for _ in range(iterations):
        hessian, gradient = normal_equations(problem, state)
        moving = np.flatnonzero(free_unknowns(problem, state, free, gradient))
        if not len(moving):
            break
        _onto_valleys(hessian, gradient, state, moving)
        h, g = hessian[np.ix_(moving, moving)], gradient[moving]
        improved = False
        while damping < DAMPING_MOST:
            step = np.zeros(len(gradient))
            damped = h + damping * np.diag(np.diag(h) + 1e-9)
            step[moving] = -cho_solve(cho_factor(damped, check_finite=False), g, check_finite=False)
            candidate = _moved(problem, state, _off_valleys(step, state, moving))
            new_cost = total_cost(problem, candidate)
            if new_cost < cost:
                improved = True
                break
            damping = max(damping, DAMPING_LEAST) * 8
        if not improved:
            break
        gain, state, cost = (cost - new_cost) / max(cost, 1e-12), candidate, new_cost
        damping = max(damping / 5, DAMPING_LEAST)
        if gain < ENOUGH:
            break
    return state


def _valleys(state: State, moving: np.ndarray) -> list[tuple[int, int]]:
    """Where each view's log focal length and log distance stand in the vector, if both are among those `moving`.

    A face hardly tells one from the other. Damping by the diagonal would hold both fast, for each alone changes the
    face's size, which is known to a thousandth. So a longer focal length takes the face as much farther away.
    """
    pairs = [(place, place - view.slice("focal").start + view.slice("camera").stop - 1)
             for place, view in zip(focal_places(state).tolist(), state.views, strict=True)]
    return [pair for pair in pairs if np.isin(pair, moving).all()]


def _onto_valleys(hessian: np.ndarray, gradient: np.ndarray, state: State, moving: np.ndarray) -> None:
    """Turn the unknown focal lengths, in place, into focal lengths that take distances with them."""
    for focal, distance in _valleys(state, moving):
        hessian[focal] += hessian[distance]
        hessian[:, focal] += hessian[:, distance]
        gradient[focal] += gradient[distance]


def _off_valleys(step: np.ndarray, state: State, moving: np.ndarray) -> np.ndarray:
    """A step of those unknowns as one of the state's own."""
    own = step.copy()
    for focal, distance in _valleys(state, moving):
        own[distance] += step[focal]
    return own


def normal_equations(problem: Problem, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Newton Hessian (D, D) and gradient (D,) of half the robust cost; beta first, then the views."""
    count = len(state.beta)
    size = count + sum(view.size for view in state.views)
    hessian, gradient = np.zeros((size, size)), np.zeros(size)
    hessian[np.arange(count), np.arange(count)] = 1 / problem.shape_sigma**2
    gradient[:count] = state.beta / problem.shape_sigma**2
    for belief in problem.beliefs:
        hessian[:count, :count] += belief.matrix.T @ belief.matrix
        gradient[:count] += belief.matrix.T @ (belief.matrix @ state.beta - belief.value)
    blocks = np.cumsum([count, *(view.size for view in state.views)])

    def by_view(index: int) -> tuple[np.ndarray, np.ndarray]:
        return _view_equations(problem.views[index], problem.robust, state.beta, state.views[index])

    def by_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        return _pair_equations(pair, state)

    pairs = side_by_side(by_pair, problem.pairs)
    for index, (matrix, slope) in enumerate(side_by_side(by_view, range(len(state.views)))):
        own = slice(blocks[index], blocks[index + 1])
        hessian[:count, :count] += matrix[:count, :count]
        hessian[own, :count], hessian[:count, own] = matrix[count:, :count], matrix[:count, count:]
        hessian[own, own] += matrix[count:, count:]
        gradient[:count] += slope[:count]
        gradient[own] += slope[count:]
    for pair, (matrix, slope) in zip(problem.pairs, pairs, strict=True):
        places = np.concatenate([np.arange(count), *(np.arange(blocks[i], blocks[i + 1]) for i in pair.views)])
        hessian[np.ix_(places, places)] += matrix
        gradient[places] += slope
    for tie in problem.ties:
        places = focal_places(state)[tie.views]
        hessian[np.ix_(places, places)] += tie.information
        gradient[places] += tie.information @ tie.apart(state.views)
    return hessian, gradient


def _view_equations(terms: ViewProblem, robust: float, beta: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
    """What one view adds to Hessian (S + D, S + D) and gradient (S + D,): beta first, then its own unknowns."""
    landmarks = terms.landmarks.rows(beta, view)
    roots = np.sqrt(row_weights(terms, landmarks, robust))
    whole = np.sqrt(terms.weight)
    parts = [(landmarks, roots), *((rows, np.full(len(rows.residual), whole)) for rows in (
        terms.iris.rows(beta, view), *(term.rows(beta, view) for term in terms.extra)))]
    count = len(beta)
    stacked = np.empty((sum(len(rows.residual) for rows, _ in parts), count + view.size))
    residual, row = np.empty(len(stacked)), 0
    for rows, root in parts:
        here = slice(row, row + len(root))
        stacked[here, :count] = 0 if rows.by_beta is None else rows.by_beta * root[:, None]
        stacked[here, count:] = rows.by_view * root[:, None]
        residual[here] = rows.residual * root
        row += len(root)
    hessian, gradient = stacked.T @ stacked, stacked.T @ residual
    prior = terms.prior.rows(view)
    hessian[count:, count:] += prior.by_view.T @ prior.by_view
    gradient[count:] += prior.by_view.T @ prior.residual
    return hessian, gradient


def _pair_equations(pair: Pair, state: State) -> tuple[np.ndarray, np.ndarray]:
    """The same of two views: beta first, then the unknowns of the one and of the other."""
    each = pair.rows(state.beta, *(state.views[index] for index in pair.views))
    whole = np.concatenate([each[0].by_beta, each[0].by_view, each[1].by_view], 1)
    return whole.T @ whole, whole.T @ each[0].residual


def focal_places(state: State) -> np.ndarray:
    """(N,) where each view's log focal length stands in the vector of all unknowns."""
    starts = len(state.beta) + np.cumsum([0, *(view.size for view in state.views)])[:-1]
    return np.array([start + view.slice("focal").start for start, view in zip(starts, state.views, strict=True)])


def total_cost(problem: Problem, state: State) -> float:
    """Robust sum of squares."""
    cost = float(np.sum((state.beta / problem.shape_sigma) ** 2))
    cost += sum(float(np.sum((belief.matrix @ state.beta - belief.value) ** 2)) for belief in problem.beliefs)
    cost += sum(side_by_side(lambda index: _view_cost(problem.views[index], problem.robust, state.beta,
                                                      state.views[index]), range(len(state.views))))
    cost += sum(pair.cost(state.beta, *(state.views[index] for index in pair.views)) for pair in problem.pairs)
    for tie in problem.ties:
        apart = tie.apart(state.views)
        cost += float(apart @ tie.information @ apart)
    return cost if np.isfinite(cost) else np.inf


def _view_cost(terms: ViewProblem, robust: float, beta: np.ndarray, view: View) -> float:
    rows = terms.landmarks.rows(beta, view, derivatives=False)
    squared = terms.landmarks.distances(rows) ** 2
    limit = robust**2
    return (terms.weight * (float(np.sum(limit * squared / (limit + squared)))
                            + float(np.sum(terms.iris.rows(beta, view).residual ** 2))
                            + sum(term.cost(beta, view) for term in terms.extra))
            + float(np.sum(terms.prior.rows(view).residual ** 2)))


def row_weights(terms: ViewProblem, rows: Rows, robust: float) -> np.ndarray:
    """(3 P,) Geman-McClure weights: one for a landmark's place in the image, one for its depth."""
    weight = (robust**2 / (robust**2 + terms.landmarks.distances(rows) ** 2)) ** 2
    return terms.weight * weight[:, [0, 0, 1]].ravel()


def free_unknowns(problem: Problem, state: State, free: Sequence[str], gradient: np.ndarray) -> np.ndarray:
    """(D,) bool: what may move; psi that sits on a bound and is pushed outwards may not."""
    mask = np.zeros(len(gradient), bool)
    count = len(state.beta)
    mask[:count] = "shape" in free
    start = count
    for terms, view in zip(problem.views, state.views, strict=True):
        for name, _ in view.blocks:
            place = view.slice(name)
            mask[start + place.start:start + place.stop] = name in free
        place = slice(start + view.slice("expression").start, start + view.slice("expression").stop)
        outwards = ((view.psi <= terms.lower) & (gradient[place] > 0)) | (
            (view.psi >= terms.upper) & (gradient[place] < 0))
        mask[place] &= terms.movable & ~outwards
        start += view.size
    return mask


def _moved(problem: Problem, state: State, step: np.ndarray) -> State:
    start = len(state.beta)
    views = []
    for terms, view in zip(problem.views, state.views, strict=True):
        views.append(view.moved(step[start:start + view.size], terms.lower, terms.upper))
        start += view.size
    return State(state.beta + step[:len(state.beta)], tuple(views))
