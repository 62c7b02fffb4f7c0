"""Pinhole cameras in the OpenCV convention: x right, y down, z forward; pixel centres at +0.5.

A camera is `intrinsics` (3, 3) in pixels and `world_to_camera` (4, 4) in metres.
"""

from __future__ import annotations

import numpy as np


def intrinsics(focal: float, width: int, height: int, centre: tuple[float, float] | None = None) -> np.ndarray:
    """(3, 3) float64 of a square-pixel camera; the principal point is the image centre unless given."""
    cx, cy = centre if centre is not None else (width / 2, height / 2)
    return np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]], np.float64)


def project(points: np.ndarray, k: np.ndarray, world_to_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World points (..., 3) metres -> pixels (..., 2) and depth along the view axis (...) metres."""
    in_camera = points @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    depth = in_camera[..., 2]
    pixels = in_camera @ k.T
    return pixels[..., :2] / pixels[..., 2:3], depth


def camera_position(world_to_camera: np.ndarray) -> np.ndarray:
    """The camera's centre in the world, (3,) metres."""
    return -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]


def pixel_rays(pixels: np.ndarray, k: np.ndarray, world_to_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rays through pixels (..., 2): origins and unit directions in the world, both (..., 3)."""
    ones = np.ones((*pixels.shape[:-1], 1))
    in_camera = np.concatenate([pixels, ones], -1) @ np.linalg.inv(k).T
    directions = in_camera @ world_to_camera[:3, :3]
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.broadcast_to(camera_position(world_to_camera), directions.shape), directions


def frontal(focal: float, width: int, height: int, target: np.ndarray, distance: float, yaw: float = 0.0,
            pitch: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A camera that looks at `target` (3,) of a head facing -Y, from `distance` metres.

    `yaw` > 0 moves the camera towards the person's left (+X), `pitch` > 0 upwards; radians.
    Returns intrinsics (3, 3) and world_to_camera (4, 4).
    """
    offset = np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    forward = -offset
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    rotation = np.stack([right, down, forward])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = -rotation @ (target + offset * distance)
    return intrinsics(focal, width, height), matrix
