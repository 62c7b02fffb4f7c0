"""Operators: a few lines each that ask the scene core for something and report the outcome."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from . import compat, properties, strings
from .bundle import read_bundle
from .errors import InputError
from .operator_base import Checked, assemble, the_avatar
from .properties import text
from .scene import avatar as avatars
from .scene import expression, gaze, photo, relight, render

ENGINES = [("CYCLES", "Cycles", ""), ("EEVEE", "EEVEE", "")]
LOOKS = [(key, words.label, words.tip) for key, words in strings.LOOK.items()]


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
            avatars.set_level(avatar, read_bundle(avatar.bundle), self.level)
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


class LIKENESS_OT_hdri(Checked, bpy.types.Operator):
    """Light from a shipped environment."""

    bl_idname = "likeness.hdri"
    bl_label, bl_description = strings.OPERATOR["hdri"]
    needs_avatar = False

    hdri: properties.hdri_property()
    rotation: properties.rotation_property()
    strength: properties.strength_property()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Light."""
        relight.light_with_hdri(context.scene, self.hdri, self.rotation, self.strength)
        return {"FINISHED"}


class LIKENESS_OT_photo_light(Checked, bpy.types.Operator):
    """Light from the photo."""

    bl_idname = "likeness.photo_light"
    bl_label, bl_description = strings.OPERATOR["photo_light"]

    view: IntProperty(min=0, **text("view"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Light."""
        avatar = the_avatar(context)

        def action() -> str:
            photo.light(context.scene, avatar, read_bundle(avatar.bundle), self.view)
            return strings.OPERATOR["photo_light"].label

        return self.attempt(action)


class LIKENESS_OT_photo_match(Checked, bpy.types.Operator):
    """The photo's camera, light and expression."""

    bl_idname = "likeness.photo_match"
    bl_label, bl_description = strings.OPERATOR["photo_match"]

    view: IntProperty(min=0, **text("view"))
    photo: StringProperty(subtype="FILE_PATH", **text("photo"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Match."""
        avatar = the_avatar(context)
        picture = Path(bpy.path.abspath(self.photo)) if self.photo else None

        def action() -> str:
            return photo.match(context.scene, avatar, read_bundle(avatar.bundle), self.view, picture).name

        return self.attempt(action)


class LIKENESS_OT_expression(Checked, bpy.types.Operator):
    """A preset face."""

    bl_idname = "likeness.expression"
    bl_label, bl_description = strings.OPERATOR["expression"]

    expression: properties.expression_property()
    amount: FloatProperty(default=1.0, min=0.0, max=1.0, subtype="FACTOR", **text("amount"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the keys."""
        expression.apply(the_avatar(context).mesh, expression.PRESETS[self.expression], self.amount)
        return {"FINISHED"}


class LIKENESS_OT_reset(Checked, bpy.types.Operator):
    """Neutral face, bones at rest."""

    bl_idname = "likeness.reset"
    bl_label, bl_description = strings.OPERATOR["reset"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Reset."""
        avatars.reset(the_avatar(context))
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


class LIKENESS_OT_sheet(Checked, bpy.types.Operator, ExportHelper):
    """Eight expressions in a picture."""

    bl_idname = "likeness.sheet"
    bl_label, bl_description = strings.OPERATOR["sheet"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}
    filename_ext = ".png"

    filter_glob: StringProperty(default="*.png", options={"HIDDEN"})
    engine: EnumProperty(items=ENGINES, default="CYCLES", **text("engine"))
    size: IntProperty(default=384, min=64, max=4096, **text("size"))
    samples: IntProperty(default=32, min=1, max=4096, **text("samples"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Render."""
        path = Path(bpy.path.abspath(self.filepath))
        engine = compat.CYCLES if self.engine == "CYCLES" else compat.eevee()

        def action() -> str:
            look = render.Look(engine, self.size, self.size, self.samples)
            render.sheet(context.scene, the_avatar(context), path, look)
            return strings.REPORT["saved"].format(file=path.name)

        return self.attempt(action)


CLASSES = (LIKENESS_OT_assemble, LIKENESS_OT_set_resolution, LIKENESS_OT_remove, LIKENESS_OT_hdri,
           LIKENESS_OT_photo_light, LIKENESS_OT_photo_match, LIKENESS_OT_expression, LIKENESS_OT_look,
           LIKENESS_OT_reset, LIKENESS_OT_sheet)
