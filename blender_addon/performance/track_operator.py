"""A video's performance, read by the backend and played by the avatar."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import jobs, pictures
from ..errors import BackendError, InputError
from ..job_operators import JobOperator
from ..operator_base import the_avatar
from . import words
from .bringing import Brings, brought
from .clip import read_npz
from .properties import text


class LIKENESS_OT_track_video(Brings, JobOperator, bpy.types.Operator):
    """From a video to a take."""

    bl_idname = "likeness.track_video"
    bl_label, bl_description = words.OPERATOR["track_video"]
    needs_avatar = True

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"}, **text("video"))
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in pictures.FILMS), options={"HIDDEN"})
    with_sound: BoolProperty(default=True, **text("with_sound"))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the video."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """From the file browser in a window the job is watched; else it is waited for."""
        return super().execute(context) if bpy.app.background or context.window is None else self._watch(context)

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """Hand in the video and the avatar's bundle."""
        video, avatar = Path(bpy.path.abspath(self.filepath)), the_avatar(context)
        if not video.is_file():
            raise InputError(words.REPORT["no_video"].format(file=video.name), words.REPORT["choose_video"])
        if not avatar.bundle.is_dir():
            raise InputError(words.REPORT["no_bundle"].format(name=avatar.name), words.REPORT["assemble_again"])
        self._video, self._out = video, video.with_name(f"{video.stem} performance.npz")
        return jobs.track(context, video, avatar.bundle, self._out)

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """Make the take."""
        if not self._out.is_file():
            raise BackendError(words.REPORT["no_result"], words.REPORT["track_again"])
        notes = tuple(str(note) for note in result.get("warnings", ()))
        clip, name = read_npz(self._out), self.name.strip() or self._video.stem
        return brought(context, clip, name, notes, sound_file=str(self._video) if self.with_sound else "",
                       silent_too=True, fit_range=self.fit_range, start=self.first, timing=self.timing,
                       retarget=self.retarget)


CLASSES = (LIKENESS_OT_track_video,)
