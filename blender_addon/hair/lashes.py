"""Lashes as strands: along the head's own lashes, which are strips of two faces, and more of them in between."""

from __future__ import annotations

import bpy
import numpy as np

from ..scene.mesh import UV_LAYER
from .ground import attached, slot_of
from .growth import SEED, Strands, shaded, tapering
from .kinds import KINDS, LASHES

BETWEEN = 2
"""Further hairs between two of the head's."""

NEIGHBOURS = 0.0025
"""Roots farther apart are of different lids, metres."""

CLUMP = 0.35e-3
"""Standard deviation of where a tip lies besides its neighbour's, metres."""

DARKER, DARKEST, LIGHTEST = 0.25, 0.004, 0.02
"""Lashes have a share of the brows' brightness, within these: darker than any other hair."""


def grown(body: bpy.types.Object, points: np.ndarray, brow: np.ndarray, amount: float) -> Strands | None:
    """The lashes of a mesh whose vertices at rest are `points` (V, 3), None where it has none.

    `brow` (3,) is the linear albedo of the brows' hair.
    """
    path = _paths(body, points)
    if path is None:
        return None
    kind, random = KINDS[LASHES], np.random.default_rng(SEED)
    count, slot = len(path), slot_of(body, "lash")
    between = round(BETWEEN * amount)
    after = np.minimum(np.arange(count) + 1, count - 1)
    near = np.linalg.norm(path[after, 0] - path[:, 0], axis=1) < NEIGHBOURS
    strands, own = [path], [np.arange(count)]
    for index in range(between):
        share = (index + 1 + random.uniform(-0.3, 0.3, (count, 1, 1))) / (between + 1)
        strands.append((path * (1 - share) + path[after] * share)[near])
        own.append(np.where(share[:, 0, 0] < 0.5, np.arange(count), after)[near])
    every, holder = np.concatenate(strands), np.concatenate(own)
    along = np.linspace(0, 1, kind.steps + 1)[None, :, None]
    length = np.exp(kind.uneven * random.standard_normal((len(every), 1, 1)))
    every = every[:, :1] + (every - every[:, :1]) * length
    every = every + CLUMP * along**2 * random.standard_normal((len(every), 1, 3))
    light = float(np.clip(DARKER * brow.mean(), DARKEST, LIGHTEST))
    colour = np.tile(0.5 * light + 0.5 * brow * (light / max(float(brow.mean()), 1e-4)), (len(every), 1))
    uv = attached(np.stack([(holder + 0.4) / count, np.full(len(every), 0.03)], -1), slot)
    order = np.concatenate([np.zeros(count), random.random(len(every) - count)])
    return Strands(every, tapering(len(every), kind), uv, shaded(colour, random), order)


def _paths(body: bpy.types.Object, points: np.ndarray) -> np.ndarray | None:
    """(H, P, 3) metres from root to tip of each of the head's lashes; hair i lies about u = (i + 0.5) / H."""
    mesh, slot = body.data, slot_of(body, "lash")
    slots, totals = np.empty(len(mesh.polygons), np.int32), np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", slots)
    mesh.polygons.foreach_get("loop_total", totals)
    of = np.repeat(slots == slot, totals)
    if slot < 0 or not of.any():
        return None
    uvs, corners = np.empty(len(mesh.loops) * 2, np.float32), np.empty(len(mesh.loops), np.int32)
    mesh.uv_layers[UV_LAYER].uv.foreach_get("vector", uvs)
    mesh.loops.foreach_get("vertex_index", corners)
    uv, place = uvs.reshape(-1, 2)[of], points[corners[of]]
    tips = np.sort(uv[uv[:, 1] > 0.95, 0])
    count = 1 + int((np.diff(tips) > 2e-3).sum())
    hair = np.clip((uv[:, 0] * count).astype(int), 0, count - 1)
    heights = np.unique(np.round(uv[:, 1], 2))
    path = np.zeros((count, len(heights), 3))
    for index, height in enumerate(heights):
        here = np.abs(uv[:, 1] - height) < 0.006
        total = np.bincount(hair[here], minlength=count)
        if (total == 0).any():
            return None  # not strips of ours
        for axis in range(3):
            path[:, index, axis] = np.bincount(hair[here], place[here, axis], count) / total
    wanted = np.linspace(0, 1, KINDS[LASHES].steps + 1)
    return _curved(heights, path, wanted)


def _curved(heights: np.ndarray, path: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Points (H, P, 3) at `wanted` on the parabola through root, middle and tip, which keeps a lash's sweep."""
    middle = int(np.abs(heights - 0.5).argmin())
    m = float(np.clip((heights[middle] - heights[0]) / (heights[-1] - heights[0]), 0.2, 0.8))
    weights = np.stack([(wanted - m) * (wanted - 1) / m, wanted * (wanted - 1) / (m * (m - 1)),
                        wanted * (wanted - m) / (1 - m)], 1)
    return np.einsum("pk,hkx->hpx", weights, path[:, [0, middle, -1]])
