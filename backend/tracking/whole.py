"""What all frames of a clip tell together: what is the person's own, and what is told of their face at rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.tracking.closeup import looked_closer
from backend.tracking.shown import WEIGHTS, Shown
from backend.tracking.tracker import ALIKE, BELIEVED

ROUNDS = 3
"""Times that the person's own share is found anew."""
CALM = 1.5
"""Sum of weights at which a face tells half as much of what it is at rest."""
REST_SHARE, REST_MOST, REST_FRAMES = 0.3, 0.15, 60
TREMBLING = 0.1
PER_CALL = 512


def told_by_all(table: Shown, features: np.ndarray, terms: np.ndarray, sure: np.ndarray,
                close: Sequence[np.ndarray | None] = ()) -> tuple[np.ndarray, np.ndarray]:
    """(T, WEIGHTS + 6) what landmarks (T, F) tell of every frame, and close-ups (T times (Q,)) where there are any; and
    (F,) the person's own share by which they do."""
    own = None
    for _ in range(ROUNDS):
        told = looked_closer(told_of(table, features, terms, own), terms, close)
        own = own_of_clip(table, features, terms, told[:, :WEIGHTS], sure)
    assert own is not None
    return looked_closer(told_of(table, features, terms, own), terms, close), own


def own_of_clip(table: Shown, features: np.ndarray, terms: np.ndarray, weights: np.ndarray,
                sure: np.ndarray) -> np.ndarray:
    """(F,) the person's own share, by all believed frames (T, F); calm faces count more."""
    count = np.where(sure >= BELIEVED, 1.0, 0.1 * sure) / (1 + (np.clip(weights, 0, 1).sum(1) / CALM) ** 2)
    rest = table.rest(features, terms, np.clip(weights, 0, 1))
    mean = (count[:, None] * rest).sum(0) / count.sum()
    return mean * table.own / (table.own + table.noise * ALIKE / max(count.sum(), 1e-6))


def told_of(table: Shown, features: np.ndarray, terms: np.ndarray, own: np.ndarray | None) -> np.ndarray:
    """(T, WEIGHTS + 6) what the network tells of every frame."""
    return np.concatenate([table.answers(features[at:at + PER_CALL], terms[at:at + PER_CALL], own)
                           for at in range(0, len(features), PER_CALL)])


def from_rest(weights: np.ndarray) -> np.ndarray:
    """Weights (T, 52) less what is told of a face at rest, and trembling about it taken away.

    Most shapes rest most of the time. What one keeps for `REST_SHARE` of the clip is its rest, as far as `REST_MOST`: a
    shape that is played all the time loses no more. What is left of a tenth or less goes to nought by its square.
    """
    if len(weights) < REST_FRAMES:
        return weights
    return without(weights, rest_of(weights))


def rest_of(weights: np.ndarray) -> np.ndarray:
    """(52,) what is told of a face at rest in a clip of weights (T, 52); nought in a short one."""
    if len(weights) < REST_FRAMES:
        return np.zeros(weights.shape[1])
    return np.minimum(np.percentile(weights, 100 * REST_SHARE, axis=0), REST_MOST)


def without(weights: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Weights (T, 52) less `rest` (52,), and trembling about it taken away."""
    left = np.clip((weights - rest) / (1 - rest), 0, 1)
    return left * np.clip(left / TREMBLING, 0, 1)
