"""Axis-angle and matrices, in torch (differentiable) and in numpy."""

from __future__ import annotations

import numpy as np
import torch


def matrix_from_axis_angle(axis_angle: torch.Tensor) -> torch.Tensor:
    """Rodrigues' formula. (..., 3) radians -> (..., 3, 3); smooth at zero."""
    squared = (axis_angle * axis_angle).sum(-1)[..., None, None]
    small = squared < 1e-8
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    sine = torch.where(small, 1 - squared / 6, torch.sin(angle) / angle)
    cosine = torch.where(small, 0.5 - squared / 24, (1 - torch.cos(angle)) / safe)
    cross = cross_matrix(axis_angle)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine * cross + cosine * (cross @ cross)


def cross_matrix(vector: torch.Tensor) -> torch.Tensor:
    """(..., 3) -> (..., 3, 3), the matrix of the cross product with `vector` on the left."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    return rows.reshape(*vector.shape[:-1], 3, 3)


def axis_angle_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """(3, 3) rotation -> (3,) radians, the shortest rotation."""
    import cv2

    return cv2.Rodrigues(np.asarray(matrix, np.float64))[0][:, 0]
