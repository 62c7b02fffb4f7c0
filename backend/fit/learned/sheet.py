"""The photo laid out flat along a face's landmarks: one pixel of the sheet shows one place of the face, whoever it is.

Where the fit lies off the photo, features lie off their places on the sheet. The sheet is made from the landmarks'
fitted positions alone, so that every head model gives the same; the face's oval is let out a little, for the outline
and what is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import Delaunay

from backend.capture.landmark_mirror import mirror_order
from backend.core.colour import linear_to_srgb
from backend.fit.residuals import FACE_UNIT
from backend.fit.start import FACE_OVAL

WIDTH, HEIGHT = 96, 112
"""Pixels of the sheet, about 1.9 mm each."""
COUNT = 468  # landmarks on the skin
NOSE_TIP = 1
RING = 1.22  # by which the oval is let out, from the middle of the landmarks
PIXEL = 0.0015  # metres a pixel of the photo should show: finer ones are averaged
CHANNELS = 7


@dataclass(frozen=True)
class Layout:
    """Which three points, of the landmarks and the ring, each pixel of the sheet lies between."""

    corners: np.ndarray  # (HEIGHT, WIDTH, 3) int, into the 468 landmarks, then the ring's
    weights: np.ndarray  # (HEIGHT, WIDTH, 3) float32

    @property
    def hidden(self) -> np.ndarray:
        """(HEIGHT, WIDTH) bool: beyond the outline, from the nose down. Collars and the edges of beards are not shown
        to the network: it took them for chins.
        """
        nose = np.argwhere((self.corners == NOSE_TIP).any(2)).mean(0)[0]
        return (self.corners >= COUNT).any(2) & (np.arange(HEIGHT)[:, None] > nose)


def layout_of(mean: np.ndarray) -> Layout:
    """The sheet for landmarks (468, 3) metres, world, of a mean face: unrolled from an upright cylinder."""
    points = with_ring((mean + mean[mirror_order()[:COUNT]] * [-1, 1, 1]) / 2)
    axis = points[:, 1].max() - 0.02
    angle = np.arctan2(points[:, 0], axis - points[:, 1])
    flat = np.column_stack([angle / np.abs(angle).max(), points[:, 2]])
    low, high = flat[:, 1].min(), flat[:, 1].max()
    flat[:, 1] = (high + low - 2 * flat[:, 1]) / (high - low)
    x = (np.arange(WIDTH) + 0.5) / WIDTH * 2 - 1
    y = (np.arange(HEIGHT) + 0.5) / HEIGHT * 2 - 1
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    net = Delaunay(flat)
    found = net.find_simplex(grid)
    outside = found < 0  # corners of the sheet beyond the ring: its nearest triangle, cut to it
    found[outside] = net.find_simplex(grid[outside] * 0.97)
    nearest = np.argmin(np.linalg.norm(grid[:, None] - flat[None, COUNT:], axis=2), 1) + COUNT
    affine = net.transform[found]
    part = np.einsum("nij,nj->ni", affine[:, :2], grid - affine[:, 2])
    weights = np.column_stack([part, 1 - part.sum(1)])
    corners = net.simplices[found]
    bad = (found < 0) | (np.abs(weights) > 1.5).any(1) | ~np.isfinite(weights).all(1)
    corners[bad], weights[bad] = nearest[bad, None], np.array([1.0, 0, 0])
    return Layout(corners.reshape(HEIGHT, WIDTH, 3), weights.reshape(HEIGHT, WIDTH, 3).astype(np.float32))


def with_ring(points: np.ndarray) -> np.ndarray:
    """(..., 468, 3) landmarks -> (..., 504, 3): the oval again, let out."""
    middle = points.mean(-2, keepdims=True)
    return np.concatenate([points, middle + RING * (points[..., list(FACE_OVAL), :] - middle)], -2)


def shrunk(image: np.ndarray, unit: float) -> tuple[np.ndarray, float]:
    """The photo (H, W, 3) linear as float32 sRGB, its pixels averaged to `PIXEL`; the factor. `unit`: pixels a face
    unit.
    """
    factor = min(1.0, FACE_UNIT / PIXEL / unit)
    if factor < 0.8:
        height, width = image.shape[:2]
        image = cv2.resize(image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
        factor = image.shape[1] / width
    else:
        factor = 1.0
    return linear_to_srgb(np.clip(image, 0, 1)).astype(np.float32), factor
