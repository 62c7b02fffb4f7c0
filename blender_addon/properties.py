"""The scene's settings for the panels. What belongs to an avatar is stored on its objects, not here."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import math

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from . import heads, strings
from .scene import expression, relight, resolution

LEVELS = [(level, strings.LEVEL[level].label, strings.LEVEL[level].tip) for level in resolution.LEVELS]
RESOLUTIONS = [("1024", "1024", "Fast"), ("2048", "2048", "Good for most uses"), ("4096", "4096", "Close-ups")]


def _hdri_items(_self: object, _context: object) -> list[tuple[str, str, str]]:
    return relight.hdri_items()


def text(key: str) -> dict[str, str]:
    """Name and description of a property, from the table."""
    words = strings.PROPERTY[key]
    return {"name": words.label, "description": words.tip}


def hdri_property() -> EnumProperty:
    """The environments that ship with this Blender."""
    return EnumProperty(items=_hdri_items, **text("hdri"))


def rotation_property() -> FloatProperty:
    """Turn of the light."""
    return FloatProperty(subtype="ANGLE", min=-math.tau, max=math.tau, **text("rotation"))


def strength_property() -> FloatProperty:
    """Brightness of the light."""
    return FloatProperty(default=1.0, min=0.0, soft_max=4.0, **text("strength"))


def expression_property() -> EnumProperty:
    """The preset expressions."""
    return EnumProperty(items=[(key, label, "") for key, label in expression.LABELS.items()], **text("expression"))


def level_property() -> EnumProperty:
    """The resolutions of a mesh."""
    return EnumProperty(items=LEVELS, default=resolution.BASE, **text("level"))


def more_photos_property() -> CollectionProperty:
    """Further photos of one person; each item's name is a path."""
    return CollectionProperty(type=bpy.types.OperatorFileListElement, **text("more_photos"))


class LikenessSettings(bpy.types.PropertyGroup):
    """What the panels remember for one scene."""

    photo: StringProperty(subtype="FILE_PATH", **text("photo"))
    more_photos: more_photos_property()
    out: StringProperty(subtype="DIR_PATH", **text("out"))
    resolution: EnumProperty(items=RESOLUTIONS, default="2048", **text("resolution"))
    level: level_property()
    head: EnumProperty(items=heads.items, **text("head"))
    hdri: hdri_property()
    rotation: rotation_property()
    strength: strength_property()
    view: IntProperty(min=0, **text("view"))
    running: BoolProperty(options={"SKIP_SAVE", "HIDDEN"})
    progress: FloatProperty(min=0.0, max=1.0, subtype="FACTOR", options={"SKIP_SAVE"})
    progress_text: StringProperty(options={"SKIP_SAVE"})


class LikenessSession(bpy.types.PropertyGroup):
    """What is remembered until Blender ends, where there are no preferences to keep it."""

    heads: StringProperty(options={"HIDDEN", "SKIP_SAVE"})


CLASSES = (LikenessSettings, LikenessSession)
