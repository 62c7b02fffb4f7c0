"""What the panel of hair remembers for one scene: what the next Add Hair is to grow."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import bpy

from .operators import amount, part


class LikenessHair(bpy.types.PropertyGroup):
    """Parts, and how dense."""

    brows: part("brows")
    lashes: part("lashes")
    beard: part("beard")
    scalp: part("scalp")
    amount: amount()


CLASSES = (LikenessHair,)
