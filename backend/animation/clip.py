"""A performance: what one head does over time, as `animation.npz` holds it. Frames need not be evenly spaced.

The face is told twice: by Apple's weights, which contain the jaw's opening and the gaze (so neither jaw nor eyes turn
as well), and by the head model's own `expression` with `pose`. Who plays a clip takes one of both, never their sum.
All motion of the head lies in `head`, as far as `pose` does not turn neck and head: then that comes first. Files are
read without trust; Live Link's CSV is in `livelink`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from backend.npz import read_arrays, write_arrays
from backend.output import disk_errors, replacing_file

AGAIN = "Track the video again, or choose another file."
LOST = 0.0
"""The confidence of a frame in which the face was not seen; what it holds was bridged from its neighbours."""
MAX_BYTES = 1 << 30
"""Six hours at 60 frames a second with 100 expressions come to 0.97 GB."""
HIGHEST_WEIGHT = 10.0
"""No tracker and no artist goes there: beyond it a number is no weight."""
FARTHEST = 1e4  # metres
_STRAIGHT = 1e-3  # by which a rotation's columns may miss length 1 and right angles
_SHAPES = {"time": "T", "arkit": "T 52", "expression": "T E", "head": "T 4 4", "pose": "T J 3", "confidence": "T"}


@dataclass(frozen=True)
class Clip:
    """T frames of one head. Checked when made; raises ValueError with a sentence for what makes no sense.

    World: +Z up, the face along -Y, +X the person's left. For a recorded clip the camera stands on the -Y side.
    """

    time: np.ndarray  # (T,) float64 seconds, rising
    arkit: np.ndarray  # (T, 52) float32, order of `arkit.ARKIT_NAMES`, 0..1; a retargeted one may go a little beyond
    expression: np.ndarray  # (T, E) float32, the head model's psi; E is 0 where none was fitted
    head: np.ndarray  # (T, 4, 4) float32, from the head's rest space to the world, metres; rotation and translation
    pose: np.ndarray  # (T, J, 3) float32 axis-angle radians, order of the head model's joint names, `JOINTS` first
    confidence: np.ndarray  # (T,) float32, 0 (lost and bridged) .. 1

    def __post_init__(self) -> None:
        lengths = {"T": len(self.time) if np.ndim(self.time) == 1 else -1}
        for name, pattern in _SHAPES.items():
            array = np.ascontiguousarray(getattr(self, name), np.float64 if name == "time" else np.float32)
            object.__setattr__(self, name, array)
            wanted = [int(part) if part.isdigit() else lengths.setdefault(part, length)
                      for part, length in zip(pattern.split(), array.shape, strict=False)]
            if array.ndim != len(pattern.split()) or list(array.shape) != wanted:
                raise ValueError(f"The array {name} has the shape {array.shape}; it should be ({pattern})")
            if not np.isfinite(array).all():
                raise ValueError(f"The array {name} holds values that are not numbers")
        for name, wrong in _senseless(self).items():
            if wrong:
                raise ValueError(f"The array {name} makes no sense")

    def __len__(self) -> int:
        return len(self.time)

    @property
    def lost(self) -> np.ndarray:
        """(T,) bool: frames that were bridged because the face was not seen."""
        return self.confidence <= LOST

    @property
    def rate(self) -> float:
        """Frames a second, by the median distance; 30 for a single frame."""
        return 1.0 / float(np.median(np.diff(self.time))) if len(self) > 1 else 30.0

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return float(self.time[-1] - self.time[0])


def _senseless(clip: Clip) -> Mapping[str, bool]:
    turn, last = clip.head[:, :3, :3].astype(np.float64), clip.head[:, 3]
    return {
        "time": len(clip.time) == 0 or bool((np.diff(clip.time) <= 0).any()),
        "arkit": bool(np.abs(clip.arkit).max(initial=0) > HIGHEST_WEIGHT),
        "head": bool(np.abs(turn.transpose(0, 2, 1) @ turn - np.eye(3)).max(initial=0) > _STRAIGHT
                     or (np.linalg.det(turn) < 0).any() or np.abs(last - (0, 0, 0, 1)).max(initial=0) > _STRAIGHT
                     or np.abs(clip.head[:, :3, 3]).max(initial=0) > FARTHEST),
        "pose": bool(np.abs(clip.pose).max(initial=0) > 2 * np.pi),
        "confidence": bool(clip.confidence.min(initial=0) < 0 or clip.confidence.max(initial=0) > 1),
    }


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """For the block that writes a performance's file, under the name it is given; `path` is there whole or as it was.

    Raises InputError for what the disk says.
    """
    try:
        with disk_errors(path), replacing_file(path) as half:
            yield half
    except OSError as error:
        raise InputError(f"{path.name} cannot be written: {error.strerror or error}.",
                         "Choose a folder that is there, and a name that no folder has.") from error


def write_npz(clip: Clip, path: Path) -> None:
    """Write `animation.npz`; only its owner may read it. Raises InputError when the disk does not take it."""
    with writing(path) as half:
        write_arrays(half, {"time": clip.time, "arkit_names": np.array(ARKIT_NAMES), "arkit": clip.arkit,
                            "expression": clip.expression, "head": clip.head, "pose": clip.pose,
                            "confidence": clip.confidence})


def read_npz(path: Path) -> Clip:
    """Read a performance; `arkit` comes in our order whatever the file's. Raises InputError that names the file."""
    arrays = read_arrays(path, MAX_BYTES)
    for name in ("arkit_names", *_SHAPES):
        if name not in arrays:
            raise InputError(f"{path.name} is no performance: it has no array {name}.", AGAIN)
        if arrays[name].dtype.kind not in ("U" if name == "arkit_names" else "fiu"):
            raise InputError(f"The array {name} in {path.name} is {arrays[name].dtype}, which it cannot be.", AGAIN)
    arkit, names = arrays["arkit"], arrays["arkit_names"]
    if names.shape != (len(ARKIT_NAMES),) or set(names.tolist()) != set(ARKIT_NAMES):
        raise InputError(f"The array arkit_names in {path.name} does not hold Apple's 52 names.", AGAIN)
    if arkit.ndim != 2 or arkit.shape[1] != len(ARKIT_NAMES):
        raise InputError(f"The array arkit in {path.name} has the shape {arkit.shape}; it should be (T, 52).", AGAIN)
    known = names.tolist()
    arrays["arkit"] = arkit[:, [known.index(name) for name in ARKIT_NAMES]]
    try:
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused as such
            return Clip(*(arrays[name] for name in _SHAPES))
    except ValueError as error:
        raise InputError(f"{path.name} is damaged: {str(error)[0].lower()}{str(error)[1:]}.", AGAIN) from error
