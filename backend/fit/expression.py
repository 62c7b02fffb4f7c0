"""How a head makes faces, and what the landmarker's 52 scores say about that before looking at any landmark.

A head's psi is the ARKit weights themselves, or components of its own (FLAME's) together with a jaw that turns. For
the second kind the ARKit shapes are expressed in psi and the jaw once, at the landmarks; scores then speak of psi
through that link, and the rig's 52 weights are found from the solved face. A head without any psi is fitted with its
ARKit shapes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import lsq_linear

from backend.arkit import ARKIT_NAMES
from backend.fit.config import PriorConfig
from backend.fit.points import TURNING, PointSet, corrective_weights, has_arkit
from backend.fit.state import View
from backend.head.adapt import LOOK_DEGREES
from backend.head.model import HeadModel

NOT_FROM_LANDMARKS = ("tongueOut", "cheekPuff")
"""Shapes that landmarks cannot tell."""
LOOK_AXES = (("eyeLookDown", 0, 1.0), ("eyeLookUp", 0, -1.0), ("eyeLookIn", 2, -1.0), ("eyeLookOut", 2, 1.0))
"""By which axis of the left eye's turn, and which way, each looking shape goes: about +X the gaze (-Y) goes down, about
+Z to the person's left. Of the right eye, in and out are the other way."""
JAW = TURNING.index("jaw")
ROUNDS = 3  # of the rig's weights, each with the correctives of the last
REACH = 4.0  # bound of a head's own components, in their standard deviations


@dataclass(frozen=True)
class Expression:
    """What a head's psi (E,) is and how ARKit weights speak of it."""

    arkit: bool  # psi is the ARKit weights (and perhaps more components, which stay at nought)
    lower: np.ndarray  # (E,) bounds
    upper: np.ndarray  # (E,)
    movable: np.ndarray  # (E,) bool, what the fit may use
    link: np.ndarray  # (E + 3, 52) psi, then the jaw's axis-angle, per ARKit weight
    shapes: np.ndarray  # (P, 3, 52 + C) metres at the landmarks: ARKit shapes, then correctives
    drivers: np.ndarray  # (C, 3) of those correctives

    @classmethod
    def of(cls, head: HeadModel, points: PointSet, shapes: np.ndarray, config: PriorConfig) -> Expression:
        """Of `head`, whose landmarks are `points` and move by `shapes` (see the field)."""
        count = len(head.expression_names)
        names = len(ARKIT_NAMES)
        told = landmarks_tell()
        if has_arkit(head):
            rest = np.zeros(count - names, bool)
            return cls(True, np.zeros(count), np.ones(count), np.concatenate([told, rest]),
                       np.eye(count + 3, names), shapes, head.corrective_drivers)
        return cls(False, np.full(count, -REACH), np.full(count, REACH), np.ones(count, bool),
                   _link(points, count, shapes[:, :, :names], config) * told, shapes, head.corrective_drivers)

    def prior(self, mean: np.ndarray, covariance: np.ndarray, config: PriorConfig) -> tuple[np.ndarray, np.ndarray]:
        """Mean (E + 3,) of psi and the jaw's axis-angle, and the matrix (E + 3, E + 3) that whitens what is off it.

        `mean` (52,) and `covariance` (52, 52) are what is believed of the ARKit weights.
        """
        count = len(self.lower)
        if self.arkit:
            spread = np.diag(np.concatenate([np.ones(count), np.full(3, config.jaw_still)]) ** 2)
            spread[:len(mean), :len(mean)] = covariance  # jawOpen and its kin do what the joint would
            return self.link @ (mean * landmarks_tell()), np.linalg.inv(np.linalg.cholesky(spread))
        own = np.concatenate([np.full(count, config.own_sigma), config.own_sigma * np.array(config.jaw_sigma)])
        spread = self.link @ covariance @ self.link.T + np.diag(own**2)
        return self.link @ mean, np.linalg.inv(np.linalg.cholesky(spread))

    def weights(self, points: PointSet, beta: np.ndarray, view: View, scores: np.ndarray, mean: np.ndarray,
                covariance: np.ndarray, config: PriorConfig) -> np.ndarray:
        """(52,) 0..1, what the rig is to play for this view.

        Where psi is not ARKit: the non-negative weights whose shapes and correctives move the landmarks as psi and the
        jaw do, what is believed of them (`mean`, `covariance`) deciding what that leaves open. What no landmark tells
        is the score itself.
        """
        if self.arkit:
            return np.clip(view.psi[:len(ARKIT_NAMES)], 0, 1)
        still, turns = np.stack([np.eye(3)] * len(TURNING)), np.stack([np.eye(3)] * len(TURNING))
        turns[JAW] = view.turns[JAW]
        moved = points.posed(beta, view.psi, turns) - points.posed(beta, np.zeros_like(view.psi), still)
        told = landmarks_tell()
        weights, count = mean.copy(), len(ARKIT_NAMES)
        whiten = np.linalg.inv(np.linalg.cholesky(covariance[np.ix_(told, told)]))
        basis = self.shapes[:, :, :count][:, :, told].reshape(moved.size, -1) / config.rig_sigma
        design = np.vstack([basis, whiten])
        for _ in range(ROUNDS if len(self.drivers) else 1):
            products = self.shapes[:, :, count:] @ corrective_weights(weights, self.drivers)
            target = np.concatenate([(moved - products).ravel() / config.rig_sigma, whiten @ mean[told]])
            normal, right = design.T @ design, design.T @ target
            root = np.linalg.cholesky(normal)
            weights[told] = lsq_linear(root.T, np.linalg.solve(root, right), (0, 1), method="bvls").x
        seen = np.clip(scores, 0, 1)
        return np.where(told, weights, seen)


