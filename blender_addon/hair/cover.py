"""What an avatar's own materials show while hair grows: painted hair faded, hairs of the mesh hidden.

Nodes are set between a link's two ends and marked, so that they can be taken out and exporters can look past them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy

from ..scene import nodes, skin
from ..scene.avatar import MATERIAL_TAG
from ..scene.nodes import add

MASK = "Likeness Hair Mask"
MARK = "likeness_hair"  # on a node: which part of the hair put it there

BORDER, DENSE = (0.01, 0.06), (0.65, 1.0)
"""Densities over which a border begins, and over which hair becomes dense enough to hide the skin."""


def fade(material: bpy.types.Material, part: str, channel: str, amount: float,
         pictures: Mapping[str, bpy.types.Image]) -> None:
    """Let the skin below painted hair show by `amount` 0..1 where the density map's `channel` says that hair grows."""
    if (painted := _Painted.of(material, channel, pictures)) is None:
        return
    tree, row = painted.tree, painted.row
    share = add(tree, "ShaderNodeMapRange", (-540, row), label="Painted hair gives way", inputs={
        "Value": painted.density, "From Min": 0.02, "From Max": 0.35, "To Min": 0.0, "To Max": amount})
    bare = add(tree, "ShaderNodeTexImage", (-1000, row - 300), label="Skin below hair", image=pictures["hair_bare"],
               extension="EXTEND")
    painted.give_way(part, "Painted hair fades", (share, "Result"), (bare, "Color"), (share, bare))


def thin(material: bpy.types.Material, part: str, channel: str, skin_colour: Sequence[float],
         pictures: Mapping[str, bpy.types.Image]) -> None:
    """Let painted hair end softly: `skin_colour` (3,) linear in its place where the map's `channel` thins out.

    Painted, a border is a line of one darkness, and no curves that thin out in front of it can hide that.
    """
    if (painted := _Painted.of(material, channel, pictures)) is None:
        return
    tree, row = painted.tree, painted.row
    begins = add(tree, "ShaderNodeMapRange", (-720, row), label="Where it begins", inputs={
        "Value": painted.density, "From Min": BORDER[0], "From Max": BORDER[1]})
    dense = add(tree, "ShaderNodeMapRange", (-720, row - 280), label="Where it is dense",
                interpolation_type="SMOOTHSTEP", inputs={
                    "Value": painted.density, "From Min": DENSE[0], "From Max": DENSE[1], "To Min": 1.0,
                    "To Max": 0.0})
    share = nodes.math(tree, "MULTIPLY", (begins, "Result"), (dense, "Result"), (-520, row), label="The border")
    painted.give_way(part, "Painted border fades", share, (*skin_colour, 1.0), (begins, dense, share[0]))


@dataclass(frozen=True)
class _Painted:
    """The place in a skin's tree where its albedo comes in, and the density of hair beside it."""

    group: bpy.types.Node
    tree: bpy.types.NodeTree
    source: bpy.types.NodeSocket  # of the albedo as it is
    row: int  # where new nodes go
    looked_up: tuple[bpy.types.Node, bpy.types.Node]  # the density map and its channels
    density: tuple[bpy.types.Node, str]

    @classmethod
    def of(cls, material: bpy.types.Material, channel: str,
           pictures: Mapping[str, bpy.types.Image]) -> _Painted | None:
        """None for a material that has no painted skin."""
        group = skin.controls(material)
        if group is None or not group.inputs["Albedo"].is_linked:
            return None
        tree = material.node_tree
        row = -700 - 600 * len([node for node in tree.nodes if MARK in node])
        picture = add(tree, "ShaderNodeTexImage", (-1200, row), label="Where hair grows",
                      image=pictures["hair_density"], extension="EXTEND")
        apart = add(tree, "ShaderNodeSeparateColor", (-920, row), inputs={"Color": (picture, "Color")})
        return cls(group, tree, group.inputs["Albedo"].links[0].from_socket, row, (picture, apart), (apart, channel))

    def give_way(self, part: str, label: str, share: Any, instead: Any, made: Sequence[bpy.types.Node]) -> None:
        """Mix `instead` into the albedo by `share`, each a node's output or a value; what was `made` is the part's."""
        mix = add(self.tree, "ShaderNodeMix", (-320, self.row), data_type="RGBA", label=label, inputs={
            "Factor_Float": share, "B_Color": instead})
        self.tree.links.new(self.source, nodes.find(mix.inputs, "A_Color"))
        self.tree.links.new(nodes.find(mix.outputs, "Result_Color"), self.group.inputs["Albedo"])
        for node in (*self.looked_up, *made, mix):
            node[MARK] = part


