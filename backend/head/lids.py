"""Skin of the lids laid smooth: no triangle turned over, and lids that meet where they should.

A shape closes lids by moving each vertex by itself. Where the front of a lid falls further than its edge, which lies a
millimetre behind it, the skin between is turned over, and ripples show at the edge; on a person whose lids are thinner
than the model's more of it. Here a movement, as turns and heights about the eye's centre, is laid anew: as near to the
given one as can be with the least stretch along the mesh's edges, while the upper lid's edge comes to lie where it is
wanted over the lower one's. Skin that is a millimetre apart then turns about the eye as one piece; what it has to give
it gives over the whole lid. Not its business: which movement, and what keeps lids off the eye (`adapt`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

_PULL = 0.2  # per square millimetre: how strongly the given movement is wanted; it is smoothed over 1 / sqrt of this
_FIXED = 1e4  # the same where nothing may change
_MEET = 100.0  # how strongly the lids' edges are wanted where they should be
_SHORTEST = 0.15  # millimetres, of edges
_ROUNDS = 5
_TRIES, _STIFFER = 12, 3.0  # how often, and by how much, skin that is turned over is held stiffer
_LAP = 0.07  # radians by which a closed upper lid's edge laps over the lower one's, at most: 0.9 mm
_TAPER = 0.05  # share of the eye's width beside each corner over which that comes up
_CORNER = 0.015  # share of the eye's width beside each corner where one lid turns into the other


@dataclass(frozen=True)
class Skin:
    """The skin near an eye, of one head model. N vertices, of which some are no skin."""

    triangles: np.ndarray  # (T, 3) places among the N
    edges: np.ndarray  # (E, 2) likewise
    sides: np.ndarray  # (T, 3) of each triangle, places among the E
    fixed: np.ndarray  # (N,) bool, what keeps the movement that it has

    @property
    def free(self) -> np.ndarray:
        """(T,) bool, triangles of which no corner is fixed."""
        return np.asarray(~self.fixed[self.triangles].any(1))

    @classmethod
    def of(cls, triangles: np.ndarray, fixed: np.ndarray) -> Skin:
        """`triangles` (T, 3) and what of the N = len(fixed) vertices keeps its movement, beside what is no skin."""
        edges = np.concatenate([triangles[:, [k, (k + 1) % 3]] for k in range(3)])
        skin = np.zeros(len(fixed), bool)
        skin[triangles.reshape(-1)] = True
        edges, sides = np.unique(np.sort(edges, 1), axis=0, return_inverse=True)
        return cls(triangles, edges, sides.reshape(3, -1).T, fixed | ~skin)

    def stiffness(self, points: np.ndarray, stiffer: np.ndarray) -> sparse.csc_matrix:
        """(N, N) per square millimetre: of a field, the sum over edges of its squared change by length.

        `points` (N, 3) metres at rest; `stiffer` (E,) by how much an edge counts more than others.
        """
        start, end = self.edges.T
        length = np.maximum(np.linalg.norm(points[start] - points[end], axis=1) * 1e3, _SHORTEST)
        weight = stiffer / length**2
        values = np.concatenate([weight, weight, -weight, -weight])
        rows, columns = np.concatenate([start, end, start, end]), np.concatenate([start, end, end, start])
        return sparse.csc_matrix((values, (rows, columns)), shape=(len(points), len(points)))


def meeting(opening: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Openings (K, S) in radians that closed lids should have: a small lap, none in the corners; open ones stay.

    `samples` (S,) from 0 at one corner to 1 at the other.
    """
    ramp = np.clip(np.minimum(samples, 1 - samples) / _TAPER, 0, 1)
    return np.where(opening < 0, np.maximum(opening, -_LAP * ramp * ramp * (3 - 2 * ramp)), opening)