def landmarks_tell() -> np.ndarray:
    """(52,) bool: shapes that the fit takes from landmarks."""
    return np.array([not name.startswith(NOT_FROM_LANDMARKS) for name in ARKIT_NAMES])


def weight_prior(scores: np.ndarray, config: PriorConfig) -> tuple[np.ndarray, np.ndarray]:
    """Mean (52,) and covariance (52, 52) of the ARKit weights where no table says what `scores` (52,) tell of them."""
    scores = np.clip(scores.astype(np.float64), 0, 1)
    mean = config.expression_trust * scores
    sigma = config.expression_sigma + config.expression_gain * scores
    jaw_open = ARKIT_NAMES.index("jawOpen")
    mean[jaw_open] = config.jaw_trust * scores[jaw_open]
    sigma[jaw_open] = config.jaw_open_sigma + config.jaw_open_gain * scores[jaw_open]
    return mean, np.diag(sigma**2)


def gaze_prior(mean: np.ndarray, covariance: np.ndarray, config: PriorConfig) -> tuple[np.ndarray, np.ndarray]:
    """Axis-angles (2, 3) of the left and the right eye that the weights `mean` (52,) tell, and their sigmas (2, 3).

    The looking shapes move the lids; how far the eye turns with them is the rig's.
    """
    turn, spread = np.zeros((2, 3)), np.zeros((2, 3))
    for eye, side in enumerate(("Left", "Right")):
        for name, axis, way in LOOK_AXES:
            index, reach = ARKIT_NAMES.index(name + side), np.radians(LOOK_DEGREES[name])
            turn[eye, axis] += reach * mean[index] * (way if axis == 0 or side == "Left" else -way)
            spread[eye, axis] += reach**2 * covariance[index, index]
    sigma = np.minimum(np.sqrt(spread), config.gaze_sigma)
    sigma[:, 1] = config.gaze_roll_sigma
    return turn, sigma


def expressive(head: HeadModel) -> HeadModel:
    """The head itself, or one whose psi is its ARKit shapes when it has no psi."""
    if head.expression_names:
        return head
    return replace(head, expression_names=ARKIT_NAMES, expression_basis=head.arkit_deltas)


def _link(points: PointSet, count: int, shapes: np.ndarray, config: PriorConfig) -> np.ndarray:
    """(E + 3, 52) regularised least squares of `shapes` (P, 3, 52) on psi (E = `count`) and a small turn of the jaw."""
    rest = np.stack([np.eye(3)] * len(TURNING))
    _, by_psi, by_turn = points.jacobians(np.zeros(points.shape.shape[2]), np.zeros(count), rest)
    design = np.concatenate([by_psi, by_turn[:, :, JAW]], 2).reshape(-1, count + 3) / config.link_sigma
    precision = 1 / np.concatenate([np.ones(count), np.array(config.jaw_sigma)]) ** 2
    target = shapes.reshape(len(design), -1) / config.link_sigma
    return np.linalg.solve(design.T @ design + np.diag(precision), design.T @ target)
