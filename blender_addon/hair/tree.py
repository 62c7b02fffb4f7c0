"""The node group that every part's curves go through: fewer in the viewport, longer, thicker, carried by the skin."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..scene.nodes import add
from . import words

GROUP, VERSION = "Likeness Hair", 1
ROOT, ORDER = "likeness_root", "likeness_order"
"""Attributes of the curves: of every point its hair's root, of every hair the number by which it is left out."""

INPUTS = (  # name, default, least, most
    ("Length", 1.0, 0.0, 3.0),
    ("Thickness", 1.0, 0.1, 4.0),
    ("Viewport Amount", 1.0, 0.0, 1.0),
    ("Render Amount", 1.0, 0.0, 1.0),
)


def group() -> bpy.types.NodeTree:
    """The group of this file; made when it has none of this version."""
    for found in bpy.data.node_groups:
        if found.get("likeness_hair_group") == VERSION and not found.library:
            return found
    tree = bpy.data.node_groups.new(GROUP, "GeometryNodeTree")
    tree["likeness_hair_group"] = VERSION
    tree.is_modifier = True
    face = tree.interface
    face.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    face.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    for name, default, least, most in INPUTS:
        socket = face.new_socket(name, in_out="INPUT", socket_type="NodeSocketFloat")
        socket.default_value, socket.min_value, socket.max_value = default, least, most
        socket.subtype = "FACTOR" if most == 1.0 else "NONE"
        socket.description = words.INPUT[name]
    _nodes(tree)
    return tree


def _nodes(tree: bpy.types.NodeTree) -> None:
    given = add(tree, "NodeGroupInput", (-1100, 0))
    shown = add(tree, "GeometryNodeIsViewport", (-1100, -260))
    amount = add(tree, "GeometryNodeSwitch", (-900, -180), label="Viewport or render", input_type="FLOAT", inputs={
        "Switch": (shown, "Is Viewport"), "False": (given, "Render Amount"), "True": (given, "Viewport Amount")})
    order = add(tree, "GeometryNodeInputNamedAttribute", (-900, -360), data_type="FLOAT", inputs={"Name": ORDER})
    beyond = add(tree, "FunctionNodeCompare", (-700, -220), data_type="FLOAT", operation="GREATER_EQUAL", inputs={
        "A": (order, "Attribute"), "B": (amount, "Output")})
    fewer = add(tree, "GeometryNodeDeleteGeometry", (-500, 0), label="Leave hairs out", domain="CURVE", inputs={
        "Geometry": (given, "Geometry"), "Selection": (beyond, "Result")})
    root = add(tree, "GeometryNodeInputNamedAttribute", (-900, -560), data_type="FLOAT_VECTOR", inputs={"Name": ROOT})
    place = add(tree, "GeometryNodeInputPosition", (-900, -720))
    away = add(tree, "ShaderNodeVectorMath", (-700, -560), operation="SUBTRACT", label="From the root", inputs={
        "Vector": (place, "Position"), "Vector_001": (root, "Attribute")})
    longer = add(tree, "ShaderNodeVectorMath", (-500, -560), operation="SCALE", inputs={
        "Vector": (away, "Vector"), "Scale": (given, "Length")})
    there = add(tree, "ShaderNodeVectorMath", (-300, -560), operation="ADD", inputs={
        "Vector": (root, "Attribute"), "Vector_001": (longer, "Vector")})
    moved = add(tree, "GeometryNodeSetPosition", (-300, 0), label="Length", inputs={
        "Geometry": (fewer, "Geometry"), "Position": (there, "Vector")})
    radius = add(tree, "GeometryNodeInputRadius", (-300, -260))
    thick = add(tree, "ShaderNodeMath", (-100, -260), operation="MULTIPLY", label="Thickness", inputs={
        "Value": (radius, "Radius"), "Value_001": (given, "Thickness")})
    wide = add(tree, "GeometryNodeSetCurveRadius", (100, 0), inputs={
        "Curve": (moved, "Geometry"), "Radius": (thick, "Value")})
    carried = add(tree, "GeometryNodeDeformCurvesOnSurface", (300, 0), label="Carried by the skin", inputs={
        "Curves": (wide, "Curve")})
    add(tree, "NodeGroupOutput", (500, 0), inputs={"Geometry": (carried, "Curves")})


def identifiers(tree: bpy.types.NodeTree) -> dict[str, str]:
    """By input's name, what a modifier calls it."""
    return {item.name: item.identifier for item in tree.interface.items_tree
            if item.item_type == "SOCKET" and item.in_out == "INPUT" and item.name != "Geometry"}


def place(modifier: Any, name: str) -> tuple[Any, str]:
    """Where a modifier's input is: its holder and the property's path there."""
    return compat.input_of(modifier, identifiers(modifier.node_group)[name])


def value(modifier: Any, name: str) -> float:
    """A modifier's input."""
    holder, path = place(modifier, name)
    return float(holder.path_resolve(path))


def set_value(modifier: Any, name: str, number: float) -> None:
    """Set it."""
    holder, path = place(modifier, name)
    if path.startswith("["):
        holder[path[2:-2]] = number
    else:
        setattr(holder, path, number)
    modifier.id_data.update_tag()
