"""Single hairs as tapering ribbons of five vertices, and where they lie in the UV square of their material.

Lashes and brows are such hairs. A square holds all hairs of its material, left side first: hair i of n lies about
u = (i + 0.5) / n, v runs from 0 at the root to 1 at the tip. So a texture a few texels wide per hair gives every hair
a colour and a coverage of its own.
"""

from __future__ import annotations

import numpy as np

POINTS = 5  # vertices of a hair: root pair, middle pair, tip
MIDDLE = 0.55  # of a hair's length from the root, where the middle pair lies
SHARE = 0.5  # of a hair's column in the square that its root covers; the rest keeps neighbours' colours apart


def ribbon(root: np.ndarray, middle: np.ndarray, tip: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(H * POINTS, 3) metres: hairs through three points (H, 3) each; `half` (H, 3) spans half the root's width."""
    return np.stack([root - half, root + half, middle - 0.6 * half, middle + 0.6 * half, tip], 1).reshape(-1, 3)


def faces(count: int, first: int, total: int, *, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Faces (2 * count, 4), -1 last for a triangle, and corner uvs (2 * count, 4, 2) of `count` hairs.

    They are the hairs `first`, `first` + 1, ... of the `total` hairs in the square. `mirrored` hairs keep the order of
    their points, so their faces run the other way round.
    """
    base = np.arange(count)[:, None] * POINTS
    quad = base + np.array([[0, 1, 3, 2]])
    tip = np.concatenate([base + np.array([[2, 3, 4]]), np.full((count, 1), -1)], 1)
    middle = (first + np.arange(count) + 0.5) / total
    left, right = middle - SHARE / 2 / total, middle + SHARE / 2 / total
    low, half, high = np.zeros(count), np.full(count, MIDDLE), np.ones(count)
    quad_uv = np.stack([np.stack([left, low], 1), np.stack([right, low], 1), np.stack([right, half], 1),
                        np.stack([left, half], 1)], 1)
    tip_uv = np.stack([np.stack([left, half], 1), np.stack([right, half], 1), np.stack([middle, high], 1),
                       np.zeros((count, 2))], 1)
    if mirrored:
        quad, quad_uv, tip, tip_uv = quad[:, ::-1], quad_uv[:, ::-1], tip[:, [0, 2, 1, 3]], tip_uv[:, [0, 2, 1, 3]]
    return np.concatenate([quad, tip]), np.concatenate([quad_uv, tip_uv])
