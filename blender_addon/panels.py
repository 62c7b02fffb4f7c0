"""The sidebar tab. Panels draw and decide nothing: what a button can do is said by its operator's `poll`."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import ClassVar

import bpy

from . import heads, jobs, strings
from .scene import avatar as avatars
from .scene import gaze, keys, resolution, skin

WIDTH = 32  # characters of a line in a sidebar of usual width


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = strings.TAB


def _why_not(context: bpy.types.Context) -> str:
    """Why Create Avatar is grey, in a few words; empty when it is not."""
    if not jobs.has_backend(context):
        return strings.PANEL_HINT["no_backend"]
    return "" if context.scene.likeness.photo else strings.POLL["no_photo"]


class LIKENESS_PT_create(_Panel, bpy.types.Panel):
    """A photo, a size, a button; while a job runs, its progress."""

    bl_label = strings.PANEL["create"]
    bl_idname = "LIKENESS_PT_create"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = context.scene.likeness, self.layout
        if settings.running:
            layout.progress(factor=settings.progress, text=settings.progress_text)
            layout.operator("likeness.cancel", icon="CANCEL")
            return
        layout.use_property_split, layout.use_property_decorate = True, False
        row = layout.row(align=True)
        row.prop(settings, "photo")
        row.operator("likeness.drop_photos", text="", icon="FILE_FOLDER")
        for index, more in enumerate(settings.more_photos):
            row = layout.row(align=True)
            row.label(text=Path(more.name).name, icon="IMAGE_DATA")
            row.operator("likeness.remove_photo", text="", icon="X").index = index + 1
        row = layout.row(align=True)
        row.prop(settings, "head")
        row.operator("likeness.list_heads", text="", icon="FILE_REFRESH")
        row.operator("likeness.import_head", text="", icon="IMPORT")
        picture = (heads.one(context, settings.head) or {}).get("picture")
        if picture:
            shown = layout.operator("wm.path_open", text=strings.PANEL_HINT["registration"], icon="IMAGE_DATA")
            shown.filepath = picture
        for name in ("out", "resolution", "level"):
            layout.prop(settings, name)
        reason = _why_not(context)
        if reason:
            layout.label(text=reason, icon="INFO")
        if reason == strings.PANEL_HINT["no_backend"]:
            layout.operator("preferences.addon_show", text=strings.PANEL_HINT["preferences"],
                            icon="PREFERENCES").module = __package__
        row = layout.row()
        row.enabled = not reason
        create = row.operator("likeness.create", icon="USER")
        create.photo, create.out, create.resolution = settings.photo, settings.out, settings.resolution
        for more in settings.more_photos:
            create.more_photos.add().name = more.name
        create.level, create.head = settings.level, settings.head or heads.DEFAULT
        layout.operator("likeness.assemble", icon="FILE_FOLDER").level = settings.level


def level_label(avatar: avatars.Avatar) -> str:
    """The resolution of an avatar's mesh, in a word."""
    return strings.LEVEL[resolution.of(avatar.mesh)].label


class LIKENESS_PT_avatar(_Panel, bpy.types.Panel):
    """Which avatar, and its skin."""

    bl_label = strings.PANEL["avatar"]
    bl_idname = "LIKENESS_PT_avatar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, layout = avatars.active(context), self.layout
        if avatar is None:
            layout.label(text=strings.POLL["no_avatar"], icon="INFO")
            return
        row = layout.row()
        row.label(text=avatar.name, icon="OUTLINER_OB_ARMATURE")
        row.operator("likeness.remove", text="", icon="TRASH")
        layout.operator_menu_enum("likeness.set_resolution", "level", icon="MOD_SUBSURF",
                                  text=f"{strings.PROPERTY['level'].label}: {level_label(avatar)}")
        node = next(filter(None, map(skin.controls, avatar.mesh.data.materials)), None)
        column = layout.column(align=True)
        for socket in node.inputs if node else ():
            if socket.name in strings.SKIN_INPUT:
                column.prop(socket, "default_value", text=socket.name, slider=True)


class LIKENESS_PT_head(_Panel, bpy.types.Panel):
    """Whose head model the avatar is made of."""

    bl_label = strings.PANEL["head"]
    bl_idname = "LIKENESS_PT_head"
    bl_parent_id = "LIKENESS_PT_avatar"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With an avatar."""
        return avatars.active(context) is not None

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The model's name is seen without opening the panel."""
        self.layout.label(text=avatars.active(context).head.id)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        head, column = avatars.active(context).head, self.layout.column(align=True)
        for text in (strings.PANEL_HINT["licence"].format(licence=head.licence), head.attribution):
            for line in textwrap.wrap(text, WIDTH):
                column.label(text=line)


class LIKENESS_PT_expression(_Panel, bpy.types.Panel):
    """Presets."""

    bl_label = strings.PANEL["expression"]
    bl_idname = "LIKENESS_PT_expression"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        self.layout.operator_menu_enum("likeness.expression", "expression", icon="MONKEY")
        self.layout.operator("likeness.reset", icon="LOOP_BACK")


class _Shapes(_Panel):
    """Sliders of some of the shape keys."""

    bl_parent_id = "LIKENESS_PT_expression"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

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
        avatar = avatars.active(context)
        blocks = avatar.mesh.data.shape_keys.key_blocks
        for heading, names in self.shown(keys.kinds(avatar.mesh)).items():
            column = self.layout.column(align=True)
            if heading:
                column.label(text=heading.title())
            for name in names:
                column.prop(blocks[name], "value", text=name, slider=True)


class LIKENESS_PT_shapes(_Shapes, bpy.types.Panel):
    """Apple's 52."""

    bl_label = strings.PANEL["shapes"]
    bl_idname = "LIKENESS_PT_shapes"

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


class LIKENESS_PT_eyes(_Panel, bpy.types.Panel):
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


class LIKENESS_PT_relight(_Panel, bpy.types.Panel):
    """Environments and the photo's own light."""

    bl_label = strings.PANEL["relight"]
    bl_idname = "LIKENESS_PT_relight"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = context.scene.likeness, self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        for name in ("hdri", "rotation", "strength"):
            layout.prop(settings, name)
        button = layout.operator("likeness.hdri", icon="WORLD")
        button.hdri, button.rotation, button.strength = settings.hdri, settings.rotation, settings.strength
        layout.operator("likeness.photo_light", icon="IMAGE_BACKGROUND").view = settings.view


class LIKENESS_PT_photo_match(_Panel, bpy.types.Panel):
    """The photo's camera."""

    bl_label = strings.PANEL["photo_match"]
    bl_idname = "LIKENESS_PT_photo_match"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings = context.scene.likeness
        self.layout.use_property_split, self.layout.use_property_decorate = True, False
        self.layout.prop(settings, "view")
        button = self.layout.operator("likeness.photo_match", icon="CAMERA_DATA")
        button.view, button.photo = settings.view, settings.photo


CLASSES = (LIKENESS_PT_create, LIKENESS_PT_avatar, LIKENESS_PT_head, LIKENESS_PT_expression, LIKENESS_PT_eyes,
           LIKENESS_PT_shapes, LIKENESS_PT_components, LIKENESS_PT_relight,
           LIKENESS_PT_photo_match)
