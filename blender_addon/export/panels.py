"""The Export panel: a button for each target, and below what can be changed."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from .. import strings
from ..errors import InputError
from ..scene import avatar as avatars
from . import job, words
from .presets import PRESETS
from .properties import NAMES, preset_with

ICONS = {
    "GLB": "WORLD", "FBX": "ARMATURE_DATA", "USD": "SCENE_DATA", "VRM": "OUTLINER_OB_ARMATURE", "ABC": "FILE_CACHE",
    "OBJ": "SCULPTMODE_HLT"}


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = strings.TAB
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}


class LIKENESS_PT_export(_Panel, bpy.types.Panel):
    """Out of Blender."""

    bl_label = words.PANEL["export"]
    bl_idname = "LIKENESS_PT_export"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        column = self.layout.column(align=True)
        for key, preset in PRESETS.items():
            button = column.operator(f"likeness.export_{key}", icon=ICONS[preset.format])
            give(button, context.scene.likeness_export)
        self.layout.operator("likeness.sheet", icon="RENDER_RESULT")


def give(button: Any, options: Any) -> None:
    """Let a button do as the panel says."""
    for name in NAMES:
        setattr(button, name, getattr(options, name))


class LIKENESS_PT_export_options(_Panel, bpy.types.Panel):
    """In place of what a preset says."""

    bl_label = words.PANEL["options"]
    bl_idname = "LIKENESS_PT_export_options"
    bl_parent_id = "LIKENESS_PT_export"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        self.layout.use_property_split, self.layout.use_property_decorate = True, False
        for name in NAMES:
            self.layout.prop(context.scene.likeness_export, name)
        avatar = avatars.active(context)
        if avatar is None:
            return
        column = self.layout.column(align=True)
        try:
            for key in PRESETS:
                size = job.estimate(avatar, preset_with(key, context.scene.likeness_export))
                column.label(text=f"{words.PRESET[key].label}: {words.REPORT['estimate'].format(size=size)}")
        except InputError as error:
            column.label(text=str(error), icon="ERROR")


CLASSES = (LIKENESS_PT_export, LIKENESS_PT_export_options)
