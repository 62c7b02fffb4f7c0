"""The skin: one node group, "Likeness Skin", shared by all avatars, and a material that feeds it one avatar's maps.

The group has an output for each renderer, because they show relief differently: Cycles displaces the surface and must
not also be given the normal map, EEVEE gets the normal map and no displacement. Everything an artist would turn is an
input of the group.
"""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat, strings
from . import nodes
from .nodes import add, math

GROUP = "Likeness Skin"
GROUP_VERSION = 3  # 2: wrinkles of expressions; 3: blood of expressions

RADIUS = (1.0, 0.37, 0.19)
"""Red, green and blue relative to red. Diffuse mean free paths of skin are 3.7, 1.4 and 0.7 mm (Jensen et al. 2001,
"skin1": 1 / sqrt(3 sigma_a sigma_t'))."""
SCALE = 0.012
"""Metres. Blender multiplies the radius by 1 / 4 pi before it calls it a free path (`bssrdf_setup_radius`), and its
free path is the diffuse one over about 3.5 (Christensen and Burley 2015): 3.7 mm / 3.5 * 4 pi = 13 mm. A little less,
because the albedo map keeps some of the photo's own blur."""
MELANIN = (0.78, 0.62, 0.46)
"""Transmission of one unit of melanin: absorbs blue most (Donner and Jensen 2006, figure 3, eumelanin)."""
BLOOD = (0.98, 0.80, 0.84)
"""Transmission of one unit of haemoglobin: absorbs green most."""

FOLDS = "Expression Height"
"""Input of the group: metres that expressions add, see `wrinkles`."""

BLOOD_MOVED = "Expression Redness"
"""Input of the group: blood that expressions bring, in units of redness, see `wrinkles`."""

_MAPS = (  # name, socket type, default
    ("Albedo", "NodeSocketColor", (0.48, 0.29, 0.21, 1.0)),
    ("Specular", "NodeSocketFloat", 0.45),
    ("Roughness", "NodeSocketFloat", 0.45),
    ("Normal Map", "NodeSocketColor", (0.5, 0.5, 1.0, 1.0)),
    ("Wrinkle Height", "NodeSocketFloat", 0.0),
    ("Pore Height", "NodeSocketFloat", 0.0),
    (FOLDS, "NodeSocketFloat", 0.0),
    (BLOOD_MOVED, "NodeSocketFloat", 0.0),
)
_CONTROLS = (  # name, default, least, most
    ("Melanin", 0.0, -1.0, 3.0),
    ("Redness", 0.0, -1.0, 3.0),
    ("Oiliness", 0.0, -1.0, 1.0),
    ("Wrinkles", 1.0, 0.0, 3.0),
    ("Expression Wrinkles", 1.0, 0.0, 2.0),
    ("Pores", 1.0, 0.0, 3.0),
    ("Subsurface", 1.0, 0.0, 1.0),
    ("Subsurface Scale", SCALE, 0.0, 0.1),
)


def skin_group() -> bpy.types.NodeTree:
    """The shared node group; made when this file has none of this version."""
    for group in bpy.data.node_groups:
        if group.get("likeness_group") == GROUP_VERSION and not group.library:
            return group
    group = bpy.data.node_groups.new(GROUP, "ShaderNodeTree")
    group["likeness_group"] = GROUP_VERSION
    _write_interface(group)
    _write_nodes(group)
    return group


def _write_interface(group: bpy.types.NodeTree) -> None:
    face = group.interface
    maps, controls = face.new_panel("Maps", default_closed=True), face.new_panel("Skin")
    for name in ("Cycles", "EEVEE"):
        face.new_socket(name, in_out="OUTPUT", socket_type="NodeSocketShader")
    face.new_socket("Displacement", in_out="OUTPUT", socket_type="NodeSocketVector")
    for name, kind, default in _MAPS:
        face.new_socket(name, in_out="INPUT", socket_type=kind, parent=maps).default_value = default
    for name, default, least, most in _CONTROLS:
        socket = face.new_socket(name, in_out="INPUT", socket_type="NodeSocketFloat", parent=controls)
        socket.default_value, socket.min_value, socket.max_value = default, least, most
        socket.description = strings.SKIN_INPUT[name]
        if name == "Subsurface Scale":
            socket.subtype = "DISTANCE"