def hide(material: bpy.types.Material, part: str) -> None:
    """Make the hairs of the mesh that have this material clear."""
    mix = next((node for node in material.node_tree.nodes if node.type == "MIX_SHADER"), None)
    if mix is None or not mix.inputs["Fac"].is_linked:
        return
    tree, source = material.node_tree, mix.inputs["Fac"].links[0].from_socket
    gone = add(tree, "ShaderNodeMath", (-160, 420), operation="MULTIPLY", label="Hidden: curves stand for it")
    gone.inputs[1].default_value = 0.0
    tree.links.new(source, gone.inputs[0])
    tree.links.new(gone.outputs[0], mix.inputs["Fac"])
    gone[MARK] = part


def mask(body: bpy.types.Object, material: str) -> None:
    """Take the faces of a material out of what is shown and rendered.

    Light that wanders in the skin meets whatever else the mesh has below its surface: clear hairs would leave specks.
    """
    slot = next((index for index, item in enumerate(body.data.materials)
                 if item is not None and item.get(MATERIAL_TAG) == material), -1)
    chosen = {vertex for face in body.data.polygons if face.material_index == slot for vertex in face.vertices}
    if not chosen:
        return
    group = body.vertex_groups.get(MASK) or body.vertex_groups.new(name=MASK)
    group.add(sorted(chosen), 1.0, "REPLACE")
    modifier = body.modifiers.get(MASK) or body.modifiers.new(MASK, "MASK")
    modifier.vertex_group, modifier.invert_vertex_group = MASK, True
    body.modifiers.move(body.modifiers.find(MASK), 0)


def unmask(body: bpy.types.Object) -> None:
    """The reverse of `mask`."""
    if MASK in body.modifiers:
        body.modifiers.remove(body.modifiers[MASK])
    if MASK in body.vertex_groups:
        body.vertex_groups.remove(body.vertex_groups[MASK])


def uncover(materials: Sequence[bpy.types.Material | None], part: str) -> None:
    """Take out what `fade` and `hide` put in for a part, and let the links be as they were."""
    for material in materials:
        if material is None or material.node_tree is None:
            continue
        tree = material.node_tree
        for node in [node for node in tree.nodes if node.get(MARK) == part]:
            before, after = through(node), [link for output in node.outputs for link in output.links]
            if before is not None:
                for link in after:
                    tree.links.new(before, link.to_socket)
        for node in [node for node in tree.nodes if node.get(MARK) == part]:
            tree.nodes.remove(node)


def through(node: Any) -> bpy.types.NodeSocket | None:
    """What a node of ours would let through if it were not there; None for one that only feeds another of ours."""
    if MARK not in node or node.type not in ("MIX", "MATH"):
        return None
    entry = nodes.find(node.inputs, "A_Color") if node.type == "MIX" else node.inputs[0]
    return entry.links[0].from_socket if entry.is_linked else None


def of(body: bpy.types.Object, name: str) -> list[bpy.types.Material]:
    """An avatar's materials by the bundle's name."""
    return [item for item in body.data.materials if item is not None and item.get(MATERIAL_TAG) == name]
