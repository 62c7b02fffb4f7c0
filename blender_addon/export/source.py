"""An avatar's mesh and bones as arrays: what is there now, sculpting included, at rest, without drivers and modifiers.

Nothing is taken from the bundle, which may be gone; nothing in the scene is touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..hair import cover
from ..scene import gaze, keys, names
from ..scene.avatar import Avatar
from . import visemes
from .presets import INFLUENCES, Preset

KNOWN_MODIFIERS = ("ARMATURE", "SUBSURF")
"""The avatar's own: the armature is written as skin, and subdivision is for renders."""


@dataclass(frozen=True)
class Surface:
    """A mesh: V vertices, F faces, K targets, J joints. Metres, +Z up, the face along -Y, in the rig's own space."""

    vertices: np.ndarray  # (V, 3) float32
    faces: np.ndarray  # (F, 4) int32, -1 in the last place for a triangle
    uvs: np.ndarray  # (F, 4, 2) float32
    material: np.ndarray  # (F,) int32, slot
    key_names: tuple[str, ...]
    key_deltas: np.ndarray  # (K, V, 3) float32
    weights: np.ndarray  # (V, J) float32, at most INFLUENCES of a row not 0; rows sum to 1

    @property
    def triangles(self) -> int:
        """How many triangles an engine draws."""
        return int((self.faces[:, 3] >= 0).sum()) + len(self.faces)


@dataclass(frozen=True)
class Skeleton:
    """Joints, by the bundle's names, parents before children."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root
    positions: np.ndarray  # (J, 3) float32, metres


def skeleton(avatar: Avatar) -> Skeleton:
    """The bones that move the mesh; those that only aim others stay behind."""
    bones = [bone for bone in avatar.rig.data.bones if bone.use_deform]
    index = {bone.name: number for number, bone in enumerate(bones)}
    parents = []
    for bone in bones:
        above = next((parent for parent in bone.parent_recursive if parent.name in index), None)
        parents.append(index[above.name] if above else -1)
    return Skeleton(tuple(names.joint_name(bone.name) for bone in bones), tuple(parents),
                    np.array([bone.head_local for bone in bones], np.float32).reshape(-1, 3))


def surface(avatar: Avatar, preset: Preset) -> Surface:
    """The mesh as it is, with the targets that the preset wants."""
    body = avatar.mesh
    place = np.array(avatar.rig.matrix_world.inverted() @ body.matrix_world)
    faces, uvs, material = _faces(body.data)
    wanted, deltas = _targets(body, preset)
    vertices = _points(body.data.shape_keys.key_blocks[0] if body.data.shape_keys else body.data)
    return Surface((vertices @ place[:3, :3].T + place[:3, 3]).astype(np.float32), faces, uvs, material, wanted,
                   (deltas @ place[:3, :3].T).astype(np.float32), _weights(avatar))


def left_behind(avatar: Avatar) -> list[str]:
    """Names of modifiers that somebody added, which no file can hold together with targets."""
    return [modifier.name for modifier in avatar.mesh.modifiers
            if modifier.type not in KNOWN_MODIFIERS and modifier.name != cover.MASK and modifier.show_viewport]


def target_names(body: bpy.types.Object, preset: Preset) -> list[str]:
    """The targets that a preset wants: Apple's 52 first and in Apple's order, and last what somebody added."""
    if body.data.shape_keys is None or not preset.morphs:
        return []
    kinds = keys.kinds(body)
    if preset.gaze == "scene":
        return [key.name for key in body.data.shape_keys.key_blocks[1:] if not key.mute]
    ours = {*kinds.arkit, *kinds.correctives, *kinds.components, *kinds.hidden}
    added = [key.name for key in body.data.shape_keys.key_blocks[1:] if key.name not in ours and not key.mute]
    spoken = [name for name in visemes.NAMES if name not in added] if preset.visemes else []
    return [*kinds.arkit, *spoken, *(kinds.correctives if preset.correctives else ()),
            *(kinds.components if preset.components else ()), *added]


def _targets(body: bpy.types.Object, preset: Preset) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and deltas (K, V, 3). A look is its lids, and with them the eyeball where shapes have to turn it.

    A head's own look may turn the eyeball by itself; where joints do, it must not.
    """
    wanted = target_names(body, preset)
    deltas = np.zeros((len(wanted), len(body.data.vertices), 3), np.float32)
    blocks = body.data.shape_keys.key_blocks if wanted else {}
    for index, name in enumerate(wanted):
        if name not in blocks:
            continue
        lids, ball = gaze.LIDS + name, gaze.BALL + name
        deltas[index] = _delta(blocks[lids if preset.gaze == "joints" and lids in blocks else name])
        if preset.gaze == "shapes" and ball in blocks:
            deltas[index] += _delta(blocks[ball])
    for name in set(wanted) - set(blocks.keys()):
        deltas[wanted.index(name)] = visemes.composed(name, wanted, deltas)
    return tuple(wanted), deltas


