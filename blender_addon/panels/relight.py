"""Light: environments with pictures, the photo's own, a studio; the cameras that go with them; the photo's."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

from typing import ClassVar

import bpy

from .. import strings
from ..scene import avatar as avatars
from ..scene import report as reports
from ..scene import studio
from .shared import OfAvatar, Panel, sentences

CLOSED: set[str] = {"DEFAULT_CLOSED"}


class LIKENESS_PT_relight(Panel, bpy.types.Panel):
    """Environments."""

    bl_label = strings.PANEL["relight"]
    bl_idname = "LIKENESS_PT_relight"
    bl_options: ClassVar[set[str]] = CLOSED

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = context.scene.likeness, self.layout
        layout.template_icon_view(settings, "hdri", show_labels=True, scale=5.0, scale_popup=5.0)
        column = layout.column(align=True)
        column.prop(settings, "rotation", slider=True)
        column.prop(settings, "strength", slider=True)
        button = layout.operator("likeness.hdri", icon="WORLD")
        button.hdri, button.rotation, button.strength = settings.hdri, settings.rotation, settings.strength
        layout.operator("likeness.suggest_look", icon="COLOR")


class LIKENESS_PT_studio(Panel, bpy.types.Panel):
    """Lamps, portrait camera, turntable."""

    bl_label = strings.PANEL["studio"]
    bl_idname = "LIKENESS_PT_studio"
    bl_parent_id = "LIKENESS_PT_relight"
    bl_options: ClassVar[set[str]] = CLOSED

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        layout, found = self.layout, studio.of(context.scene)
        if found is None:
            layout.operator("likeness.studio", icon="LIGHT_AREA")
        else:
            column = layout.column(align=True)
            for lamp in studio.lamps(found):
                row = column.row(align=True)
                row.prop(lamp.data, "energy", text=lamp.name.removeprefix(f"{strings.TAB} "))
                row.prop(lamp.data, "color", text="")
            centre = studio.pivot(found)
            if centre is not None:
                column.prop(centre, "rotation_euler", index=2, text=strings.PROPERTY["rotation"].label)
            layout.operator("likeness.remove_studio", icon="TRASH")
        layout.operator("likeness.portrait", icon="CAMERA_DATA")
        row = layout.row(align=True)
        row.prop(context.scene.likeness, "frames")
        row.operator("likeness.turntable", icon="FILE_REFRESH").frames = context.scene.likeness.frames


class LIKENESS_PT_photo_match(OfAvatar, bpy.types.Panel):
    """The cameras of the photos."""

    bl_label = strings.PANEL["photo_match"]
    bl_idname = "LIKENESS_PT_photo_match"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, column = avatars.active(context), self.layout.column(align=True)
        told, files = reports.of(avatar), avatars.photos(avatar)
        views = told.views if told and told.views else (reports.View("", ""),)
        by_name = {file.name: file for file in files if file.is_file()}
        for number, view in enumerate(views):
            button = column.operator("likeness.photo_match", icon="CAMERA_DATA",
                                     text=view.label or strings.OPERATOR["photo_match"].label)
            button.view, button.photo = number, str(by_name.get(view.file, ""))
        if not by_name:
            sentences(self.layout, strings.PANEL_HINT["no_background"], "INFO")


CLASSES = (LIKENESS_PT_relight, LIKENESS_PT_studio, LIKENESS_PT_photo_match)
