"""Lashes: single curved hairs along the edges of the lids, as tapering ribbons that need no texture.

A hair is a function of the lid's edge and of the eye's centre, so it turns with the lid in every identity and
expression: its root lies on the edge, it leaves along the eye's radius and bends away from the opening.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.training.head import hairs

UPPER, LOWER = 44, 26  # hairs per lid
UPPER_LENGTH, LOWER_LENGTH = 0.0080, 0.0042  # metres, the longest, in the outer half
WIDTH = (0.00022, 0.00015)  # metres at the root, upper and lower
THICK = (0.0011, 0.0006)  # metres from the edge to the roots, upper and lower: over the margin, to the lid's outer lip
TILT = (28.0, 15.0)  # degrees by which the margins turn from the eye's radius into the opening, upper and lower
ROOT_INSIDE = 0.0002  # metres from the margin's surface into the opening
DIP = (36.0, 4.0)  # degrees by which lashes first turn from the eye's radius into the opening
CURL = (0.85, 0.50)  # how far they then bend away from it, as a share of their length
COUNT = UPPER + LOWER


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
    """(H * hairs.POINTS, 3) metres: the hairs on an edge (N, 3) about an eye's centre; side +1 left, -1 right."""
    root = edge[roots.first] + roots.share[:, None] * (edge[roots.second] - edge[roots.first])
    outward = _unit(root - centre)
    tangent = edge[roots.second] - edge[roots.first]
    tangent = _unit(tangent - (tangent * outward).sum(1, keepdims=True) * outward)
    away = np.cross(tangent, outward) * side * -1  # up for a tangent from the inner to the outer corner
    away = np.where(roots.upper[:, None], away, -away)
    upper = roots.upper[:, None]

    def turned(degrees: tuple[float, float], share: np.ndarray | float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """`outward` and `away` turned into the opening."""
        angle = np.deg2rad(np.where(upper, *degrees)) * share
        return np.cos(angle) * outward - np.sin(angle) * away, np.sin(angle) * outward + np.cos(angle) * away

    margin, across = turned(TILT)
    root = root + np.where(upper, *THICK) * margin - ROOT_INSIDE * across
    # Lashes of the upper lid dip under its fold before they rise; the lower ones just curve down and out.
    level = 1 - 0.35 * np.abs(2 * roots.along - 1)[:, None] ** 2  # less so towards the corners
    out, across = turned(DIP, level)
    fan = tangent * ((roots.along - 0.42) * 0.9)[:, None]
    length, curl = roots.length[:, None], np.where(upper, *CURL)

    def point(s: float) -> np.ndarray:
        return root + length * (s * (0.9 * out - 0.05 * across + fan) + curl * s * s * across)

    half = tangent * (np.where(upper, *WIDTH) / 2)
    return hairs.ribbon(root - 0.0002 * margin, point(hairs.MIDDLE), point(1.0), half)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
