"""Lashes: single curved hairs along the edges of the lids, as tapering ribbons that need no texture.

A hair is a function of the lid's edge and of the eye's centre, so it turns with the lid in every identity and
expression: its root lies on the edge, it leaves along the eye's radius and bends away from the opening.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UPPER, LOWER = 44, 26  # hairs per lid
UPPER_LENGTH, LOWER_LENGTH = 0.0085, 0.0050  # metres, the longest, in the outer half
WIDTH = 0.00022  # metres at the root
ROOT_FORWARD, ROOT_INSIDE = 0.0002, 0.0004  # metres from the edge: lashes grow on the margin, before the lid's skin
POINTS = 5  # vertices of a hair: root pair, middle pair, tip


@dataclass(frozen=True)
class LashRoots:
    """Where hairs grow on one eye's ring of `edge` vertices. H hairs."""

    first: np.ndarray  # (H,) place in the ring
    second: np.ndarray  # (H,)
    share: np.ndarray  # (H,) of the second
    upper: np.ndarray  # (H,) bool
    along: np.ndarray  # (H,) 0 at the inner corner, 1 at the outer
    length: np.ndarray  # (H,) metres


def plant(edge: np.ndarray, rng: np.random.Generator) -> LashRoots:
    """Spread hairs over a ring of edge vertices (N, 3) of a left eye (inner corner at least x)."""
    inner, outer = int(edge[:, 0].argmin()), int(edge[:, 0].argmax())
    share = (edge[:, 0] - edge[inner, 0]) / (edge[outer, 0] - edge[inner, 0])
    above = edge[:, 2] > edge[inner, 2] + share * (edge[outer, 2] - edge[inner, 2])
    parts = []
    for upper, count, longest in ((True, UPPER, UPPER_LENGTH), (False, LOWER, LOWER_LENGTH)):
        members = np.flatnonzero(above if upper else ~above)
        members = members[~np.isin(members, (inner, outer))]
        chain = np.r_[inner, members[np.argsort(edge[members, 0])], outer]
        length = np.r_[0, np.linalg.norm(np.diff(edge[chain], axis=0), axis=1).cumsum()]
        at = np.linspace(0.17, 0.97, count) + rng.uniform(-0.006, 0.006, count)
        step = np.clip(np.searchsorted(length, at * length[-1]) - 1, 0, len(chain) - 2)
        within = (at * length[-1] - length[step]) / (length[step + 1] - length[step])
        profile = longest * (0.55 + 0.45 * np.sin(np.pi * np.clip(at * 0.85 + 0.02, 0, 1)) ** 0.8)
        parts.append((chain[step], chain[step + 1], within, np.full(count, upper), at,
                      profile * rng.uniform(0.78, 1.0, count)))
    return LashRoots(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def grow(roots: LashRoots, edge: np.ndarray, centre: np.ndarray, side: int) -> np.ndarray:
    """(H * POINTS, 3) metres: the hairs on an edge (N, 3) about an eye's centre; side +1 left, -1 right."""
    root = edge[roots.first] + roots.share[:, None] * (edge[roots.second] - edge[roots.first])
    outward = _unit(root - centre)
    tangent = edge[roots.second] - edge[roots.first]
    tangent = _unit(tangent - (tangent * outward).sum(1, keepdims=True) * outward)
    away = np.cross(tangent, outward) * side * -1  # up for a tangent from the inner to the outer corner
    away = np.where(roots.upper[:, None], away, -away)
    root = root + ROOT_FORWARD * outward - ROOT_INSIDE * away
    fan = tangent * ((roots.along - 0.42) * 0.9)[:, None]
    length = roots.length[:, None]
    # Lashes of the upper lid dip under its fold before they rise; the lower ones just curve down and out.
    lift = np.where(roots.upper, -0.70, 0.25)[:, None]
    curl = np.where(roots.upper, 1.25, 0.35)[:, None]

    def point(s: float) -> np.ndarray:
        return root + length * (s * (0.85 * outward + lift * away + fan) + curl * s * s * away)

    half = tangent * (WIDTH / 2)
    start, middle = root - 0.0002 * outward, point(0.55)
    hairs = np.stack([start - half, start + half, middle - 0.6 * half, middle + 0.6 * half, point(1.0)], 1)
    return hairs.reshape(-1, 3)


def faces(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces (2 * count, 4), -1 last for a triangle, and corner uvs (2 * count, 4, 2) of `count` hairs."""
    base = np.arange(count)[:, None] * POINTS
    quad = base + np.array([[0, 1, 3, 2]])
    tip = np.concatenate([base + np.array([[2, 3, 4]]), np.full((count, 1), -1)], 1)
    left, right = (np.arange(count) + 0.2) / count, (np.arange(count) + 0.8) / count
    middle = (left + right) / 2
    low, half, high = np.full(count, 0.02), np.full(count, 0.55), np.full(count, 0.98)
    quad_uv = np.stack([np.stack([left, low], 1), np.stack([right, low], 1), np.stack([right, half], 1),
                        np.stack([left, half], 1)], 1)
    tip_uv = np.stack([np.stack([left, half], 1), np.stack([right, half], 1), np.stack([middle, high], 1),
                       np.zeros((count, 2))], 1)
    return np.concatenate([quad, tip]), np.concatenate([quad_uv, tip_uv])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
