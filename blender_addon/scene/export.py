"""GLB export: the mesh as it is with its targets, skinned, with materials that glTF understands.

The node group hides its Principled shader from Blender's exporter, and glTF knows neither displacement nor a cornea, so
the avatar wears plain materials while it is written. No modifier is applied: applied modifiers drop every shape key.
glTF has no drivers either: keys that a driver sets stay behind, bones that move no vertex too, and joints are called as
in the bundle.
"""

from __future__ import annotations

import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import compat, strings
from ..errors import InputError
from . import expression, gaze, keys, names, nodes, rig, skin, textures
from .avatar import Avatar

CLEAR_ALPHA = 0.12  # enough for engines to show the highlight of cornea and tears, little enough to see the iris
HAIR_ALPHA = 0.5  # lashes and brows are strips wider than hairs, which their own material lets thin out
EYE_ROUGHNESS = 0.15


def can_export_glb() -> bool:
    """Whether this Blender has its glTF exporter enabled."""
    return "gltf" in dir(bpy.ops.export_scene)


def write_glb(avatar: Avatar, path: Path, *, correctives: bool = False, components: bool = False) -> Path:
    """Write the avatar alone, at rest, as GLB; the scene, the face and the pose stay as they were.

    Targets are Apple's 52. `correctives` adds those of their combinations, for players that multiply weights by
    themselves; `components` adds the head model's own expressions.
    """
    if not can_export_glb():
        raise InputError("This Blender has no glTF exporter enabled.", "Enable glTF 2.0 in the add-ons preferences.")
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = {
        "filepath": str(path), "export_format": "GLB", "use_selection": True, "export_apply": False,
        "export_yup": True, "export_texcoords": True, "export_normals": True, "export_tangents": True,
        "export_morph": True, "export_morph_normal": True, "export_skins": True, "export_animations": False,
        "export_def_bones": True,
        "export_all_influences": False, "export_extras": False, "export_cameras": False, "export_lights": False,
        "export_copyright": strings.REPORT["copyright"].format(**vars(avatar.head)), "export_image_format": "AUTO",
        "export_materials": "EXPORT", "check_existing": False,
    }
    known = bpy.ops.export_scene.gltf.get_rna_type().properties.keys()  # type: ignore[call-arg]
    kinds = keys.kinds(avatar.mesh)
    unwanted = {*kinds.hidden, *(() if correctives else kinds.correctives), *(() if components else kinds.components)}
    with tempfile.TemporaryDirectory() as folder, _at_rest(avatar), _without(avatar, unwanted), _joint_names(avatar), \
            _plain_materials(avatar, Path(folder)), _only_selected(avatar):
        bpy.ops.export_scene.gltf(**{name: value for name, value in wanted.items() if name in known})
    return path


@contextmanager
def _at_rest(avatar: Avatar) -> Iterator[None]:
    face = expression.current(avatar.mesh)
    pose = {bone.name: bone.matrix_basis.copy() for bone in avatar.rig.pose.bones}
    place, eyes = avatar.rig.matrix_world.copy(), gaze.used(avatar.rig)
    try:
        expression.reset(avatar.mesh)
        rig.rest(avatar.rig)
        gaze.use(avatar.rig, 0.0, 0.0)
        avatar.rig.matrix_world.identity()
        bpy.context.view_layer.update()
        yield
    finally:
        expression.apply(avatar.mesh, face)
        for name, matrix in pose.items():
            avatar.rig.pose.bones[name].matrix_basis = matrix
        gaze.use(avatar.rig, *eyes)
        avatar.rig.matrix_world = place


@contextmanager
def _without(avatar: Avatar, unwanted: Container[str]) -> Iterator[None]:
    """Keys of these names are muted for the length of the block, which leaves them out."""
    blocks = [key for key in avatar.mesh.data.shape_keys.key_blocks if key.name in unwanted]
    before = [key.mute for key in blocks]
    try:
        for key in blocks:
            key.mute = True
        yield
    finally:
        for key, mute in zip(blocks, before, strict=True):
            key.mute = mute


@contextmanager
def _joint_names(avatar: Avatar) -> Iterator[None]:
    """Bones are called as the bundle calls its joints for the length of the block."""
    bones = [bone for bone in avatar.rig.data.bones if bone.use_deform]
    before = [bone.name for bone in bones]
    try:
        for bone in bones:
            bone.name = names.joint_name(bone.name)  # groups and constraints follow
        yield
    finally:
        for bone, name in zip(bones, before, strict=True):
            bone.name = name


@contextmanager
def _only_selected(avatar: Avatar) -> Iterator[None]:
    layer = bpy.context.view_layer
    active, selected = layer.objects.active, [item for item in layer.objects if item.select_get()]
    try:
        for item in selected:
            item.select_set(False)
        for item in (avatar.rig, avatar.mesh):
            item.select_set(True)
        layer.objects.active = avatar.mesh
        yield
    finally:
        for item in (avatar.rig, avatar.mesh):
            item.select_set(False)
        for item in selected:
            item.select_set(True)
        layer.objects.active = active


