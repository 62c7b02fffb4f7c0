"""A small vocabulary for writing node trees that read like a diagram. Sockets are always addressed by name."""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Vector

Socket = tuple[bpy.types.Node, str]


def frame(tree: bpy.types.NodeTree, label: str) -> bpy.types.Node:
    """A named frame to put nodes in."""
    node = tree.nodes.new("NodeFrame")
    node.label = node.name = label
    node.label_size = 24
    return node


def add(tree: bpy.types.NodeTree, kind: str, at: tuple[float, float], *, parent: bpy.types.Node | None = None,
        label: str = "", inputs: dict[str, Any] | None = None, **settings: Any) -> bpy.types.Node:
    """A node with its settings; an input that is a (node, socket name) pair is linked, any other is a value."""
    node = tree.nodes.new(kind)
    node.location = Vector(at)
    node.parent = parent
    node.label = label
    for name, value in settings.items():
        setattr(node, name, value)
    for name, value in (inputs or {}).items():
        put(tree, node, name, value)
    return node


def put(tree: bpy.types.NodeTree, node: bpy.types.Node, name: str, value: Any) -> None:
    """Link or set one input."""
    socket = find(node.inputs, name)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], bpy.types.Node):
        tree.links.new(find(value[0].outputs, value[1]), socket)
    else:
        socket.default_value = value


def find(sockets: Any, name: str) -> bpy.types.NodeSocket:
    """A socket by name or identifier; of several with that name, the one that is in use."""
    by_identifier = [socket for socket in sockets if socket.identifier == name]
    found = by_identifier or [socket for socket in sockets if socket.name == name and socket.enabled]
    if not found:
        raise KeyError(f"{sockets[0].node.bl_idname if len(sockets) else 'node'} has no socket {name!r}")
    return found[0]


def math(tree: bpy.types.NodeTree, operation: str, a: Any, b: Any, at: tuple[float, float], *,
         parent: bpy.types.Node | None = None, label: str = "", clamp: bool = False) -> Socket:
    """A Math node's value."""
    node = tree.nodes.new("ShaderNodeMath")
    node.operation, node.location, node.parent, node.label, node.use_clamp = operation, Vector(at), parent, label, clamp
    for socket, value in zip(node.inputs, (a, b), strict=False):
        if isinstance(value, tuple):
            tree.links.new(find(value[0].outputs, value[1]), socket)
        else:
            socket.default_value = value
    return node, "Value"


def image(tree: bpy.types.NodeTree, picture: bpy.types.Image, at: tuple[float, float], *, label: str,
          parent: bpy.types.Node | None = None, interpolation: str = "Linear") -> Socket:
    """An Image Texture's colour. Edges are extended: the skin fills its square, nothing repeats."""
    node = add(tree, "ShaderNodeTexImage", at, parent=parent, label=label, image=picture,
               interpolation=interpolation, extension="EXTEND")
    return node, "Color"
