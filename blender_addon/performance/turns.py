"""Turns over time, in numpy: axis-angle, matrices, quaternions, and the three angles that Live Link Face writes.

`mathutils` has one turn at a time; here a whole clip is turned at once.
"""

from __future__ import annotations

import numpy as np

SMALL = 1e-12


def matrices(axis_angle: np.ndarray) -> np.ndarray:
    """(..., 3) radians -> (..., 3, 3) float64, by Rodrigues' formula."""
    vector = np.asarray(axis_angle, np.float64)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(vector / np.maximum(angle, SMALL), -1, 0)
    nought = np.zeros_like(x)
    cross = np.stack([nought, -z, y, z, nought, -x, -y, x, nought], -1).reshape(*x.shape, 3, 3)
    sine, cosine = np.sin(angle)[..., None], np.cos(angle)[..., None]
    return np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)


def quaternions(turns: np.ndarray) -> np.ndarray:
    """(..., 3, 3) -> (..., 4) unit quaternions w, x, y, z, w >= 0: the largest of the four first (Shepperd 1978)."""
    m = np.asarray(turns, np.float64)
    trace = np.trace(m, axis1=-2, axis2=-1)
    squares = np.stack([1 + trace, *(1 + 2 * m[..., i, i] - trace for i in range(3))], -1)  # 4 w², 4 x², 4 y², 4 z²
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = np.stack([np.stack([squares[..., 0], wx, wy, wz], -1), np.stack([wx, squares[..., 1], xy, xz], -1),
                     np.stack([wy, xy, squares[..., 2], yz], -1), np.stack([wz, xz, yz, squares[..., 3]], -1)], -2)
    best = squares.argmax(-1)
    found = np.take_along_axis(rows, best[..., None, None], -2)[..., 0, :]
    found = found / np.linalg.norm(found, axis=-1, keepdims=True)
    return np.where(found[..., :1] < 0, -found, found)


def axis_angles(turns: np.ndarray) -> np.ndarray:
    """(..., 3, 3) -> (..., 3) radians, the shortest turn."""
    return _vectors(quaternions(turns))


def _vectors(quaternion: np.ndarray) -> np.ndarray:
    sine = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternion[..., :1])
    return np.where(sine > SMALL, quaternion[..., 1:] * angle / np.maximum(sine, SMALL), 2 * quaternion[..., 1:])


def between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(N, 3, 3) turns `share` (N,) of the way from `first` to `second` (N, 3, 3): one axis, even speed."""
    way = axis_angles(np.swapaxes(first, -1, -2) @ second)
    return first @ matrices(way * share[:, None])


def part(turns: np.ndarray, share: float) -> np.ndarray:
    """(N, 3, 3) turns about the same axes by `share` of the angles."""
    return matrices(axis_angles(turns) * share)


def middle(turns: np.ndarray) -> np.ndarray:
    """(3, 3) the turn that most of (N, 3, 3) are near: the mean that far ones hardly move (Weiszfeld's steps)."""
    centre = turns[len(turns) // 2]
    for _ in range(20):
        ways = axis_angles(centre.T @ turns)
        weight = 1 / np.maximum(np.linalg.norm(ways, axis=1), 1e-3)
        centre = centre @ matrices((ways * weight[:, None]).sum(0) / weight.sum())
    return centre


def from_angles(angles: np.ndarray) -> np.ndarray:
    """(N, 3) yaw, pitch, roll in radians -> (N, 3, 3) in our axes.

    They are turns about ARKit's face axes, which point up, to the person's left and out of the face: yaw is about our
    +Z (positive to the person's left), pitch about +X (positive downwards), roll about -Y (positive to the person's
    right shoulder). Roll is done first, yaw last.
    """
    yaw, pitch, roll = np.asarray(angles, np.float64).T
    nought = np.zeros_like(yaw)
    return (matrices(np.stack([nought, nought, yaw], -1)) @ matrices(np.stack([pitch, nought, nought], -1))
            @ matrices(np.stack([nought, -roll, nought], -1)))


def to_angles(turns: np.ndarray) -> np.ndarray:
    """The inverse of `from_angles`, (N, 3) radians; pitch within a right angle."""
    m = np.asarray(turns, np.float64)
    return np.stack([np.arctan2(-m[:, 0, 1], m[:, 1, 1]), np.arcsin(np.clip(m[:, 2, 1], -1, 1)),
                     np.arctan2(m[:, 2, 0], m[:, 2, 2])], -1)
