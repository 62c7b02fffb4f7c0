"""Operators on the face: expressions and presets of the user's own, mirror, reset, where the eyes look."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from . import expressions, properties, strings
from .errors import InputError
from .operator_base import Checked, the_avatar
from .properties import text
from .scene import avatar as avatars
from .scene import expression, gaze, keys, render

LOOKS = [(key, words.label, words.tip) for key, words in strings.LOOK.items()]
MIRRORS = [(key, words.label, words.tip) for key, words in strings.MIRROR.items()]


class LIKENESS_OT_expression(Checked, bpy.types.Operator):
    """A preset face."""

    bl_idname = "likeness.expression"
    bl_label, bl_description = strings.OPERATOR["expression"]

    expression: properties.expression_property()
    amount: FloatProperty(default=1.0, min=0.0, max=1.0, subtype="FACTOR", **text("amount"))
    mix: BoolProperty(**text("mix"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the keys, or add to them."""
        body = the_avatar(context).mesh

        def action() -> str:
            weights = expressions.weights(self.expression)
            (expression.mix if self.mix else expression.apply)(body, weights, self.amount)
            return expression.LABELS.get(self.expression, self.expression)

        return self.attempt(action)


class LIKENESS_OT_save_expression(Checked, bpy.types.Operator):
    """The face as it is, for later."""

    bl_idname = "likeness.save_expression"
    bl_label, bl_description = strings.OPERATOR["save_expression"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    name: StringProperty(**text("expression_name"))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask what to call it."""
        return set(context.window_manager.invoke_props_dialog(self))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep its weights, and a picture."""
        avatar = the_avatar(context)

        def action() -> str:
            expressions.save(self.name, expression.current(avatar.mesh))
            render.thumbnail(context.scene, avatar, expressions.picture(self.name.strip()))
            return strings.REPORT["expression_saved"].format(name=self.name.strip())

        return self.attempt(action)


class LIKENESS_OT_delete_expression(Checked, bpy.types.Operator):
    """One of the user's own less."""

    bl_idname = "likeness.delete_expression"
    bl_label, bl_description = strings.OPERATOR["delete_expression"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    needs_avatar = False

    expression: properties.expression_property()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Forget it."""
        def action() -> str:
            expressions.delete(self.expression)
            return strings.OPERATOR["delete_expression"].label

        return self.attempt(action)


class LIKENESS_OT_mirror(Checked, bpy.types.Operator):
    """The face in a mirror."""

    bl_idname = "likeness.mirror"
    bl_label, bl_description = strings.OPERATOR["mirror"]

    how: EnumProperty(items=MIRRORS, **text("how"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Mirror."""
        expression.mirror(the_avatar(context).mesh, self.how)
        return {"FINISHED"}


class LIKENESS_OT_reset(Checked, bpy.types.Operator):
    """Neutral face, bones at rest."""

    bl_idname = "likeness.reset"
    bl_label, bl_description = strings.OPERATOR["reset"]

    part: StringProperty(options={"HIDDEN"}, **text("part"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Reset all, or one part of the face."""
        avatar = the_avatar(context)
        if self.part:
            expression.rest_keys(avatar.mesh, keys.grouped(keys.kinds(avatar.mesh).arkit).get(self.part, ()))
        else:
            avatars.reset(avatar)
        return {"FINISHED"}


class LIKENESS_OT_look(Checked, bpy.types.Operator):
    """Where the eyes look."""

    bl_idname = "likeness.look"
    bl_label, bl_description = strings.OPERATOR["look"]

    at: EnumProperty(items=LOOKS, **text("look_at"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Move the target."""
        avatar = the_avatar(context)

        def action() -> str:
            if self.at == "PERSON":
                gaze.rest(avatar.rig)
            elif self.at == "CURSOR":
                gaze.look_at(avatar.rig, context.scene.cursor.location)
            elif context.scene.camera is not None:
                gaze.look_at(avatar.rig, context.scene.camera.matrix_world.translation)
            else:
                raise InputError(strings.POLL["no_camera"])
            return strings.OPERATOR["look"].label

        return self.attempt(action)


CLASSES = (LIKENESS_OT_expression, LIKENESS_OT_save_expression, LIKENESS_OT_delete_expression, LIKENESS_OT_mirror,
           LIKENESS_OT_reset, LIKENESS_OT_look)
