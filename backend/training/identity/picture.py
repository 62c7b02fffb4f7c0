"""A plain picture of random heads, for looking at what the prior makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.head.model import HeadModel
from backend.training.head.embedding import plain_colours
from backend.training.head.shading import render

COLUMNS, ROWS = 6, 4
YAWS = (-0.5, 0.0, 0.5)
"""Radians, by turns."""


def draw_sheet(head: HeadModel, path: Path, rng: np.random.Generator, size: int = 300) -> None:
    """Write a picture of COLUMNS x ROWS random people, beta ~ N(0, 1)."""
    from PIL import Image

    clear = np.isin(head.triangle_material, [head.material_index(name) for name in ("cornea", "tear")])
    colours, triangles = plain_colours(head)[~clear], head.triangles[~clear]
    pictures = []
    for number in range(COLUMNS * ROWS):
        beta = rng.standard_normal(len(head.shape_basis))
        shape = head.template + np.tensordot(beta, head.shape_basis, 1)
        pictures.append(render(shape, triangles, colours, size=size, yaw=YAWS[number % len(YAWS)],
                               target=(0, -0.03, -0.02)))
    rows = [np.concatenate(pictures[row * COLUMNS:(row + 1) * COLUMNS], 1) for row in range(ROWS)]
    Image.fromarray(np.concatenate(rows)).save(path)
