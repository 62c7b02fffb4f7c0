"""A whole film tracked: read once as a stream, then understood as a whole, smoothed, and told as a `Clip`.

What is kept of a frame is a kilobyte or two; an hour takes a quarter of a gigabyte. The first frames wait until they
tell how the person looks; from then on each is put right by its skin (`direct`). From all frames together comes what is
the person's own (the mean of what their faces do not explain, calm frames first), by which all are then told again.
"""

from __future__ import annotations

import itertools
import time as clock
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from backend.animation.clip import Clip
from backend.core.progress import Progress, silent
from backend.core.threads import one_ahead
from backend.errors import InputError
from backend.output import disk_errors
from backend.tracking.actor import Actor
from backend.tracking.focal import found_focal
from backend.tracking.follow import Change, Follow
from backend.tracking.kept import Piece, Shelf
from backend.tracking.landmarker import FrameLandmarker, Seen
from backend.tracking.patches import Picture
from backend.tracking.shown import WEIGHTS, Shown, corrected, measured_shown, pose_terms, split
from backend.tracking.smooth import smoothed_poses, smoothed_weights
from backend.tracking.tracker import ALIKE, Reading, read
from backend.tracking.whole import from_rest, told_by_all, told_of
from backend.video.stream import Frame, Video
from backend.video.verdict import Watch

PREVIEW = 240
"""Good frames from which the focal length and the person's look are told; the film waits for them."""
TOO_FEW = 0.2
"""Share of frames with a face, below which a film is refused."""
FOCAL_SIGMA, SURE = 0.4, 1e-3
"""Of the logarithm of the focal length that landmarks tell, and of one that is known."""
ANEW = 600
"""Frames after which the landmarker begins anew, and what is done may be kept: twenty seconds."""
FEWEST = 5
"""Frames with a face, fewer than which between two breaks tell nobody."""
SAME = 0.3
"""Share of people's differences by which one person differs from part to part: light, distance, turn."""
_AGAIN = "Record one person who looks at the camera, with the head in the picture."
CAMERA = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""From a camera's axes (x right, y down, z forward) to the world's: the camera looks along +Y, up is +Z."""


@dataclass
class Rows:
    """What is kept of the frames read so far. T grows."""

    time: list[float] = field(default_factory=list)
    readings: list[Reading | None] = field(default_factory=list)
    changes: list[Change | None] = field(default_factory=list)

    def add(self, time: float, reading: Reading | None, change: Change | None = None) -> None:
        """One more frame; None where no face was seen, and where its skin was not looked at."""
        self.time.append(time)
        if reading is not None:
            reading = replace(reading, features=reading.features.astype(np.float32))
        self.readings.append(reading)
        self.changes.append(change)


@dataclass(frozen=True)
class Waiting:
    """A frame that waits for the film's beginning to be understood."""

    time: float
    seen: Seen | None
    picture: Picture | None


@dataclass(frozen=True)
class TrackedFilm:
    """What a film told."""

    clip: Clip
    focal: float  # pixels of the frames as they were tracked
    size: tuple[int, int]  # of those frames
    report: dict  # JSON: see `video.verdict`
    raw: np.ndarray  # (T, 4, 4) rest space to camera, before smoothing


def track_film(path: Path, actor: Actor, progress: Progress = silent, focal: float | None = None,
               table: Shown | None = None, keep: Path | None = None) -> TrackedFilm:
    """Follow `actor` through the film at `path`. `focal` pixels of the film's frames, where it is known.

    In the folder `keep` frames that are done are kept until the film is; another call goes on from them, with the same
    result. Raises InputError for what is no film, or shows a face in too few frames; passes Cancelled on.
    """
    table = table or measured_shown()
    with Video(path) as video, ExitStack() as held:
        shelf = None if keep is None else Shelf.of(keep, path, actor, focal)
        run = _Run.begun(video, actor, table, focal, shelf)
        done, began = run.watched, clock.perf_counter()
        looked = held.enter_context(closing(_seen(video, done)))
        frames = held.enter_context(closing(one_ahead(looked)))
        for frame, seen in frames:
            run.add(frame, seen)
            _tell(progress, frame, video, began, done)
        rows, k, report = run.ended(video.ended_early)
    require_face(report["face_share"], report["frames"], path.name)
    progress(0.97, "Understanding the clip as a whole")
    clip, raw = understood(rows, actor, table, run.watch.breaks)
    progress(1.0, "Tracked")
    if shelf is not None:
        shelf.clear()
    return TrackedFilm(clip, float(k[0, 0]), run.size, report, raw)


