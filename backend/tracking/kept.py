"""What is kept on disk of a film that is being tracked, so that a killed or cancelled track goes on from there.

Every so many frames a piece of them is written, and beside it what is needed to go on: what was learnt of the person,
and what was watched of the film. The landmarker cannot be kept; so at the same frames it begins anew, in every run, and
a run that goes on gives what an undisturbed one gives. Pieces are numbered; one that is missing or does not read ends
what is gone on from. What belongs to another film, person or version of ours has another key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backend import __version__, store
from backend.tracking.actor import Actor
from backend.tracking.follow import Change, Follow, Learnt
from backend.tracking.patches import Look
from backend.tracking.rigid import Rigid
from backend.tracking.tracker import Reading
from backend.video.stream import Film
from backend.video.verdict import Watch

ENDS = 1 << 20
"""Bytes from a film's beginning, and as many from its end, that tell it from others of its size and time."""


@dataclass(frozen=True)
class Piece:
    """T frames that follow each other; M of them show a face, C of those were put right."""

    time: np.ndarray  # (T,) seconds
    read: np.ndarray  # (M,) which of them
    rotation: np.ndarray  # (M, 3, 3)
    shift: np.ndarray  # (M, 3)
    features: np.ndarray  # (M, F) float32
    confidence: np.ndarray  # (M,)
    close: np.ndarray  # (M, Q) float32, or (M, 0); NaN where no close-up was taken
    changed: np.ndarray  # (C,) which of the T
    turned: np.ndarray  # (C, 3, 3)
    moved: np.ndarray  # (C, 3)
    weights: np.ndarray  # (C, 52) float32

    @classmethod
    def of(cls, time: Sequence[float], readings: Sequence[Reading | None],
           changes: Sequence[Change | None]) -> Piece:
        """Of frames as they are kept in memory."""
        there = [(index, one) for index, one in enumerate(readings) if one is not None]
        put = [(index, one) for index, one in enumerate(changes) if one is not None]
        wide = max((len(one.close) for _, one in there if one.close is not None), default=0)
        none = np.full(wide, np.nan, np.float32)

        def column(values: list, shape: tuple[int, ...], kind: type = float) -> np.ndarray:
            return np.array(values, kind).reshape(-1, *shape)

        features = max((len(one.features) for _, one in there), default=0)
        return cls(np.array(time, float), column([index for index, _ in there], (), int),
                   column([one.pose.rotation for _, one in there], (3, 3)),
                   column([one.pose.shift for _, one in there], (3,)),
                   np.array([one.features for _, one in there], np.float32).reshape(len(there), features),
                   column([one.confidence for _, one in there], ()),
                   np.array([none if one.close is None else one.close for _, one in there],
                            np.float32).reshape(len(there), wide),
                   column([index for index, _ in put], (), int),
                   column([one.pose.rotation for _, one in put], (3, 3)),
                   column([one.pose.shift for _, one in put], (3,)),
                   np.array([one.weights for _, one in put], np.float32).reshape(len(put), -1))

    def frames(self) -> tuple[list[float], list[Reading | None], list[Change | None]]:
        """Times, readings and changes, as they were."""
        readings: list[Reading | None] = [None] * len(self.time)
        changes: list[Change | None] = [None] * len(self.time)
        for row, index in enumerate(self.read):
            close = self.close[row]
            readings[index] = Reading(Rigid(self.rotation[row], self.shift[row]), self.features[row],
                                      float(self.confidence[row]),
                                      close if len(close) and np.isfinite(close).all() else None)
        for row, index in enumerate(self.changed):
            changes[index] = Change(Rigid(self.turned[row], self.moved[row]), self.weights[row])
        return self.time.tolist(), readings, changes


@dataclass(frozen=True)
class Standing:
    """What is known after a piece: enough to go on with the next frame."""

    pieces: int
    frames: int
    size: tuple[int, int]
    learnt: Learnt
    watch: Watch  # without its forms
    forms: np.ndarray  # (N, 478, 2) float32


@dataclass(frozen=True)
class Shelf:
    """Where pieces of one film and person lie."""

    folder: Path
    key: str

    @classmethod
    def of(cls, folder: Path, film: Path, actor: Actor, focal: float | None) -> Shelf:
        """In `folder`, which is made when something is to be kept."""
        digest, told = hashlib.sha256(__version__.encode()), film.stat()
        digest.update(f"{told.st_size} {told.st_mtime_ns} {focal}".encode())
        with film.open("rb") as stream:
            digest.update(stream.read(ENDS))
            stream.seek(max(told.st_size - ENDS, 0))
            digest.update(stream.read(ENDS))
        for part in (actor.vertices, actor.neutral, actor.link):
            digest.update(np.ascontiguousarray(part).tobytes())
        for path in sorted(Path(__file__).parent.glob("*")):  # another version of us reads frames otherwise
            if path.suffix in (".py", ".npz"):
                digest.update(path.read_bytes())
        return cls(folder, digest.hexdigest()[:16])

    def keep(self, piece: Piece, follow: Follow, watch: Watch, size: tuple[int, int], before: int,
             frames: int) -> int:
        """Write a piece after `before` others, `frames` in all with it; how many there are now. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        store.save(self._piece(before), piece)
        forms = np.array(watch._forms, np.float32).reshape(len(watch._forms), -1, 2)
        standing = Standing(before + 1, frames, size, follow.learnt(), replace(watch, _forms=[]), forms)
        store.save(self._standing, standing)
        return before + 1

    def standing(self) -> tuple[Standing, list[Piece]] | None:
        """What an earlier run left; None if nothing that can be gone on from."""
        types = (Standing, Learnt, Look, Watch, Film)
        found = store.load(self._standing, types)
        if not isinstance(found, Standing):
            return None
        loaded = [store.load(self._piece(index), (Piece,)) for index in range(found.pieces)]
        pieces = [piece for piece in loaded if isinstance(piece, Piece)]
        if len(pieces) < found.pieces or sum(len(piece.time) for piece in pieces) != found.frames:
            return None
        watch = replace(found.watch, _forms=list(found.forms))
        return replace(found, watch=watch), pieces

    def clear(self) -> None:
        """Remove what was kept, of this key and of others, and the folder when it is empty."""
        for path in self.folder.glob("film-*.npz"):
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _piece(self, index: int) -> Path:
        return self.folder / f"film-{self.key}-{index:05d}.npz"

    @property
    def _standing(self) -> Path:
        return self.folder / f"film-{self.key}.npz"
