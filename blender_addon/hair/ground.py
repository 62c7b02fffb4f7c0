"""The skin to grow on: an avatar's mesh at rest as triangles, roots scattered over it, the nearest place of a point.

Curves are attached by a UV layer of their own, in which every place of the mesh is one place: the bundle's materials
share the same square, and Blender finds a root's triangle by its UV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

from ..scene.avatar import MATERIAL_TAG
from ..scene.mesh import UV_LAYER
from .maps import sampled

LAYER = "Likeness Hair"
APART = 2.0
"""From one material's square to the next in that layer."""

INSIDE = np.array([[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 1], [1, 2, 2], [2, 1, 2]], np.float64)
INSIDE /= INSIDE.sum(1, keepdims=True)
"""Places in a triangle at which a map is asked how much grows there: barycentric."""


@dataclass(frozen=True)
class Ground:
    """T triangles of skin, V vertices of the whole mesh."""

    vertices: np.ndarray  # (V, 3) metres, at rest
    normals: np.ndarray  # (V, 3) unit
    triangles: np.ndarray  # (T, 3) int
    uvs: np.ndarray  # (T, 3, 2)
    tree: BVHTree  # of the triangles, in their order

    @property
    def areas(self) -> np.ndarray:
        """(T,) square metres."""
        a, b, c = self.vertices[self.triangles].transpose(1, 0, 2)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


@dataclass(frozen=True)
class Roots:
    """N places on the skin."""

    position: np.ndarray  # (N, 3) metres
    normal: np.ndarray  # (N, 3) unit
    uv: np.ndarray  # (N, 2)


def skin_of(body: bpy.types.Object) -> Ground:
    """The skin of an avatar's mesh."""
    mesh = body.data
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    loops, corners = np.empty(count * 3, np.int32), np.empty(count * 3, np.int32)
    slots = np.empty(count, np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    mesh.loop_triangles.foreach_get("vertices", corners)
    mesh.loop_triangles.foreach_get("material_index", slots)
    uvs = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[UV_LAYER].uv.foreach_get("vector", uvs)
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    (mesh.shape_keys.key_blocks[0].data if mesh.shape_keys else mesh.vertices).foreach_get("co", points)
    points = points.reshape(-1, 3).astype(np.float64)
    skin = np.isin(slots, [index for index, material in enumerate(mesh.materials)
                           if material is not None and material.get(MATERIAL_TAG) == "skin"])
    triangles = corners.reshape(-1, 3)[skin]
    face_normal = np.cross(points[triangles[:, 1]] - points[triangles[:, 0]],
                           points[triangles[:, 2]] - points[triangles[:, 0]])
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face_normal)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    tree = BVHTree.FromPolygons(points.tolist(), triangles.tolist(), all_triangles=True)
    return Ground(points, normals, triangles, uvs.reshape(-1, 2)[loops.reshape(-1, 3)[skin]].astype(np.float64), tree)


def add_layer(body: bpy.types.Object) -> None:
    """The UV layer that curves are attached by, and the positions at rest that they are carried from."""
    mesh = body.data
    uvs = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[UV_LAYER].uv.foreach_get("vector", uvs)
    slots, totals = np.empty(len(mesh.polygons), np.int32), np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", slots)
    mesh.polygons.foreach_get("loop_total", totals)
    uvs = uvs.reshape(-1, 2)
    uvs[:, 0] += APART * np.repeat(slots, totals)
    layer = mesh.uv_layers.get(LAYER) or mesh.uv_layers.new(name=LAYER, do_init=False)
    layer.uv.foreach_set("vector", np.ascontiguousarray(uvs, np.float32).reshape(-1))
    mesh.uv_layers.active = mesh.uv_layers[UV_LAYER]
    body.add_rest_position_attribute = True


def remove_layer(body: bpy.types.Object) -> None:
    """What `add_layer` added."""
    layer = body.data.uv_layers.get(LAYER)
    if layer is not None:
        body.data.uv_layers.remove(layer)
    body.add_rest_position_attribute = False


