"""Joints to an armature whose evaluated mesh is the head model's linear blend skinning.

A head model turns joint j by a rotation given in world axes of the rest pose. A bone turns in its own axes, so every
pose is conjugated with the bone's rest matrix on its way in (`set_pose`) and out (`get_pose`). What aims the eyes is in
`gaze`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from . import names

FORWARD = Vector((0.0, -1.0, 0.0))
UP = Vector((0.0, 0.0, 1.0))
HEAD_LENGTH = 0.12  # metres; about from the head joint to the crown
EYE_LENGTH = 0.03  # metres; a little in front of the cornea, so that the tail can be taken
SHORTEST = 0.01  # metres; Blender drops bones of no length
DEFORM, CONTROL = "Deform", "Control"
COLOURS = {DEFORM: "THEME01", CONTROL: "THEME09"}
"""Bone collections and the colour set of their bones: red moves the mesh, yellow moves other bones."""


def build_rig(name: str, geometry: Any, collection: bpy.types.Collection) -> bpy.types.Object:
    """An armature object with one bone per joint of the geometry. Tails point where the motion is seen."""
    rig = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    collection.objects.link(rig)
    rig.show_in_front = True
    rig.data.display_type = "STICK"
    with editing(rig):
        bones: list[bpy.types.EditBone] = []
        for index, joint in enumerate(geometry["joint_names"].tolist()):
            bone = rig.data.edit_bones.new(names.bone_name(joint))
            bone.head = Vector(geometry["joint_positions"][index].tolist())
            bone.tail = _tail(geometry, index)
            # The x axis is the person's left-right axis in every bone: nodding, chewing, looking up are one axis.
            upright = abs((bone.tail - bone.head).normalized().dot(UP)) > 0.7
            bone.align_roll(FORWARD if upright else UP)
            parent = int(geometry["joint_parents"][index])
            if parent >= 0:
                bone.parent = bones[parent]
            bones.append(bone)
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ"
        bone.lock_location = (True, True, True) if bone.parent else (False, False, False)
        bone.lock_scale = (True, True, True)
    collect(rig, DEFORM, [bone.name for bone in rig.data.bones])
    return rig


def collect(rig: bpy.types.Object, collection: str, bones: Sequence[str]) -> None:
    """Put bones into a bone collection, in its colour."""
    into = rig.data.collections.get(collection) or rig.data.collections.new(collection)
    for name in bones:
        into.assign(rig.data.bones[name])
        rig.data.bones[name].color.palette = COLOURS[collection]


def _tail(geometry: Any, index: int) -> Vector:
    joints, known = geometry["joint_positions"], geometry["joint_names"].tolist()
    name = known[index]
    head = Vector(joints[index].tolist())
    if name == "neck" and "head" in known:
        tail = Vector(joints[known.index("head")].tolist())
    elif name.startswith("eye"):
        tail = head + FORWARD * EYE_LENGTH
    elif name == "jaw":
        moved = geometry["vertices"][geometry["skin_weights"][:, index] > 0.9]
        # The chin: of what the jaw carries wholly, the foremost of the lowest tenth.
        low = moved[moved[:, 2] <= np.quantile(moved[:, 2], 0.1)] if len(moved) else np.zeros((0, 3))
        tail = Vector(low[low[:, 1].argmin()].tolist()) if len(low) else head + FORWARD * 0.08
        tail.x = head.x
    else:
        tail = head + UP * HEAD_LENGTH
    return tail if (tail - head).length > SHORTEST else head + UP * HEAD_LENGTH


class editing:  # noqa: N801 - reads as a statement
    """Edit mode on one object for a `with` block; what was active and selected comes back."""

    def __init__(self, owner: bpy.types.Object) -> None:
        self._owner = owner

    def __enter__(self) -> None:
        layer = bpy.context.view_layer
        self._active, self._selected = layer.objects.active, list(bpy.context.selected_objects)
        for other in self._selected:
            other.select_set(False)
        layer.objects.active = self._owner
        self._owner.select_set(True)
        bpy.ops.object.mode_set(mode="EDIT")

    def __exit__(self, *_error: object) -> None:
        bpy.ops.object.mode_set(mode="OBJECT")
        self._owner.select_set(False)
        for other in self._selected:
            other.select_set(True)
        bpy.context.view_layer.objects.active = self._active


def bind(mesh: bpy.types.Object, rig: bpy.types.Object) -> None:
    """Let the bones carry the mesh by its vertex groups: plain linear blending, no envelopes, no volume trick."""
    mesh.parent = rig
    modifier = mesh.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    modifier.use_vertex_groups, modifier.use_bone_envelopes = True, False
    modifier.use_deform_preserve_volume = False


def set_pose(rig: bpy.types.Object, joint_names: Sequence[str], pose: np.ndarray) -> None:
    """Turn the bones as the head model's `pose` (J, 3) says: axis-angle radians in the world axes of the rest pose.

    Bones only: eyes that aim at their target (`gaze.use`) do not show a pose of their own.
    """
    for name, axis_angle in zip(joint_names, pose, strict=True):
        turn = Vector(axis_angle.tolist())
        bone = names.find(rig.pose.bones, name)
        rest = bone.bone.matrix_local.to_3x3()
        world = Matrix.Rotation(turn.length, 3, turn.normalized()) if turn.length > 0 else Matrix.Identity(3)
        bone.matrix_basis = (rest.transposed() @ world @ rest).to_4x4()


def get_pose(rig: bpy.types.Object, joint_names: Sequence[str]) -> np.ndarray:
    """The inverse of `set_pose`, (J, 3) radians."""
    pose = []
    for name in joint_names:
        bone = names.find(rig.pose.bones, name)
        rest = bone.bone.matrix_local.to_3x3()
        turn = (rest @ bone.matrix_basis.to_3x3() @ rest.transposed()).to_quaternion()
        axis, angle = turn.to_axis_angle()
        pose.append(np.array(axis) * angle)
    return np.array(pose)


TURN_PATHS = ("rotation_euler", "rotation_quaternion", "rotation_axis_angle")
"""Properties that turn a bone; its rotation mode says which counts."""


def channels(bone: bpy.types.PoseBone, world: np.ndarray) -> tuple[str, np.ndarray]:
    """The property that turns a bone, and its values over time (T, n), without jumps.

    `world` (T, 3, 3) are turns in the world axes of the rest pose, as in `set_pose`.
    """
    rest = np.array(bone.bone.matrix_local.to_3x3())
    own = rest.T @ world @ rest
    if bone.rotation_mode == "QUATERNION":
        values = np.array([Matrix(turn).to_quaternion() for turn in own])
        flips = np.cumsum(np.concatenate([[0], (values[1:] * values[:-1]).sum(1) < 0])) % 2
        return TURN_PATHS[1], np.where(flips[:, None] == 1, -values, values)
    if bone.rotation_mode == "AXIS_ANGLE":
        pairs = [Matrix(turn).to_quaternion().to_axis_angle() for turn in own]
        return TURN_PATHS[2], np.array([(angle, *axis) for axis, angle in pairs])
    return TURN_PATHS[0], np.unwrap([Matrix(turn).to_euler(bone.rotation_mode) for turn in own], axis=0)


def rest(rig: bpy.types.Object) -> None:
    """Every bone back to its rest."""
    for bone in rig.pose.bones:
        bone.matrix_basis = Matrix.Identity(4)
