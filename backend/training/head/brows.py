"""Brows: hairs that lie along the skin of the brow ridge, inner ones upright, outer ones swept towards the temple.

Root, middle and tip of every hair are bound to the skin below them, so the brow goes wherever identity, expression
and pose take that skin. Planted once on the source's template; a function of the surface from then on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.rays import Mesh
from backend.training.head import hairs

BROW_LINE = np.array([[0.0130, 0.0125], [0.0200, 0.0145], [0.0280, 0.0165], [0.0360, 0.0180], [0.0430, 0.0175],
                      [0.0490, 0.0140]])
"""X and Z of the middle of the left brow on the source's template, metres: along the ridge, where photographic skins
show a trace of it."""

COUNT = 100  # hairs per side
WIDTH = 0.00034  # metres at the root: a ribbon stands for two or three hairs
STEP = 0.00025  # metres by which a hair is traced over the skin

HALF_HEIGHT = np.array([[0.0, 0.0030], [0.06, 0.0038], [0.35, 0.0036], [0.65, 0.0026], [1.0, 0.0009]])
"""Metres from the brow's line to the outermost roots, by the share of the line from the inner end."""

LENGTH = np.array([[0.0, 0.0062], [0.3, 0.0084], [0.7, 0.0082], [1.0, 0.0066]])
"""Metres, the longest hairs, by the same share."""

RISE_BELOW = np.array([[0.0, 88.0], [0.12, 68.0], [0.3, 46.0], [0.65, 26.0], [1.0, 8.0]])
RISE_ABOVE = np.array([[0.0, 62.0], [0.12, 34.0], [0.3, 10.0], [0.65, -14.0], [1.0, -14.0]])
"""Degrees by which hairs leave the brow's line upwards, by the same share: at its lower and its upper border. They
converge on the line, which makes the brow's crest."""

BEND = 0.45  # share of that angle that a hair has lost at its tip
SCATTER = 7.0  # degrees, standard deviation
LIFT = (-0.00015, 0.00048, 0.00052)  # metres over the skin of root, middle and tip, which subdividing raises
LAYERS = 0.00030  # metres of more lift for the topmost hairs, so that crossing hairs lie over one another
LOWERED = 0.0011  # metres by which the roots' middle lies below the line at the inner end: hairs there grow upwards
ENDS = (0.0, 0.90)  # of the line, where roots begin and end; the last hairs reach its outer end


@dataclass(frozen=True)
class BrowRoots:
    """How the left brow's hairs hang on the skin: three places each. H hairs, P triangles of skin under them."""

    corners: np.ndarray  # (H, 3, 3) source vertices about root, middle and tip
    weights: np.ndarray  # (H, 3, 3) barycentric
    lift: np.ndarray  # (H, 3) metres along the normal
    width: np.ndarray  # (H,) metres at the root
    patch: np.ndarray  # (P, 3) source vertices, all triangles that shape the normals there

    def mirrored(self, mirror: np.ndarray) -> BrowRoots:
        """The right brow's; `mirror` (U,) is the source's."""
        return BrowRoots(mirror[self.corners], self.weights, self.lift, self.width, mirror[self.patch][:, ::-1])


