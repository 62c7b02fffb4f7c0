"""Operators that make a take: of a recording, of nothing, of another avatar's; recordings out of the scene."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..errors import InputError
from ..operator_base import Checked, the_avatar
from . import output, properties, sound, take, words
from .clip import JOINTS, Clip
from .properties import text

LENGTH = 1000.0  # seconds at most of a take without a recording
SAME_RATE = 0.01  # of the scene's rate, by which a recording's may differ and count as the same
ONCE = {"SKIP_SAVE"}  # a name that Blender remembered would be another's the next time
_others: list[tuple[str, str, str]] = []


def brought(context: bpy.types.Context, clip: Clip, name: str, notes: tuple[str, ...] = (), *, sound_file: str = "",
            silent_too: bool = False, fit_range: bool = True, **settings: Any) -> str:
    """Make a take of a recording, with its sound (`silent_too`: where it has one); what there is to report."""
    scene, avatar = context.scene, the_avatar(context)
    window = context.window_manager
    window.progress_begin(0, 1)
    try:
        action = take.make(scene, avatar, clip, name, frames=len(clip), seconds=clip.seconds, lost=int(clip.lost.sum()),
                           components=clip.expression.shape[1], **settings)
        if sound_file:
            missing = sound.beside(scene, action, Path(bpy.path.abspath(sound_file)))
            notes = notes if silent_too else (*notes, *missing)
    finally:
        window.progress_end()
    if fit_range:
        scene.frame_end = max(scene.frame_end, round(action.frame_range[1]))
    scene.frame_set(scene.frame_current)
    lost = (words.REPORT["lost"].format(count=int(clip.lost.sum())),) if clip.lost.any() else ()
    fps = scene.render.fps / scene.render.fps_base
    if settings.get("timing") == "CLIP" and abs(clip.rate - fps) > SAME_RATE * fps:
        lost = (*lost, words.REPORT["rates"].format(fps=fps))
    return words.REPORT["imported"].format(name=action.name, frames=len(clip), seconds=clip.seconds, rate=clip.rate,
                                           notes=". ".join(note.rstrip(".") for note in (*notes, *lost))).strip()


class Brings:
    """What is asked when a recording is brought."""

    first: IntProperty(default=1, **text("start"))
    timing: EnumProperty(items=properties.TIMINGS, default="CLIP", **text("timing"))
    retarget: BoolProperty(default=True, **text("retarget"))
    fit_range: BoolProperty(default=True, **text("fit_range"))
    name: StringProperty(options=ONCE, **text("take_name"))


class LIKENESS_OT_import_performance(Brings, Checked, bpy.types.Operator):
    """A recording becomes a take."""

    bl_idname = "likeness.import_performance"
    bl_label, bl_description = words.OPERATOR["import_performance"]

    filepath: StringProperty(subtype="FILE_PATH", options=ONCE, **text("recording"))
    filter_glob: StringProperty(default="*.npz;*.csv", options={"HIDDEN"})
    sound: StringProperty(subtype="FILE_PATH", options=ONCE, **text("sound"))
    timecode_rate: FloatProperty(min=0.0, max=1000.0, **text("timecode_rate"))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file, unless it was dropped or a button names it."""
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Read it, make the take, play it."""
        path = Path(bpy.path.abspath(self.filepath))

        def action() -> str:
            clip, notes = take.read(path, self.timecode_rate)
            return brought(context, clip, self.name.strip() or path.stem, notes, sound_file=self.sound,
                           fit_range=self.fit_range, start=self.first, timing=self.timing, retarget=self.retarget)

        return self.attempt(action)


class LIKENESS_OT_new_performance(Checked, bpy.types.Operator):
    """Presets alone."""

    bl_idname = "likeness.new_performance"
    bl_label, bl_description = words.OPERATOR["new_performance"]

    seconds: FloatProperty(default=4.0, min=0.1, max=LENGTH, **text("seconds"))
    name: StringProperty(default=words.OPERATOR["new_performance"].label, **text("take_name"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """A face at rest."""
        time = np.array([0.0, self.seconds])
        clip = Clip(time, np.zeros((2, 52)), np.zeros((2, 0)), np.tile(np.eye(4), (2, 1, 1)),
                    np.zeros((2, len(JOINTS), 3)), np.ones(2))
        return self.attempt(lambda: brought(context, clip, self.name, start=context.scene.frame_start, timing="SCENE",
                                            retarget=False))


def _other_takes(_self: object, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    _others[:] = [(action.name, action.name, "") for action in take.takes() if take.CLIP_TAG in action]
    return _others


class LIKENESS_OT_reenact(Checked, bpy.types.Operator):
    """Another avatar's take."""

    bl_idname = "likeness.reenact"
    bl_label, bl_description = words.OPERATOR["reenact"]
    bl_property = "take"

    take: EnumProperty(items=_other_takes, **text("other_take"))

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there is a take."""
        if not any(take.CLIP_TAG in action for action in take.takes()):
            cls.poll_message_set(words.POLL["no_take"])
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """The same recording, settings and presets, for this avatar's keys and bones."""
        def action() -> str:
            source: bpy.types.Action | None = bpy.data.actions.get(self.take)
            if source is None or not source.likeness.is_take:
                raise InputError(words.REPORT["no_take"].format(name=self.take), words.REPORT["choose_take"])
            said = brought(context, take.clip_of(source), source.name, **properties.settings_of(source.likeness))
            made = take.playing(the_avatar(context))
            with take.quiet():
                for mix in source.likeness.mixes:
                    new = made.likeness.mixes.add()
                    for name in ("preset", "amount", "start", "end"):
                        setattr(new, name, getattr(mix, name))
            take.changed(made)
            return said

        return self.attempt(action)


class LIKENESS_OT_export_performance(Checked, bpy.types.Operator):
    """Out of the scene."""

    bl_idname = "likeness.export_performance"
    bl_label, bl_description = words.OPERATOR["export_performance"]
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH", **text("recording"))
    filter_glob: StringProperty(default="*.npz;*.csv", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the place."""
        if not self.filepath:
            self.filepath = f"{the_avatar(context).name}.csv"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write what the scene shows."""
        path = Path(bpy.path.abspath(self.filepath))

        def action() -> str:
            return words.REPORT["exported"].format(file=path.name, frames=output.write(the_avatar(context), path))

        return self.attempt(action)


class LIKENESS_FH_performance(bpy.types.FileHandler):
    """The viewport takes recordings."""

    bl_idname = "LIKENESS_FH_performance"
    bl_label = words.OPERATOR["import_performance"].label
    bl_import_operator = LIKENESS_OT_import_performance.bl_idname
    bl_file_extensions = ";".join(take.SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """In the 3D viewport."""
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (LIKENESS_OT_import_performance, LIKENESS_OT_new_performance, LIKENESS_OT_reenact,
           LIKENESS_OT_export_performance, LIKENESS_FH_performance)
