"""The avatar: its name and resolution, what was seen and what was guessed, making it again, its head model."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

import bpy

from .. import heads, strings
from ..scene import avatar as avatars
from ..scene import confidence, resolution
from ..scene import report as reports
from .shared import OfAvatar, Panel, sentences

SHORT = 14  # regions listed


def level_label(avatar: avatars.Avatar) -> str:
    """The resolution of an avatar's mesh, in a word."""
    return strings.LEVEL[resolution.of(avatar.mesh)].label


class LIKENESS_PT_avatar(Panel, bpy.types.Panel):
    """Which avatar."""

    bl_label = strings.PANEL["avatar"]
    bl_idname = "LIKENESS_PT_avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, layout = avatars.active(context), self.layout
        if avatar is None:
            layout.label(text=strings.POLL["no_avatar"], icon="INFO")
            return
        row = layout.row(align=True)
        row.prop(avatar.collection, "name", text="", icon="OUTLINER_OB_ARMATURE")
        row.operator("likeness.mark_asset", text="", icon="ASSET_MANAGER")
        row.operator("likeness.remove", text="", icon="TRASH")
        layout.operator_menu_enum("likeness.set_resolution", "level", icon="MOD_SUBSURF",
                                  text=f"{strings.PROPERTY['level'].label}: {level_label(avatar)}")


class _Below(OfAvatar):
    """Below the avatar's panel."""

    bl_parent_id = "LIKENESS_PT_avatar"


class LIKENESS_PT_report(_Below, bpy.types.Panel):
    """What was seen, what was guessed."""

    bl_label = strings.PANEL["report"]
    bl_idname = "LIKENESS_PT_report"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, layout = avatars.active(context), self.layout
        told = reports.of(avatar)
        if told is None:
            sentences(layout, strings.PANEL_HINT["no_report"], "INFO")
            return
        hint = strings.PANEL_HINT
        about = layout.column(align=True)
        about.label(text=hint["seen"].format(seen=told.seen), icon="HIDE_OFF")
        if told.sigma_mm is not None:
            about.label(text=hint["sigma"].format(sigma=told.sigma_mm), icon="DRIVER_DISTANCE")
        sentences(about, hint["made_in"].format(seconds=told.seconds, photos=", ".join(told.photos)), "TIME")
        if told.left_out:
            sentences(about, hint["left_out"].format(names=", ".join(told.left_out)), "ERROR")
        on = confidence.shown(avatar)
        layout.operator("likeness.show_confidence", icon="OVERLAY", depress=on,
                        text=hint["hide_confidence"] if on else strings.OPERATOR["show_confidence"].label)
        if on:
            layout.label(text=hint["legend"])
        bars = layout.column(align=True)
        for name, value in [item for item in told.regions if item[0] in strings.REGION][:SHORT]:
            bars.progress(factor=min(value, 1.0), text=strings.REGION[name])
        for sentence in told.sentences:
            sentences(layout.box(), sentence)


class LIKENESS_PT_redo(_Below, bpy.types.Panel):
    """Other settings, the same photos."""

    bl_label = strings.PANEL["redo"]
    bl_idname = "LIKENESS_PT_redo"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = context.scene.likeness, self.layout
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        for name in ("resolution", "level", "head"):
            column.prop(settings, name)
        button = layout.operator("likeness.redo", icon="FILE_REFRESH")
        button.resolution, button.level = settings.resolution, settings.level
        button.head = settings.head or heads.DEFAULT


class LIKENESS_PT_head(_Below, bpy.types.Panel):
    """Whose head model the avatar is made of."""

    bl_label = strings.PANEL["head"]
    bl_idname = "LIKENESS_PT_head"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The model's name is seen without opening the panel."""
        self.layout.label(text=avatars.active(context).head.id)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        head, column = avatars.active(context).head, self.layout.column(align=True)
        for text in (strings.PANEL_HINT["licence"].format(licence=head.licence), head.attribution):
            sentences(column, text)


CLASSES = (LIKENESS_PT_avatar, LIKENESS_PT_report, LIKENESS_PT_redo, LIKENESS_PT_head)
