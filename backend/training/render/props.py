"""What a head needs to stand in a photo: shoulders in a plain shirt, hair and beards that stand off the skin."""

from __future__ import annotations

import numpy as np

from backend.core.rays import vertex_normals
from backend.head.model import HeadModel
from backend.training.render.scene import CLOTHES, HAIR, Part

SHOULDER_HALF_WIDTH, CHEST_HALF_DEPTH = 0.205, 0.105
"""Metres, of an average adult."""

AROUND, LEVELS = 96, 40

LOCKS, LOCK_POINTS, LOCK_WIDTH = 9000, 9, 0.0024
"""Locks on a whole scalp, points along each, metres across at the root."""

TUFTS, TUFT_WIDTH = 6000, 0.0012
"""Tufts of a beard, metres across at the root."""


def shoulders(head: HeadModel, posed: np.ndarray) -> Part:
    """A bust under `posed` (V, 3): rings from the neck's open rim outwards to the shoulders and down the chest."""
    rim = _neck_rim(head, posed)
    centre = np.array([0.0, rim[:, 1].mean(), 0.0])
    angle = np.arctan2(rim[:, 0], -(rim[:, 1] - centre[1]))
    order = np.argsort(angle)
    around = np.linspace(-np.pi, np.pi, AROUND, endpoint=False)
    collar = np.stack([np.interp(around, angle[order], rim[order, axis], period=2 * np.pi) for axis in range(3)], -1)
    outward = np.stack([np.sin(around), -np.cos(around), np.zeros(AROUND)], -1)
    rings = []
    for t in np.linspace(0, 1, LEVELS):
        wide = 1 - (1 - min(t / 0.6, 1)) ** 1.7
        full = np.stack([SHOULDER_HALF_WIDTH * np.sin(around), centre[1] + 0.012 - CHEST_HALF_DEPTH * np.cos(around),
                         collar[:, 2]], -1)
        ring = collar + (full - collar) * wide
        drop = 0.030 * wide + 0.05 * wide**5 + 0.30 * max(t - 0.6, 0) / 0.4
        ring[:, 2] = collar[:, 2] * (1 - wide) + collar[:, 2].mean() * wide + 0.006 * np.exp(-t / 0.04) - drop
        ring += outward * 0.0035 * np.exp(-t / 0.1)
        rings.append(ring)
    vertices = np.array(rings).reshape(-1, 3)
    index = np.arange(AROUND)
    after = (index + 1) % AROUND
    triangles = []
    for level in range(LEVELS - 1):
        a, b = level * AROUND + index, level * AROUND + after
        triangles += [np.stack([a, a + AROUND, b], -1), np.stack([b, a + AROUND, b + AROUND], -1)]
    faces = np.concatenate(triangles).astype(np.int32)
    return Part(vertices.astype(np.float32), faces, np.zeros((len(faces), 3, 2), np.float32),
                np.full(len(faces), CLOTHES, np.int32))


