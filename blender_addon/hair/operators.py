"""Hair on, hair off."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, FloatProperty

from ..bundle import read_bundle
from ..errors import InputError
from ..operator_base import Checked, the_avatar
from ..scene import avatar as avatars
from . import coat, words
from .kinds import KINDS

STRIP = "STRIP"
"""EEVEE's shape of hair that has the thickness it is given; its other one is a line of a pixel."""


def part(name: str) -> BoolProperty:
    """Whether a part grows."""
    said = words.PART[name]
    return BoolProperty(name=said.label, description=said.tip, default=True)


def amount() -> FloatProperty:
    """How dense it grows."""
    said = words.PROPERTY["amount"]
    return FloatProperty(name=said.label, description=said.tip, default=1.0, min=0.05, max=4.0, soft_max=2.0)


class LIKENESS_OT_add_hair(Checked, bpy.types.Operator):
    """Grow hair curves."""

    bl_idname = "likeness.add_hair"
    bl_label, bl_description = words.OPERATOR["add_hair"]

    brows: part("brows")
    lashes: part("lashes")
    beard: part("beard")
    scalp: part("scalp")
    amount: amount()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Grow."""
        avatar = the_avatar(context)

        def action() -> str:
            parts = [name for name in KINDS if getattr(self, name)]
            if not parts:
                raise InputError(words.REPORT["nothing"], words.REPORT["choose"])
            made = coat.grow(avatar, read_bundle(avatar.bundle), parts, self.amount)
            context.scene.render.hair_type = STRIP
            told = [words.REPORT["part" if count else "none_of"].format(
                count=count, part=words.PART[name].label.lower()) for name, count in made.items()]
            return words.REPORT["grown"].format(name=avatar.name, parts=", ".join(told))

        return self.attempt(action)


class LIKENESS_OT_remove_hair(Checked, bpy.types.Operator):
    """Shave."""

    bl_idname = "likeness.remove_hair"
    bl_label, bl_description = words.OPERATOR["remove_hair"]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there is some."""
        if not super().poll(context):
            return False
        avatar = avatars.active(context)
        if avatar is None or not coat.of(avatar):
            cls.poll_message_set(words.POLL["no_hair"])
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Shave."""
        avatar = the_avatar(context)
        coat.shave(avatar)
        self.report({"INFO"}, words.REPORT["removed"].format(name=avatar.name))
        return {"FINISHED"}


CLASSES = (LIKENESS_OT_add_hair, LIKENESS_OT_remove_hair)
