"""The sound beside a take: a strip in the sequencer that begins where the take does."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import compat
from . import words
from .take import CLIP_TAG


def beside(scene: bpy.types.Scene, action: bpy.types.Action, path: Path) -> tuple[str, ...]:
    """Put the sound of a sound or video file beside a take; a sentence when there is none to put."""
    strips = compat.strips(scene.sequence_editor or scene.sequence_editor_create())
    try:
        sound = bpy.data.sounds.load(str(path), check_existing=True)
        if not sound.channels or sound.channels == "INVALID":
            raise RuntimeError
        free = max((strip.channel for strip in strips), default=0) + 1
        strip = strips.new_sound(action.name, str(path), free, action.likeness.start)
    except RuntimeError:  # no such file, or no sound in it
        return (words.REPORT["no_sound"].format(file=path.name),)
    strip[CLIP_TAG] = action.name
    return ()
