"""How a person looks, learnt from frames of the film itself: all laid on each other and put right together.

Landmarks say where the skin is to begin with. Their errors change with the head's turn and with the face, and one skin
cannot be at several places of one head: so the poses and faces of all key frames, and where each patch really sits, are
solved for together (Gauss and Newton; patches eliminated first, Schur's complement). What all frames have in common,
the landmarks hold, and the head's own form: a skin painted askew on it would slide as it turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.tracking.direct import MOVED, OVER, State, gone, held_to, moved, off_by
from backend.tracking.patches import EDGE_ON, Look, Picture, even, samples
from backend.tracking.rigid import Rigid
from backend.tracking.skin import Skin

KEY_FRAMES, ROUNDS = 20, 4
"""Frames that a look is learnt from, and how often."""
FEWEST_KEYS = 8
ALL_TURN_SIGMA = 0.03
"""Radians by which each key frame's turn may be misread, were they misread independently; they are not."""
LEAST_SEEN = 0.4  # frames' worth of a patch, to know it
LONGEST_STEP, MOST_LENS = 0.3, 0.2  # of a weight, and of the focal length's logarithm, in one round
SITS = 3.0  # mm by which a patch may sit elsewhere than the look so far has it
RIM = 2  # pixels


@dataclass(frozen=True)
class Learnt:
    """What key frames taught."""

    look: Look
    lens: float  # by how much focal length and distance are larger than was thought


def learnt(pictures: Sequence[Picture], states: Sequence[State], skin: Skin, sigma: np.ndarray, k: np.ndarray,
           lens_sigma: float) -> Learnt | None:
    """From key frames and what landmarks say of them; None of too few.

    `sigma` (52,) is of weights, `lens_sigma` of the logarithm of the focal length in `k` (3, 3).
    """
    if len(pictures) < FEWEST_KEYS or not len(skin.rest):
        return None
    now, lens, logs = list(states), 0.0, [picture.log() for picture in pictures]
    for _ in range(ROUNDS):
        grown = float(np.exp(lens))
        now, more = together(pictures, logs, [farther(state, grown, skin) for state in states], now, skin, sigma,
                             longer(k, grown), (lens, lens_sigma))
        lens += more
    grown = float(np.exp(lens))
    return Learnt(seen_in(pictures, logs, now, skin, longer(k, grown)), grown)


def farther(state: State, grown: float, skin: Skin) -> State:
    """The state as a camera of a focal length so many times as long sees the same picture."""
    shift = state.pose.shift + np.array([0, 0, (grown - 1) * state.pose.camera(skin.pivot)[2]])
    return State(Rigid(state.pose.rotation, shift), state.weights)


def longer(k: np.ndarray, grown: float) -> np.ndarray:
    """(3, 3) intrinsics of a focal length so many times as long."""
    return k @ np.diag([grown, grown, 1.0])


def together(pictures: Sequence[Picture], logs: Sequence[np.ndarray], states: Sequence[State], now: Sequence[State],
             skin: Skin, sigma: np.ndarray, k: np.ndarray, lens: tuple[float, float]) -> tuple[list[State], float]:
    """One round: better states than `now`, held to `states`, and what is to be added to the logarithm of the focal
    length; `lens` is what was added, and how far that is believed."""
    look, held = seen_in(pictures, logs, now, skin, k), held_to(sigma, ALL_TURN_SIGMA)
    size, count, patches = len(held), len(pictures), len(skin.rest)
    whole = count * size + 1
    matrix, right = np.zeros((whole, whole)), np.zeros(whole)
    matrix[-1, -1], right[-1] = 1 / lens[1]**2, -lens[0] / lens[1]**2
    # Per patch: its own information, what it is off in all frames, and how that hangs on all unknowns.
    own = np.tile(np.eye(2) / SITS**2, (patches, 1, 1))
    mean, shared = np.zeros((patches, 2)), np.zeros((patches, 2, whole), np.float32)
    for index, (picture, log, start, state) in enumerate(zip(pictures, logs, states, now, strict=True)):
        off = off_by(log, picture, state, skin, look, k)
        part = np.r_[index * size:(index + 1) * size, whole - 1]
        design = np.concatenate([off.design, off.by_lens[..., None]], 2)
        flat = design.reshape(-1, size + 1)
        matrix[np.ix_(part, part)] += flat.T @ flat
        matrix[part[:-1], part[:-1]] += held
        right[part] -= flat.T @ off.off.ravel()
        right[part[:-1]] -= held * gone(start, state, skin)
        turned = off.root.transpose(0, 2, 1)
        own[off.index] += turned @ off.root
        mean[off.index] += (turned @ off.off[..., None])[..., 0]
        added = turned @ design
        shared[off.index, :, part[0]:part[-2] + 1] = added[:, :, :-1]
        shared[off.index, :, -1] += added[:, :, -1]
    factor = np.linalg.cholesky(np.linalg.inv(own)).transpose(0, 2, 1)
    reduced = (factor @ shared).reshape(2 * patches, -1).astype(np.float32)
    matrix -= reduced.T @ reduced
    right += reduced.T @ (factor @ mean[..., None]).ravel()
    step = np.linalg.solve(matrix, right)
    more = float(np.clip(OVER * step[-1], -MOST_LENS, MOST_LENS))
    steps = step[:-1].reshape(count, size)
    steps[:, :6] *= OVER
    steps[:, 6:] = np.clip(steps[:, 6:], -LONGEST_STEP, LONGEST_STEP)
    return [farther(moved(state, one, skin), float(np.exp(more)), skin)
            for state, one in zip(now, steps, strict=True)], more


def seen_in(pictures: Sequence[Picture], logs: Sequence[np.ndarray], states: Sequence[State], skin: Skin,
            k: np.ndarray) -> Look:
    """The look that several frames have on average; those that face a patch count more."""
    total, count = np.zeros(skin.window.shape), np.zeros(len(skin.window))
    for picture, log, state in zip(pictures, logs, states, strict=True):
        focal, centre = picture.camera(k)
        placed = skin.seen(state.pose, state.weights[list(MOVED)], focal, centre)
        height, width = picture.shade.shape
        inside = ((placed.pixels > RIM) & (placed.pixels < (width - RIM, height - RIM))).all((1, 2))
        weight = np.clip((placed.facing - EDGE_ON) * 2, 0, 1) * inside
        total += weight[:, None] * even(samples(log, placed), skin.window)
        count += weight
    return Look.of(total / np.maximum(count, 1e-6)[:, None], skin, np.clip(count / LEAST_SEEN, 0, 1))
