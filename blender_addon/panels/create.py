"""Photos, how fine, a button; while a job runs, how far it is. What was cut off can be gone on with."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import heads, job_operators, jobs, pictures, strings, verdicts
from .menu import ask_for_avatar
from .shared import Panel, sentences

THUMBNAIL, GLIMPSE = 3.5, 9.0
"""Sides of pictures in units of a button's height."""
VERDICT_ICON = {verdicts.GOOD: "CHECKMARK", verdicts.USABLE: "ERROR", verdicts.REFUSED: "CANCEL"}
MINUTE = 90.0  # seconds; below it seconds are said, in steps of five


def why_not(context: bpy.types.Context) -> str:
    """Why Create Avatar is grey, in a few words; empty when it is not."""
    if not jobs.has_backend(context):
        return strings.PANEL_HINT["no_backend"]
    return "" if context.scene.likeness.photo else strings.POLL["no_photo"]


def time_text(seconds: float | None) -> str:
    """How long it will take on, in words; empty where nobody knows."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return strings.TIME_LEFT["seconds"].format(count=max(5, 5 * round(seconds / 5)))
    return strings.TIME_LEFT["minutes"].format(count=round(seconds / 60))


class LIKENESS_PT_create(Panel, bpy.types.Panel):
    """From photos to an avatar."""

    bl_label = strings.PANEL["create"]
    bl_idname = "LIKENESS_PT_create"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        layout, job = self.layout, jobs.running()
        if job is not None and jobs.busy():
            draw_job(layout, job)
            return
        draw_left_behind(layout)
        error = job_operators.last_error()
        if error is not None:
            sentences(layout.box(), str(error), "ERROR")
        draw_photos(layout, context.scene.likeness)
        draw_settings(layout, context.scene.likeness)
        draw_button(layout, context)


def draw_job(layout: Any, job: jobs.RunningJob) -> None:
    """How far a job is, what there is to see of it, and a way to stop it."""
    state = job.snapshot
    icon = pictures.icon(state.preview)
    if icon:
        layout.template_icon(icon_value=icon, scale=GLIMPSE)
    layout.progress(factor=state.fraction, text=state.text)
    row = layout.row()
    row.label(text=time_text(state.left), icon="TIME")
    row.operator("likeness.cancel", text=strings.PANEL_HINT["cancel"], icon="CANCEL")


def draw_left_behind(layout: Any) -> None:
    """Jobs that nobody works on: finished or cut off."""
    for note in jobs.left_behind():
        box = layout.box()
        hint = "ready" if note.bundle else "cut_off"
        sentences(box, strings.PANEL_HINT[hint].format(name=note.name), "CHECKMARK" if note.bundle else "RECOVER_LAST")
        row = box.row(align=True)
        row.operator("likeness.resume", text=strings.PANEL_HINT["place"] if note.bundle else "",
                     icon="IMPORT" if note.bundle else "PLAY").note = note.id
        row.operator("likeness.forget_job", icon="X").note = note.id


def draw_photos(layout: Any, settings: Any) -> None:
    """The chosen photos, each with its picture and what was said of it."""
    photos = verdicts.chosen(settings)
    row = layout.row(align=True)
    row.operator("likeness.drop_photos", text=strings.PANEL_HINT["choose" if not photos else "choose_others"],
                 icon="FILE_IMAGE")
    if photos:
        row.operator("likeness.check_photos", text="", icon="VIEWZOOM")
    else:
        sentences(layout, strings.PANEL_HINT["drop"])
    for index, photo in enumerate(photos):
        draw_photo(layout.box(), photo, index)


def draw_photo(box: Any, photo: Path, index: int) -> None:
    """One photo."""
    verdict = verdicts.of(photo)
    row = box.row()
    row.template_icon(icon_value=pictures.icon(verdict.picture if verdict else photo) or
                      pictures.icon(photo), scale=THUMBNAIL)
    told = row.column(align=True)
    told.label(text=photo.name)
    if verdict:
        told.label(text=strings.VERDICT[verdict.word], icon=VERDICT_ICON[verdict.word])
    elif jobs.running() is not None:
        told.label(text=strings.PANEL_HINT["looking"])
    row.operator("likeness.remove_photo", text="", icon="X", emboss=False).index = index
    for sentence in verdict.sentences if verdict else ():
        sentences(box, sentence)


def draw_settings(layout: Any, settings: Any) -> None:
    """How fine, which head, where to."""
    column = layout.column()
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(settings, "quality")
    row = column.row(align=True)
    row.prop(settings, "head")
    row.operator("likeness.list_heads", text="", icon="FILE_REFRESH")
    row.operator("likeness.import_head", text="", icon="IMPORT")
    picture = (heads.one(bpy.context, settings.head) or {}).get("picture")
    if picture:
        shown = column.operator("wm.path_open", text=strings.PANEL_HINT["registration"], icon="IMAGE_DATA")
        shown.filepath = picture


def draw_button(layout: Any, context: bpy.types.Context) -> None:
    """The one that everything is about."""
    settings = context.scene.likeness
    reason = why_not(context)
    if reason == strings.PANEL_HINT["no_backend"]:
        sentences(layout, reason, "INFO")  # the set-up's own panel stands above, with its button
    row = layout.row()
    row.scale_y = 1.5
    row.enabled = not reason
    ask_for_avatar(row.operator("likeness.create", icon="USER"), settings)


class LIKENESS_PT_create_options(Panel, bpy.types.Panel):
    """What is seldom changed."""

    bl_label = strings.PANEL["create_options"]
    bl_idname = "LIKENESS_PT_create_options"
    bl_parent_id = "LIKENESS_PT_create"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while a job runs: it has its settings."""
        return not jobs.busy()

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        settings, layout = context.scene.likeness, self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        for name in ("name", "out", "resolution", "level", "keep"):
            layout.prop(settings, name)
        layout.operator("likeness.assemble", icon="FILE_FOLDER").level = settings.level


CLASSES = (LIKENESS_PT_create, LIKENESS_PT_create_options)