def _delta(key: bpy.types.ShapeKey) -> np.ndarray:
    return _points(key) - _points(key.relative_key)


def _points(owner: bpy.types.ShapeKey | bpy.types.Mesh) -> np.ndarray:
    """(V, 3) float32 of a shape key, or of a mesh without."""
    store = owner.vertices if isinstance(owner, bpy.types.Mesh) else owner.data
    points = np.empty(len(store) * 3, np.float32)
    store.foreach_get("co", points)
    return points.reshape(-1, 3)


def _faces(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, UVs and slots; polygons of more than four corners become the triangles that Blender shows."""
    count, corners = len(mesh.polygons), len(mesh.loops)
    start, total, slot = (np.empty(count, np.int32) for _ in range(3))
    vertex, place = np.empty(corners, np.int32), np.zeros(corners * 2, np.float32)
    mesh.polygons.foreach_get("loop_start", start)
    mesh.polygons.foreach_get("loop_total", total)
    mesh.polygons.foreach_get("material_index", slot)
    mesh.loops.foreach_get("vertex_index", vertex)
    if mesh.uv_layers.active:
        mesh.uv_layers.active.uv.foreach_get("vector", place)
    loops = np.stack([start + np.minimum(corner, total - 1) for corner in range(4)], 1)
    large = np.flatnonzero(total > 4)
    if len(large):
        triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        polygon = np.empty(len(mesh.loop_triangles), np.int32)
        mesh.loop_triangles.foreach_get("loops", triangles)
        mesh.loop_triangles.foreach_get("polygon_index", polygon)
        pieces = np.isin(polygon, large)
        split = triangles.reshape(-1, 3)[pieces][:, [0, 1, 2, 2]]
        keep = total <= 4
        loops, slot = np.concatenate([loops[keep], split]), np.concatenate([slot[keep], slot[polygon[pieces]]])
        total = np.concatenate([total[keep], np.full(len(split), 3, np.int32)])
    faces = vertex[loops]
    faces[total == 3, 3] = -1
    return faces, place.reshape(-1, 2)[loops], slot


def _weights(avatar: Avatar) -> np.ndarray:
    """(V, J): the strongest few influences of each vertex, made to sum to 1; a vertex without any goes to the root."""
    bones = [bone.name for bone in avatar.rig.data.bones if bone.use_deform]
    column = {group.index: bones.index(group.name) for group in avatar.mesh.vertex_groups if group.name in bones}
    weights = np.zeros((len(avatar.mesh.data.vertices), len(bones)), np.float32)
    for vertex in avatar.mesh.data.vertices:
        for entry in vertex.groups:
            if entry.group in column:
                weights[vertex.index, column[entry.group]] = entry.weight
    if weights.shape[1] > INFLUENCES:
        least = np.sort(weights, 1)[:, -INFLUENCES, None]
        weights[weights < least] = 0
    weights[weights.sum(1) <= 0, 0] = 1
    return weights / weights.sum(1, keepdims=True)
