"""Operators on light, camera and colour management; and what is rendered with them."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from . import compat, lights, properties, strings
from .bundle import read_bundle
from .operator_base import Checked, the_avatar
from .properties import text
from .scene import photo, render, studio, suggestion, turntable

ENGINES = [("CYCLES", "Cycles", ""), ("EEVEE", "EEVEE", "")]


class LIKENESS_OT_hdri(Checked, bpy.types.Operator):
    """Light from an environment."""

    bl_idname = "likeness.hdri"
    bl_label, bl_description = strings.OPERATOR["hdri"]
    needs_avatar = False

    hdri: properties.hdri_property()
    rotation: properties.rotation_property()
    strength: properties.strength_property()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Light."""
        def action() -> str:
            lights.use(context, self.hdri, self.rotation, self.strength)
            return strings.OPERATOR["hdri"].label

        return self.attempt(action)


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


class LIKENESS_OT_studio(Checked, bpy.types.Operator):
    """Three lamps."""

    bl_idname = "likeness.studio"
    bl_label, bl_description = strings.OPERATOR["studio"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set up, or move to this avatar."""
        studio.build(context.scene, the_avatar(context))
        return {"FINISHED"}


class LIKENESS_OT_remove_studio(Checked, bpy.types.Operator):
    """No lamps."""

    bl_idname = "likeness.remove_studio"
    bl_label, bl_description = strings.OPERATOR["remove_studio"]
    needs_avatar = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there is one."""
        if studio.of(context.scene) is None:
            cls.poll_message_set(strings.POLL["no_studio"])
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take it down."""
        studio.remove(context.scene)
        return {"FINISHED"}


class LIKENESS_OT_turntable(Checked, bpy.types.Operator):
    """A camera that goes round."""

    bl_idname = "likeness.turntable"
    bl_label, bl_description = strings.OPERATOR["turntable"]

    frames: IntProperty(default=96, min=2, max=10000, **text("frames"))
    filepath: StringProperty(subtype="FILE_PATH", **text("film"))
    render: BoolProperty(options={"SKIP_SAVE"}, **text("render"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the camera up; render where that is asked for."""
        avatar = the_avatar(context)

        def action() -> str:
            camera = turntable.build(context.scene, avatar, self.frames)
            if not self.filepath and not self.render:
                return camera.name
            beside = f"//{avatar.name} turntable"  # the .blend, wherever that goes
            file = turntable.film(context.scene, self.filepath.removesuffix(Path(self.filepath).suffix) or beside)
            if self.render:
                bpy.ops.render.render(animation=True, scene=context.scene.name)
            return strings.REPORT["film"].format(file=Path(file).name)

        return self.attempt(action)


class LIKENESS_OT_suggest_look(Checked, bpy.types.Operator):
    """Colour management and sampling that suit skin."""

    bl_idname = "likeness.suggest_look"
    bl_label, bl_description = strings.OPERATOR["suggest_look"]
    needs_avatar = False

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set."""
        suggestion.apply(context.scene)
        return {"FINISHED"}


class LIKENESS_OT_portrait(Checked, bpy.types.Operator):
    """A camera before the head."""

    bl_idname = "likeness.portrait"
    bl_label, bl_description = strings.OPERATOR["portrait"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put it up, and look through it."""
        avatar = the_avatar(context)
        suggestion.portrait(context.scene, avatar)
        space = context.space_data
        if isinstance(space, bpy.types.SpaceView3D) and space.region_3d:
            space.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


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


CLASSES = (LIKENESS_OT_hdri, LIKENESS_OT_photo_light, LIKENESS_OT_photo_match, LIKENESS_OT_studio,
           LIKENESS_OT_remove_studio, LIKENESS_OT_turntable, LIKENESS_OT_suggest_look, LIKENESS_OT_portrait,
           LIKENESS_OT_sheet)
