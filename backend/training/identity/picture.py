"""Plain pictures of heads, for looking at what was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.core.camera import frontal, pixel_rays
from backend.core.rays import Mesh, vertex_normals


def shade(vertices: np.ndarray, triangles: np.ndarray, target: np.ndarray, yaw: float = 0.0, size: int = 320,
          extent: float = 0.3) -> np.ndarray:
    """A clay head (size, size, 3) uint8 sRGB seen from 0.9 m; `extent` metres fill the picture."""
    k, camera = frontal(size * 0.9 / extent, size, size, target, 0.9, yaw)
    pixels = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1).reshape(-1, 2)
    hits = Mesh(vertices, triangles).cast(*pixel_rays(pixels, k, camera))
    normals = vertex_normals(vertices.astype(np.float64), triangles)
    normal = np.einsum("nc,ncx->nx", hits.barycentric, normals[triangles[hits.triangle]]) @ camera[:3, :3].T
    key, fill = np.array([-0.35, -0.5, -0.8]), np.array([0.7, 0.12, -0.7])
    light = 0.18 + 0.65 * np.clip(normal @ key, 0, 1) + 0.25 * np.clip(normal @ fill, 0, 1)
    colour = np.where(hits.hit[:, None], light[:, None] * [0.85, 0.72, 0.62], 0.25)
    return (np.clip(colour, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8).reshape(size, size, 3)


def draw_sheet(mean: np.ndarray, basis: np.ndarray, triangles: np.ndarray, target: np.ndarray, path: Path,
               random: np.random.Generator, columns: int = 6, rows: int = 4) -> None:
    """Write a picture of random people: mean (V, 3) plus basis (K, V, 3) times N(0, 1), in three views by turns."""
    from PIL import Image

    pictures = []
    for number in range(columns * rows):
        head = mean + np.tensordot(random.standard_normal(len(basis)), basis, 1)
        pictures.append(shade(head, triangles, target, (-0.5, 0.0, 0.5)[number % 3]))
    sheet = np.concatenate([np.concatenate(pictures[row * columns:(row + 1) * columns], 1) for row in range(rows)])
    Image.fromarray(sheet).save(path)
