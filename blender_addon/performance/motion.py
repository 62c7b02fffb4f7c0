"""The head's motion as turns of neck and head: numbers only, without bpy.

Joints turn in the world's axes of the rest pose, as in the head model. Neck and head turn about one axis, the neck by
its share of the angle, so that the head ends up as it was recorded whatever the share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import turns
from .clip import JOINTS, Clip


@dataclass(frozen=True)
class Bearing:
    """How a recorded head is to be carried."""

    strength: float = 1.0  # of the turn
    neck: float = 0.4  # share of the turn that the neck takes
    place: float = 0.0  # how much of the recorded place the root follows
    head_pose: tuple[float, float, float] = (0.0, 0.0, 0.0)  # radians added: nod (down), turn (to the left), tilt
    neck_pose: tuple[float, float, float] = (0.0, 0.0, 0.0)


def carried(clip: Clip, bearing: Bearing, neck_at: np.ndarray,
            head_at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turns (T, 3, 3) of neck and head, and by how far the neck moves (T, 3) metres.

    `neck_at`, `head_at` (3,) are the avatar's joints at rest, metres.
    """
    joints = turns.matrices(clip.pose)
    own_neck, own_head = (joints[:, JOINTS.index(name)] for name in ("neck", "head"))
    base = clip.head[:, :3, :3].astype(np.float64)
    whole = turns.part(base @ own_neck @ own_head, bearing.strength)
    neck = _turn(bearing.neck_pose) @ turns.part(whole, bearing.neck)
    head = turns.part(whole, 1 - bearing.neck) @ _turn(bearing.head_pose)
    reach = head_at - neck_at
    wanted = (base @ (neck_at + own_neck @ reach)[..., None])[..., 0] + clip.head[:, :3, 3]
    return neck, head, bearing.place * (wanted - (neck_at + neck @ reach))


def joint(clip: Clip, name: str) -> np.ndarray:
    """Turns (T, 3, 3) of a joint of `JOINTS`."""
    return turns.matrices(clip.pose[:, JOINTS.index(name)])


def _turn(pose: tuple[float, float, float]) -> np.ndarray:
    nod, turn, tilt = pose
    return turns.from_angles(np.array([[turn, nod, tilt]]))[0]


def thinned(frames: np.ndarray, values: np.ndarray, tolerance: float) -> np.ndarray:
    """Indices of keys whose straight lines stay within `tolerance` of all (Ramer 1972; Douglas and Peucker 1973)."""
    kept = np.zeros(len(frames), bool)
    kept[[0, -1]] = True
    todo = [(0, len(frames) - 1)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        inside = slice(first + 1, last)
        line = values[first] + (values[last] - values[first]) * (frames[inside] - frames[first]) / (
            frames[last] - frames[first])
        off = np.abs(values[inside] - line)
        worst = int(off.argmax())
        if off[worst] > tolerance:
            middle = first + 1 + worst
            kept[middle] = True
            todo += [(first, middle), (middle, last)]
    return np.flatnonzero(kept)