def _write_nodes(tree: bpy.types.NodeTree) -> None:
    given = add(tree, "NodeGroupInput", (-1500, 0))
    colour = _colour(tree, given)
    roughness, specular, coat = _shine(tree, given)
    folds = math(tree, "MULTIPLY", (given, FOLDS), (given, "Expression Wrinkles"), (-1150, -820),
                 label="Expression Wrinkles")
    displacement = _relief(tree, given, folds)
    normal = _normal(tree, given, folds)
    frame = nodes.frame(tree, "Skin, as each renderer takes it")
    taken = given, colour, roughness, specular, coat
    cycles = _principled(tree, frame, "Cycles: relief is displaced", (250, 500), *taken)
    eevee = _principled(tree, frame, "EEVEE: relief is the normal map", (250, -350), *taken)
    nodes.put(tree, eevee, "Normal", normal)
    nodes.put(tree, eevee, "Coat Normal", normal)
    add(tree, "NodeGroupOutput", (700, 0), inputs={
        "Cycles": (cycles, "BSDF"), "EEVEE": (eevee, "BSDF"), "Displacement": displacement})


def _principled(tree: bpy.types.NodeTree, frame: bpy.types.Node, label: str, at: tuple[float, float],
                given: bpy.types.Node, colour: nodes.Socket, roughness: nodes.Socket, specular: nodes.Socket,
                coat: nodes.Socket) -> bpy.types.Node:
    shader = add(tree, "ShaderNodeBsdfPrincipled", at, parent=frame, label=label, inputs={
        "Base Color": colour, "Roughness": roughness, "Specular IOR Level": specular, "IOR": 1.5,
        "Subsurface Weight": (given, "Subsurface"), "Subsurface Radius": RADIUS,
        "Subsurface Scale": (given, "Subsurface Scale"), "Coat Weight": coat, "Coat Roughness": 0.25, "Coat IOR": 1.45})
    shader.subsurface_method = "RANDOM_WALK"
    compat.set_default(shader, "Subsurface Anisotropy", 0.0)  # the radius above is the reduced one: already isotropic
    shader.width = 260
    return shader


def _colour(tree: bpy.types.NodeTree, given: bpy.types.Node) -> nodes.Socket:
    """Albedo times what pigment lets through: transmission ** amount, after Beer and Lambert."""
    frame = nodes.frame(tree, "Colour: pigment over the photo's skin")
    layers = []
    moved = math(tree, "MULTIPLY", (given, BLOOD_MOVED), (given, "Expression Wrinkles"), (-1450, 760), parent=frame,
                 label="Blood of expressions")
    redness = math(tree, "ADD", (given, "Redness"), moved, (-1300, 760), parent=frame, label="Redness")
    amounts = {"Melanin": (given, "Melanin"), "Redness": redness}
    for row, (control, transmission) in enumerate((("Melanin", MELANIN), ("Redness", BLOOD))):
        channels = [math(tree, "POWER", value, amounts[control], (-1150, 1150 - 470 * row - 145 * index), parent=frame,
                         label=f"{control} {'RGB'[index]}") for index, value in enumerate(transmission)]
        layers.append(add(tree, "ShaderNodeCombineColor", (-950, 1100 - 470 * row), parent=frame, label=control,
                          inputs=dict(zip(("Red", "Green", "Blue"), channels, strict=True))))
    mixed = (given, "Albedo")
    for index, layer in enumerate(layers):
        node = add(tree, "ShaderNodeMix", (-700 + 220 * index, 1050), parent=frame, label="Filter", data_type="RGBA",
                   blend_type="MULTIPLY", clamp_result=False,
                   inputs={"Factor_Float": 1.0, "A_Color": mixed, "B_Color": (layer, "Color")})
        mixed = (node, "Result_Color")
    return mixed


def _shine(tree: bpy.types.NodeTree, given: bpy.types.Node) -> tuple[nodes.Socket, nodes.Socket, nodes.Socket]:
    """Roughness, specular level and coat weight under oil."""
    frame = nodes.frame(tree, "Shine: sebum")
    less = math(tree, "MULTIPLY", (given, "Oiliness"), -0.45, (-1150, 0), parent=frame)
    factor = math(tree, "ADD", less, 1.0, (-950, 0), parent=frame, label="1 - 0.45 oil")
    roughness = math(tree, "MULTIPLY", (given, "Roughness"), factor, (-700, 0), parent=frame, label="Roughness",
                     clamp=True)
    coat = math(tree, "MULTIPLY", (given, "Oiliness"), 0.25, (-700, -180), parent=frame, label="Coat", clamp=True)
    return roughness, (given, "Specular"), coat