def plant(template: np.ndarray, quads: np.ndarray, rng: np.random.Generator) -> BrowRoots:
    """Hairs of the left brow on the skin `quads` (F, 4) of the source's `template` (U, 3)."""
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    near = template[triangles].mean(1)
    triangles = triangles[(near[:, 0] > 0) & (near[:, 1] < -0.03) & (near[:, 2] > -0.005) & (near[:, 2] < 0.045)]
    skin = Mesh(template, triangles)
    along, across = _spread(COUNT, rng)
    order = np.argsort(along, kind="stable")  # neighbours on the skin are neighbours in the texture
    along, across = along[order], across[order]
    line, tangent = _line(along)
    upwards = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    place = line + upwards * (across * np.interp(along, *HALF_HEIGHT.T) - LOWERED * (1 - along))[:, None]
    rise = _between(across, np.interp(along, *RISE_BELOW.T), np.interp(along, *RISE_ABOVE.T))
    rise = rise + rng.normal(0, SCATTER, COUNT)
    length = np.interp(along, *LENGTH.T) * rng.uniform(0.76, 1.0, COUNT)
    steps = np.round(length / STEP).astype(int)
    stops = np.stack([0 * steps, np.round(hairs.MIDDLE * steps).astype(int), steps], 1)
    corners, weights = np.zeros((COUNT, 3, 3), np.int64), np.zeros((COUNT, 3, 3))
    for step in range(int(steps.max()) + 1):
        hits = skin.cast(np.column_stack([place[:, 0], np.full(COUNT, -1.0), place[:, 1]]),
                         np.broadcast_to([0.0, 1.0, 0.0], (COUNT, 3)))
        assert hits.hit.all(), "a hair of the brow left the face"
        corner = triangles[hits.triangle]
        hair, stop = np.nonzero(stops == step)
        corners[hair, stop], weights[hair, stop] = corner[hair], hits.barycentric[hair]
        points = template[corner]
        normal = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
        angle = np.deg2rad(rise * (1 - BEND * np.minimum(step / steps, 1)))
        heading = np.cos(angle)[:, None] * tangent + np.sin(angle)[:, None] * upwards
        depth = -(normal[:, 0] * heading[:, 0] + normal[:, 2] * heading[:, 1]) / normal[:, 1]
        place = place + STEP * heading / np.sqrt(1 + depth**2)[:, None]
    lift = np.array(LIFT) + np.array([0, 1.0, 1.0]) * LAYERS * rng.uniform(0, 1, (COUNT, 1))
    rim = np.isin(triangles, corners).any(1)
    return BrowRoots(corners, weights, lift, WIDTH * rng.uniform(0.8, 1.0, COUNT), triangles[rim])


def grow(roots: BrowRoots, shape: np.ndarray, side: int) -> np.ndarray:
    """(H * POINTS, 3) metres: the hairs on a source shape (U, 3); side +1 left, -1 right."""
    corner = shape[roots.patch]
    facet = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    used, place = np.unique(roots.patch, return_inverse=True)
    normals = np.zeros((len(used), 3))
    np.add.at(normals, place.reshape(-1), np.repeat(facet, 3, 0))
    normal = np.einsum("hpc,hpcx->hpx", roots.weights, normals[np.searchsorted(used, roots.corners)])
    normal = _unit(normal)
    points = np.einsum("hpc,hpcx->hpx", roots.weights, shape[roots.corners]) + roots.lift[..., None] * normal
    half = _unit(np.cross(points[:, 1] - points[:, 0], normal[:, 0])) * (side * roots.width / 2)[:, None]
    return hairs.ribbon(points[:, 0], points[:, 1], points[:, 2], half)


def _spread(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(count,) places along the line, within ENDS, and across it, -1 at the lower border: even, yet not in rows."""
    # Roberts' R2 sequence: additive recurrence on the plastic number.
    step = np.array([0.7548776662466927, 0.5698402909980532])
    even = (np.arange(1, count + 1)[:, None] * step) % 1
    # Where the brow is higher, more hairs.
    knots = np.linspace(0, 1, 200)
    density = np.interp(knots, *HALF_HEIGHT.T) ** 0.6
    total = np.r_[0, ((density[1:] + density[:-1]) / 2).cumsum()]
    along = np.interp(even[:, 0], total / total[-1], knots)
    across = 2 * even[:, 1] - 1
    along = np.clip(along + rng.normal(0, 0.008, count), 0, 1)
    # The inner end is round: its outermost roots stand back.
    return ENDS[0] + (ENDS[1] - ENDS[0]) * np.maximum(along, 0.06 * across**2), across


def _line(along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) in x and z at shares of the brow's line, and its unit tangents, smoothed over the knots."""
    dense = np.linspace(0, 1, 400)
    knots = np.linspace(0, 1, len(BROW_LINE))
    curve = np.stack([np.poly1d(np.polyfit(knots, BROW_LINE[:, axis], 3))(dense) for axis in (0, 1)], 1)
    slope = np.gradient(curve, axis=0)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)

    def at(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(along, dense, values[:, axis]) for axis in (0, 1)], 1)

    tangent = at(slope)
    return at(curve), tangent / np.linalg.norm(tangent, axis=1, keepdims=True)


def _between(across: np.ndarray, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Values that go from `below` at the lower border to `above` at the upper one."""
    share = (across + 1) / 2
    return (1 - share) * below + share * above


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
