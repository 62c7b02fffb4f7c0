"""The Performance panel: bring a recording, choose a take, say how it plays, bake, export."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy

from .. import jobs
from ..errors import InputError
from ..panels.create import draw_job
from ..panels.shared import OfAvatar, Panel, sentences
from ..scene import avatar as avatars
from ..scene import keys
from . import mixing, take, words

BUNDLE_FILE = "animation.npz"


class LIKENESS_PT_performance(OfAvatar, bpy.types.Panel):
    """Recordings in, takes to choose from."""

    bl_label = words.PANEL["performance"]
    bl_idname = "LIKENESS_PT_performance"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, layout, job = avatars.active(context), self.layout, jobs.running()
        if job is not None and job.kind == jobs.TRACK:
            draw_job(layout, job)
        column = layout.column(align=True)
        column.operator("likeness.track_video", icon="CAMERA_DATA")
        column.operator("likeness.import_performance", icon="IMPORT").filepath = ""
        row = column.row(align=True)
        row.operator_menu_enum("likeness.reenact", "take", icon="COMMUNITY")
        row.operator("likeness.new_performance", icon="ADD", text="")
        own = recorded_with(avatar)
        if own is not None:
            button = column.operator("likeness.import_performance", text=words.HINT["of_bundle"], icon="PLAY")
            button.filepath = str(own)
        found, playing = take.takes(avatar), take.playing(avatar)
        if not found:
            layout.label(text=words.HINT["none"], icon="INFO")
            return
        box = layout.box().column(align=True)
        for action in found:
            row = box.row(align=True)
            used = action == playing
            if used:
                row.operator("likeness.rest_performance", text="", icon="PAUSE", depress=True)
            else:
                row.operator("likeness.use_performance", text="", icon="PLAY").take = action.name
            row.prop(action, "name", text="")
            row.operator("likeness.remove_performance", text="", icon="TRASH").take = action.name
        if playing is not None:
            _about(layout, playing)
        layout.operator("likeness.export_performance", icon="EXPORT")


def recorded_with(avatar: avatars.Avatar) -> Path | None:
    """The performance that the avatar's bundle holds, where bundle and performance are there."""
    try:
        found = avatar.bundle / BUNDLE_FILE
    except InputError:
        return None
    return found if found.is_file() else None


def _about(layout: Any, action: bpy.types.Action) -> None:
    """What the take that is played is, and whether it can be changed."""
    settings, column = action.likeness, layout.column(align=True)
    column.label(text=words.HINT["about"].format(frames=settings.frames, seconds=settings.seconds), icon="TIME")
    if settings.lost:
        sentences(column, words.HINT["lost"].format(count=settings.lost), "ERROR")
    if take.CLIP_TAG not in action:
        column.label(text=words.HINT["baked"], icon="INFO")
    else:
        column.operator("likeness.bake_performance", icon="KEYTYPE_KEYFRAME_VEC").take = action.name


class _OfTake(Panel):
    """How the take that is played is played."""

    bl_parent_id = "LIKENESS_PT_performance"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With a take that has settings still."""
        avatar = avatars.active(context)
        action = take.playing(avatar) if avatar is not None else None
        return action is not None and take.CLIP_TAG in action


class LIKENESS_PT_play(_OfTake, bpy.types.Panel):
    """Time and strength."""

    bl_label = words.PANEL["play"]
    bl_idname = "LIKENESS_PT_play"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = take.playing(avatars.active(context)).likeness, self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        if settings.components and settings.components == len(keys.kinds(avatars.active(context).mesh).components):
            layout.prop(settings, "by")
        for name in ("retarget", "start", "timing"):
            layout.prop(settings, name)
        column = layout.column(align=True)
        for name in (*mixing.REGIONS, "head"):
            column.prop(settings, name, slider=True)


class LIKENESS_PT_play_head(_OfTake, bpy.types.Panel):
    """Where head and eyes go."""

    bl_label = words.PANEL["head"]
    bl_idname = "LIKENESS_PT_play_head"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = take.playing(avatars.active(context)).likeness, self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        for name in ("gaze", "neck", "place", "head_pose", "neck_pose"):
            layout.prop(settings, name)


class LIKENESS_PT_play_mix(_OfTake, bpy.types.Panel):
    """Presets over the take."""

    bl_label = words.PANEL["mix"]
    bl_idname = "LIKENESS_PT_play_mix"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        action, layout = take.playing(avatars.active(context)), self.layout
        for index, mix in enumerate(action.likeness.mixes):
            column = layout.box().column(align=True)
            row = column.row(align=True)
            row.prop(mix, "preset", text="")
            button = row.operator("likeness.remove_mix", text="", icon="X")
            button.take, button.index = action.name, index
            column.prop(mix, "amount", slider=True)
            row = column.row(align=True)
            row.prop(mix, "start")
            row.prop(mix, "end")
        layout.operator("likeness.add_mix", icon="ADD").take = action.name


CLASSES = (LIKENESS_PT_performance, LIKENESS_PT_play, LIKENESS_PT_play_head, LIKENESS_PT_play_mix)