@dataclass
class _Run:
    """A film on its way. Mutable."""

    actor: Actor
    table: Shown
    focal: float | None
    shelf: Shelf | None
    watch: Watch
    rows: Rows = field(default_factory=Rows)
    waiting: list[Waiting] = field(default_factory=list)
    follow: Follow | None = None
    size: tuple[int, int] = (0, 0)
    pieces: int = 0
    kept: int = 0  # frames of all pieces

    @classmethod
    def begun(cls, video: Video, actor: Actor, table: Shown, focal: float | None, shelf: Shelf | None) -> _Run:
        """From the first frame, or from where an earlier run was."""
        found = None if shelf is None else shelf.standing()
        if found is None:
            return cls(actor, table, focal, shelf, Watch.of(video.film))
        standing, pieces = found
        run = cls(actor, table, focal, shelf, standing.watch, Rows(), [], Follow.again(actor, table, standing.learnt),
                  standing.size, standing.pieces, standing.frames)
        for piece in pieces:
            for time, reading, change in zip(*piece.frames(), strict=True):
                run.rows.add(time, reading, change)
        return run

    @property
    def watched(self) -> int:
        """Frames that need not be looked at again."""
        return self.kept

    def add(self, frame: Frame, seen: Seen | None) -> None:
        """The next frame."""
        if self.shelf is not None and self.follow is not None and frame.index % ANEW == 0 and frame.index > self.kept:
            self._keep()
        self.size = (frame.image.shape[1], frame.image.shape[0])
        self.watch.add(frame, seen)
        picture = None if seen is None else Picture.of(frame.image, seen.landmarks, self.actor.face_mm)
        if self.follow is None:
            self.waiting.append(Waiting(frame.time, seen, picture))
            if sum(one.seen is not None for one in self.waiting) >= PREVIEW or len(self.waiting) >= 4 * PREVIEW:
                self._understand()
            return
        reading = _read(seen, self.actor, self.follow.k, self.size, self.table, picture)
        self.rows.add(frame.time, reading, None if reading is None else self.follow.change(reading, picture))

    def _understand(self) -> Follow:
        self.follow = _begun(self.waiting, self.actor, self.size, self.table, self.focal, self.rows)
        self.waiting.clear()
        return self.follow

    def _keep(self) -> None:
        assert self.shelf is not None
        assert self.follow is not None
        new = slice(self.kept, None)
        piece = Piece.of(self.rows.time[new], self.rows.readings[new], self.rows.changes[new])
        frames = len(self.rows.time)
        with disk_errors(self.shelf.folder):
            self.pieces = self.shelf.keep(piece, self.follow, self.watch, self.size, self.pieces, frames)
        self.kept = frames

    def ended(self, early: bool) -> tuple[Rows, np.ndarray, dict]:
        """All frames, the intrinsics and the verdict, when no more frames come."""
        follow = self.follow or self._understand()
        confidence = [0.0 if reading is None else reading.confidence for reading in self.rows.readings]
        turns = [None if reading is None else reading.pose.rotation for reading in self.rows.readings]
        return self.rows, follow.k, self.watch.report(confidence, turns, early)


def _seen(video: Video, done: int = 0) -> Generator[tuple[Frame, Seen | None], None, None]:
    """Every frame from number `done` on and the face in it, up to where the film goes on in another format: another
    film. Every `ANEW` frames the landmarker begins anew, shown the frame before first: what it says then does not
    depend on whether frames were passed over."""
    shape: tuple[int, ...] | None = None
    before: np.ndarray | None = None
    with ExitStack() as held:
        landmarker: FrameLandmarker | None = None
        for frame in video:
            if shape not in (None, frame.image.shape):
                return
            shape = frame.image.shape
            if frame.index >= done:
                if landmarker is None or frame.index % ANEW == 0:
                    held.close()
                    landmarker = held.enter_context(FrameLandmarker())
                    if before is not None:
                        landmarker.see(before)
                yield frame, landmarker.see(frame.image)
            before = frame.image


def understood(rows: Rows, actor: Actor, table: Shown, breaks: Sequence[int] = ()) -> tuple[Clip, np.ndarray]:
    """The clip that the frames tell together, and the poses before smoothing.

    With every frame of `breaks` a part begins that may show somebody else: then it is bridged.
    """
    sure = np.array([0.0 if reading is None else reading.confidence for reading in rows.readings])
    time = np.array(rows.time)
    sure[_strangers(rows, sure, table, breaks)] = 0.0
    there = np.flatnonzero(sure > 0)
    weights, poses = np.zeros((len(time), WEIGHTS)), np.tile(np.eye(4), (len(time), 1, 1))
    used = np.isfinite(table.sigma) & np.isfinite(actor.neutral).all(1)
    pivot = actor.neutral[used].mean(0)
    readings = [rows.readings[index] for index in there]
    features = np.stack([reading.features for reading in readings]).astype(np.float64)  # type: ignore[union-attr]
    rotations = [reading.pose for reading in readings]  # type: ignore[union-attr]
    terms = np.stack([pose_terms(pose.rotation) for pose in rotations])
    told, _ = told_by_all(table, features, terms, sure[there],
                          [reading.close for reading in readings])  # type: ignore[union-attr]
    weights[there] = from_rest(np.clip(told[:, :WEIGHTS], 0, 1))
    for index, pose, said in zip(there, rotations, told, strict=True):
        change = rows.changes[index]
        poses[index] = (corrected(pose, split(said), pivot) if change is None else change.pose).matrix
        if change is not None:
            weights[index] = np.clip(weights[index] + change.weights, 0, 1)
    weights, still = smoothed_weights(time, weights, sure), smoothed_poses(time, poses, sure, pivot)
    world = CAMERA @ still
    world[:, :3, 3] -= np.median(world[there, :3, :3] @ pivot + world[there, :3, 3], 0) - pivot
    return Clip(time, weights.astype(np.float32), actor.expression(weights), world, actor.pose(weights), sure), poses


