"""One surface in five resolutions: the base mesh, a dense one, three levels of detail; an avatar wears one of them.

Switching writes new geometry into the mesh that is there, so that whatever hangs on it stays: key values, animation,
drivers, materials, other objects that use it. Shapes that an artist sculpted are carried along from the base and the
dense mesh; weights painted by hand are not.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import bmesh
import bpy
import numpy as np

from .. import strings
from ..bundle import carried, with_dense, with_level
from ..errors import InputError
from . import keys, mesh

LEVEL_TAG = "likeness_level"  # on the mesh
BASE, DENSE = "base", "dense"
LODS = {f"lod{number}": number for number in (1, 2, 3)}
LEVELS = (BASE, DENSE, *LODS)
SUBDIVISIONS = {BASE: 2, DENSE: 1}
"""At render time. The base mesh has edges of about 5 mm, the silhouette wants 1 mm; what is finer becomes bump. Levels
of detail are for engines and are shown as they are."""
SUBDIVISION = "Subdivision"
EDITED = 1e-6  # metres; beyond float32's rounding


def geometry_at(bundle: Any, level: str) -> dict[str, np.ndarray]:
    """The geometry of a level, with the eyes' hidden keys. Raises InputError when the bundle lacks the level."""
    whole = dataclasses.replace(bundle, geometry=keys.with_hidden(bundle.geometry))
    if level == BASE:
        return whole.geometry
    if level not in available(bundle):
        raise InputError(strings.REPORT["no_level"].format(name=bundle.folder.name,
                                                           level=strings.LEVEL[level].label),
                         strings.REPORT["again"])
    return with_dense(whole) if level == DENSE else with_level(whole, LODS[level])


def available(bundle: Any) -> list[str]:
    """The levels that a bundle has, base first."""
    there = set(bundle.levels["lod_level"].tolist()) if bundle.levels else set()
    return [BASE, *([DENSE] if bundle.levels else []), *(name for name, number in LODS.items() if number in there)]


def of(body: bpy.types.Object) -> str:
    """The level that a mesh is at."""
    return body.data.get(LEVEL_TAG, BASE)


def mark(body: bpy.types.Object, level: str) -> None:
    """Say which level a mesh is at, and subdivide it as that level wants."""
    body.data[LEVEL_TAG] = level
    smooth = body.modifiers.get(SUBDIVISION) or body.modifiers.new(SUBDIVISION, "SUBSURF")
    smooth.levels, smooth.render_levels = 0, SUBDIVISIONS.get(level, 0)
    smooth.boundary_smooth = "PRESERVE_CORNERS"  # lashes are open strips: their roots must stay on the lid


def switch(body: bpy.types.Object, bundle: Any, level: str) -> None:
    """Let an avatar's mesh have another resolution.

    Raises InputError when the bundle lacks it, when the mesh's topology was changed, or when shapes were edited at a
    level of detail, from which edits cannot be carried to the vertices that it lacks.
    """
    new = geometry_at(bundle, level)
    edits = _edits(body, bundle)
    temporary = mesh.build_mesh("likeness scratch", new)
    try:
        _take_geometry(body, temporary)
    finally:
        scratch = temporary.data
        bpy.data.objects.remove(temporary)
        bpy.data.meshes.remove(scratch)
    for group in list(body.vertex_groups):
        group.remove(range(len(body.data.vertices)))
    mesh.add_body_groups(body, new)
    _set_shapes(body, new, {name: _carry(bundle, edit, level) for name, edit in edits.items()})
    mark(body, level)


def _take_geometry(body: bpy.types.Object, source: bpy.types.Object) -> None:
    """Faces, UVs and slots of `source` in place of the body's own; keys and groups stay by name, their data does not.

    Through bmesh, because nothing else resizes a mesh under its keys.
    """
    for key in body.data.shape_keys.key_blocks:
        source.shape_key_add(name=key.name, from_mix=False)
    work = bmesh.new()
    try:
        work.from_mesh(source.data)
        work.to_mesh(body.data)
    finally:
        work.free()


def _set_shapes(body: bpy.types.Object, geometry: Any, edits: dict[str, np.ndarray]) -> None:
    """Every key as the geometry has it, plus the `edits` (V, 3) of each."""
    blocks = body.data.shape_keys.key_blocks
    known = dict(zip(geometry["key_names"].tolist(), geometry["key_deltas"], strict=True))
    basis = geometry["vertices"] + edits.get(blocks[0].name, 0)
    for key in blocks:
        key.data.foreach_set("co", mesh.flat(basis + known.get(key.name, 0) + edits.get(key.name, 0)
                                             if key != blocks[0] else basis))
    body.data.vertices.foreach_set("co", mesh.flat(basis))
    body.data.update()


def _edits(body: bpy.types.Object, bundle: Any) -> dict[str, np.ndarray]:
    """What was sculpted: by key, metres (V, 3) on the base mesh. Keys that somebody added are edits as a whole."""
    level = of(body)
    geometry = geometry_at(bundle, level)
    if len(body.data.vertices) != len(geometry["vertices"]):
        raise InputError(strings.REPORT["other_topology"].format(name=body.name), strings.REPORT["assemble_again"])
    known = dict(zip(geometry["key_names"].tolist(), geometry["key_deltas"], strict=True))
    blocks = body.data.shape_keys.key_blocks
    basis = _points(blocks[0])
    found = {blocks[0].name: basis - geometry["vertices"]}
    found |= {key.name: _points(key) - basis - known.get(key.name, 0) for key in blocks[1:]}
    edits = {name: edit for name, edit in found.items() if np.abs(edit).max() > EDITED}
    if edits and level in LODS:
        raise InputError(strings.REPORT["edited_level"].format(names=", ".join(list(edits)[:3])),
                         strings.REPORT["edit_base"])
    # The dense mesh has the base's vertices first, in their places.
    return {name: edit[:len(bundle.geometry["vertices"])] for name, edit in edits.items()}


def _carry(bundle: Any, edit: np.ndarray, level: str) -> np.ndarray:
    """An edit (V, 3) of the base mesh on a level's vertices."""
    if level == BASE:
        return edit
    if level == DENSE:
        return carried(bundle.levels, edit)
    faces = bundle.levels["lod_faces"][bundle.levels["lod_level"] == LODS[level]]
    return edit[np.unique(faces[faces >= 0])]


def _points(key: bpy.types.ShapeKey) -> np.ndarray:
    points = np.empty(len(key.data) * 3, np.float32)
    key.data.foreach_get("co", points)
    return points.reshape(-1, 3)
