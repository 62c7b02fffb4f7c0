"""What joints are called in Blender: `eye_left` of the bundle is the bone `eye.L`, so that mirroring tools pair it.

The bundle's names stay in files: a pose, an export, another program know joints, never bones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SIDES = (("_left", ".L"), ("_right", ".R"))


def bone_name(joint: str) -> str:
    """The bone of a joint."""
    for of_joint, of_bone in SIDES:
        if joint.endswith(of_joint):
            return joint.removesuffix(of_joint) + of_bone
    return joint


def joint_name(bone: str) -> str:
    """The joint of a bone: the inverse of `bone_name`."""
    for of_joint, of_bone in SIDES:
        if bone.endswith(of_bone):
            return bone.removesuffix(of_bone) + of_joint
    return bone


def bone_names(joints: Iterable[str]) -> list[str]:
    """The bones of joints, in their order."""
    return [bone_name(joint) for joint in joints]


def find(bones: Any, joint: str) -> Any:
    """The bone of a joint in a rig's `bones`: under Blender's name, or the joint's own (in a rig of an older file)."""
    return bones.get(bone_name(joint)) or bones[joint]
