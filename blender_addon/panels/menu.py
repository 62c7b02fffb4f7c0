"""The menu Likeness, in Object and Pose: where F3 finds everything, and where keys and favourites can be given.

Blender's menu search knows menus and no panels. What needs settings of a panel takes those of the panel.
"""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

from typing import Any

import bpy

from .. import heads, strings

SECTIONS = (  # operators as they are, between lines
    ("likeness.assemble", "likeness.import_head", "likeness.resume", "likeness.cancel"),
    ("likeness.redo", "likeness.show_confidence", "likeness.mark_asset", "likeness.skin_reset"),
    ("likeness.reset",),
    ("likeness.track_video", "likeness.import_performance", "likeness.new_performance", "likeness.rest_performance"),
    ("likeness.add_hair", "likeness.remove_hair"),
    ("likeness.photo_match", "likeness.photo_light", "likeness.studio", "likeness.remove_studio", "likeness.portrait",
     "likeness.turntable", "likeness.suggest_look", "likeness.sheet"),
    ("likeness.remove",),
)
CHOICES = (("likeness.expression", "expression"), ("likeness.mirror", "how"), ("likeness.look", "at"),
           ("likeness.set_resolution", "level"), ("likeness.hdri", "hdri"))
"""Operators that ask for one of several: a menu each."""


class LIKENESS_MT_likeness(bpy.types.Menu):
    """Everything that Likeness does."""

    bl_label = strings.TAB
    bl_idname = "LIKENESS_MT_likeness"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        layout = self.layout
        layout.operator("likeness.drop_photos", icon="FILE_IMAGE")
        ask_for_avatar(layout.operator("likeness.create", icon="USER"), context.scene.likeness)
        for section in SECTIONS:
            for name in section:
                layout.operator(name)
            layout.separator()
        for name, choice in CHOICES:
            layout.operator_menu_enum(name, choice)


def ask_for_avatar(button: Any, settings: Any) -> None:
    """Let a button make the avatar that the panel's settings describe."""
    button.photo, button.out, button.resolution = settings.photo, settings.out, settings.resolution
    for more in settings.more_photos:
        button.more_photos.add().name = more.name
    button.level, button.head = settings.level, settings.head or heads.DEFAULT
    button.name, button.keep = settings.name, settings.keep


def draw_entry(self: Any, _context: bpy.types.Context) -> None:
    """In Blender's own menus."""
    self.layout.separator()
    self.layout.menu(LIKENESS_MT_likeness.bl_idname, icon="USER")


def draw_import(self: Any, _context: bpy.types.Context) -> None:
    """In File, Import."""
    self.layout.operator("likeness.drop_photos")


CLASSES = (LIKENESS_MT_likeness,)
HOSTS = (("VIEW3D_MT_object", draw_entry), ("VIEW3D_MT_pose", draw_entry), ("TOPBAR_MT_file_import", draw_import))


def register() -> None:
    """Hang it in."""
    for host, draw in HOSTS:
        getattr(bpy.types, host).append(draw)


def unregister() -> None:
    """Take it out."""
    for host, draw in HOSTS:
        getattr(bpy.types, host).remove(draw)