def slot_of(body: bpy.types.Object, material: str) -> int:
    """The slot of a material by the bundle's name; -1 where there is none."""
    return next((index for index, item in enumerate(body.data.materials)
                 if item is not None and item.get(MATERIAL_TAG) == material), -1)


def attached(uv: np.ndarray, slot: int) -> np.ndarray:
    """Places (N, 2) in a material's own square as they are in the layer."""
    return np.stack([uv[:, 0] + APART * slot, uv[:, 1]], -1)


def scatter(ground: Ground, density: np.ndarray, per_cm2: float, most: int, random: np.random.Generator) -> Roots:
    """Roots where `density` (H, H) lets them: as many per square centimetre as it says, spread evenly."""
    flat = ground.uvs.reshape(-1, 2)
    probes = np.stack([sampled(density[..., None], np.einsum("c,tcx->tx", place, ground.uvs))[:, 0]
                       for place in INSIDE])
    corners = sampled(density[..., None], flat)[:, 0].reshape(-1, 3)
    top = np.maximum(probes.max(0), corners.max(1))
    top = np.where(top > 0.02, np.minimum(top * 1.15 + 0.02, 1.0), 0.0)
    weight = ground.areas * top
    wanted = weight.sum() * 1e4 * per_cm2
    tries = int(min(wanted, 4 * most))
    if tries == 0:
        return Roots(*(np.zeros((0, width)) for width in (3, 3, 2)))
    # One sequence through all triangles and one within each: neither crowds nor leaves gaps as dice would.
    order = (np.arange(tries) + random.random(tries)) / tries
    chosen = np.searchsorted(np.cumsum(weight) / weight.sum(), order).clip(0, len(weight) - 1)
    first = (random.random() + np.arange(tries) * 0.7548776662) % 1
    second = (random.random() + np.arange(tries) * 0.5698402910) % 1
    outside = first + second > 1
    first, second = np.where(outside, 1 - first, first), np.where(outside, 1 - second, second)
    share = np.stack([1 - first - second, first, second], -1)
    uv = np.einsum("nc,ncx->nx", share, ground.uvs[chosen])
    here = sampled(density[..., None], uv)[:, 0]
    kept = np.flatnonzero(random.random(tries) * top[chosen] < here)
    if len(kept) > most:
        kept = np.sort(random.choice(kept, most, replace=False))
    corner = ground.triangles[chosen[kept]]
    position = np.einsum("nc,ncx->nx", share[kept], ground.vertices[corner])
    normal = np.einsum("nc,ncx->nx", share[kept], ground.normals[corner])
    return Roots(position, normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9), uv[kept])


def nearest(ground: Ground, points: np.ndarray) -> Roots:
    """The places of the skin nearest to points (N, 3)."""
    found = np.empty((len(points), 3))
    index = np.empty(len(points), int)
    search = ground.tree.find_nearest
    for number, point in enumerate(points.tolist()):
        hit: Any = search(point)
        found[number], index[number] = hit[0], hit[2]
    share = _barycentric(found, ground.vertices[ground.triangles[index]])
    normal = np.einsum("nc,ncx->nx", share, ground.normals[ground.triangles[index]])
    uv = np.einsum("nc,ncx->nx", share, ground.uvs[index])
    return Roots(found, normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9), uv)


def _barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N, 3) shares of corners (N, 3, 3)."""
    a, b, c = corners.transpose(1, 0, 2)
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    wu, wv = (w * u).sum(1), (w * v).sum(1)
    whole = np.maximum(uu * vv - uv * uv, 1e-30)
    second, third = (vv * wu - uv * wv) / whole, (uu * wv - uv * wu) / whole
    share = np.clip(np.stack([1 - second - third, second, third], -1), 0, 1)
    return share / share.sum(1, keepdims=True)
