"""In which scores a fit's error is told: the main ways in which fitted landmarks of the neutral face are off.

Size and place of the whole face are taken off first; what moves the surface along its normal counts most, and a
landmark as much as the skin around it. Each score is even or odd under mirroring.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import Delaunay

from backend.capture.landmark_mirror import mirror_order
from backend.fit.learned.sheet import COUNT, FACE_OVAL
from backend.fit.points import cross

ALONG = 0.3  # weight of an error along the surface, where across it has 1


def error_modes(errors: np.ndarray, mean: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(K, 468, 3) scores per metre of error, and (K,) 1 or -1: what mirroring does to them.

    `errors` (N, 468, 3) metres, fitted less true; `mean` (468, 3) of the mean face. Scores have unit mean square on
    these errors, the largest first.
    """
    mirror = mirror_order()[:COUNT]
    mean = (mean + mean[mirror] * [-1, 1, 1]) / 2
    weigh, rest = weighing(mean)
    flat = np.einsum("lxy,nly->nlx", weigh, errors).reshape(len(errors), -1) @ rest
    shaped = flat.reshape(errors.shape)
    other = shaped[:, mirror] * [-1, 1, 1]
    found = []
    for sign in (1, -1):
        part = ((shaped + sign * other) / 2).reshape(len(errors), -1)
        values, vectors = np.linalg.eigh(part.T @ part / len(part))
        found += [(values[-1 - k], sign, vectors[:, -1 - k]) for k in range(count)]
    found = sorted(found, key=lambda one: -one[0])[:count]
    modes = np.stack([vector / np.sqrt(value) for value, _, vector in found]) @ rest.T
    modes = np.einsum("klx,lxy->kly", modes.reshape(count, COUNT, 3), weigh)
    return modes, np.array([sign for _, sign, _ in found], np.float64)


def weighing(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(468, 3, 3) weights whose squares sum to one over the face, and (1404, 1404) what takes size and place off."""
    flat = np.column_stack([np.arctan2(mean[:, 0], mean[:, 1].max() - mean[:, 1] - 0.02), mean[:, 2] / 0.08])
    triangles = Delaunay(flat).simplices
    side = np.cross(mean[triangles[:, 1]] - mean[triangles[:, 0]], mean[triangles[:, 2]] - mean[triangles[:, 0]])
    side[side[:, 1] > 0] *= -1
    normal, area = np.zeros((COUNT, 3)), np.zeros(COUNT)
    for corner in range(3):
        np.add.at(normal, triangles[:, corner], side)
        np.add.at(area, triangles[:, corner], np.linalg.norm(side, axis=1))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    area[list(FACE_OVAL)] *= 0.7  # the outline is the least sure of the embedding
    across = normal[:, :, None] * normal[:, None]
    weigh = (across + ALONG * (np.eye(3) - across)) * np.sqrt(area / area.sum())[:, None, None]
    about = mean - mean.mean(0)
    moves = np.concatenate([np.broadcast_to(np.eye(3), (COUNT, 3, 3)), -cross(about), about[:, :, None]], 2)
    moved, _ = np.linalg.qr(np.einsum("lxy,lyk->lxk", weigh, moves).reshape(-1, 7))
    return weigh, np.eye(len(moved)) - moved @ moved.T


def metres_of(modes: np.ndarray, errors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(K,) root mean square metres over the face that one unit of a score stands for, on `errors` (N, 468, 3)."""
    mirror = mirror_order()[:COUNT]
    weigh, rest = weighing((mean + mean[mirror] * [-1, 1, 1]) / 2)
    scores = np.einsum("klx,nlx->nk", modes, errors)
    flat = np.einsum("lxy,nly->nlx", weigh, errors).reshape(len(errors), -1) @ rest
    return np.linalg.norm(np.linalg.lstsq(scores, flat, rcond=None)[0], axis=1)
