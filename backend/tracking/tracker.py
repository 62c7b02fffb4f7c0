"""One frame in, one result out: what a known head does, told from landmarks and what was learnt of the person so far.

Per frame: the landmarker; the pose at which the person's rigid head lies under its landmarks; what landmarks and scores
are off that, with the person's own share taken out; and what the measured table (`shown`) tells of it. No frame's
answer leans on the last one's, so nothing drifts and nothing lags; smoothing is `smooth`'s. The person's own share is
learnt as frames come: the mean of what the face does not explain, held to nought as long as little was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from backend.tracking.actor import Actor
from backend.tracking.landmarker import FrameLandmarker, Seen
from backend.tracking.rigid import Rigid, first_guess, solve
from backend.tracking.shown import WEIGHTS, Shown, Told, corrected, measured_shown, pose_terms

GOOD, POOR = 1.3, 2.6
"""RMS in sigmas of a rigid head's landmarks: what faces leave, and beyond which they lie like nobody's head."""
FAR_TURN = 1.15  # radians of yaw beyond which half the face is a guess
OUTSIDE = 0.35  # share of landmarks outside the picture at which nothing is believed
BELIEVED = 0.5  # confidence from which a frame teaches what is the person's own
ALIKE = 6.0  # frames that follow each other tell as much as one
ENOUGH_STEPS = 5  # of the search for a pose: what comes after is far below what landmarks err
LEARNT = 20.0  # frames after which the person's own share is used


@dataclass(frozen=True)
class Reading:
    """What was read from one frame, before anything is believed of the person."""

    pose: Rigid
    features: np.ndarray  # (F,) see `Shown`
    confidence: float  # 0..1


@dataclass(frozen=True)
class Tracked:
    """One frame's result."""

    weights: np.ndarray  # (52,) ARKit, 0..1
    world_to_camera: np.ndarray  # (4, 4) from the head's rest space, metres
    confidence: float  # 0 when the face was not seen: weights and pose are then the last ones


@dataclass
class Own:
    """What is the person's own, learnt frame by frame. Mutable; belongs to one clip."""

    total: np.ndarray
    count: float = 0.0

    @classmethod
    def of(cls, table: Shown) -> Own:
        """Nothing known."""
        return cls(np.zeros(len(table.own)))

    def learn(self, rest: np.ndarray, weight: float) -> None:
        """Take in what one frame's face did not explain, (F,)."""
        self.total += weight * rest
        self.count += weight

    def share(self, table: Shown) -> np.ndarray | None:
        """(F,) the best guess of it; None as long as there is none."""
        return own_share(table, self.total, self.count)


def own_share(table: Shown, total: np.ndarray, count: float) -> np.ndarray | None:
    """(F,) of the sum of `count` frames' rests: their mean, held to nought by how many independent frames there are."""
    if count < LEARNT:
        return None
    return total / count * table.own / (table.own + table.noise * ALIKE / count)


@dataclass
class Tracker:
    """Follows one person through frames of one camera. Not for several threads; close it, or use it in a `with`."""

    actor: Actor
    k: np.ndarray  # (3, 3) intrinsics of the frames, pixels
    size: tuple[int, int]  # width, height of the frames
    table: Shown = field(default_factory=measured_shown)

    def __post_init__(self) -> None:
        self._landmarker = FrameLandmarker()
        self._own = Own.of(self.table)
        self._last: Tracked | None = None

    def step(self, frame_srgb: np.ndarray) -> Tracked | None:
        """The next frame (H, W, 3) uint8 sRGB; None as long as no face was seen at all."""
        return self.follow(self._landmarker.see(frame_srgb))

    def follow(self, seen: Seen | None) -> Tracked | None:
        """The same for what the landmarker saw."""
        reading = None if seen is None else read(seen, self.actor, self.k, self.size, self.table)
        if reading is None or reading.confidence == 0:
            if self._last is not None:
                self._last = Tracked(self._last.weights, self._last.world_to_camera, 0.0)
            return self._last
        told = self.table.tell(reading.features, reading.pose, self._own.share(self.table))
        if reading.confidence >= BELIEVED:
            self._own.learn(self.table.rest(reading.features[None], pose_terms(reading.pose.rotation)[None],
                                            told.weights[None])[0], 1.0)
        self._last = result(reading, told, self.actor, self.table)
        return self._last

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(seen: Seen, actor: Actor, k: np.ndarray, size: tuple[int, int], table: Shown) -> Reading | None:
    """What one frame shows of `actor`; None when the landmarks lie like no head at all."""
    used = np.isfinite(table.sigma) & np.isfinite(actor.neutral).all(1)
    points, pixels = actor.neutral[used], seen.landmarks[used, :2]
    start = first_guess(points, pixels, k)
    if start is None:
        return None
    face = float(np.linalg.norm(actor.neutral[468] - actor.neutral[473]))
    pose, rms = solve(points, pixels, table.sigma[used] * face, k, start, ENOUGH_STEPS)
    features = table.features(seen.landmarks, seen.scores, actor.neutral, pose, float(k[0, 0]), k[:2, 2])
    if not np.isfinite(features).all():
        return None
    outside = float(((pixels < 0) | (pixels > size)).any(1).mean())
    yaw = abs(float(pose_terms(pose.rotation)[1]))
    confidence = np.clip((POOR - rms) / (POOR - GOOD), 0, 1) * np.clip(1 - outside / OUTSIDE, 0, 1)
    confidence *= np.clip(1.3 - yaw / FAR_TURN * 0.5, 0, 1) if yaw > FAR_TURN * 0.6 else 1.0
    return Reading(pose, features, float(confidence))


def result(reading: Reading, told: Told, actor: Actor, table: Shown) -> Tracked:
    """A frame's result from what was read and what that tells."""
    used = np.isfinite(table.sigma) & np.isfinite(actor.neutral).all(1)
    pose = corrected(reading.pose, told, actor.neutral[used].mean(0))
    return Tracked(told.weights[:WEIGHTS], pose.matrix, reading.confidence)
