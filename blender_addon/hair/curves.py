"""Strands to a curves object on an avatar's mesh."""

from __future__ import annotations

import bpy
import numpy as np

from ..scene.mesh import flat
from . import look, tree
from .ground import LAYER
from .growth import Strands

MODIFIER = "Likeness Hair"
EEVEE_ALONE = 0.2
"""Exponent by which a hair that stands apart is darker where nothing passes through it: looked at beside Cycles."""


def build(name: str, body: bpy.types.Object, strands: Strands, alone: float,
          collection: bpy.types.Collection) -> bpy.types.Object:
    """An object that shows `strands` and is carried by `body`. `alone` as in `look.pigments`."""
    data = bpy.data.hair_curves.new(name)
    count, along = strands.radius.shape
    data.add_curves([along] * count)
    _attribute(data, "position", "FLOAT_VECTOR", "POINT", "vector", strands.points)
    _attribute(data, "radius", "FLOAT", "POINT", "value", strands.radius)
    _attribute(data, tree.ROOT, "FLOAT_VECTOR", "POINT", "vector", np.repeat(strands.points[:, 0], along, 0))
    _attribute(data, tree.ORDER, "FLOAT", "CURVE", "value", np.clip(strands.order, 0, 0.9999))
    melanin, red = look.pigments(strands.colour, alone)
    _attribute(data, look.MELANIN, "FLOAT", "CURVE", "value", melanin)
    _attribute(data, look.REDNESS, "FLOAT", "CURVE", "value", red)
    _attribute(data, look.COLOUR, "FLOAT_COLOR", "CURVE", "color",
               np.concatenate([strands.colour * alone**-EEVEE_ALONE, np.ones((count, 1))], 1))
    _attribute(data, "surface_uv_coordinate", "FLOAT2", "CURVE", "vector", strands.uv)
    data.surface, data.surface_uv_map = body, LAYER
    typical = np.median(strands.colour, 0) if count else np.full(3, 0.05)
    data.materials.append(look.material(name, tuple(typical.tolist())))
    owner = bpy.data.objects.new(name, data)
    collection.objects.link(owner)
    owner.parent = body
    modifier = owner.modifiers.new(MODIFIER, "NODES")
    modifier.node_group = tree.group()
    return owner


def _attribute(data: bpy.types.ID, name: str, kind: str, domain: str, field: str, values: np.ndarray) -> None:
    owner = data.attributes.get(name) or data.attributes.new(name, kind, domain)
    owner.data.foreach_set(field, flat(values))
