"""What the panel of hair remembers for one scene: what the next Add Hair is to grow."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import bpy
from bpy.props import FloatProperty

from . import words
from .operators import part


class LikenessHair(bpy.types.PropertyGroup):
    """Parts, and how dense."""

    brows: part("brows")
    lashes: part("lashes")
    beard: part("beard")
    scalp: part("scalp")
    amount: FloatProperty(name=words.PROPERTY["amount"].label, description=words.PROPERTY["amount"].tip, default=1.0,
                          min=0.05, max=4.0, soft_max=2.0)


CLASSES = (LikenessHair,)
