"""How a person looks, learnt from frames of the film itself: all laid on each other and put right together.

Landmarks say where the skin is to begin with. Their errors change with the head's turn and with the face, and one skin
cannot be at several places of one head: so the poses and faces of all key frames, and where each patch really sits, are
solved for together (Gauss and Newton; patches eliminated first, Schur's complement). What all frames have in common,
the landmarks hold, and the head's own form: a skin painted askew on it would slide as it turns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.tracking.direct import MOVED, State, gone, held_to, moved, off_by
from backend.tracking.patches import EDGE_ON, Look, Picture, even, samples
from backend.tracking.skin import Skin

KEY_FRAMES, ROUNDS = 24, 4
"""Frames that a look is learnt from, and how often."""
FEWEST_KEYS = 8
ALL_TURN_SIGMA = 0.08
"""Radians by which each key frame's turn may be misread, were they misread independently; they are not."""
LEAST_SEEN = 0.4  # frames' worth of a patch, to know it
LONGEST_STEP = 0.3  # of a weight, in one round
SITS = 2.0  # mm by which a patch may sit elsewhere than the look so far has it
RIM = 2  # pixels


def learnt(pictures: Sequence[Picture], states: Sequence[State], skin: Skin, sigma: np.ndarray,
           k: np.ndarray) -> Look | None:
    """From key frames and what landmarks say of them; `sigma` (52,) of weights. None of too few."""
    if len(pictures) < FEWEST_KEYS or not len(skin.rest):
        return None
    now = list(states)
    for _ in range(ROUNDS):
        now = together(pictures, states, now, skin, sigma, k)
    return seen_in(pictures, now, skin, k)


def together(pictures: Sequence[Picture], states: Sequence[State], now: Sequence[State], skin: Skin,
             sigma: np.ndarray, k: np.ndarray) -> list[State]:
    """One round: better states than `now`, held to `states`."""
    look, held = seen_in(pictures, now, skin, k), held_to(sigma, ALL_TURN_SIGMA)
    size, count, patches = len(held), len(pictures), len(skin.rest)
    matrix, right = np.zeros((count * size, count * size)), np.zeros(count * size)
    # Per patch: its own information, what it is off in all frames, and how that hangs on every frame's unknowns.
    own = np.tile(np.eye(2) / SITS**2, (patches, 1, 1))
    mean, shared = np.zeros((patches, 2)), np.zeros((patches, 2, count * size), np.float32)
    for index, (picture, start, state) in enumerate(zip(pictures, states, now, strict=True)):
        off = off_by(picture.log(), picture, state, skin, look, k)
        part = slice(index * size, (index + 1) * size)
        flat = off.design.reshape(-1, size)
        matrix[part, part] = flat.T @ flat + np.diag(held)
        right[part] = -(flat.T @ off.off.ravel()) - held * gone(start, state, skin)
        turned = off.root.transpose(0, 2, 1)
        own[off.index] += turned @ off.root
        mean[off.index] += (turned @ off.off[..., None])[..., 0]
        shared[off.index, :, part] = turned @ off.design
    factor = np.linalg.cholesky(np.linalg.inv(own)).transpose(0, 2, 1)
    reduced = (factor @ shared).reshape(2 * patches, -1).astype(np.float32)
    matrix -= reduced.T @ reduced
    right += reduced.T @ (factor @ mean[..., None]).ravel()
    step = np.linalg.solve(matrix, right).reshape(count, size)
    step[:, 6:] = np.clip(step[:, 6:], -LONGEST_STEP, LONGEST_STEP)
    return [moved(state, one, skin) for state, one in zip(now, step, strict=True)]


def seen_in(pictures: Sequence[Picture], states: Sequence[State], skin: Skin, k: np.ndarray) -> Look:
    """The look that several frames have on average; those that face a patch count more."""
    total, count = np.zeros(skin.window.shape), np.zeros(len(skin.window))
    for picture, state in zip(pictures, states, strict=True):
        focal, centre = picture.camera(k)
        placed = skin.seen(state.pose, state.weights[list(MOVED)], focal, centre)
        height, width = picture.shade.shape
        inside = ((placed.pixels > RIM) & (placed.pixels < (width - RIM, height - RIM))).all((1, 2))
        weight = np.clip((placed.facing - EDGE_ON) * 2, 0, 1) * inside
        total += weight[:, None] * even(samples(picture.log(), placed), skin.window)
        count += weight
    return Look.of(total / np.maximum(count, 1e-6)[:, None], skin, np.clip(count / LEAST_SEEN, 0, 1))
