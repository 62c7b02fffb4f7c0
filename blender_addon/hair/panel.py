"""The Hair panel: what is to grow, a button; then every part's length, thickness and how much of it is shown."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

from typing import Any

import bpy

from ..panels.shared import OfAvatar
from ..scene import avatar as avatars
from . import coat, curves, tree, words
from .kinds import KINDS


class LIKENESS_PT_hair(OfAvatar, bpy.types.Panel):
    """Hair curves."""

    bl_label = words.PANEL["hair"]
    bl_idname = "LIKENESS_PT_hair"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, layout, settings = avatars.active(context), self.layout, context.scene.likeness_hair
        found = coat.of(avatar)
        grid = layout.grid_flow(columns=2, even_columns=True, align=True)
        for name in KINDS:
            grid.prop(settings, name, toggle=True)
        layout.prop(settings, "amount", slider=True)
        row = layout.row(align=True)
        button = row.operator("likeness.add_hair", icon="CURVES_DATA")
        for name in (*KINDS, "amount"):
            setattr(button, name, getattr(settings, name))
        row.operator("likeness.remove_hair", text="", icon="TRASH")
        for name in filter(found.__contains__, KINDS):
            self._part(found[name], words.PART[name].label)

    def _part(self, owner: bpy.types.Object, label: str) -> None:
        box = self.layout.box().column(align=True)
        row = box.row(align=True)
        row.label(text=label, icon="OUTLINER_OB_CURVES")
        row.prop(owner, "hide_viewport", text="", emboss=False)
        row.prop(owner, "hide_render", text="", emboss=False)
        modifier: Any = owner.modifiers.get(curves.MODIFIER)
        if modifier is None or modifier.node_group is None:
            return
        for name in tree.identifiers(modifier.node_group):
            box.prop(*tree.place(modifier, name), text=words.LABEL.get(name, name), slider=True)


CLASSES = (LIKENESS_PT_hair,)
