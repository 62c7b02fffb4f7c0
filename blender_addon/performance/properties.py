"""How takes are played: settings that lie on their Actions, and what import and panel have in common."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import math
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
)

from ..export import visemes
from . import words

VISEME_NUMBERS = 32  # where visemes begin among the presets' numbers, which files store
MOST = math.radians(60)
_items: list[tuple[str, str, str, int, int]] = []  # Blender keeps no reference to the strings of an enumeration
TIMINGS = [(key, *text) for key, text in words.TIMING.items()]
BY = [(key, *text) for key, text in words.BY.items()]
GAZES = [(key, *text) for key, text in words.GAZE.items()]


def text(key: str) -> dict[str, str]:
    """Name and description of a property, from the table."""
    return {"name": words.PROPERTY[key].label, "description": words.PROPERTY[key].tip}


def _changed(owner: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    from . import take  # knows the classes of this module by way of Blender

    take.changed(owner.id_data)


def _face_changed(owner: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    from . import take

    take.changed(owner.id_data, only_face=True)


def preset_items(_self: object, context: bpy.types.Context | None) -> list[tuple[str, str, str, int, int]]:
    """The preset expressions, the user's own, and the visemes."""
    from .. import expressions

    spoken = [(name, words.VISEME.format(name=name.removeprefix(visemes.PREFIX)), "", 0, VISEME_NUMBERS + number)
              for number, name in enumerate(visemes.NAMES) if number]  # the first is silence
    _items[:] = [*expressions.items(None, context), *spoken]
    return _items


class LikenessMix(bpy.types.PropertyGroup):
    """A preset over a take."""

    preset: EnumProperty(items=preset_items, update=_face_changed, **text("preset"))
    amount: FloatProperty(default=0.5, min=0.0, max=1.0, subtype="FACTOR", update=_face_changed, **text("amount"))
    start: IntProperty(update=_face_changed, **text("mix_start"))
    end: IntProperty(update=_face_changed, **text("mix_end"))


def _strength(key: str) -> FloatProperty:
    return FloatProperty(default=1.0, min=0.0, max=2.0, subtype="FACTOR", update=_face_changed, **text(key))


def _pose(key: str) -> FloatVectorProperty:
    return FloatVectorProperty(size=3, subtype="EULER", min=-MOST, max=MOST, update=_changed, **text(key))


class LikenessTake(bpy.types.PropertyGroup):
    """What an Action of ours is, and how it is to be played. A change makes its curves anew."""

    is_take: BoolProperty(options={"HIDDEN"})
    bones: PointerProperty(type=bpy.types.Action, options={"HIDDEN"})
    frames: IntProperty(options={"HIDDEN"})
    seconds: FloatProperty(options={"HIDDEN"})
    lost: IntProperty(options={"HIDDEN"})
    components: IntProperty(options={"HIDDEN"})
    start: IntProperty(default=1, update=_changed, **text("start"))
    timing: EnumProperty(items=TIMINGS, default="CLIP", update=_changed, **text("timing"))
    by: EnumProperty(items=BY, default="ARKIT", update=_changed, **text("by"))
    retarget: BoolProperty(default=True, update=_changed, **text("retarget"))
    brows: _strength("brows")
    eyes: _strength("eyes")
    mouth: _strength("mouth")
    head: FloatProperty(default=1.0, min=0.0, max=2.0, subtype="FACTOR", update=_changed, **text("head"))
    neck: FloatProperty(default=0.4, min=0.0, max=1.0, subtype="FACTOR", update=_changed, **text("neck"))
    place: FloatProperty(default=0.0, min=0.0, max=1.0, subtype="FACTOR", update=_changed, **text("place"))
    head_pose: _pose("head_pose")
    neck_pose: _pose("neck_pose")
    gaze: EnumProperty(items=GAZES, default="SHAPES", update=_changed, **text("gaze"))
    mixes: CollectionProperty(type=LikenessMix)


def settings_of(take: Any) -> dict[str, Any]:
    """What a take was set to, for another one; presets over it apart."""
    return {name: tuple(value) if name.endswith("pose") else value
            for name in ("start", "timing", "by", "retarget", "brows", "eyes", "mouth", "head", "neck", "place",
                         "head_pose", "neck_pose", "gaze")
            for value in [getattr(take, name)]}


CLASSES = (LikenessMix, LikenessTake)