@contextmanager
def _plain_materials(avatar: Avatar, folder: Path) -> Iterator[None]:
    """Every slot wears a material of one Principled shader and image textures for the length of the block."""
    slots = avatar.mesh.data.materials
    before = list(slots)
    images = set(bpy.data.images)
    plain = []
    try:
        for index, material in enumerate(before):
            name, material.name = material.name, f"{material.name} (being exported)"
            plain.append(_plain(material, name, folder))
            slots[index] = plain[-1]
        yield
    finally:
        for index, (material, stand_in) in enumerate(zip(before, plain, strict=False)):
            slots[index] = material
            name, stand_in.name = stand_in.name, ""
            material.name = name
        for material in plain:
            bpy.data.materials.remove(material)
        for picture in set(bpy.data.images) - images:
            bpy.data.images.remove(picture)


def _plain(source: bpy.types.Material, name: str, folder: Path) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    tree = compat.node_tree(material)
    shader = nodes.add(tree, "ShaderNodeBsdfPrincipled", (0, 0))
    nodes.add(tree, "ShaderNodeOutputMaterial", (300, 0), inputs={"Surface": (shader, "BSDF")})
    group = skin.controls(source)
    if group is not None:
        _wear_skin(tree, shader, group, folder)
    else:
        _wear_tissue(tree, shader, source)
    return material


def _wear_skin(tree: bpy.types.NodeTree, shader: bpy.types.Node, group: bpy.types.Node, folder: Path) -> None:
    for socket, target in (("Albedo", "Base Color"), ("Roughness", "Roughness")):
        picture = _image_behind(group.inputs[socket])
        value = nodes.image(tree, picture, (-400, 0), label=socket) if picture else group.inputs[socket].default_value
        nodes.put(tree, shader, target, value)
    normal = _image_behind(group.inputs["Normal Map"])
    if normal is not None:
        bump = nodes.add(tree, "ShaderNodeNormalMap", (-200, -300), inputs={
            "Color": nodes.image(tree, _eight_bit(normal, folder), (-500, -300), label="Normal Map")})
        nodes.put(tree, shader, "Normal", (bump, "Normal"))
    specular = _image_behind(group.inputs["Specular"])
    if specular is not None:
        picture = nodes.image(tree, _gltf_specular(specular, folder), (-500, -600), label="Specular")
        nodes.put(tree, shader, "Specular IOR Level", (picture[0], "Alpha"))


def _gltf_specular(picture: bpy.types.Image, folder: Path) -> bpy.types.Image:
    """KHR_materials_specular reads alpha, and its 1 is Principled's 0.5 (F0 of 0.04)."""
    level = textures.read_pixels(picture)[..., 0]
    pixels = np.ones((*level.shape, 4), np.float32)
    pixels[..., 3] = np.clip(level * 2, 0, 1)
    return _data_image(folder / "specular.png", pixels)


def _eight_bit(picture: bpy.types.Image, folder: Path) -> bpy.types.Image:
    """The bundle's 16-bit normals at half the size; engines compress them to fewer bits than eight anyway."""
    return _data_image(folder / "normal.png", textures.read_pixels(picture)[..., :3])


def _data_image(path: Path, pixels: np.ndarray) -> bpy.types.Image:
    textures.write_png(path, pixels)
    loaded = bpy.data.images.load(str(path), check_existing=False)
    loaded.colorspace_settings.name = textures.DATA
    loaded.alpha_mode = "CHANNEL_PACKED"
    return loaded


def _wear_tissue(tree: bpy.types.NodeTree, shader: bpy.types.Node, source: bpy.types.Material) -> None:
    """Copy what glTF can hold: the picture of the eye or of the hairs, else colours of the first Principled shader."""
    kinds: dict[str, Any] = {node.type: node for node in reversed(source.node_tree.nodes)}
    picture, original = kinds.get("TEX_IMAGE"), kinds.get("BSDF_PRINCIPLED")
    if original is None:  # cornea and tears are nothing but clear
        nodes.put(tree, shader, "Base Color", (1.0, 1.0, 1.0, 1.0))
        nodes.put(tree, shader, "Roughness", 0.02)
        nodes.put(tree, shader, "Alpha", CLEAR_ALPHA)
        return
    for name in ("Base Color", "Roughness", "Specular IOR Level"):
        if not original.inputs[name].is_linked:
            nodes.put(tree, shader, name, original.inputs[name].default_value)
    if picture is not None:
        nodes.put(tree, shader, "Base Color", nodes.image(tree, picture.image, (-400, 0), label="Colour"))
    if "BSDF_TRANSPARENT" in kinds:
        nodes.put(tree, shader, "Alpha", HAIR_ALPHA)
    elif picture is not None:
        nodes.put(tree, shader, "Roughness", EYE_ROUGHNESS)


def _image_behind(socket: bpy.types.NodeSocket) -> bpy.types.Image | None:
    node = socket.links[0].from_node if socket.is_linked else None
    return node.image if isinstance(node, bpy.types.ShaderNodeTexImage) else None
