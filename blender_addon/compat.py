"""Every difference between Blender versions, from 4.2 on, in one place."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import bpy

CYCLES = "CYCLES"


def eevee() -> str:
    """EEVEE's engine id: it carried a NEXT until 5.0."""
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0) else "BLENDER_EEVEE_NEXT"


def node_tree(owner: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    """The owner's node tree, emptied. From 5.0 it is always there; before, `use_nodes` makes it."""
    if owner.node_tree is None or bpy.app.version < (5, 0):
        owner.use_nodes = True
    owner.node_tree.nodes.clear()
    return owner.node_tree


def add_shape_key(owner: bpy.types.Object, name: str) -> bpy.types.ShapeKey:
    """A shape key of value 0; from 5.0 a new key would start at 1."""
    key = owner.shape_key_add(name=name, from_mix=False)
    key.value = 0.0
    return key


def curve(owner: bpy.types.ID, path: str, index: int) -> bpy.types.FCurve:
    """A new curve for a property of `owner`, in its own action. From 5.0 an action holds curves by slot."""
    data = owner.animation_data or owner.animation_data_create()
    if data.action is None:
        data.action = bpy.data.actions.new(owner.name)
    if hasattr(data.action, "fcurve_ensure_for_datablock"):
        return data.action.fcurve_ensure_for_datablock(owner, path, index=index)
    return data.action.fcurves.new(path, index=index)


def use_adaptive_subdivision(owner: bpy.types.Object, modifier: bpy.types.SubsurfModifier, on: bool) -> None:
    """Dice to pixels in Cycles. A modifier setting from 5.0; an experimental feature of Cycles before."""
    if hasattr(modifier, "use_adaptive_subdivision"):
        modifier.use_adaptive_subdivision = on
    elif hasattr(owner, "cycles"):
        owner.cycles.use_adaptive_subdivision = on
        if on:
            bpy.context.scene.cycles.feature_set = "EXPERIMENTAL"


def no_hard_sun(world: bpy.types.World) -> None:
    """Stop EEVEE from extracting a hard sun from the environment image. 0 turns the extraction off."""
    if hasattr(world, "sun_threshold"):
        world.sun_threshold = 0.0


def set_blended(material: bpy.types.Material) -> None:
    """Let EEVEE blend the material over what lies behind it; Cycles needs no setting."""
    material.surface_render_method = "BLENDED"
    material.use_transparency_overlap = False


def set_dithered(material: bpy.types.Material) -> None:
    """Let EEVEE sort the material's transparency by dithering (thin hairs)."""
    material.surface_render_method = "DITHERED"


def set_default(node: bpy.types.Node, socket: str, value: Any) -> None:
    """Set an input by name where this Blender has it; sockets come and go between versions."""
    if socket in node.inputs:
        node.inputs[socket].default_value = value


def denoise(scene: bpy.types.Scene) -> None:
    """Denoise Cycles' renders where this build can (distributions build without OpenImageDenoise)."""
    scene.cycles.use_denoising = True
    with suppress(TypeError):  # the enumeration lacks what the build lacks
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
        return
    scene.cycles.use_denoising = False


def set_view_transform(scene: bpy.types.Scene, name: str) -> None:
    """Choose a view transform; a build without that colour configuration keeps its own."""
    with suppress(TypeError):
        scene.view_settings.view_transform = name


def share_action(source: bpy.types.ID, target: bpy.types.ID) -> None:
    """Let `target` be animated by the action of `source`. From 4.4 an action moves one of its slots."""
    data = source.animation_data
    if data is None or data.action is None:
        return
    own = target.animation_data or target.animation_data_create()
    own.action = data.action
    if hasattr(data, "action_slot") and data.action_slot is not None:
        own.action_slot = data.action_slot


def has_slots() -> bool:
    """Whether an Action holds curves for several data-blocks, by slot: from 4.4 on."""
    return bpy.app.version >= (4, 4)


def curves_for(action: bpy.types.Action, owner: bpy.types.ID) -> Any:
    """The curves that `action` has for data-blocks of the kind of `owner`; where there are slots, that kind's own."""
    if not has_slots():
        return action.fcurves
    slot = _slot_for(action, owner) or action.slots.new(id_type=owner.id_type, name=owner.name)
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True).fcurves


def all_curves(action: bpy.types.Action) -> list[Any]:
    """Every collection of curves in an Action."""
    if not has_slots():
        return [action.fcurves]
    return [bag.fcurves for layer in action.layers for strip in layer.strips for bag in strip.channelbags]


def use_action(owner: bpy.types.ID, action: bpy.types.Action | None) -> None:
    """Let `owner` be animated by `action`, where there are slots by that of its kind; None for by nothing."""
    data = owner.animation_data or owner.animation_data_create()
    data.action = action
    if action is not None and has_slots():
        data.action_slot = _slot_for(action, owner)


def push_down(owner: bpy.types.ID) -> None:
    """Put the action that animates `owner` into a track of its own, where it goes on below what is assigned next."""
    data = owner.animation_data
    action, slot = data.action, getattr(data, "action_slot", None)
    data.action = None
    strip = data.nla_tracks.new().strips.new(action.name, round(action.frame_range[0]), action)
    if slot is not None:
        strip.action_slot = slot


def _slot_for(action: bpy.types.Action, owner: bpy.types.ID) -> Any:
    return next((slot for slot in action.slots if slot.target_id_type == owner.id_type), None)


def strips(editor: bpy.types.SequenceEditor) -> Any:
    """The strips of a sequencer, `sequences` before 4.4."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def set_video(scene: bpy.types.Scene) -> bool:
    """Let the scene be rendered to an MP4; False for a build that cannot. From 5.0 the kind of media is said first."""
    settings = scene.render.image_settings
    try:
        if hasattr(settings, "media_type"):
            settings.media_type = "VIDEO"
        settings.file_format = "FFMPEG"
    except TypeError:  # the enumeration lacks what the build lacks
        return False
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "MPEG4", "H264"
    return True


def fbx_has_normals_of_targets() -> bool:
    """Whether the FBX exporter writes normals for shape keys, which makes a head's file nearly twice as large."""
    return bpy.app.version >= (5, 1)


def input_of(modifier: Any, identifier: str) -> tuple[Any, str]:
    """Where an input of a geometry nodes modifier is: what holds it, and its name there, for reading, `prop` and keys.

    From 5.2 it is a property like any other; before, a custom property of the modifier.
    """
    if bpy.app.version >= (5, 2):
        return getattr(modifier.properties.inputs, identifier), "value"
    return modifier, f'["{identifier}"]'
