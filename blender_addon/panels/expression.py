"""The face: presets with pictures, the 52 sliders by part of the face, eyes, head, neck and jaw."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

from typing import ClassVar

import bpy

from .. import strings
from ..scene import avatar as avatars
from ..scene import gaze, keys
from .shared import OfAvatar, Panel, sentences

CLOSED: set[str] = {"DEFAULT_CLOSED"}
TURNS = {"neck": (("nod", 0), ("turn", 1), ("tilt", 2)), "head": (("nod", 0), ("turn", 1), ("tilt", 2)),
         "jaw": (("open", 0), ("sideways", 2))}
"""What a bone's Euler channels do: X runs from left to right, Y along the bone."""


class LIKENESS_PT_expression(OfAvatar, bpy.types.Panel):
    """Presets."""

    bl_label = strings.PANEL["expression"]
    bl_idname = "LIKENESS_PT_expression"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = context.scene.likeness, self.layout
        layout.template_icon_view(settings, "expression", show_labels=True, scale=5.0, scale_popup=5.0)
        layout.prop(settings, "amount", slider=True)
        row = layout.row(align=True)
        for mix in (False, True):
            button = row.operator("likeness.expression", text=strings.PANEL_HINT["add" if mix else "set"])
            button.expression, button.amount, button.mix = settings.expression, settings.amount, mix
        row.operator("likeness.save_expression", text="", icon="ADD")
        row.operator("likeness.delete_expression", text="", icon="REMOVE").expression = settings.expression
        row = layout.row(align=True)
        row.operator_menu_enum("likeness.mirror", "how", icon="MOD_MIRROR")
        row.operator("likeness.reset", icon="LOOP_BACK")


class LIKENESS_PT_pose(OfAvatar, bpy.types.Panel):
    """Three bones as sliders."""

    bl_label = strings.PANEL["pose"]
    bl_idname = "LIKENESS_PT_pose"
    bl_parent_id = "LIKENESS_PT_expression"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        bones = avatars.active(context).rig.pose.bones
        for name, turns in TURNS.items():
            if name not in bones:
                continue
            column = self.layout.column(align=True)
            column.label(text=strings.BONE[name])
            for word, axis in turns:
                column.prop(bones[name], "rotation_euler", index=axis, text=strings.TURN[word])


class _Shapes(Panel):
    """Sliders of some of the shape keys."""

    bl_parent_id = "LIKENESS_PT_expression"
    bl_options: ClassVar[set[str]] = CLOSED
    has_parts = False

    @classmethod
    def shown(cls, kinds: keys.Kinds) -> dict[str, list[str]]:
        """Names of keys under headings."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there are such keys."""
        avatar = avatars.active(context)
        return avatar is not None and any(cls.shown(keys.kinds(avatar.mesh)).values())

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, settings = avatars.active(context), context.scene.likeness
        self.layout.prop(settings, "search", text="", icon="VIEWZOOM")
        found = searched(self.shown(keys.kinds(avatar.mesh)), settings.search)
        if not found:
            sentences(self.layout, strings.PANEL_HINT["nothing_found"], "INFO")
        blocks = avatar.mesh.data.shape_keys.key_blocks
        for heading, names in found.items():
            column = self.layout.column(align=True)
            if heading:
                row = column.row()
                row.label(text=heading.title())
                if self.has_parts:
                    row.operator("likeness.reset", text="", icon="LOOP_BACK", emboss=False).part = heading
            for name in names:
                column.prop(blocks[name], "value", text=name, slider=True)


def searched(groups: dict[str, list[str]], text: str) -> dict[str, list[str]]:
    """Of every group the names with all words of `text` in them, in any case; groups without any are left out."""
    words = text.lower().split()
    found = {heading: [name for name in names if all(word in name.lower() for word in words)]
             for heading, names in groups.items()}
    return {heading: names for heading, names in found.items() if names}


class LIKENESS_PT_shapes(_Shapes, bpy.types.Panel):
    """Apple's 52."""

    bl_label = strings.PANEL["shapes"]
    bl_idname = "LIKENESS_PT_shapes"
    has_parts = True

    @classmethod
    def shown(cls, kinds: keys.Kinds) -> dict[str, list[str]]:
        """By part of the face."""
        return keys.grouped(kinds.arkit)


class LIKENESS_PT_components(_Shapes, bpy.types.Panel):
    """The head model's own expressions."""

    bl_label = strings.PANEL["components"]
    bl_idname = "LIKENESS_PT_components"

    @classmethod
    def shown(cls, kinds: keys.Kinds) -> dict[str, list[str]]:
        """In the model's order."""
        return {"": list(kinds.components)}


class LIKENESS_PT_eyes(Panel, bpy.types.Panel):
    """Aim and lids."""

    bl_label = strings.PANEL["eyes"]
    bl_idname = "LIKENESS_PT_eyes"
    bl_parent_id = "LIKENESS_PT_expression"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """For avatars whose eyes can aim."""
        avatar = avatars.active(context)
        return avatar is not None and gaze.AIM in avatar.rig

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar = avatars.active(context)
        if avatar is None:
            return
        column = self.layout.column(align=True)
        for name in (gaze.AIM, gaze.FOLLOW):
            column.prop(avatar.rig, f'["{name}"]', text=strings.GAZE[name].label, slider=True)
        self.layout.operator_menu_enum("likeness.look", "at", icon="HIDE_OFF")


CLASSES = (LIKENESS_PT_expression, LIKENESS_PT_eyes, LIKENESS_PT_pose, LIKENESS_PT_shapes, LIKENESS_PT_components)