def turned_over(rest: np.ndarray, moved: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(K, T) bool: triangles whose front has become their back, seen from what turns about the eye with them.

    `rest` (N, 3) and `moved` (K, N, 3) metres from the eye's centre.
    """
    return np.asarray((_normals(rest[None], triangles) * _normals(moved, triangles)).sum(-1) < 0)


def _normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(K, T, 3) normals of any length along the direction outwards, that of growing elevation, and across both."""
    corner = points[:, triangles]
    normal = np.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0])
    outward = corner.mean(2)
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    across = np.cross(outward, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    frame = np.stack([outward, np.cross(across, outward), across], -2)
    return np.asarray(np.einsum("ktij,ktj->kti", frame, normal))


def laid(skin: Skin, points: np.ndarray, rest: np.ndarray, moved: np.ndarray, goal: np.ndarray, samples: np.ndarray,
         parts: tuple[np.ndarray, np.ndarray], back: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`moved` (N, 3) azimuth, elevation and height, laid smooth; skin that is turned over even so is held stiffer.

    `points` (N, 3) metres and `rest` (N, 3) the same at rest; `goal` (S,) wanted radians from the lower lid's edge up
    to the upper one's at azimuths `samples` (S,), from corner to corner; `parts` (E, 2) edges of the upper and of the
    lower lid; `back` makes metres (N, 3) of angles.
    """
    stiffer = np.ones(len(skin.edges))
    for _ in range(_TRIES):
        out = _laid(skin, skin.stiffness(points, stiffer), rest, moved, goal, samples, parts)
        over = turned_over(points, back(out)[None], skin.triangles[skin.free])[0]
        if not over.any():
            break
        stiffer[np.unique(skin.sides[skin.free][over])] *= _STIFFER
    return out


def _laid(skin: Skin, stiff: sparse.csc_matrix, rest: np.ndarray, moved: np.ndarray, goal: np.ndarray,
          samples: np.ndarray, parts: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    pull = np.where(skin.fixed, _FIXED, _PULL)
    system = (stiff + sparse.diags(pull)).tocsc()
    change = linalg.splu(system).solve(pull[:, None] * (moved - rest))
    across = np.linspace(0, 1, len(samples))
    inside = (across > _CORNER) & (across < 1 - _CORNER)
    for _ in range(_ROUNDS):
        at = rest + change
        upper, share, _, there = _edge(at, samples, parts[0], 1)
        _, _, floor, also = _edge(at, samples, parts[1], -1)
        used = np.flatnonzero(there & also & inside)
        rows = np.repeat(np.arange(len(used)), 2)
        values = np.stack([1 - share[used], share[used]], 1).reshape(-1)
        line = sparse.csc_matrix((values, (rows, upper[used].reshape(-1))), shape=(len(used), len(rest)))
        wanted = floor[used] + goal[used] - line @ rest[:, 1]
        tied = linalg.splu((system + _MEET * (line.T @ line)).tocsc())
        change[:, 1] = tied.solve(pull * (moved - rest)[:, 1] + _MEET * (line.T @ wanted))
    out = rest + change
    out[skin.fixed] = moved[skin.fixed]
    return np.asarray(out)


def _edge(at: np.ndarray, samples: np.ndarray, edges: np.ndarray, sign: int
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each of S azimuths the mesh's edge (S, 2) that is a lid's lowest (`sign` 1) or highest (-1).

    Then the share (S,) of its second end there, its elevation (S,), and whether there is one (S,).
    """
    start, end = at[edges[:, 0]], at[edges[:, 1]]
    run = end[:, 0] - start[:, 0]
    t = (samples[:, None] - start[:, 0]) / np.where(np.abs(run) < 1e-9, np.inf, run)
    height = start[:, 1] + t * (end[:, 1] - start[:, 1])
    height = np.where((t >= 0) & (t <= 1) & (np.abs(run) >= 1e-9), sign * height, np.inf)
    lowest, every = height.argmin(1), np.arange(len(samples))
    return edges[lowest], t[every, lowest], sign * height[every, lowest], np.isfinite(height[every, lowest])
