"""A skin's wrinkles of expressions as a look has them: heights, before they are for a mesh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..scene import skin, wrinkles
from . import pixels


@dataclass(frozen=True)
class Heights:
    """Three groups of wrinkles in each picture, and what drives them."""

    mapping: Mapping[str, Any]  # of the bundle
    pictures: Mapping[str, Callable[[int], np.ndarray]]  # side -> (R, R, 3) metres, a group in each channel
    native: int  # pixels


def of(material: bpy.types.Material, check: Callable[[bpy.types.Image], object]) -> Heights | None:
    """A material's wrinkles, as strong as its input says; None where it has none, or none are wanted.

    `check` raises InputError for a picture that is not on disk.
    """
    group, mapping, found = skin.controls(material), wrinkles.mapping_of(material), wrinkles.pictures(material)
    if group is None or mapping is None or not found or not group.inputs[skin.FOLDS].is_linked:
        return None
    for picture in found.values():
        check(picture)
    strength = float(group.inputs["Expression Wrinkles"].default_value)
    if strength <= 0:
        return None
    scale, zero = strength * float(mapping["range"]), float(mapping["zero"])

    def heights(picture: bpy.types.Image) -> Callable[[int], np.ndarray]:
        return lambda side: (pixels.of(picture, side)[..., :3] - zero) * scale

    return Heights(mapping, {name: heights(picture) for name, picture in found.items()},
                   max(picture.size[0] for picture in found.values()))
