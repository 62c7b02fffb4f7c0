"""How shapes stretch and press the skin: Green's strain of the surface, and its strongest compression.

The strain of a triangle is E = (F^T F - 1) / 2 in its own plane, F the gradient of its deformation (Bonet and Wood
2008, chapter 4). Negative eigenvalues are compression; skin folds across the eigenvector of the least one.
"""

from __future__ import annotations

import numpy as np


def vertex_strain(vertices: np.ndarray, moved: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V, 3, 3) float32 strain of the surface `vertices` (V, 3) when it becomes `moved` (V, 3), in world axes.

    A vertex has the mean of its triangles (T, 3), weighted by their area; zero where there is none.
    """
    first, second = (vertices[triangles[:, k]] - vertices[triangles[:, 0]] for k in (1, 2))
    normal = np.cross(first, second)
    twice = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    along = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-20)
    beside = np.cross(normal / twice, along)
    frame = np.stack([along, beside], -1)  # (T, 3, 2)
    rest = np.swapaxes(frame, 1, 2) @ np.stack([first, second], -1)  # (T, 2, 2) edges as columns
    after = np.stack([moved[triangles[:, k]] - moved[triangles[:, 0]] for k in (1, 2)], -1)
    good = np.abs(np.linalg.det(rest)) > 1e-16
    gradient = after @ np.linalg.inv(np.where(good[:, None, None], rest, np.eye(2)))
    green = (np.swapaxes(gradient, 1, 2) @ gradient - np.eye(2)) / 2
    world = frame @ green @ np.swapaxes(frame, 1, 2)
    weight = twice[:, 0] * good
    total, area = np.zeros((len(vertices), 9)), np.zeros(len(vertices))
    for k in range(3):
        np.add.at(total, triangles[:, k], world.reshape(-1, 9) * weight[:, None])
        np.add.at(area, triangles[:, k], weight)
    return (total / np.maximum(area, 1e-20)[:, None]).reshape(-1, 3, 3).astype(np.float32)


def compression(strain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much shorter skin gets (...,) as a share of its length, 0 where it does not, and along which way (..., 3)."""
    values, vectors = np.linalg.eigh(strain)
    return np.maximum(-values[..., 0], 0).astype(np.float32), vectors[..., 0].astype(np.float32)
