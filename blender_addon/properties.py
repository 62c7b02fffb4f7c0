"""The scene's settings for the panels. What belongs to an avatar is stored on its objects, not here."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import math
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from . import heads, strings
from .scene import resolution

LEVELS = [(level, strings.LEVEL[level].label, strings.LEVEL[level].tip) for level in resolution.LEVELS]
RESOLUTIONS = [("1024", "1024", "Fast"), ("2048", "2048", "Good for most uses"), ("4096", "4096", "Close-ups")]


def _hdri_items(_self: object, context: bpy.types.Context | None) -> list[tuple[str, str, str, int, int]]:
    from . import lights  # knows the preferences, which have these properties

    return lights.items(_self, context)


def _expression_items(_self: object, context: bpy.types.Context | None) -> list[tuple[str, str, str, int, int]]:
    from . import expressions

    return expressions.items(_self, context)


def _light_changed(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    from . import lights

    lights.changed(settings, context)


def _light_turned(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    from . import lights

    lights.turned(settings, context)


def text(key: str) -> dict[str, str]:
    """Name and description of a property, from the table."""
    words = strings.PROPERTY[key]
    return {"name": words.label, "description": words.tip}


def hdri_property(**options: Any) -> EnumProperty:
    """The environments that there are to light with."""
    return EnumProperty(items=_hdri_items, **text("hdri"), **options)


def rotation_property(**options: Any) -> FloatProperty:
    """Turn of the light."""
    return FloatProperty(subtype="ANGLE", min=-math.tau, max=math.tau, **text("rotation"), **options)


def strength_property(**options: Any) -> FloatProperty:
    """Brightness of the light."""
    return FloatProperty(default=1.0, min=0.0, soft_max=4.0, **text("strength"), **options)


def expression_property() -> EnumProperty:
    """The preset expressions, and the user's own."""
    return EnumProperty(items=_expression_items, **text("expression"))


def level_property() -> EnumProperty:
    """The resolutions of a mesh."""
    return EnumProperty(items=LEVELS, default=resolution.BASE, **text("level"))


def keep_property() -> BoolProperty:
    """Whether a job's stages stay."""
    return BoolProperty(**text("keep"))


QUALITIES: dict[str, tuple[str, str]] = {"DRAFT": ("1024", resolution.BASE), "STANDARD": ("2048", resolution.BASE),
                                         "CLOSE_UP": ("4096", resolution.DENSE)}
"""What a quality stands for: side of the skin's textures, resolution of the mesh."""
CUSTOM = "CUSTOM"
_QUALITY_ITEMS = [(key, words.label, words.tip) for key, words in strings.QUALITY.items()]


def _quality(settings: bpy.types.PropertyGroup) -> int:
    """The quality that the settings come to."""
    names = [key for key, values in QUALITIES.items() if values == (settings.resolution, settings.level)]
    return list(strings.QUALITY).index(names[0] if names else CUSTOM)


def _set_quality(settings: bpy.types.PropertyGroup, number: int) -> None:
    name = list(strings.QUALITY)[number]
    if name in QUALITIES:
        settings.resolution, settings.level = QUALITIES[name]


def _photo_chosen(_settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    from . import verdicts  # knows of jobs, which know the preferences, which have these properties

    verdicts.ask_soon()


def more_photos_property() -> CollectionProperty:
    """Further photos of one person; each item's name is a path."""
    return CollectionProperty(type=bpy.types.OperatorFileListElement, **text("more_photos"))


class LikenessSettings(bpy.types.PropertyGroup):
    """What the panels remember for one scene."""

    photo: StringProperty(subtype="FILE_PATH", update=_photo_chosen, **text("photo"))
    more_photos: more_photos_property()
    quality: EnumProperty(items=_QUALITY_ITEMS, get=_quality, set=_set_quality, **text("quality"))
    keep: keep_property()
    name: StringProperty(**text("name"))
    out: StringProperty(subtype="DIR_PATH", **text("out"))
    resolution: EnumProperty(items=RESOLUTIONS, default="2048", **text("resolution"))
    level: level_property()
    head: EnumProperty(items=heads.items, **text("head"))
    hdri: hdri_property(update=_light_changed)
    rotation: rotation_property(update=_light_turned)
    strength: strength_property(update=_light_turned)
    expression: expression_property()
    amount: FloatProperty(default=1.0, min=0.0, max=1.0, subtype="FACTOR", **text("amount"))
    search: StringProperty(options={"TEXTEDIT_UPDATE", "SKIP_SAVE"}, **text("search"))
    frames: IntProperty(default=96, min=2, max=10000, **text("frames"))


class LikenessSession(bpy.types.PropertyGroup):
    """What is remembered until Blender ends, where there are no preferences to keep it."""

    heads: StringProperty(options={"HIDDEN", "SKIP_SAVE"})


CLASSES = (LikenessSettings, LikenessSession)
