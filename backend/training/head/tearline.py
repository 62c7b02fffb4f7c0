"""The tear line: the film of tears that fills the crease between the lids' edges and the eyeball.

A closed strip around the opening, from the lid's margin over a hollow meniscus down to just below the eyeball's
surface. Like lashes and caruncles it is a function of the lid's edge and of the eye's centre: it follows every
identity and every expression, and thins out where the lids meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.head import eyes

AROUND = 28  # vertices of the lid's edge, one section of the strip at each, so that both subdivide alike
ROWS = 3  # vertices of a section: on the lid's margin, in the hollow, on the eyeball

ALONG = np.array([-0.00016, 0.00006, 0.00034])
"""Metres of a section's vertices from the lid's edge over the eyeball, into the opening."""

HEIGHT = np.array([0.00052, 0.00020, -0.00005])
"""Metres of them over the eyeball. People's menisci are 0.2 to 0.4 mm high; the hollow lies below the chord."""

OPEN = 0.0016
"""Metres between the lids below which the strip narrows."""


@dataclass(frozen=True)
class Rim:
    """How the ring of edge vertices runs around an eye. N of them."""

    order: np.ndarray  # (N,) places in the ring, in the order of a walk around the opening, against the clock from in
    # front on a left eye
    upper: np.ndarray  # (N,) bool, of the walk: belongs to the upper lid; the corners belong to both
    lower: np.ndarray  # (N,) bool


def find_rim(edge: np.ndarray, order: np.ndarray) -> Rim:
    """Of a left eye's `edge` (N, 3) (inner corner at least x); `order` (N,) walks around the ring."""
    assert len(order) == AROUND, len(order)
    flat = edge[order][:, [0, 2]]
    after = np.roll(flat, -1, 0)
    if (flat[:, 0] * after[:, 1] - flat[:, 1] * after[:, 0]).sum() < 0:  # twice the signed area
        order = order[::-1]
    walk = edge[order]
    inner, outer = int(walk[:, 0].argmin()), int(walk[:, 0].argmax())
    share = (walk[:, 0] - walk[inner, 0]) / (walk[outer, 0] - walk[inner, 0])
    above = walk[:, 2] > walk[inner, 2] + share * (walk[outer, 2] - walk[inner, 2])
    corner = np.isin(np.arange(len(walk)), (inner, outer))
    return Rim(order, above | corner, ~above | corner)


def points(rim: Rim, edge: np.ndarray, centre: np.ndarray, side: int) -> np.ndarray:
    """(AROUND * ROWS, 3) metres, section after section, on an edge (N, 3) about an eye's centre.

    `side` +1 left, -1 right: a right eye's edge is the left one's mirrored, place by place.
    """
    walk = edge[rim.order] - centre
    before, after = np.roll(walk, 1, 0), np.roll(walk, -1, 0)
    outward = _unit(walk)
    tangent = after - before
    inward = _unit(np.cross(outward, tangent)) * side
    share = np.minimum(_opening(rim, walk) / OPEN, 1)
    # Subdividing draws a ring's vertices a sixth of the way towards both neighbours: what that sinks them is added.
    steps = np.linalg.norm(after - walk, axis=1) * np.linalg.norm(walk - before, axis=1)
    sunk = steps / (6 * eyes.EYEBALL_RADIUS)
    rows = []
    for along, height in zip(ALONG, HEIGHT, strict=True):
        direction = _unit(walk + (along * share)[:, None] * inward)
        radius = eyes.surface_radius(direction) * eyes.EYEBALL_RADIUS
        rows.append(centre + direction * (radius + height * (0.5 + 0.5 * share) + sunk)[:, None])
    return np.stack(rows, 1).reshape(-1, 3)


def faces(*, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Faces (F, 4), outward, and corner uvs (F, 4, 2): u once around the opening, v 0 on the lid, 1 on the eyeball.

    `mirrored` sections keep their order, so their faces run the other way round.
    """
    section, row = np.divmod(np.arange(AROUND * (ROWS - 1)), ROWS - 1)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    if mirrored:
        corners = corners[::-1]
    at = section[:, None] + corners[:, 0]
    across = row[:, None] + corners[:, 1]
    return (at % AROUND) * ROWS + across, np.stack([at / AROUND, across / (ROWS - 1)], -1)


def _opening(rim: Rim, walk: np.ndarray) -> np.ndarray:
    """(N,) metres from each vertex of the walk (N, 3) to the other lid's edge."""
    steps = np.linspace(0, 1, 4, endpoint=False)[None, :, None]
    dense = (walk[:, None] * (1 - steps) + np.roll(walk, -1, 0)[:, None] * steps)
    out = np.full(len(walk), np.inf)
    for own, other in ((rim.upper, rim.lower), (rim.lower, rim.upper)):
        line = dense[other & np.roll(other, -1)].reshape(-1, 3)
        gap = np.linalg.norm(walk[own][:, None] - line[None], axis=-1).min(1)
        out[own] = np.minimum(out[own], gap)
    return out


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
