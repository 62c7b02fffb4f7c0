"""Operators on takes that are there: play, rest, bake, remove, lay presets over them."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from ..operator_base import Checked, the_avatar
from . import properties, take, words
from .bringing import ONCE
from .properties import text


class _OfTake(Checked):
    """On one of the avatar's takes."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where the avatar has a take."""
        if not super().poll(context):
            return False
        if not take.takes(the_avatar(context)):
            cls.poll_message_set(words.POLL["no_take"])
            return False
        return True


class LIKENESS_OT_use_performance(_OfTake, bpy.types.Operator):
    """The one to be played."""

    bl_idname = "likeness.use_performance"
    bl_label, bl_description = words.OPERATOR["use_performance"]

    take: StringProperty(options=ONCE, **text("take"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Assign it."""
        def action() -> str:
            avatar = the_avatar(context)
            take.use(avatar, take.find(avatar, self.take))
            context.scene.frame_set(context.scene.frame_current)
            return self.take

        return self.attempt(action)


class LIKENESS_OT_rest_performance(_OfTake, bpy.types.Operator):
    """None is played."""

    bl_idname = "likeness.rest_performance"
    bl_label, bl_description = words.OPERATOR["rest_performance"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Unassign, and rest."""
        take.use(the_avatar(context), None)
        return {"FINISHED"}


class LIKENESS_OT_remove_performance(_OfTake, bpy.types.Operator):
    """One take less."""

    bl_idname = "likeness.remove_performance"
    bl_label, bl_description = words.OPERATOR["remove_performance"]

    take: StringProperty(options=ONCE, **text("take"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete it."""
        def action() -> str:
            avatar = the_avatar(context)
            found = take.find(avatar, self.take)
            name = found.name
            take.remove(avatar, found)
            return words.REPORT["removed"].format(name=name)

        return self.attempt(action)


class LIKENESS_OT_bake_performance(_OfTake, bpy.types.Operator):
    """A plain Action."""

    bl_idname = "likeness.bake_performance"
    bl_label, bl_description = words.OPERATOR["bake_performance"]

    take: StringProperty(options=ONCE, **text("take"))
    tolerance: FloatProperty(default=0.0, min=0.0, max=0.2, precision=3, **text("tolerance"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Cut the bond."""
        def action() -> str:
            found = take.find(the_avatar(context), self.take)
            return words.REPORT["bake"].format(name=found.name, keys=take.bake(found, self.tolerance))

        return self.attempt(action)


class LIKENESS_OT_add_mix(_OfTake, bpy.types.Operator):
    """One preset more."""

    bl_idname = "likeness.add_mix"
    bl_label, bl_description = words.OPERATOR["add_mix"]

    take: StringProperty(options=ONCE, **text("take"))
    preset: EnumProperty(items=properties.preset_items, **text("preset"))
    amount: FloatProperty(default=0.5, min=0.0, max=1.0, subtype="FACTOR", **text("amount"))
    start: IntProperty(**text("mix_start"))
    end: IntProperty(**text("mix_end"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it."""
        def action() -> str:
            found = take.find(the_avatar(context), self.take)
            take.clip_of(found)  # says so when there is none any more
            with take.quiet():
                mix = found.likeness.mixes.add()
                for name in ("preset", "amount", "start", "end"):
                    setattr(mix, name, getattr(self, name))
            take.changed(found)
            return self.bl_label

        return self.attempt(action)


class LIKENESS_OT_remove_mix(_OfTake, bpy.types.Operator):
    """One preset less."""

    bl_idname = "likeness.remove_mix"
    bl_label, bl_description = words.OPERATOR["remove_mix"]

    take: StringProperty(options=ONCE, **text("take"))
    index: IntProperty(min=0, **text("index"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove it."""
        def action() -> str:
            found = take.find(the_avatar(context), self.take)
            found.likeness.mixes.remove(self.index)
            take.changed(found)
            return self.bl_label

        return self.attempt(action)


CLASSES = (LIKENESS_OT_use_performance, LIKENESS_OT_rest_performance, LIKENESS_OT_remove_performance,
           LIKENESS_OT_bake_performance, LIKENESS_OT_add_mix, LIKENESS_OT_remove_mix)
