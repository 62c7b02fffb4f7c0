"""Live: one frame in, one result out, at once.

The first answers are by landmarks and close-ups alone. Meanwhile frames are kept, few and spread over all that came;
when there are enough, a thread learns from them how the person looks (`look`), and from the frame on at which it is
done the skin puts every answer right (`direct`). The same is learnt again later, of more turns and faces. No frame
waits for that, and none for the next one.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from backend.tracking.actor import Actor
from backend.tracking.direct import State
from backend.tracking.follow import Follow
from backend.tracking.landmarker import FrameLandmarker, Seen
from backend.tracking.patches import Picture
from backend.tracking.shown import Shown, corrected, measured_shown, pose_terms
from backend.tracking.tracker import BELIEVED, Own, Reading, Tracked, read, tell

LEARNT_AT = (45, 240, 900)
"""Good frames after which the person's look is learnt: a second and a half, eight seconds, half a minute."""
KEPT = 60
"""Frames kept to learn from, at most; when there are more, every other goes."""


@dataclass
class Kept:
    """Good frames, evenly over all that came. Mutable."""

    frames: list[tuple[Reading, Picture]] = field(default_factory=list)
    every: int = 1
    count: int = 0

    def add(self, reading: Reading, picture: Picture) -> None:
        """One more."""
        if self.count % self.every == 0:
            self.frames.append((reading, picture))
            if len(self.frames) > KEPT:
                self.frames, self.every = self.frames[::2], 2 * self.every
        self.count += 1


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
        self._kept = Kept()
        self._follow: Follow | None = None
        self._learning: Future[Follow | None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="look")
        used = np.isfinite(self.table.sigma) & np.isfinite(self.actor.neutral).all(1)
        self._middle = self.actor.neutral[used].mean(0)

    @property
    def knows_skin(self) -> bool:
        """Whether answers are put right by the skin by now."""
        return self._follow is not None

    def step(self, frame_srgb: np.ndarray) -> Tracked | None:
        """The next frame (H, W, 3) uint8 sRGB; None as long as no face was seen at all."""
        seen = self._landmarker.see(frame_srgb)
        picture = None if seen is None else Picture.of(frame_srgb, seen.landmarks, self.actor.face_mm)
        return self.follow(seen, picture)

    def follow(self, seen: Seen | None, picture: Picture | None = None) -> Tracked | None:
        """The same for what the landmarker saw, and the face cut from the frame."""
        reading = None if seen is None else read(seen, self.actor, self._intrinsics, self.size, self.table, picture)
        if reading is None or reading.confidence == 0:
            if self._last is not None:
                self._last = Tracked(self._last.weights, self._last.world_to_camera, 0.0)
            return self._last
        if self._learning is not None and self._learning.done():
            self.settle()
        state = self._told(reading) if self._follow is None else self._put_right(self._follow, reading, picture)
        if reading.confidence >= BELIEVED and picture is not None:
            self._keep(reading, picture)
        self._last = Tracked(state.weights, state.pose.matrix, reading.confidence)
        return self._last

    def settle(self) -> None:
        """Wait until what is being learnt is learnt, if anything is."""
        if self._learning is not None:
            self._follow = self._learning.result() or self._follow
            self._learning = None

    @property
    def _intrinsics(self) -> np.ndarray:
        return self.k if self._follow is None else self._follow.k

    def _told(self, reading: Reading) -> State:
        """By landmarks and close-ups alone."""
        told = tell(self.table, reading, self._own.share(self.table))
        if reading.confidence >= BELIEVED:
            terms = pose_terms(reading.pose.rotation)[None]
            self._own.learn(self.table.rest(reading.features[None], terms, told.weights[None])[0], 1.0)
        return State(corrected(reading.pose, told, self._middle), told.weights)

    def _put_right(self, follow: Follow, reading: Reading, picture: Picture | None) -> State:
        state = follow.told(reading)
        change = follow.put_right(state, picture)
        return state if change is None else State(change.pose, np.clip(state.weights + change.weights, 0, 1))

    def _keep(self, reading: Reading, picture: Picture) -> None:
        """Keep a good frame, and begin to learn when it is time."""
        self._kept.add(reading, picture)
        if self._kept.count in LEARNT_AT and self._learning is None:
            readings, pictures = zip(*self._kept.frames, strict=True)
            self._learning = self._thread.submit(self._learn, readings, pictures)

    def _learn(self, readings: tuple[Reading, ...], pictures: tuple[Picture, ...]) -> Follow | None:
        """On the thread: what those frames teach, None if too little."""
        follow = Follow(self.actor, self.table, self.k)
        follow.learn(readings, pictures)
        follow.begin()
        return None if follow.look is None else follow

    def close(self) -> None:
        """Free the landmarker, and end what is being learnt."""
        self._thread.shutdown(cancel_futures=True)
        self._landmarker.close()

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