def _relief(tree: bpy.types.NodeTree, given: bpy.types.Node, folds: nodes.Socket) -> nodes.Socket:
    """Metres along the normal."""
    frame = nodes.frame(tree, "Relief for Cycles: metres along the normal")
    wrinkles = math(tree, "MULTIPLY", (given, "Wrinkle Height"), (given, "Wrinkles"), (-1150, -450), parent=frame,
                    label="Wrinkles")
    pores = math(tree, "MULTIPLY", (given, "Pore Height"), (given, "Pores"), (-1150, -630), parent=frame, label="Pores")
    still = math(tree, "ADD", wrinkles, pores, (-960, -520), parent=frame, label="At rest")
    height = math(tree, "ADD", still, folds, (-800, -520), parent=frame, label="Height")
    node = add(tree, "ShaderNodeDisplacement", (-650, -500), parent=frame, space="OBJECT",
               inputs={"Height": height, "Midlevel": 0.0, "Scale": 1.0})
    return node, "Displacement"


def _normal(tree: bpy.types.NodeTree, given: bpy.types.Node, folds: nodes.Socket) -> nodes.Socket:
    frame = nodes.frame(tree, "Relief for EEVEE: normal map, and bump for expressions")
    node = add(tree, "ShaderNodeNormalMap", (-650, -1000), parent=frame, space="TANGENT",
               inputs={"Strength": (given, "Pores"), "Color": (given, "Normal Map")})
    bump = add(tree, "ShaderNodeBump", (-450, -1000), parent=frame,
               inputs={"Strength": 1.0, "Distance": 1.0, "Height": folds, "Normal": (node, "Normal")})
    return bump, "Normal"


def skin_material(name: str, maps: dict[str, bpy.types.Image]) -> bpy.types.Material:
    """A material with this avatar's maps: keys of `maps` are the bundle's map names, missing ones keep a default."""
    material = bpy.data.materials.new(name)
    tree = compat.node_tree(material)
    material.displacement_method = "BOTH"  # Cycles: what the mesh is too coarse for becomes bump
    frame = nodes.frame(tree, "Maps from the photo")
    group = tree.nodes.new("ShaderNodeGroup")
    group.node_tree, group.name, group.label, group.width = skin_group(), GROUP, GROUP, 240
    group.location = (0, 0)
    for row, (socket, key, cubic) in enumerate(_sources(maps)):
        picture = nodes.image(tree, maps[key], (-500, 700 - row * 290), label=socket, parent=frame,
                              interpolation="Cubic" if cubic else "Linear")
        nodes.put(tree, group, socket, picture)
        if socket == "Albedo":
            tree.nodes.active = picture[0]  # what texture painting paints and the viewport's Texture colour shows
    for target, output in (("CYCLES", "Cycles"), ("EEVEE", "EEVEE")):
        node = add(tree, "ShaderNodeOutputMaterial", (350, 150 if target == "CYCLES" else -150), target=target,
                   label=output, inputs={"Surface": (group, output)})
        if target == "CYCLES":
            nodes.put(tree, node, "Displacement", (group, "Displacement"))
    material.diffuse_color = (0.6, 0.42, 0.34, 1.0)
    return material


def _sources(maps: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(group input, map, whether to sample it smoothly) for the maps there are."""
    wanted = [("Albedo", "diffuse_albedo", False), ("Specular", "specular_albedo", False),
              ("Roughness", "roughness", False), ("Normal Map", "normal", False)]
    if "displacement_mid" in maps and "displacement_high" in maps:
        wanted += [("Wrinkle Height", "displacement_mid", True), ("Pore Height", "displacement_high", True)]
    else:
        wanted += [("Pore Height", "displacement", True)]
    return [entry for entry in wanted if entry[1] in maps]


def controls(material: bpy.types.Material) -> bpy.types.Node | None:
    """The group node whose inputs are the live controls, None for a material that is not ours."""
    if material is None or material.node_tree is None:
        return None
    return next((node for node in material.node_tree.nodes
                 if node.type == "GROUP" and node.node_tree and "likeness_group" in node.node_tree), None)


def rest(material: bpy.types.Material) -> None:
    """Every live control of a skin material as the group has it: the photo's skin."""
    node = controls(material)
    for name, default, _least, _most in _CONTROLS if node else ():
        if node is not None and name in node.inputs and not node.inputs[name].is_linked:
            node.inputs[name].default_value = default
