"""Direct alignment: the frame's skin laid on the person's own, to put right what landmarks say of pose and face.

Landmarks tell where to look, and hold what skin does not tell; the skin says by how much every patch is off. Both
together are one small system for the head's pose and the shapes that move skin (Gauss and Newton, weights kept within
0 and 1). How the person looks is learnt from frames of the film itself (`look`). Where a frame does not look like that
(hidden, blurred, too dark) few patches count, and then landmarks decide alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.tracking.patches import Look, Picture, samples
from backend.tracking.rigid import Rigid
from backend.tracking.skin import MOVED, Skin

STEPS = 1
"""Of Gauss and Newton, for a frame."""
TURN_SIGMA, PLACE_SIGMA = 0.023, (0.003, 0.003, 0.01)  # radians; metres: how far landmarks may misread a pose
OVER = 1.6
"""Times the step of the pose that is computed: shapes take up a part of what is its own, and give it back slowly."""
FEWEST_PATCHES = 10.0  # sum of how much each counts in a frame, to believe any: noise gives a few by chance
LEAST_WEIGHT_SIGMA = 0.03
LOOSE = 0.5
"""Landmarks are mostly right about a shape, and else not at all: the farther the skin has it, the less they hold it."""
FREE_ROUNDS = 3
BOUNDS = 1e-9
_MOVED = np.array(MOVED)


@dataclass(frozen=True)
class State:
    """What a head does in one frame."""

    pose: Rigid
    weights: np.ndarray  # (52,) 0..1


def aligned(picture: Picture, start: State, skin: Skin, look: Look, sigma: np.ndarray, k: np.ndarray,
            now: State | None = None) -> State:
    """`start`, as landmarks have it, put right by the frame's skin; `sigma` (52,) of its weights, `k` (3, 3).

    The search begins at `now`, where that is a better guess; what holds the answer is `start`.
    """
    log, now = picture.log(), now or start
    firm = held_to(sigma, TURN_SIGMA)
    for _ in range(STEPS):
        away = gone(start, now, skin)
        held = firm / (1 + LOOSE * firm * away * away)
        held[:6] = firm[:6]
        rows = off_by(log, picture, now, skin, look, k)
        if rows.likely < FEWEST_PATCHES:
            return start
        flat = rows.design.reshape(-1, rows.design.shape[2])
        matrix = (flat.T @ flat).astype(np.float64) + np.diag(held)
        right = -(flat.T @ rows.off.ravel()) - held * away
        step = bounded(matrix, right, now.weights[_MOVED])
        step[:6] *= OVER
        now = moved(now, step, skin)
    return now


def held_to(sigma: np.ndarray, turn: float) -> np.ndarray:
    """(6 + W,) how strongly a state is held where landmarks have it; `turn` radians, `sigma` (52,) of weights."""
    return 1 / np.concatenate([np.full(3, turn), PLACE_SIGMA, np.maximum(sigma[_MOVED], LEAST_WEIGHT_SIGMA)]) ** 2


def gone(start: State, now: State, skin: Skin) -> np.ndarray:
    """(6 + W,) the step from one state to another: turn, shift of the pivot, weights."""
    turn = cv2.Rodrigues(now.pose.rotation @ start.pose.rotation.T)[0][:, 0]
    return np.concatenate([turn, now.pose.camera(skin.pivot) - start.pose.camera(skin.pivot),
                           (now.weights - start.weights)[_MOVED]])


def moved(state: State, step: np.ndarray, skin: Skin) -> State:
    """The state after a step (6 + W,)."""
    rotation = cv2.Rodrigues(step[:3])[0] @ state.pose.rotation
    place = state.pose.camera(skin.pivot) + step[3:6]
    weights = state.weights.copy()
    weights[_MOVED] = np.clip(weights[_MOVED] + step[6:], 0, 1)
    return State(Rigid(rotation, place - rotation @ skin.pivot), weights)


@dataclass(frozen=True)
class Off:
    """What M patches of a frame are off. Whitened, float32."""

    index: np.ndarray  # (M,) which of the skin's
    design: np.ndarray  # (M, 2, 6 + W) derivatives by turn, shift of the pivot, weights
    off: np.ndarray  # (M, 2)
    root: np.ndarray  # (M, 2, 2) by which millimetres were whitened
    by_lens: np.ndarray  # (M, 2) derivative by the logarithm of focal length and distance, both growing alike
    likely: float  # sum of how much each counts


def off_by(log: np.ndarray, picture: Picture, state: State, skin: Skin, look: Look, k: np.ndarray) -> Off:
    """What the patches that count are off in a picture, a head being in `state`."""
    focal, centre = picture.camera(k)
    placed = skin.seen(state.pose, state.weights[_MOVED], focal, centre)
    found = look.found(samples(log, placed), placed)
    used = np.flatnonzero(found.count > 0)
    middles = placed.middles[used]
    z = middles[:, 2]
    by_point = np.zeros((len(used), 2, 3), np.float32)
    by_point[:, 0, 0] = by_point[:, 1, 1] = focal / z
    by_point[:, :, 2] = -focal * middles[:, :2] / (z * z)[:, None]
    per_pixel = np.linalg.inv(placed.stretch[used])  # millimetres on the patch
    by_point = per_pixel @ by_point
    # The root of the inverse covariance, by hand: quicker than a factorisation of each.
    a, b, d = (found.covariance[used, row, column] for row, column in ((0, 0), (0, 1), (1, 1)))
    root = np.zeros((len(used), 2, 2), np.float32)
    root[:, 0, 0] = 1 / np.sqrt(a)
    root[:, 1, 1] = 1 / np.sqrt(d - b * b / a)
    root[:, 1, 0] = -b / a * root[:, 1, 1]
    root *= np.sqrt(found.count[used])[:, None, None].astype(np.float32)
    by_point = root @ by_point
    arms = middles - state.pose.camera(skin.pivot).astype(np.float32)
    turn = np.cross(arms[:, None], by_point)  # of by_point . (w x arm) by w
    shapes = (by_point @ state.pose.rotation.astype(np.float32)) @ skin.middles[used]
    off = (root @ found.shift[used][..., None].astype(np.float32))[..., 0]
    from_centre = np.float32(focal) * middles[:, :2] / z[:, None]
    place = state.pose.camera(skin.pivot)
    by_lens = (root @ (per_pixel @ from_centre[..., None]))[..., 0] + by_point[:, :, 2] * np.float32(place[2])
    return Off(used, np.concatenate([turn, by_point, shapes], 2), off, root, by_lens, float(found.count.sum()))


def bounded(matrix: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(6 + W,) the step, weights that stand at a bound and would leave it held there."""
    free = np.ones(len(right), bool)
    step = np.zeros(len(right))
    for _ in range(FREE_ROUNDS):
        index = np.flatnonzero(free)
        step[:] = 0
        step[index] = np.linalg.solve(matrix[np.ix_(index, index)], right[index])
        leaving = ((weights <= BOUNDS) & (step[6:] < 0)) | ((weights >= 1 - BOUNDS) & (step[6:] > 0))
        if not (leaving & free[6:]).any():
            break
        free[6:] &= ~leaving
    return step
