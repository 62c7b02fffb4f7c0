"""Words on pictures: Blender's own font, filled by numpy. Blender's Python brings no image library."""

from __future__ import annotations

import bpy
import numpy as np

OVERSAMPLING = 3
"""Samples along each side of a pixel: enough for grey edges at the size of a caption."""


def coverage(text: str, height: int) -> np.ndarray:
    """How much of each pixel the letters cover: (H, W) float32 0..1, row 0 at the top; `height` of a line in pixels."""
    triangles = _triangles(text) * height * OVERSAMPLING
    width = int(np.ceil(triangles[..., 0].max(initial=0.0) / OVERSAMPLING)) + 1
    fine = np.zeros((height * OVERSAMPLING, width * OVERSAMPLING), bool)
    for corners in triangles:
        low = np.maximum(np.floor(corners.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, fine.shape[::-1])
        columns, rows = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        sides = [(end[0] - start[0]) * (rows - start[1]) - (end[1] - start[1]) * (columns - start[0])
                 for start, end in zip(corners, np.roll(corners, -1, 0), strict=True)]
        fine[low[1]:high[1], low[0]:high[0]] |= (np.min(sides, 0) >= 0) | (np.max(sides, 0) <= 0)
    return fine.reshape(height, OVERSAMPLING, width, OVERSAMPLING).mean((1, 3), dtype=np.float32)


def _triangles(text: str) -> np.ndarray:
    """(T, 3, 2) corners of the letters, in heights of a line; x from the first letter, y down from the line's top."""
    curve = bpy.data.curves.new("likeness scratch", "FONT")
    owner = bpy.data.objects.new("likeness scratch", curve)
    try:
        curve.body, curve.size, curve.resolution_u = text, 0.8, 3
        mesh = owner.to_mesh()
        mesh.calc_loop_triangles()
        points = np.array([vertex.co[:2] for vertex in mesh.vertices], np.float64).reshape(-1, 2)
        corners = np.array([triangle.vertices[:] for triangle in mesh.loop_triangles], np.int64).reshape(-1, 3)
        owner.to_mesh_clear()
    finally:
        bpy.data.objects.remove(owner)
        bpy.data.curves.remove(curve)
    return np.stack([points[corners, 0], 0.78 - points[corners, 1]], -1)


def caption(picture: np.ndarray, text: str, *, ink: float = 0.95) -> np.ndarray:
    """A copy of `picture` (H, W, 3), encoded, with `text` at the lower left on a soft dark ground."""
    result = picture.copy()
    height = max(10, picture.shape[1] // 17)
    letters = coverage(text, height)[:, :picture.shape[1] - height]
    rows, columns = letters.shape
    foot = round(height * 1.9)
    shade = np.linspace(0.0, 0.55, foot, dtype=np.float32)[:, None, None]
    result[-foot:] *= 1 - shade
    top, left = picture.shape[0] - rows - height // 3, height // 2
    part = result[top:top + rows, left:left + columns]
    part += (ink - part) * letters[..., None]
    return result
