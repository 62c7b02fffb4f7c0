"""Operators that bring an avatar into the scene, change its mesh, take it away.

A few lines each, as in `face_operators`, `light_operators`, `avatar_operators`: they ask the scene core for something
and report the outcome.
"""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty

from . import properties, strings
from .bundle import read_bundle
from .hair import coat
from .operator_base import Checked, assemble, the_avatar
from .properties import text
from .scene import avatar as avatars


class LIKENESS_OT_assemble(Checked, bpy.types.Operator):
    """Bundle to avatar."""

    bl_idname = "likeness.assemble"
    bl_label, bl_description = strings.OPERATOR["assemble"]
    needs_avatar = False

    directory: StringProperty(subtype="DIR_PATH", **text("bundle"))
    name: StringProperty(name="Name")
    level: properties.level_property()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Build."""
        return self.attempt(lambda: assemble(context, Path(bpy.path.abspath(self.directory)), self.name, self.level))


class LIKENESS_OT_set_resolution(Checked, bpy.types.Operator):
    """Another resolution of the mesh."""

    bl_idname = "likeness.set_resolution"
    bl_label, bl_description = strings.OPERATOR["set_resolution"]

    level: properties.level_property()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch."""
        avatar = the_avatar(context)

        def action() -> str:
            bundle = read_bundle(avatar.bundle)
            avatars.set_level(avatar, bundle, self.level)
            coat.regrow(avatar, bundle)
            return strings.REPORT["level"].format(name=avatar.name, level=strings.LEVEL[self.level].label,
                                                  vertices=len(avatar.mesh.data.vertices))

        return self.attempt(action)


class LIKENESS_OT_remove(Checked, bpy.types.Operator):
    """Delete the active avatar."""

    bl_idname = "likeness.remove"
    bl_label, bl_description = strings.OPERATOR["remove"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete."""
        avatar = the_avatar(context)
        name = avatar.name
        avatars.remove(avatar)
        self.report({"INFO"}, strings.REPORT["removed"].format(name=name))
        return {"FINISHED"}


CLASSES = (LIKENESS_OT_assemble, LIKENESS_OT_set_resolution, LIKENESS_OT_remove)
