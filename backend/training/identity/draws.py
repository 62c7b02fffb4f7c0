"""Heads drawn from the generator's own sliders, as widely as it allows, and what they need beyond a basis.

Real people's statistics say what is likely; they do not span everything that the generator can make. What a basis
leaves of such draws has main directions of its own: appended with a small prior spread, they hardly change a random
head, and let a least-squares fit reach any head of the generator.
"""

from __future__ import annotations

import numpy as np

from backend.training.head.source import Source

YOUNGEST = 0.5
"""Age of the youngest drawn, a teenager; 1/3 is a child, 2/3 a young adult, 1 an old one."""

BATCH = 100


def draw_heads(source: Source, wide: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, U, 3) float32 metres: heads with random phenotypes and every local target uniform in -wide to wide.

    `wide` (N,): 1 is as far as the sliders go.
    """
    labels = source.model.phenotype_labels
    heads = np.empty((len(wide), *source.template.shape), np.float32)
    for start in range(0, len(wide), BATCH):
        part = wide[start:start + BATCH]
        phenotypes = rng.uniform(0, 1, (len(part), len(labels)))
        age = labels.index("age")
        phenotypes[:, age] = YOUNGEST + (1 - YOUNGEST) * phenotypes[:, age]
        local = rng.uniform(-1, 1, (len(part), len(source.model.local_change_labels))) * part[:, None]
        weights = source.coefficient_rows(phenotypes, local).astype(np.float32)
        heads[start:start + BATCH] = np.tensordot(weights, source.modes, 1) + source.template
    return heads


def aligned(points: np.ndarray, target: np.ndarray, used: np.ndarray) -> np.ndarray:
    """`points` (N, 3) turned and shifted onto `target` by the vertices `used` (Kabsch); no scaling."""
    a, b = points[used].mean(0), target[used].mean(0)
    u, _, vt = np.linalg.svd((points[used] - a).T @ (target[used] - b))
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return (points - a) @ turn + b


def rigid_motions(points: np.ndarray) -> np.ndarray:
    """(6, 3 N) shifts along the axes and small turns about them of points (N, 3)."""
    axes = np.eye(3)
    moves = [np.broadcast_to(axis, points.shape) for axis in axes] + [np.cross(axis, points) for axis in axes]
    return np.stack(moves).reshape(6, -1)


def beyond(heads: np.ndarray, mean: np.ndarray, basis: np.ndarray, mirror: np.ndarray, used: np.ndarray,
           count: int) -> np.ndarray:
    """(count, V, 3) float32 metres per standard deviation: what `heads` (N, V, 3) need that `basis` (K, V, 3) lacks.

    Main directions of the heads' residuals and of their mirror images, each even or odd under the mirror, by falling
    variance. The basis and rigid motions are fitted to the vertices `used`, which all count alike.
    """
    flip = np.array([-1, 1, 1], np.float32)
    known = np.concatenate([basis.reshape(len(basis), -1), rigid_motions(mean)]).astype(np.float32)
    seen = known.reshape(len(known), -1, 3)[:, used].reshape(len(known), -1).astype(np.float64)
    scale = np.linalg.norm(seen, axis=1, keepdims=True)
    seen, known = seen / scale, known / scale.astype(np.float32)
    moved = (heads - mean).astype(np.float32)
    target = moved[:, used].reshape(len(heads), -1).astype(np.float64)
    share = np.linalg.solve(seen @ seen.T, seen @ target.T).T
    rest = moved - (share.astype(np.float32) @ known).reshape(moved.shape)
    image = rest[:, mirror] * flip
    pieces: list[tuple[float, np.ndarray]] = []
    for parity in (1, -1):
        half = (rest + parity * image) / 2
        flat = half[:, used].reshape(len(heads), -1).astype(np.float64)
        variance, vector = np.linalg.eigh(flat @ flat.T)
        for value, column in zip(variance[::-1][:count], vector.T[::-1][:count], strict=True):
            field = np.tensordot(column.astype(np.float32), half, 1) / np.sqrt(len(heads))
            peak = field.reshape(-1)[np.abs(field).argmax()]
            pieces.append((float(value), field * np.sign(peak)))
    pieces.sort(key=lambda piece: -piece[0])
    return np.stack([field for _, field in pieces[:count]])
