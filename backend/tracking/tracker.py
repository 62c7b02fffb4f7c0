"""What one frame shows of a known head, by landmarks and close-ups, before its skin is looked at.

The pose at which the person's rigid head lies under the landmarks; what landmarks and scores are off that, with the
person's own share taken out; and what the measured tables (`shown`, `closeup`) tell of it. No frame's answer leans on
the last one's, so nothing drifts and nothing lags; smoothing is `smooth`'s, whole films are `film`'s, frames that come
one at a time `live`'s. The person's own share is learnt as frames come: the mean of what the face does not explain,
held to nought as long as little was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.tracking.actor import Actor
from backend.tracking.closeup import looked_closer, measured_closer
from backend.tracking.landmarker import Seen
from backend.tracking.patches import Picture
from backend.tracking.rigid import Rigid, first_guess, solve
from backend.tracking.shown import WEIGHTS, Shown, Told, corrected, pose_terms, split

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
    close: np.ndarray | None = None  # (Q,) float32 components of eyes and mouth looked at closely, see `closeup`


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


def tell(table: Shown, reading: Reading, own: np.ndarray | None) -> Told:
    """What one frame says of the face, `own` (F,) being the person's own share of its features."""
    terms = pose_terms(reading.pose.rotation)[None]
    return split(looked_closer(table.answers(reading.features[None], terms, own), terms, [reading.close])[0])


def read(seen: Seen, actor: Actor, k: np.ndarray, size: tuple[int, int], table: Shown,
         picture: Picture | None = None) -> Reading | None:
    """What one frame shows of `actor`; None when the landmarks lie like no head at all.

    With the face cut from the frame, its eyes and mouth are looked at closely.
    """
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
    close = None
    if picture is not None and actor.close_ups is not None and confidence > 0:
        straight = table.straight(features[None], pose_terms(pose.rotation)[None])[0]
        held = corrected(pose, Told(np.zeros(WEIGHTS), straight[:3], straight[3:]), points.mean(0))
        close = measured_closer().components(actor.close_ups.seen(picture, held, k)[None])[0]
    return Reading(pose, features, float(confidence), close)
