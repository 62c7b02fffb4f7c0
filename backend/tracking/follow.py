"""Following the skin through frames: waits for enough of them, learns how the person looks, then puts each one right.

What a frame says goes by the landmarks of that frame alone, and by a look that is learnt once: nothing drifts. Where
the search begins is the last frame's answer, as landmarks err much the same from one frame to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.tracking.actor import Actor
from backend.tracking.direct import State, aligned, gone, moved
from backend.tracking.look import KEY_FRAMES, farther, learnt, longer
from backend.tracking.patches import Look, Picture
from backend.tracking.rigid import Rigid
from backend.tracking.shown import WEIGHTS, Shown, corrected, pose_terms, split
from backend.tracking.tracker import BELIEVED, Reading, tell
from backend.tracking.whole import REST_FRAMES, from_rest, rest_of, told_by_all, without


@dataclass(frozen=True)
class Change:
    """What a frame's skin made of what its landmarks said."""

    pose: Rigid
    weights: np.ndarray  # (52,) float32, added to what landmarks told


@dataclass(frozen=True)
class Learnt:
    """What a `Follow` knows, to go on from."""

    k: np.ndarray  # (3, 3)
    look: Look | None
    own: np.ndarray | None
    rest: np.ndarray | None
    last: np.ndarray | None


@dataclass
class Follow:
    """One person's skin in one film. Mutable."""

    actor: Actor
    table: Shown
    k: np.ndarray  # (3, 3) intrinsics; the focal length may be put right
    lens_sigma: float = 1e-3  # how far the logarithm of the focal length may be off
    look: Look | None = None
    _own: np.ndarray | None = None
    _rest: np.ndarray | None = None
    _last: np.ndarray | None = None  # what the last frame's landmarks were off

    def __post_init__(self) -> None:
        used = np.isfinite(self.table.sigma) & np.isfinite(self.actor.neutral).all(1)
        self._middle = self.actor.neutral[used].mean(0)

    def learn(self, readings: Sequence[Reading], pictures: Sequence[Picture | None]) -> list[Change | None]:
        """From a film's first frames, which are then put right."""
        if not readings:
            return []
        features = np.stack([reading.features for reading in readings]).astype(np.float64)
        terms = np.stack([pose_terms(reading.pose.rotation) for reading in readings])
        sure = np.array([reading.confidence for reading in readings])
        told, self._own = told_by_all(self.table, features, terms, sure, [reading.close for reading in readings])
        weights = np.clip(told[:, :WEIGHTS], 0, 1)
        self._rest = rest_of(weights) if len(weights) >= REST_FRAMES else None
        weights = from_rest(weights)
        states = [State(corrected(reading.pose, split(said), self._middle), one)
                  for reading, said, one in zip(readings, told, weights, strict=True)]
        good = [index for index, reading in enumerate(readings)
                if reading.confidence >= BELIEVED and pictures[index] is not None]
        keys = [good[index] for index in spread([readings[index] for index in good], KEY_FRAMES)]
        found = learnt([pictures[index] for index in keys], [states[index] for index in keys],  # type: ignore[misc]
                       self.actor.skin, self.table.sigma_weights, self.k, self.lens_sigma)
        if found is not None:
            self.look, self.k = found.look, longer(self.k, found.lens)
            states = [farther(state, found.lens, self.actor.skin) for state in states]
        return [self.put_right(state, picture) for state, picture in zip(states, pictures, strict=True)]

    def change(self, reading: Reading, picture: Picture | None) -> Change | None:
        """The same for one frame more."""
        if self.look is None:
            return None
        return self.put_right(self.told(reading), picture)

    def told(self, reading: Reading) -> State:
        """What landmarks and close-ups of a frame say, by what was learnt of the person."""
        told = tell(self.table, reading, self._own)
        weights = told.weights if self._rest is None else without(told.weights, self._rest)
        return State(corrected(reading.pose, told, self._middle), weights)

    def learnt(self) -> Learnt:
        """What is known by now."""
        return Learnt(self.k, self.look, self._own, self._rest, self._last)

    @classmethod
    def again(cls, actor: Actor, table: Shown, learnt: Learnt) -> Follow:
        """One that knows what another did."""
        return cls(actor, table, learnt.k, look=learnt.look, _own=learnt.own, _rest=learnt.rest, _last=learnt.last)

    def begin(self) -> None:
        """Another frame comes next than the one after the last."""
        self._last = None

    def put_right(self, start: State, picture: Picture | None) -> Change | None:
        """What the skin of a frame makes of what its landmarks say; None where it was not looked at."""
        if self.look is None or picture is None:
            self._last = None
            return None
        skin = self.actor.skin
        now = None if self._last is None else moved(start, self._last, skin)
        found = aligned(picture, start, skin, self.look, self.table.sigma_weights, self.k, now)
        self._last = gone(start, found, skin)
        return Change(found.pose, (found.weights - start.weights).astype(np.float32))


def spread(readings: list[Reading], count: int) -> list[int]:
    """Of frames as many as `count`: half of them evenly over the turns to either side, the others over time."""
    if len(readings) <= count:
        return list(range(len(readings)))
    yaw = np.array([pose_terms(reading.pose.rotation)[1] for reading in readings])
    by_turn = {int(np.abs(yaw - at).argmin()) for at in np.linspace(yaw.min(), yaw.max(), count // 2)}
    rest = [index for index in range(len(readings)) if index not in by_turn]
    more = np.linspace(0, len(rest) - 1, count - len(by_turn)).astype(int)
    return sorted(by_turn | {rest[index] for index in more})
