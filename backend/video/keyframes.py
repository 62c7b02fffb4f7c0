"""The few frames of a film that say most about whose head it is: spread over the turns, sharp, calm.

The film is read once as a stream; every few frames the landmarker looks, and for each range of turns the best frame so
far is kept. What is chosen becomes `Observation`s of one camera, named after the film and the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.capture import observe_picture
from backend.capture.observation import Observation
from backend.core.colour import srgb_to_linear
from backend.core.progress import Progress, part, silent
from backend.errors import InputError
from backend.tracking.landmarker import FrameLandmarker, Seen
from backend.video.stream import Frame, Video
from backend.video.verdict import sharpness_of

MOST = 7
"""Key frames. Each costs the fit some seconds, and further ones tell it little; the last two, where the head turns so
far, are for the skin: ears and sides are seen in no others."""
SIDE = 1920
"""Long side in pixels at which key frames are read; skin is unwrapped from them."""
LOOKS = 15.0
"""Times a second that the landmarker looks."""
TURNS = np.radians((-38, -22, -8, 8, 22, 38))
"""Edges of the ranges of yaw."""
MIDDLES = np.radians((-48, -30, -15, 0, 15, 30, 48))
"""Yaw in each range at which a frame is worth most: two frames beside one edge show the same."""
OFF_MIDDLE = np.radians(16)
"""Yaw off that at which it is worth half."""
LIKED = (3, 1, 5, 2, 4, 0, 6)
"""Ranges in the order in which they are wanted: the front, either side half turned, then farther."""
FARTHEST = np.radians(60)
MOVED = 0.35
"""Sum of scores by which a face may differ from the calm before it is as bad as half the sharpness."""
CROPPED = 0.02
FACES = ("jaw", "mouth", "cheek", "eyeBlink", "eyeSquint", "eyeWide", "nose", "tongue")
_TOLD = np.array([name.startswith(FACES) for name in ARKIT_NAMES])


@dataclass(frozen=True)
class Key:
    """A frame that may be chosen."""

    frame: Frame
    worth: float
    seen: Seen


def key_frames(path: Path, sha256: str, progress: Progress = silent, *, name: str = "") -> tuple[Observation, ...]:
    """At most `MOST` observations from the film at `path`, named after `name` or the file.

    Raises InputError for what is no film of a face.
    """
    name = name or path.name
    best: dict[int, Key] = {}
    with Video(path, SIDE) as video, FrameLandmarker() as landmarker:
        stride, frames = max(1, round(video.film.rate / LOOKS)), 0
        for frame in video:
            frames += 1
            if frame.index % stride:
                continue
            seen = landmarker.see(frame.image)
            if seen is not None:
                offer(best, frame, seen)
            if frame.index % (8 * stride) == 0:
                progress(0.6 * min(1.0, frame.index / max(video.film.frames, 1)), f"Choosing frames: {frame.index}")
    if not best:
        raise InputError(f"{path.name} shows no usable face in any of its {frames} frames.",
                         "Record one person who looks at the camera, with the whole head in the picture.")
    chosen = liked(best)
    taken: list[Observation] = []
    refused: InputError | None = None
    for index, key in enumerate(chosen):
        begin = 0.6 + 0.4 * index / len(chosen)
        image = srgb_to_linear(key.frame.image.astype(np.float32) / 255)
        try:
            taken.append(observe_picture(
                f"{name} at {key.frame.time:.2f} s", sha256, image,
                device=f"video {name}", progress=part(progress, begin, begin + 0.4 / len(chosen))))
        except InputError as error:  # one frame may be refused; a film is when all are
            refused = error
    if not taken and refused is not None:
        raise refused
    return tuple(taken)


def liked(best: dict[int, Key]) -> list[Key]:
    """At most `MOST` of the best frames of every range, those that are wanted most first."""
    worth = max(key.worth for key in best.values())
    return [best[place] for place in LIKED if place in best and best[place].worth > 0.15 * worth][:MOST]


def offer(best: dict[int, Key], frame: Frame, seen: Seen) -> None:
    """Keep the frame if it is the best of its range: sharp, calm, upright, and turned as far as the range's middle."""
    points = seen.landmarks[:, :2]
    height, width = frame.image.shape[:2]
    forward = seen.head_matrix[:3, 2]
    yaw, pitch = float(np.arctan2(-forward[0], forward[2])), float(np.arcsin(np.clip(forward[1], -1, 1)))
    outside = ((points < 0) | (points > (width, height))).any(1).mean()
    if outside > CROPPED or abs(yaw) > FARTHEST:
        return
    face = float(seen.scores[_TOLD].sum())
    sharp = min(sharpness_of(frame.image, points), 400.0)
    worth = sharp**0.5 / (1 + (face / MOVED / 4) ** 2) * float(np.exp(-((pitch / 0.35) ** 2)))
    place = int(np.searchsorted(TURNS, yaw))
    worth /= 1 + ((yaw - MIDDLES[place]) / OFF_MIDDLE) ** 2
    if place not in best or worth > best[place].worth:
        best[place] = Key(Frame(frame.index, frame.time, frame.image.copy()), worth, seen)
