"""The caruncle: the small pink body in the eye's inner corner, which fills the pit between the lids there.

Like lashes it is a function of the lid's edge and of the eye's centre: it follows every identity, and flattens when
the lids close over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AROUND, RINGS = 12, 4  # points around its axis; rings from the crown to the rim
LENGTH, HEIGHT, DEPTH = 0.0022, 0.0015, 0.0007
"""Half axes in metres along the fissure (towards the nose and towards the eye), across it, and out of the face."""

BESIDE = 3  # edge vertices from the corner to those that tell how open the lids are
SUNK = 0.0006  # metres its middle lies behind the lids' edges
INSIDE = 0.0007  # metres its middle lies within the lids' corner


@dataclass(frozen=True)
class Corner:
    """Vertices of the lids' edge about the inner corner, as places in the ring of edge vertices."""

    tip: int
    above: int
    below: int


def find_corner(edge: np.ndarray, order: np.ndarray) -> Corner:
    """The inner corner of a left eye's `edge` (N, 3); `order` (N,) walks around the ring."""
    tip = int(edge[:, 0].argmin())
    at = int(np.flatnonzero(order == tip)[0])
    sides = [int(order[(at + step) % len(order)]) for step in (BESIDE, -BESIDE)]
    above, below = sorted(sides, key=lambda place: -edge[place, 2])
    return Corner(tip, above, below)


def points(corner: Corner, edge: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(1 + AROUND * RINGS, 3) metres on an edge (N, 3) about an eye's centre, mirrored for a right eye."""
    tip, above, below = edge[corner.tip], edge[corner.above], edge[corner.below]
    along = _unit((above + below) / 2 - tip)
    outward = _unit(_unit(tip - centre) + np.array([0, -1.0, 0]))
    along = _unit(along - (along @ outward) * outward)
    across = np.cross(along, outward)
    across = across * np.sign(across[2])
    opening = abs((above - below) @ across)
    height = min(HEIGHT, 0.45 * opening)
    middle = tip + INSIDE * along - SUNK * outward
    axes = np.stack([LENGTH * along, height * across, DEPTH * (height / HEIGHT) ** 0.5 * outward])
    return middle + unit_points() @ axes


def unit_points() -> np.ndarray:
    """(1 + AROUND * RINGS, 3) of somewhat more than half a ball: along, across, outward; the crown, then rings.

    The open rim lies under the skin.
    """
    turn = np.arange(AROUND) * 2 * np.pi / AROUND
    rows = [np.array([[0, 0, 1.0]])]
    for ring in range(1, RINGS + 1):
        fall = 1.25 * np.pi / 2 * ring / RINGS
        rows.append(np.stack([np.sin(fall) * np.cos(turn), np.sin(fall) * np.sin(turn),
                              np.full(AROUND, np.cos(fall))], 1))
    return np.concatenate(rows)


def faces(*, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Faces (F, 4), -1 last for a triangle, of a left caruncle, and corner uvs (F, 4, 2) in 0..1.

    The right one is the left one `mirrored`, so its faces run the other way round.
    """
    index = 1 + np.arange(AROUND * RINGS).reshape(RINGS, AROUND)
    following = np.roll(index, -1, 1)
    crown = np.stack([np.zeros(AROUND, int), index[0], following[0], np.full(AROUND, -1)], 1)
    rest = np.stack([index[:-1], index[1:], following[1:], following[:-1]], -1).reshape(-1, 4)
    quads = np.concatenate([crown, rest])
    flat = 0.5 + 0.48 * np.concatenate([[[0, 0]], np.concatenate([
        np.stack([np.cos(turn), np.sin(turn)], 1) * ring / RINGS for ring in range(1, RINGS + 1)
        for turn in [np.arange(AROUND) * 2 * np.pi / AROUND]])])
    if mirrored:
        turned = np.where(quads[:, 3:] >= 0, [[0, 3, 2, 1]], [[0, 2, 1, 3]])
        quads = np.take_along_axis(quads, turned, 1)
    return quads, np.where((quads >= 0)[..., None], flat[quads], 0.0)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
