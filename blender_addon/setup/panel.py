"""The set-up as a person sees it: what is to be done, how large and where, then how far it is, or why it failed."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import bpy

from .. import environment, jobs, strings
from ..environment import State
from . import folders, places, running, words

WIDTH = 32  # characters of a line in a sidebar of usual width
SHOWN = 8  # lines of an installer's last words; the report has them all


class LIKENESS_PT_setup(bpy.types.Panel):
    """Shown until there is a backend."""

    bl_label = words.PANEL
    bl_idname = "LIKENESS_PT_setup"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = strings.TAB

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Without a backend, or while one comes."""
        return running.running() is not None or not jobs.has_backend(context)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        draw(self.layout, context)


def draw(layout: Any, context: bpy.types.Context) -> None:
    """Progress, or the failure, or what is to be done."""
    now = running.running()
    if now is not None:
        layout.progress(factor=now.step.fraction, text=now.step.text)
        layout.operator("likeness.setup_cancel", icon="CANCEL")
        return
    failed = running.failed()
    state = places.state()
    if failed is not None:
        _draw_failure(layout, failed)
    else:
        _draw_plan(layout, context, state)
    _draw_choice(layout, context, words.AGAIN if failed else words.BUTTON[state])


def draw_preferences(layout: Any, context: bpy.types.Context) -> None:
    """The state in a line, and what can be done with an environment that is there."""
    state = places.state()
    if running.running() is not None or state is not State.READY:
        draw(layout.box(), context)
        return
    chosen = context.window_manager.likeness_setup
    layout.label(text=words.SAYS[state], icon="CHECKMARK")
    layout.prop(chosen, "build")
    layout.prop(chosen, "wheels")
    row = layout.row()
    repair = row.operator("likeness.setup", text=words.OPERATOR["setup_repair"].label, icon="FILE_REFRESH")
    repair.build, repair.wheels, repair.anew = chosen.build, chosen.wheels, True
    row.operator("likeness.setup_remove", icon="TRASH")


def _draw_failure(layout: Any, failed: running.RunningSetup) -> None:
    box = layout.box().column(align=True)
    _draw_text(box, str(failed.error), "ERROR")
    last = box.column(align=True)
    last.active = False
    said = [running.without_home(line) for line in running.last_lines(failed.log)]
    for part in [part for line in said for part in textwrap.wrap(line, WIDTH)][-SHOWN:]:
        last.label(text=part)
    layout.operator("likeness.setup_report", icon="COPYDOWN")


def _draw_plan(layout: Any, context: bpy.types.Context, state: State) -> None:
    here, build = places.places(), _build(context)
    needed = environment.NEEDED_BYTES_CUDA if build == "cuda" else environment.NEEDED_BYTES_CPU
    free = folders.free_bytes(here.base)
    text = layout.column(align=True)
    for icon, sentence in (("INFO", words.SAYS[state]), ("IMPORT", words.SIZE[build]),
                           ("DISK_DRIVE", words.ROOM.format(needed=needed / 1e9, free=free / 1e9)),
                           ("FILE_FOLDER", running.without_home(str(here.base))), ("BLENDER", words.UNTOUCHED)):
        _draw_text(text, sentence, icon)


def _build(context: bpy.types.Context) -> str:
    """What is chosen, or would be."""
    chosen = context.window_manager.likeness_setup.build
    return chosen if chosen != "auto" else environment.default_build(environment.driver_is_here())


def _draw_text(layout: Any, sentence: str, icon: str) -> None:
    """A sentence over several lines, beside an icon."""
    for number, line in enumerate(textwrap.wrap(sentence, WIDTH - 3)):
        layout.label(text=line, icon="BLANK1" if number else icon)


def _draw_choice(layout: Any, context: bpy.types.Context, label: str) -> None:
    chosen, here = context.window_manager.likeness_setup, places.places()
    column = layout.column()
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(chosen, "build")
    if chosen.build == "auto":
        column.label(text=words.AUTOMATIC.format(build=words.BUILD[_build(context)].label))
    column.prop(chosen, "wheels")
    if not chosen.wheels and not bpy.app.online_access:
        _draw_online(layout)
    row = layout.row()
    row.enabled = running.may_begin(here, Path(chosen.wheels) if chosen.wheels else None)
    button = row.operator("likeness.setup", text=label, icon="IMPORT")
    button.build, button.wheels, button.anew = chosen.build, chosen.wheels, False


def _draw_online(layout: Any) -> None:
    """Blender's own way of asking for online access."""
    _draw_text(layout.column(align=True), words.OFFLINE[0], "INTERNET_OFFLINE")
    if bpy.app.online_access_override:
        layout.label(text=words.STARTED_OFFLINE)
    else:
        layout.operator("extensions.userpref_allow_online", text=words.ALLOW, icon="INTERNET")


CLASSES = (LIKENESS_PT_setup,)