def _strangers(rows: Rows, sure: np.ndarray, table: Shown, breaks: Sequence[int]) -> np.ndarray:
    """(T,) bool: parts between breaks whose face is another than the longest part's, by what is their own.

    A part is a stranger's where two people explain both parts better than one does: features' own shares are normal,
    and so is what is left of a mean; features hang together, so they count as few.
    """
    out = np.zeros(len(sure), bool)
    edges = [0, *sorted(set(breaks) & set(range(1, len(sure)))), len(sure)]
    if len(edges) < 3:
        return out
    parts = []
    for begin, end in itertools.pairwise(edges):
        inside = [index for index in range(begin, end) if sure[index] > 0]
        if len(inside) < FEWEST:
            out[begin:end] = True
            continue
        readings = [rows.readings[index] for index in inside]
        features = np.stack([reading.features for reading in readings]).astype(np.float64)  # type: ignore[union-attr]
        terms = np.stack([pose_terms(reading.pose.rotation) for reading in readings])  # type: ignore[union-attr]
        told = np.clip(told_of(table, features, terms, None)[:, :WEIGHTS], 0, 1)
        parts.append((len(inside), begin, end, table.rest(features, terms, told).mean(0)))
    if not parts:
        return np.zeros(len(sure), bool)
    most, _, _, mine = max(parts, key=lambda entry: entry[0])
    for count, begin, end, rest in parts:
        one = table.noise * ALIKE * (1 / count + 1 / most) + SAME * table.own
        two = one + 2 * table.own
        squared = (rest - mine) ** 2
        gain = 0.5 * (squared / one - squared / two - np.log(two / one)).mean()
        out[begin:end] = gain > 0
    return out


def _camera(waiting: list[Waiting], actor: Actor, size: tuple[int, int], table: Shown,
            focal: float | None) -> np.ndarray:
    seen = [one.seen for one in waiting if one.seen is not None]
    if focal is None:
        focal = found_focal(seen, actor, size, table) if seen else float(max(size))
    return np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])


def _begun(waiting: list[Waiting], actor: Actor, size: tuple[int, int], table: Shown, focal: float | None,
           rows: Rows) -> Follow:
    """The camera told, the person's look learnt, and the frames that waited for both taken in."""
    follow = Follow(actor, table, _camera(waiting, actor, size, table, focal), FOCAL_SIGMA if focal is None else SURE)
    readings = [_read(one.seen, actor, follow.k, size, table, one.picture) for one in waiting]
    there = [index for index, reading in enumerate(readings) if reading is not None]
    found = [readings[index] for index in there]
    states = follow.learn(found, [waiting[index].picture for index in there])  # type: ignore[arg-type]
    changes = dict(zip(there, states, strict=True))
    for index, (one, reading) in enumerate(zip(waiting, readings, strict=True)):
        rows.add(one.time, reading, changes.get(index))
    return follow


def _read(seen: Seen | None, actor: Actor, k: np.ndarray, size: tuple[int, int], table: Shown,
          picture: Picture | None) -> Reading | None:
    reading = None if seen is None else read(seen, actor, k, size, table, picture)
    return reading if reading is not None and reading.confidence > 0 else None


def _tell(progress: Progress, frame: Frame, video: Video, began: float, before: int = 0) -> None:
    """Frames done and time left; `before` of them were done by an earlier run."""
    done, promised = frame.index + 1, video.film.frames
    if promised < done:
        progress(0.5, f"{done} frames")
        return
    left = (clock.perf_counter() - began) / max(done - before, 1) * (promised - done)
    progress(0.97 * done / promised, f"{done} of {promised} frames, about {_spoken(left)} left")


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def require_face(found: float, frames: int, name: str) -> None:
    """Refuse a film that shows a face in a share `found` of its frames, or hardly any frame."""
    if frames < 2:
        raise InputError(f"{name} is a single picture.", "Give it as a photo.")
    if found == 0:
        raise InputError(f"{name} shows no face.", _AGAIN)
    if found < TOO_FEW:
        raise InputError(f"{name} shows a face in only {found:.0%} of its frames.", _AGAIN)