def _neck_rim(head: HeadModel, posed: np.ndarray) -> np.ndarray:
    """(N, 3) the skin's lowest open loop: of the edges that only one triangle has, the connected lot farthest down."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    triangles = head.triangles[head.triangle_material == head.material_index("skin")]
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    open_edges = unique[count == 1]
    graph = coo_array((np.ones(len(open_edges)), open_edges.T), shape=(len(posed), len(posed)))
    _, label = connected_components(graph, directed=False)
    used = np.unique(open_edges)
    loops = [used[label[used] == one] for one in np.unique(label[used])]
    return posed[min(loops, key=lambda loop: posed[loop, 2].mean())]


def hair(head: HeadModel, posed: np.ndarray, cover: np.ndarray, length: float, rng: np.random.Generator) -> Part:
    """Locks as tapering ribbons that are combed back and aside from the forehead, then fall.

    `posed` (V, 3) metres; `cover` (R, R) where the scalp has hair; `length` metres of the longest locks. A ribbon's uv:
    u a brightness of its own, v along it.
    """
    from backend.training.render.texture import by_uv

    chosen = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    triangles, uvs = head.triangles[chosen], head.triangle_uvs[chosen]
    corner = posed[triangles]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    weight = area * by_uv(cover, uvs.mean(1))
    pick = rng.choice(len(chosen), LOCKS, p=weight / weight.sum())
    share = rng.dirichlet(np.ones(3), LOCKS)
    root = np.einsum("nc,ncx->nx", share, corner[pick])
    normal = vertex_normals(posed, head.triangles)[triangles[pick]]
    normal = np.einsum("nc,ncx->nx", share, normal)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)

    scalp = posed[np.unique(triangles[by_uv(cover, uvs.mean(1)) > 0.5])]
    centre = (scalp.min(0) + scalp.max(0)) / 2
    centre[2] = scalp[:, 2].max() - 0.105
    radii = np.array([np.ptp(scalp[:, 0]) / 2, np.ptp(scalp[:, 1]) / 2, 0.105])

    parting = 0.02
    aside = np.tanh((root[:, 0] - parting) / 0.02)
    combed = np.stack([0.75 * aside, 0.60 + 0 * aside, -0.15 + 0 * aside], -1) + rng.normal(0, 0.10, (LOCKS, 3))
    heading = 0.5 * normal + combed
    layer = 1.0 + rng.uniform(0.02, 0.16, LOCKS)
    step = length * rng.uniform(0.55, 1.0, LOCKS) / (LOCK_POINTS - 1)
    wave, phase = rng.uniform(0.0, 0.35, LOCKS), rng.uniform(0, 2 * np.pi, LOCKS)
    path = [root - normal * 0.001]
    for index in range(LOCK_POINTS - 1):
        heading = heading + np.array([0, 0, -0.27])
        sway = np.stack([np.cos(phase + index * 0.9), np.sin(phase + index * 0.9), 0 * phase], -1) * wave[:, None]
        direction = heading + sway
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        point = path[-1] + direction * step[:, None]
        relative = (point - centre) / radii
        away = np.linalg.norm(relative, axis=1)
        floor = 1 + (layer - 1) * min((index + 1) / 3, 1)
        inside = (away < floor) & (point[:, 2] > centre[2] - 0.04)
        point = np.where(inside[:, None], centre + relative * (floor / np.maximum(away, 1e-6))[:, None] * radii, point)
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        heading = 0.7 * heading + 0.3 * (point - path[-1]) / step[:, None]
        path.append(point)
    spine = np.stack(path, 1)  # (N, P, 3)
    tangent = np.gradient(spine, axis=1)
    outward = spine - centre
    across = np.cross(tangent, outward)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    width = LOCK_WIDTH * np.linspace(1, 0.25, LOCK_POINTS)[None, :, None] * rng.uniform(0.6, 1.2, (LOCKS, 1, 1)) / 2
    vertices = np.stack([spine - across * width, spine + across * width], 2).reshape(-1, 3)
    base = (np.arange(LOCKS)[:, None] * LOCK_POINTS + np.arange(LOCK_POINTS - 1)[None]).reshape(-1, 1) * 2
    faces = np.concatenate([base + np.array([[0, 1, 2]]), base + np.array([[1, 3, 2]])])
    tint = np.repeat(rng.beta(2, 2, LOCKS), LOCK_POINTS * 2)
    along = np.tile(np.repeat(np.linspace(0, 1, LOCK_POINTS), 2), LOCKS)
    corner_uv = np.stack([tint, along], -1)[faces]
    return Part(vertices.astype(np.float32), faces.astype(np.int32), corner_uv.astype(np.float32),
                np.full(len(faces), HAIR, np.int32))


def beard(head: HeadModel, posed: np.ndarray, cover: np.ndarray, length: float, rng: np.random.Generator) -> Part:
    """Tufts as tapering ribbons that stand off the skin below the nose and turn down.

    `posed` (V, 3) metres; `cover` (R, R) where there is a beard, anything above the nose is left out; `length` metres
    of the longest. uv as in `hair`.
    """
    from backend.training.render.texture import by_uv

    points = head.landmark_points(posed)
    chosen = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    triangles, uvs = head.triangles[chosen], head.triangle_uvs[chosen]
    corner = posed[triangles]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    below = corner.mean(1) @ [0, 0, 1.0] < points[1, 2]  # the nose's tip
    weight = area * by_uv(cover, uvs.mean(1)) * below
    if weight.sum() <= 0:
        return Part(posed[:3], np.zeros((0, 3), np.int32), np.zeros((0, 3, 2), np.float32), np.zeros(0, np.int32))
    pick = rng.choice(len(chosen), TUFTS, p=weight / weight.sum())
    share = rng.dirichlet(np.ones(3), TUFTS)
    root = np.einsum("nc,ncx->nx", share, corner[pick])
    normal = np.einsum("nc,ncx->nx", share, vertex_normals(posed, head.triangles)[triangles[pick]])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    heading = 0.6 * normal + rng.normal(0, 0.25, (TUFTS, 3)) + [0, 0, -0.5]
    step = length * rng.uniform(0.4, 1.0, TUFTS)[:, None] / 3
    path = [root - normal * 0.0005]
    for _ in range(3):
        heading = heading / np.linalg.norm(heading, axis=1, keepdims=True) + [0, 0, -0.15]
        inward = np.minimum(np.einsum("nx,nx->n", heading, normal) - 0.15, 0)[:, None]
        heading = heading - inward * normal  # never into the skin
        path.append(path[-1] + heading / np.linalg.norm(heading, axis=1, keepdims=True) * step)
    spine = np.stack(path, 1)
    across = np.cross(np.gradient(spine, axis=1), normal[:, None] + rng.normal(0, 0.3, (TUFTS, 1, 3)))
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    width = TUFT_WIDTH * np.linspace(1, 0.3, 4)[None, :, None] / 2
    vertices = np.stack([spine - across * width, spine + across * width], 2).reshape(-1, 3)
    base = (np.arange(TUFTS)[:, None] * 4 + np.arange(3)[None]).reshape(-1, 1) * 2
    faces = np.concatenate([base + np.array([[0, 1, 2]]), base + np.array([[1, 3, 2]])])
    tint, along = np.repeat(rng.beta(2, 2, TUFTS), 8), np.tile(np.repeat(np.linspace(0, 1, 4), 2), TUFTS)
    return Part(vertices.astype(np.float32), faces.astype(np.int32),
                np.stack([tint, along], -1)[faces].astype(np.float32), np.full(len(faces), HAIR, np.int32))
