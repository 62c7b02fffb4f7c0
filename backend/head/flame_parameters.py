"""FLAME parameters as other tools read them, from the parameters of a head of kind `flame`.

Two dialects in one file of plain numbers: that of VHAP and GaussianAvatars (`translation`, `rotation`, `neck_pose`,
`jaw_pose`, `eyes_pose`, `shape`, `expr`, `static_offset`, `timestep_id`) and that of DECA and its kin (`shape`, `exp`,
`pose`). Everything in FLAME's own axes: +Y up, the face along +Z, +X the person's left, metres, axis-angle radians.

FLAME's paper takes the joints from the identity alone, and so do we. Implementations that take them from the vertices
with expression turn the jaw about a place that lies a little elsewhere.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from backend.head.model import HeadModel

TO_FLAME = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Turns our axes (+Z up, face along -Y) into FLAME's: flame = TO_FLAME @ ours."""


def flame_parameters(head: HeadModel, shape: np.ndarray, expression: np.ndarray, pose: np.ndarray,
                     offsets: np.ndarray, motion: np.ndarray | None = None,
                     timesteps: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Of T photos or frames of one identity; V is the number of the head's own vertices.

    `shape` (S,), `expression` (T, E), `pose` (T, J, 3) radians, `offsets` (V or more, 3) metres, all ours; `motion`
    (T, 4, 4) the head in its world (metres, our axes) where that lies outside `pose`; `timesteps` (T,) whole numbers,
    0, 1, 2 ... by default.
    """
    count = len(expression)
    turn = np.asarray(pose, np.float64)[:, [head.joint(name) for name in ("neck", "head", "jaw", "eye_left",
                                                                          "eye_right")]]
    root, translation = turn[:, 0], np.zeros((count, 3))
    if motion is not None:
        joint = _root(head, shape, offsets)
        moved = Rotation.from_matrix(motion[:, :3, :3])
        root = (moved * Rotation.from_rotvec(root)).as_rotvec()
        translation = moved.apply(joint) + motion[:, :3, 3] - joint
    neck, jaw = _flame(turn[:, 1]), _flame(turn[:, 2])
    values = {
        "translation": _flame(translation), "rotation": _flame(root), "neck_pose": neck, "jaw_pose": jaw,
        "eyes_pose": _flame(turn[:, 3:]).reshape(count, 6), "shape": np.asarray(shape), "expr": np.asarray(expression),
        "static_offset": _flame(np.asarray(offsets, np.float64)[None, :head.own_vertices]),
        "exp": np.asarray(expression), "pose": np.concatenate([_flame(root), jaw], 1),
    }
    steps = np.arange(count) if timesteps is None else np.asarray(timesteps)
    return {"timestep_id": steps.astype(np.int64),
            **{name: np.ascontiguousarray(value, np.float32) for name, value in values.items()}}


def _flame(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) vectors or axis-angles in our axes -> FLAME's."""
    return vectors @ TO_FLAME.T


def _root(head: HeadModel, shape: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(3,) the root joint of the identity, metres, our axes."""
    row = head.joint_regressor[head.joint("neck")].astype(np.float64)
    used = np.flatnonzero(row)
    place = head.template[used] + np.tensordot(np.asarray(shape, np.float64), head.shape_basis[:, used], 1)
    return row[used] @ (place + np.asarray(offsets, np.float64)[used])
