"""Wrinkles that follow expression: nodes that mix them, and drivers that say how much of each there is.

A picture holds three groups of wrinkles in its channels. How far each is on lies in custom properties of the avatar's
mesh, three numbers for each picture and side, which the shape keys drive; the material reads them from the object that
it is on, so that duplicates wear one material and have faces of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import bpy

from . import drivers, nodes, skin
from .nodes import add, math

TAG = "likeness_wrinkles"  # on the material: the mapping of avatar.json
SIDES = ("left", "right")
CHANNELS = "rgb"


def build(body: bpy.types.Object, material: bpy.types.Material, mapping: Mapping[str, Any],
          maps: Mapping[str, bpy.types.Image]) -> None:
    """Let the wrinkles of a checked `mapping` follow the keys of `body` in a skin material; `maps` by map name."""
    group = skin.controls(material)
    names = [name for name in dict.fromkeys(entry["map"] for entry in mapping["groups"]) if name in maps]
    if group is None or not names:
        return
    material[TAG] = json.dumps(mapping)
    _drive(body, mapping, names)
    blood = mapping.get("blood", {}).get("maps", {})
    _mix(material.node_tree, group, mapping, {name: maps[name] for name in names},
         {name: maps[blood[name]] for name in names if blood.get(name) in maps})


def property_of(name: str, side: str) -> str:
    """The mesh's custom property with the three weights of a picture for one side of the face."""
    return f"{name}_{side}"


def _drive(body: bpy.types.Object, mapping: Mapping[str, Any], names: list[str]) -> None:
    keys = body.data.shape_keys
    for name in names:
        for side in SIDES:
            body[property_of(name, side)] = [0.0, 0.0, 0.0]
    for entry in mapping["groups"]:
        if entry["map"] not in names:
            continue
        for side in SIDES:
            shapes = {shape: amount for shape, amount in entry[side].items() if shape in keys.key_blocks}
            if not shapes:
                continue
            sources: dict[str, drivers.Source] = {f"s{number}": drivers.Key(keys, shape)
                                                  for number, shape in enumerate(shapes)}
            terms = "+".join(f"{amount:g}*{letter}" for letter, amount in zip(sources, shapes.values(), strict=True))
            drivers.drive(body, f'["{property_of(entry["map"], side)}"]', f"clamp({terms})", sources,
                          index=CHANNELS.index(entry["channel"]))


def _mix(tree: bpy.types.NodeTree, group: bpy.types.Node, mapping: Mapping[str, Any],
         maps: Mapping[str, bpy.types.Image], blood: Mapping[str, bpy.types.Image]) -> None:
    """Sum over the pictures of (value - zero) . weights, times the range: metres, and likewise of blood."""
    frame = nodes.frame(tree, "Wrinkles of expressions: metres")
    blend, zero = float(mapping["side_blend"]), float(mapping["zero"])
    place = add(tree, "ShaderNodeUVMap", (-1950, -1300), parent=frame)
    across = add(tree, "ShaderNodeSeparateXYZ", (-1780, -1300), parent=frame, inputs={"Vector": (place, "UV")})
    left = add(tree, "ShaderNodeMapRange", (-1600, -1300), parent=frame, label="Person's left",
               interpolation_type="SMOOTHSTEP", inputs={"Value": (across, "X"), "From Min": 0.5 - blend,
                                                        "From Max": 0.5 + blend})
    total: dict[str, Any] = {}
    for row, (name, picture) in enumerate(maps.items()):
        y = -1300 - 420 * row
        sides = {side: add(tree, "ShaderNodeAttribute", (-1400, y - 170 * number), parent=frame,
                           label=property_of(name, side), attribute_type="OBJECT",
                           attribute_name=property_of(name, side)) for number, side in enumerate(SIDES)}
        weights = add(tree, "ShaderNodeMix", (-1200, y), parent=frame, data_type="VECTOR", label="Weights", inputs={
            "Factor_Float": (left, "Result"), "A_Vector": (sides["right"], "Vector"),
            "B_Vector": (sides["left"], "Vector")})
        pictures_of = {skin.FOLDS: picture, **({skin.BLOOD_MOVED: blood[name]} if name in blood else {})}
        for shift, (socket, one) in enumerate(pictures_of.items()):
            at = y - 200 * shift
            shown = nodes.image(tree, one, (-1400, at - 340), label=name if one is picture else one.name, parent=frame,
                                interpolation="Cubic")
            change = add(tree, "ShaderNodeVectorMath", (-1100, at - 250), parent=frame, operation="SUBTRACT",
                         inputs={"Vector": shown})
            change.inputs[1].default_value = (zero,) * 3
            value = add(tree, "ShaderNodeVectorMath", (-920, at), parent=frame, operation="DOT_PRODUCT")
            tree.links.new(change.outputs["Vector"], value.inputs[0])
            tree.links.new(nodes.find(weights.outputs, "Result_Vector"), value.inputs[1])
            total[socket] = math(tree, "ADD", total[socket], (value, "Value"), (-740, at), parent=frame) \
                if socket in total else (value, "Value")
    ranges = {skin.FOLDS: float(mapping["range"]), skin.BLOOD_MOVED: float(mapping.get("blood", {}).get("range", 0))}
    for shift, (socket, summed) in enumerate(total.items()):
        nodes.put(tree, group, socket, math(tree, "MULTIPLY", summed, ranges[socket], (-560, -1300 - 200 * shift),
                                            parent=frame, label=socket))


def mapping_of(material: bpy.types.Material) -> dict[str, Any] | None:
    """What drives a material's wrinkles, None where it has none."""
    return json.loads(material[TAG]) if TAG in material else None


def pictures(material: bpy.types.Material) -> dict[str, bpy.types.Image]:
    """The pictures of a material's wrinkles by map name."""
    mapping = mapping_of(material)
    known = {entry["map"] for entry in mapping["groups"]} if mapping else set()
    return {node.label: node.image for node in material.node_tree.nodes
            if node.type == "TEX_IMAGE" and node.image and node.label in known}
