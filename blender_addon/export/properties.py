"""What can be asked of an export beside its preset; the same on the panel and on every button."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from . import presets, words
from .presets import Preset

AS_PRESET = ("PRESET", *words.AS_PRESET)
NAMES = ("texture_size", "lods", "fine", "gaze", "visemes", "correctives", "components", "still", "no_wrinkles",
         "max_size", "compress", "viewer")
MEGABYTE = 1_000_000


def _text(key: str) -> dict[str, str]:
    return {"name": words.PROPERTY[key].label, "description": words.PROPERTY[key].tip}


class Options:
    """Mixed into the property group and the operators."""

    texture_size: EnumProperty(items=[AS_PRESET, *((str(size), str(size), "") for size in presets.SIZES)],
                               **_text("texture_size"))
    lods: EnumProperty(items=[AS_PRESET, *((key, *text) for key, text in words.LODS.items())], **_text("lods"))
    fine: EnumProperty(items=[AS_PRESET, *((key, *text) for key, text in words.FINE.items())], **_text("fine"))
    gaze: EnumProperty(items=[AS_PRESET, *((key, *text) for key, text in words.GAZE.items())], **_text("gaze"))
    visemes: BoolProperty(**_text("visemes"))
    still: BoolProperty(**_text("still"))
    no_wrinkles: BoolProperty(**_text("no_wrinkles"))
    correctives: BoolProperty(**_text("correctives"))
    components: BoolProperty(**_text("components"))
    compress: EnumProperty(items=[("NONE", *words.UNCOMPRESSED),
                                  *((key, *text) for key, text in words.COMPRESS.items())], **_text("compress"))
    viewer: BoolProperty(**_text("viewer"))
    max_size: FloatProperty(min=0.0, soft_max=200.0, precision=1, **_text("max_size"))


class LikenessExportOptions(Options, bpy.types.PropertyGroup):
    """What the panel remembers for one scene."""


def preset_with(key: str, options: Any) -> Preset:
    """The preset with what `options` ask for. Raises InputError."""
    return presets.chosen(
        key, texture_size=None if options.texture_size == "PRESET" else int(options.texture_size),
        lods=None if options.lods == "PRESET" else tuple(int(digit) for digit in options.lods),
        fine=None if options.fine == "PRESET" else options.fine == "FINE",
        gaze=None if options.gaze == "PRESET" else options.gaze, correctives=options.correctives,
        components=options.components, visemes=options.visemes, animated=not options.still, viewer=options.viewer,
        wrinkles=not options.no_wrinkles,
        compress=options.compress if options.compress != "NONE" and presets.PRESETS[key].format == "GLB" else "")


CLASSES = (LikenessExportOptions,)
