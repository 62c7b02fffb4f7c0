"""Geometry arrays to a mesh object: faces, UVs, slots, vertex groups, shape keys. No bones, no shaders."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import bpy
import numpy as np

from .. import compat
from . import keys, names

UV_LAYER = "UVMap"
REGION = "region_"
"""Prefix of the regions' groups: some regions are called as bones are, whose groups move the mesh."""
FREE_RANGE = 3.0
"""A head model's own expression components have a standard normal prior: three standard deviations either way."""


def build(name: str, geometry: Any) -> bpy.types.Object:
    """A mesh object with everything that geometry says: faces, groups for bones and regions, shape keys at rest."""
    owner = build_mesh(name, geometry)
    add_body_groups(owner, geometry)
    add_shape_keys(owner, geometry["key_names"].tolist(), geometry["key_deltas"], geometry["vertices"],
                   set(keys.corrective_names(geometry)))
    return owner


def build_mesh(name: str, geometry: Any) -> bpy.types.Object:
    """A mesh object at the origin, smooth, without custom normals; vertices keep their order.

    Reads `vertices` (V, 3) metres, `faces` (F, 4) with -1 in the last place for a triangle, `uvs` (F, 4, 2) and
    `material` (F,) of the bundle's geometry.
    """
    mesh = bpy.data.meshes.new(name)
    corners = geometry["faces"].reshape(-1)
    used = corners >= 0
    per_face = (geometry["faces"] >= 0).sum(1)
    mesh.vertices.add(len(geometry["vertices"]))
    mesh.vertices.foreach_set("co", flat(geometry["vertices"]))
    mesh.loops.add(int(used.sum()))
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(corners[used], np.int32))
    mesh.polygons.add(len(geometry["faces"]))
    mesh.polygons.foreach_set("loop_start", np.concatenate([[0], np.cumsum(per_face)[:-1]]).astype(np.int32))
    mesh.polygons.foreach_set("material_index", np.ascontiguousarray(geometry["material"], np.int32))
    layer = mesh.uv_layers.new(name=UV_LAYER)
    layer.uv.foreach_set("vector", flat(geometry["uvs"].reshape(-1, 2)[used]))
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    return bpy.data.objects.new(name, mesh)


def flat(array: np.ndarray) -> np.ndarray:
    """Contiguous float32, one dimension: what `foreach_set` takes without a copy."""
    return np.ascontiguousarray(array, np.float32).reshape(-1)


def add_body_groups(owner: bpy.types.Object, geometry: Any) -> None:
    """The groups of bones, then those of regions."""
    add_groups(owner, names.bone_names(geometry["joint_names"].tolist()), geometry["skin_weights"])
    add_groups(owner, [REGION + region for region in geometry["region_names"].tolist()], geometry["regions"].T)


def add_groups(owner: bpy.types.Object, called: Sequence[str], weights: np.ndarray) -> None:
    """One vertex group for every column of `weights` (V, G); zero weights stay out of the group."""
    for name, column in zip(called, weights.T, strict=True):
        group = owner.vertex_groups.get(name) or owner.vertex_groups.new(name=name)
        members = np.flatnonzero(column > 0)
        values, place = np.unique(column[members], return_inverse=True)
        for index, value in enumerate(values):
            group.add(members[place == index].tolist(), float(value), "REPLACE")


def add_shape_keys(owner: bpy.types.Object, called: Sequence[str], deltas: np.ndarray, vertices: np.ndarray,
                   correctives: Container[str] = ()) -> None:
    """`deltas` (K, V, 3) metres on top of `vertices` (V, 3), in the order of `called`; every value 0."""
    compat.add_shape_key(owner, "Basis")
    for index, (name, delta) in enumerate(zip(called, deltas, strict=True)):
        key = compat.add_shape_key(owner, name)
        key.data.foreach_set("co", flat(vertices + delta))
        if index < keys.ARKIT_COUNT or name in correctives:
            key.slider_min, key.slider_max = 0.0, 1.0
        else:
            key.slider_min, key.slider_max = -FREE_RANGE, FREE_RANGE


def rest_vertices(owner: bpy.types.Object) -> np.ndarray:
    """(V, 3) float64 metres in the object's own space: no keys, no bones."""
    points = np.empty(len(owner.data.vertices) * 3, np.float32)
    owner.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3).astype(np.float64)


def evaluated_vertices(owner: bpy.types.Object) -> np.ndarray:
    """(V', 3) float64 world positions as the viewport shows them: keys, bones and modifiers applied."""
    graph = bpy.context.evaluated_depsgraph_get()
    evaluated = owner.evaluated_get(graph)
    mesh = evaluated.to_mesh()
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    evaluated.to_mesh_clear()
    matrix = np.array(owner.matrix_world)
    return points.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
