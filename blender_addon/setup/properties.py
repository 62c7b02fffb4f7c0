"""What a person chooses before the set-up; forgotten when Blender ends, because the environment then says it."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import sys

import bpy
from bpy.props import EnumProperty, StringProperty

from . import words

BUILDS = [(key, said.label, said.tip) for key, said in words.BUILD.items()
          if key != ("cuda" if sys.platform == "darwin" else "mps")]


def build_property() -> EnumProperty:
    """The builds of torch that this system has."""
    return EnumProperty(items=BUILDS, default="auto", name=words.PROPERTY["build"].label,
                        description=words.PROPERTY["build"].tip)


def wheels_property() -> StringProperty:
    """A folder of wheels."""
    return StringProperty(subtype="DIR_PATH", name=words.PROPERTY["wheels"].label,
                          description=words.PROPERTY["wheels"].tip)


class LikenessSetup(bpy.types.PropertyGroup):
    """The choices of the set-up panel."""

    build: build_property()
    wheels: wheels_property()


CLASSES = (LikenessSetup,)
