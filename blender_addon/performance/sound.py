"""The sound beside a take: a strip in the sequencer that begins where the take does."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import compat
from . import words
from .take import CLIP_TAG


def beside(scene: bpy.types.Scene, action: bpy.types.Action, path: Path) -> tuple[str, ...]:
    """Put the sound of a sound or video file beside a take; a sentence when there is none to put."""
    sound = bpy.data.sounds.load(str(path), check_existing=True) if path.is_file() else None
    if sound is None or sound.channels == "INVALID":  # no such file, no sound in it, a Blender without sound
        if sound is not None and not sound.users:
            bpy.data.sounds.remove(sound)
        return (words.REPORT["no_sound"].format(file=path.name),)
    strips = compat.strips(scene.sequence_editor or scene.sequence_editor_create())
    free = max((strip.channel for strip in strips), default=0) + 1
    strips.new_sound(action.name, str(path), free, action.likeness.start)[CLIP_TAG] = action.name
    return ()
