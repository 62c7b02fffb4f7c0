"""What an exporter sees: an armature and meshes made for one file, in a scene of their own, gone afterwards.

The avatar itself stays untouched. A stand-in has plain materials, no drivers, no modifier but the armature's, and bones
that stand upright, so that their axes at rest are those of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .. import compat
from ..scene import mesh, nodes, rig
from . import animation, pixels, presets
from .animation import Performance
from .pictures import Written, folded
from .presets import Preset
from .source import Skeleton, Surface

BONE_LENGTH = 0.05  # metres; joints have none, Blender's bones must
TAG = "likeness_standin"
TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
CENTIMETRES = 100.0
UNSEEN = ("displacement", "mask", "occlusion")
"""Pictures that no exporter looks for in a shader: they stand beside the file."""


@dataclass(frozen=True)
class StandIn:
    """Objects in the scene that is exported."""

    scene: bpy.types.Scene
    root: bpy.types.Object | None  # the armature
    meshes: dict[int, bpy.types.Object]  # by level
    frames: tuple[int, int] | None = None  # first and last, where it moves


@contextmanager
def built(preset: Preset, name: str, bones: Skeleton, surfaces: Mapping[int, Surface],
          materials: Sequence[Written], performance: Performance | None = None) -> Iterator[StandIn]:
    """Everything for one file, current and selected for the length of the block; it moves where a performance is given.

    FBX counts in centimetres and most readers keep a node's scale and turn, so there the data itself is in centimetres
    and Y up, under an object that the exporter's own conversion brings back to no turn at all.
    """
    stores: tuple[Any, ...] = (bpy.data.objects, bpy.data.meshes, bpy.data.armatures, bpy.data.materials,
                               bpy.data.images, bpy.data.scenes, bpy.data.actions)
    before = [set(store) for store in stores]
    window, current = bpy.context.window, bpy.context.window.scene
    aside = _names_aside(name)
    try:
        scene = bpy.data.scenes.new(f"{name}_Performance")  # FBX calls an animation so
        turned = np.eye(3)
        if preset.format == "FBX":
            scene.unit_settings.scale_length = 1 / CENTIMETRES
            turned = TO_Y_UP * CENTIMETRES
        window.scene = scene
        root = _armature(scene, preset, name, bones, turned) if preset.skeleton else None
        slots = [_material(written) for written in materials]
        meshes = {level: _mesh(scene, preset, _mesh_name(preset, name, level, surfaces), _turned(surface, turned),
                               bones, slots) for level, surface in surfaces.items()}
        holder = _lod_group(scene, preset, name) if len(meshes) > 1 and preset.lod_layout == "group" else root
        for item in meshes.values():
            item.parent = holder
            if root is not None:
                item.modifiers.new("Armature", "ARMATURE").object = root
        if preset.format == "FBX":
            for item in filter(lambda item: item.parent is None, list(scene.objects)):
                item.matrix_world = Matrix(TO_Y_UP.T.tolist()).to_4x4()
        if performance is not None:
            animation.apply(performance, scene, root, list(meshes.values()),
                            [presets.bone(preset, joint) for joint in bones.names], bones.parents, turned)
        for item in scene.objects:
            item.select_set(True)
        scene.view_layers[0].objects.active = next(iter(meshes.values()))
        bpy.context.view_layer.update()
        yield StandIn(scene, root, meshes, (performance.first, performance.last) if performance else None)
    finally:
        window.scene = current
        for store, known in zip(stores, before, strict=True):
            for item in set(store) - known:
                store.remove(item)
        for block, old in aside:
            block.name = old


def _names_aside(name: str) -> list[tuple[bpy.types.ID, str]]:
    """Let go of names that the file wants: what carries one of them is called otherwise until it is written."""
    moved: list[tuple[bpy.types.ID, str]] = []
    for store in (bpy.data.objects, bpy.data.meshes, bpy.data.armatures, bpy.data.materials, bpy.data.images):
        for block in store:
            if not block.library and (block.name in (name, "root") or block.name.startswith(f"{name}_")):
                moved.append((block, block.name))
    for index, (block, _old) in enumerate(moved):
        block.name = f"likeness aside {index}"
    return moved


def _mesh_name(preset: Preset, name: str, level: int, surfaces: Mapping[int, Surface]) -> str:
    """The root is called as the avatar, so that its mesh cannot be."""
    named = len(surfaces) > 1 or preset.lod_layout != "files"
    return f"{name}_LOD{level}" if named else f"{name}_Head"


def _turned(surface: Surface, turn: np.ndarray) -> Surface:
    return replace(surface, vertices=surface.vertices @ turn.T, key_deltas=surface.key_deltas @ turn.T)


def _armature(scene: bpy.types.Scene, preset: Preset, name: str, bones: Skeleton,
              turn: np.ndarray) -> bpy.types.Object:
    # Unreal makes a bone of the armature itself, and expects it to be called root.
    called = "root" if preset.bones == "unreal" else name
    root = bpy.data.objects.new(called, bpy.data.armatures.new(called))
    scene.collection.objects.link(root)
    up, forward = (Vector((turn @ np.array(axis)).tolist()) for axis in (rig.UP, rig.FORWARD))
    with rig.editing(root):
        made: list[bpy.types.EditBone] = []
        for joint, parent, position in zip(bones.names, bones.parents, bones.positions, strict=True):
            bone = root.data.edit_bones.new(presets.bone(preset, joint))
            bone.head = Vector((turn @ position).tolist())
            bone.tail = bone.head + up * BONE_LENGTH
            bone.align_roll(forward)
            bone.parent = made[parent] if parent >= 0 else None
            made.append(bone)
    return root


def _mesh(scene: bpy.types.Scene, preset: Preset, name: str, surface: Surface, bones: Skeleton,
          slots: Sequence[bpy.types.Material]) -> bpy.types.Object:
    shape = {"vertices": surface.vertices, "uvs": surface.uvs, "faces": surface.faces, "material": surface.material}
    if preset.triangles:
        shape |= triangles(surface)
    used = np.unique(surface.material)
    shape["material"] = np.searchsorted(used, shape["material"]).astype(np.int32)
    body = mesh.build_mesh(name, shape)
    scene.collection.objects.link(body)
    for slot in used:
        body.data.materials.append(slots[slot])
    if preset.skeleton:
        mesh.add_groups(body, [presets.bone(preset, joint) for joint in bones.names], surface.weights)
    if surface.key_names:
        mesh.add_shape_keys(body, surface.key_names, surface.key_deltas, surface.vertices, surface.key_names)
    return body


def triangles(surface: Surface) -> dict[str, np.ndarray]:
    """Faces (T, 4) with -1 in the last place, UVs and slots, each quad cut along its shorter diagonal.

    Every exporter then writes the same triangles, and tangents are those of the triangles that are drawn.
    """
    faces = surface.faces
    quads = faces[:, 3] >= 0
    corner = surface.vertices[np.where(quads[:, None], faces, faces[:, [0, 1, 2, 2]])]
    other = ((corner[:, 0] - corner[:, 2]) ** 2).sum(1) > ((corner[:, 1] - corner[:, 3]) ** 2).sum(1)
    first = np.where((quads & other)[:, None], [0, 1, 3], [0, 1, 2])
    second = np.where((quads & other)[:, None], [1, 2, 3], [0, 2, 3])
    chosen = np.stack([first, second], 1).reshape(-1, 3)
    row = np.repeat(np.arange(len(faces)), 2)
    keep = np.stack([np.ones(len(faces), bool), quads], 1).reshape(-1)
    row, chosen = row[keep], chosen[keep]
    cut = np.full((len(row), 4), -1, np.int32)
    cut[:, :3] = faces[row[:, None], chosen]
    uvs = np.zeros((len(row), 4, 2), np.float32)
    uvs[:, :3] = surface.uvs[row[:, None], chosen]
    return {"faces": cut, "uvs": uvs, "material": surface.material[row]}


def _lod_group(scene: bpy.types.Scene, preset: Preset, name: str) -> bpy.types.Object:
    group = bpy.data.objects.new(f"{name}_LodGroup", None)
    group["fbx_type"] = "LodGroup"  # what Blender's exporter makes the node's type
    scene.collection.objects.link(group)
    return group


def _material(written: Written) -> bpy.types.Material:
    """One Principled shader and the written pictures, linked as exporters look for them."""
    look = written.look
    material = bpy.data.materials.new(written.name)
    material.use_backface_culling = not look.two_sided
    tree = compat.node_tree(material)
    shader = nodes.add(tree, "ShaderNodeBsdfPrincipled", (0, 0), inputs={
        "Base Color": (*look.colour, 1.0), "Roughness": look.roughness, "Specular IOR Level": look.specular,
        "Alpha": look.alpha})
    nodes.add(tree, "ShaderNodeOutputMaterial", (300, 0), inputs={"Surface": (shader, "BSDF")})
    unseen = {*UNSEEN, *folded(written.files)}
    picture = {kind: nodes.image(tree, pixels.load(path, colour=kind == "base_color"), (-600, -300 * row), label=kind)
               for row, (kind, path) in enumerate(written.files.items()) if kind not in unseen}
    if "base_color" in picture:
        nodes.put(tree, shader, "Base Color", picture["base_color"])
        if look.hairs:
            nodes.put(tree, shader, "Alpha", (picture["base_color"][0], "Alpha"))
    if look.alpha < 1 or look.hairs:
        compat.set_blended(material)
    if "normal" in picture:
        bump = nodes.add(tree, "ShaderNodeNormalMap", (-250, -300), inputs={"Color": picture["normal"]})
        nodes.put(tree, shader, "Normal", (bump, "Normal"))
    if "orm" in picture:
        parts = nodes.add(tree, "ShaderNodeSeparateColor", (-250, -100), inputs={"Color": picture["orm"]})
        nodes.put(tree, shader, "Roughness", (parts, "Green"))
        nodes.put(tree, shader, "Metallic", (parts, "Blue"))
    if "roughness" in picture:
        nodes.put(tree, shader, "Roughness", picture["roughness"])
    if "specular" in picture:
        output = "Alpha" if "orm" in picture else "Color"
        nodes.put(tree, shader, "Specular IOR Level", (picture["specular"][0], output))
    return material
