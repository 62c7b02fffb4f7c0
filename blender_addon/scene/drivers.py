"""Drivers that run in every file: expressions that Blender evaluates by itself, without Python.

Blender does not run scripted expressions of a file whose author it does not trust, except those that its own little
parser understands: variables, + - * /, comparisons, min, max, clamp, sqrt and the like. `drive` accepts nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import bpy

_KEY_PATH = re.compile(r'key_blocks\["(.+)"\]\.value')


@dataclass(frozen=True)
class Key:
    """The value of a shape key."""

    keys: bpy.types.Key
    name: str


@dataclass(frozen=True)
class Property:
    """A custom property of an object."""

    owner: bpy.types.Object
    name: str


@dataclass(frozen=True)
class Turn:
    """Radians by which a bone turns about its "X" or "Z" axis, constraints included, its own roll left out."""

    rig: bpy.types.Object
    bone: str
    axis: str


Source = Key | Property | Turn


def drive(owner: bpy.types.bpy_struct, path: str, expression: str, sources: dict[str, Source], *,
          index: int = -1) -> None:
    """Let `expression` over the named sources set the property `path` of `owner`; an earlier driver is replaced.

    `index` is which of several numbers.
    """
    owner.driver_remove(path, index)
    driver = owner.driver_add(path, index).driver
    driver.type = "SCRIPTED"
    for name, source in sources.items():
        variable = driver.variables.new()
        variable.name = name
        _point(variable, source)
    driver.expression = expression
    if not driver.is_simple_expression:
        raise ValueError(f"not an expression that runs everywhere: {expression}")


def _point(variable: bpy.types.DriverVariable, source: Source) -> None:
    target = variable.targets[0]
    if isinstance(source, Key):
        target.id_type, target.id = "KEY", source.keys
        target.data_path = f'key_blocks["{bpy.utils.escape_identifier(source.name)}"].value'
    elif isinstance(source, Property):
        target.id, target.data_path = source.owner, f'["{bpy.utils.escape_identifier(source.name)}"]'
    else:
        variable.type = "TRANSFORMS"
        target.id, target.bone_target = source.rig, source.bone
        target.transform_type, target.transform_space = f"ROT_{source.axis}", "LOCAL_SPACE"
        target.rotation_mode = "SWING_TWIST_Y"  # bones point along Y


def driven_keys(keys: bpy.types.Key) -> set[str]:
    """Names of the shape keys whose value a driver sets, whoever made it: setting them by hand does nothing."""
    data = keys.animation_data
    found = (_KEY_PATH.fullmatch(curve.data_path) for curve in data.drivers) if data else ()
    return {bpy.utils.unescape_identifier(match[1]) for match in found if match}
