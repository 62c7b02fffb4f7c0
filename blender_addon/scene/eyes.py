"""Everything that is not skin: eyeballs, corneas, tears, teeth, tongue, the inside of the mouth, lashes, brows.

The cornea is a cap that bulges over a recessed iris. In Cycles it refracts what the camera sees, and lets light through
to the iris unbent (a shadow behind glass would need caustics). EEVEE has the same shine over a clear surface.
"""

from __future__ import annotations

import math
from typing import Any

import bpy

from .. import compat
from . import nodes
from .nodes import add

CORNEA_IOR = 1.376  # textbook value for the cornea
IRIS_UV_RADIUS = 0.5 * math.degrees(math.asin(5.85 / 12.0)) / 110.0
"""Where the iris ends in the eye's UV square: azimuthal equidistant about the gaze, 110 degrees at the border."""
CLEAR = 0.02
"""Opacity in the solid viewport of what is clear: without it a cornea hides the iris there."""
CAP_UV_RADIUS = 0.5 * 36.0 / 110.0
"""Where the default head's cornea ends, inside the eyeball."""

CONTACT = 0.006
"""Metres within which a lid darkens the eyeball: about half of an open eye's height."""

SOCKET_LIGHT = (0.84, 0.70, 0.65, 1.0)
CREASE_LIGHT = (0.80, 0.64, 0.60, 1.0)
"""What is left of the light at the corners of the eye, and where a lid lies on the eyeball; linear."""

EEVEE_DIM = 0.32
"""Share of the light on the white that EEVEE does not know to be blocked."""
UNDER_LID = (0.555, 0.615)
"""Height in the eye's square where the shade of the upper lid begins, and where a relaxed lid's edge lies."""

RIGHT_EYE = "The person's right eye"
"""Label of the node that shows it, where the eyes differ."""

TEAR_IOR = 1.336
CARUNCLE_SQUARE = 0.018
"""Corner of the mouth's UV square that belongs to the caruncles."""
CARUNCLE_COLOUR = (0.56, 0.30, 0.27, 1.0)


def _material(name: str, look: tuple[float, float, float],
              alpha: float = 1.0) -> tuple[bpy.types.Material, bpy.types.NodeTree]:
    material = bpy.data.materials.new(name)
    material.diffuse_color = (*look, alpha)
    material.roughness = 1.0  # of the solid viewport alone, whose broad shine would turn iris and pupil grey
    return material, compat.node_tree(material)


def _finish(tree: bpy.types.NodeTree, surface: nodes.Socket, at: tuple[float, float] = (300, 0),
            target: str = "ALL") -> None:
    add(tree, "ShaderNodeOutputMaterial", at, target=target, inputs={"Surface": surface})


def eye_material(name: str, maps: dict[str, bpy.types.Image]) -> bpy.types.Material:
    """The eyeball: the photo's iris and sclera, soft sclera, wet outside the cornea."""
    material, tree = _material(name, (0.8, 0.78, 0.76))
    radius = _gaze_radius(tree, (-1100, -200))
    colour = _eye_colour(tree, maps, radius)
    # Away from the iris the lids and the socket keep light and colour from the sclera; the UV ring is about the gaze.
    shade = add(tree, "ShaderNodeMapRange", (-520, -200), label="Towards the socket", inputs={
        "Value": radius, "From Min": IRIS_UV_RADIUS * 1.2, "From Max": 0.38, "To Min": 0.0, "To Max": 1.0})
    warm = add(tree, "ShaderNodeMix", (-300, 150), data_type="RGBA", blend_type="MULTIPLY", inputs={
        "Factor_Float": (shade, "Result"), "A_Color": colour, "B_Color": SOCKET_LIGHT})
    # Lids and lashes touch the eyeball: a soft contact shadow, without which the sclera glows.
    contact = add(tree, "ShaderNodeAmbientOcclusion", (-520, 480), label="Contact shadow of the lids", samples=4,
                  inputs={"Distance": CONTACT})
    open_eye = add(tree, "ShaderNodeMapRange", (-300, 480), interpolation_type="SMOOTHSTEP", inputs={
        "Value": (contact, "AO"), "From Min": 0.10, "From Max": 0.85})
    # Light that reaches the crease has passed through the lids: it is red.
    dark = add(tree, "ShaderNodeMix", (-130, 480), data_type="RGBA", inputs={
        "Factor_Float": (open_eye, "Result"), "A_Color": CREASE_LIGHT, "B_Color": (0.96, 0.96, 0.96, 1.0)})
    bare = add(tree, "ShaderNodeMapRange", (-300, 760), label="Beyond the cornea, which would cover the iris", inputs={
        "Value": radius, "From Min": IRIS_UV_RADIUS * 1.0, "From Max": IRIS_UV_RADIUS * 1.35, "To Min": 0.0})
    tinted = add(tree, "ShaderNodeMix", (-130, 300), data_type="RGBA", blend_type="MULTIPLY", inputs={
        "Factor_Float": (bare, "Result"), "A_Color": (warm, "Result_Color"), "B_Color": (dark, "Result_Color")})
    soft = add(tree, "ShaderNodeMapRange", (-300, -200), label="Outside the limbus", inputs={
        "Value": radius, "From Min": IRIS_UV_RADIUS * 0.95, "From Max": IRIS_UV_RADIUS * 1.1})
    # Light that wanders inside the sclera must not come out under the cornea's border, which lies within the eyeball.
    deep = add(tree, "ShaderNodeMapRange", (-300, -480), label="Sclera beyond the cornea", inputs={
        "Value": radius, "From Min": CAP_UV_RADIUS * 1.1, "From Max": CAP_UV_RADIUS * 1.4})
    # Iris and pupil lie in fluid of nearly their own index: only the cornea over them shines.
    wet = nodes.math(tree, "MULTIPLY", (soft, "Result"), 0.4, (-150, -320), label="Shine outside the cornea")
    shader = add(tree, "ShaderNodeBsdfPrincipled", (50, 0), inputs={
        "Base Color": (tinted, "Result_Color"), "Roughness": 0.35, "Specular IOR Level": wet,
        "Subsurface Weight": (deep, "Result"), "Subsurface Radius": (1.0, 0.45, 0.3), "Subsurface Scale": 0.0025,
        "Coat Weight": (soft, "Result"), "Coat Roughness": 0.05, "Coat IOR": 1.34,  # the tear film
        "Coat Normal": _uneven(tree)})
    # EEVEE knows little of the light that lids and brows keep off: without this the white glows there.
    black = add(tree, "ShaderNodeBsdfDiffuse", (50, -560), inputs={"Color": (0.0, 0.0, 0.0, 1.0)})
    dim = nodes.math(tree, "MULTIPLY", (bare, "Result"), EEVEE_DIM, (50, -420))
    place = add(tree, "ShaderNodeUVMap", (-520, -900))
    height = add(tree, "ShaderNodeSeparateXYZ", (-340, -900), inputs={"Vector": (place, "UV")})
    below = add(tree, "ShaderNodeMapRange", (-150, -900), label="Below the upper lid", interpolation_type="SMOOTHSTEP",
                inputs={"Value": (height, "Y"), "From Min": UNDER_LID[0], "From Max": UNDER_LID[1],
                        "To Min": 0.0, "To Max": 0.45})
    dim = nodes.math(tree, "MAXIMUM", dim, (below, "Result"), (130, -640))
    dimmed = add(tree, "ShaderNodeMixShader", (300, -250), label="Lids' shade for EEVEE", inputs={
        "Fac": dim, "Shader": (shader, "BSDF"), "Shader_001": (black, "BSDF")})
    _finish(tree, (shader, "BSDF"), (500, 0), "CYCLES")
    _finish(tree, (dimmed, "Shader"), (500, -250), "EEVEE")
    return material


def _eye_colour(tree: bpy.types.NodeTree, maps: dict[str, bpy.types.Image], radius: nodes.Socket) -> nodes.Socket:
    """Iris and sclera; of each eye its own where the photo shows eyes of two colours."""
    if "eye_albedo" not in maps:
        return _painted_eye(tree, radius)
    left = nodes.image(tree, maps["eye_albedo"], (-720, 250), label="Iris and sclera from the photo")
    tree.nodes.active = left[0]  # what the viewport's Texture colour shows
    if "eye_albedo_right" not in maps:
        return left
    right = nodes.image(tree, maps["eye_albedo_right"], (-720, 550), label=RIGHT_EYE)
    # Generated coordinates are those of the undeformed mesh: the sides stay apart however the head turns.
    place = add(tree, "ShaderNodeTexCoord", (-1100, 500))
    sides = add(tree, "ShaderNodeSeparateXYZ", (-920, 500), inputs={"Vector": (place, "Generated")})
    is_left = nodes.math(tree, "GREATER_THAN", (sides, "X"), 0.5, (-720, 800), label="The person's left")
    both = add(tree, "ShaderNodeMix", (-500, 650), data_type="RGBA",
               inputs={"Factor_Float": is_left, "A_Color": right, "B_Color": left})
    return both, "Result_Color"


def _uneven(tree: bpy.types.NodeTree) -> nodes.Socket:
    """The conjunctiva is no billiard ball: its shine breaks up a little."""
    place = add(tree, "ShaderNodeUVMap", (-720, -700))
    noise = add(tree, "ShaderNodeTexNoise", (-520, -700), label="Uneven conjunctiva",
                inputs={"Vector": (place, "UV"), "Scale": 42.0, "Detail": 3.0, "Roughness": 0.5})
    bump = add(tree, "ShaderNodeBump", (-300, -700), inputs={
        "Strength": 0.22, "Distance": 0.0004, "Height": (noise, "Fac" if "Fac" in noise.outputs else "Factor")})
    return bump, "Normal"


def _gaze_radius(tree: bpy.types.NodeTree, at: tuple[float, float]) -> nodes.Socket:
    """Distance from the middle of the eye's UV square: the angle off the gaze axis, 0.5 at 110 degrees."""
    place = add(tree, "ShaderNodeUVMap", at, label="Eye square, iris in the middle")
    centred = add(tree, "ShaderNodeVectorMath", (at[0] + 190, at[1]), operation="SUBTRACT",
                  inputs={"Vector": (place, "UV"), "Vector_001": (0.5, 0.5, 0.0)})
    length = add(tree, "ShaderNodeVectorMath", (at[0] + 370, at[1]), operation="LENGTH",
                 inputs={"Vector": (centred, "Vector")})
    return length, "Value"


def _painted_eye(tree: bpy.types.NodeTree, radius: nodes.Socket) -> nodes.Socket:
    """An eye for a bundle that has no picture of one: pupil, brown iris, limbus, sclera, as rings."""
    scaled = nodes.math(tree, "DIVIDE", radius, IRIS_UV_RADIUS * 2, (-560, 300))
    ramp = add(tree, "ShaderNodeValToRGB", (-400, 300), label="Rings of the eye", inputs={"Fac": scaled})
    stops = ((0.0, (0.002, 0.002, 0.002)), (0.17, (0.003, 0.002, 0.002)), (0.19, (0.14, 0.07, 0.03)),
             (0.40, (0.09, 0.045, 0.022)), (0.47, (0.02, 0.012, 0.01)), (0.54, (0.70, 0.66, 0.63)))
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = stops[0][0], stops[-1][0]
    for position, _colour in stops[1:-1]:
        ramp.color_ramp.elements.new(position)
    for element, (_position, colour) in zip(ramp.color_ramp.elements, stops, strict=True):
        element.color = (*colour, 1.0)
    return ramp, "Color"


def cornea_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """The clear cap over the iris: shine from the outside, and no shadow on what is behind."""
    material, tree = _material(name, (0.9, 0.95, 1.0), CLEAR)
    fresnel = add(tree, "ShaderNodeFresnel", (-600, 250), inputs={"IOR": CORNEA_IOR})
    shine = add(tree, "ShaderNodeBsdfGlossy", (-600, 80), label="Shine", inputs={"Roughness": 0.02})
    clear = add(tree, "ShaderNodeBsdfTransparent", (-600, -120), label="Clear")
    glass = add(tree, "ShaderNodeBsdfGlass", (-600, -280), label="Refracting",
                inputs={"Roughness": 0.0, "IOR": CORNEA_IOR})
    # The cap's border dives into the eyeball; bending ends at the limbus, before that border could draw a ring.
    edge = add(tree, "ShaderNodeMapRange", (-600, 850), label="Border, past the iris", inputs={
        "Value": _gaze_radius(tree, (-1150, 850)), "From Min": IRIS_UV_RADIUS * 0.97,
        "From Max": IRIS_UV_RADIUS * 1.04})
    path = add(tree, "ShaderNodeLightPath", (-600, 620))
    lit = nodes.math(tree, "MAXIMUM", (path, "Is Shadow Ray"), (path, "Is Diffuse Ray"), (-400, 500))
    lit = nodes.math(tree, "MAXIMUM", lit, (edge, "Result"), (-250, 500))
    inside = nodes.math(tree, "SUBTRACT", 1.0, (edge, "Result"), (-400, 320))
    shiny = nodes.math(tree, "MULTIPLY", (fresnel, "Fac"), inside, (-250, 320))
    cycles = add(tree, "ShaderNodeMixShader", (-100, 150), label="Light passes, sight is bent",
                 inputs={"Fac": lit, "Shader": (glass, "BSDF"), "Shader_001": (clear, "BSDF")})
    eevee = add(tree, "ShaderNodeMixShader", (-100, -150),
                inputs={"Fac": shiny, "Shader": (clear, "BSDF"), "Shader_001": (shine, "BSDF")})
    _finish(tree, (cycles, "Shader"), (150, 150), "CYCLES")
    _finish(tree, (eevee, "Shader"), (150, -150), "EEVEE")
    compat.set_blended(material)
    material.use_transparent_shadow = True
    return material


def tear_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """The film of tears in the crease between lid and eyeball: clear, with a bright line of light in its hollow."""
    material, tree = _material(name, (0.9, 0.95, 1.0), CLEAR)
    fresnel = add(tree, "ShaderNodeFresnel", (-600, 200), inputs={"IOR": TEAR_IOR})
    front = add(tree, "ShaderNodeNewGeometry", (-600, 450))
    seen = nodes.math(tree, "SUBTRACT", 1.0, (front, "Backfacing"), (-400, 450), label="From outside")
    shiny = nodes.math(tree, "MULTIPLY", (fresnel, "Fac"), seen, (-220, 300))
    clear = add(tree, "ShaderNodeBsdfTransparent", (-400, 50), label="Clear")
    shine = add(tree, "ShaderNodeBsdfGlossy", (-400, -80), label="Shine", inputs={"Roughness": 0.04})
    film = add(tree, "ShaderNodeMixShader", (0, 100), inputs={
        "Fac": shiny, "Shader": (clear, "BSDF"), "Shader_001": (shine, "BSDF")})
    _finish(tree, (film, "Shader"))
    compat.set_blended(material)
    material.use_transparent_shadow = True
    return material


def _hair(name: str, picture: bpy.types.Image | None, plain: tuple[float, float, float], *, tip: float,
          shine: float) -> bpy.types.Material:
    """Single hairs of geometry, v running from the root to the tip, where they thin out to `tip` of their cover."""
    material, tree = _material(name, plain)
    place = add(tree, "ShaderNodeUVMap", (-900, 200))
    along = add(tree, "ShaderNodeSeparateXYZ", (-720, 200), inputs={"Vector": (place, "UV")})
    solid = (add(tree, "ShaderNodeMapRange", (-540, 200), label="Thins out towards the tip", inputs={
        "Value": (along, "Y"), "From Min": 0.35, "From Max": 1.0, "To Min": 1.0, "To Max": tip}), "Result")
    colour: Any = (*plain, 1.0)
    if picture is not None:
        node = add(tree, "ShaderNodeTexImage", (-720, 500), label="Hairs of the photo", image=picture,
                   extension="EXTEND")
        colour = (node, "Color")
        solid = nodes.math(tree, "MULTIPLY", (node, "Alpha"), solid, (-330, 320))
    hair = add(tree, "ShaderNodeBsdfPrincipled", (-300, 0), label="Hair", inputs={
        "Base Color": colour, "Roughness": 0.42, "Specular IOR Level": shine})
    clear = add(tree, "ShaderNodeBsdfTransparent", (-300, 200), label="Gap")
    gap = add(tree, "ShaderNodeMixShader", (0, 100), inputs={
        "Fac": solid, "Shader": (clear, "BSDF"), "Shader_001": (hair, "BSDF")})
    _finish(tree, (gap, "Shader"))
    compat.set_dithered(material)
    material.use_transparent_shadow = True
    return material


def lash_material(name: str, maps: dict[str, Any]) -> bpy.types.Material:
    """Lashes: dark of the brows' hue."""
    return _hair(name, maps.get("lash_albedo"), (0.022, 0.014, 0.010), tip=0.15, shine=0.35)


def brow_material(name: str, maps: dict[str, Any]) -> bpy.types.Material:
    """Brows: hairs over the brow that the skin's map shows, where the photo shows it."""
    return _hair(name, maps.get("brow_albedo"), (0.045, 0.028, 0.018), tip=0.10, shine=0.30)


def teeth_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """Enamel: warm off-white and wet, yellower towards the gums, greyer at the edge.

    Open shells, through which light cannot wander: no subsurface.
    """
    material, tree = _material(name, (0.62, 0.54, 0.43))
    place = add(tree, "ShaderNodeUVMap", (-1000, 100), label="Each arch has half of the square, gums first")
    along = add(tree, "ShaderNodeSeparateXYZ", (-820, 100), inputs={"Vector": (place, "UV")})
    depth = nodes.math(tree, "FLOORED_MODULO", (along, "Y"), 0.5, (-640, 100))
    ramp = add(tree, "ShaderNodeValToRGB", (-460, 100), label="Neck to edge", inputs={
        "Fac": nodes.math(tree, "DIVIDE", depth, 0.5, (-550, -60))})
    first, last = ramp.color_ramp.elements
    first.position, first.color = 0.20, (0.42, 0.30, 0.19, 1.0)
    last.position, last.color = 0.50, (0.48, 0.42, 0.34, 1.0)
    for position, colour in ((0.27, (0.60, 0.51, 0.38, 1.0)), (0.36, (0.64, 0.57, 0.46, 1.0)),
                             (0.41, (0.58, 0.55, 0.48, 1.0))):
        ramp.color_ramp.elements.new(position).color = colour
    shader = add(tree, "ShaderNodeBsdfPrincipled", (0, 0), inputs={
        "Base Color": (ramp, "Color"), "Roughness": 0.22, "Specular IOR Level": 0.5, "Coat Weight": 0.35,
        "Coat Roughness": 0.06})
    _finish(tree, (shader, "BSDF"))
    return material


def tongue_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """Tongue: rough with papillae under a film of saliva."""
    material, tree = _material(name, (0.50, 0.20, 0.18))
    place = add(tree, "ShaderNodeUVMap", (-900, -200))
    cells = add(tree, "ShaderNodeTexVoronoi", (-700, -200), label="Papillae",
                inputs={"Vector": (place, "UV"), "Scale": 90.0})
    bump = add(tree, "ShaderNodeBump", (-480, -200),
               inputs={"Strength": 0.35, "Distance": 0.0006, "Height": (cells, "Distance")})
    shader = add(tree, "ShaderNodeBsdfPrincipled", (0, 0), inputs={
        "Base Color": (0.47, 0.19, 0.17, 1.0), "Roughness": 0.45, "Specular IOR Level": 0.5,
        "Subsurface Weight": 1.0, "Subsurface Radius": (1.0, 0.4, 0.25), "Subsurface Scale": 0.012,
        "Coat Weight": 0.25, "Coat Roughness": 0.12, "Normal": (bump, "Normal")})
    _finish(tree, (shader, "BSDF"))
    return material


def mouth_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """Gums, palate and throat, dark red and moist, and the caruncles in the eyes' corners, pale pink and wet.

    Open bags, so no subsurface.
    """
    material, tree = _material(name, (0.50, 0.19, 0.17))
    place = add(tree, "ShaderNodeUVMap", (-1000, 200))
    sides = add(tree, "ShaderNodeSeparateXYZ", (-820, 200), inputs={"Vector": (place, "UV")})
    beyond = nodes.math(tree, "MAXIMUM", (sides, "X"), (sides, "Y"), (-640, 200))
    bead = nodes.math(tree, "LESS_THAN", beyond, CARUNCLE_SQUARE, (-460, 200), label="Caruncle")
    tint = add(tree, "ShaderNodeMix", (-260, 200), data_type="RGBA", inputs={
        "Factor_Float": bead, "A_Color": (0.48, 0.18, 0.16, 1.0), "B_Color": CARUNCLE_COLOUR})
    noise = add(tree, "ShaderNodeTexNoise", (-640, -200), label="Lumps",
                inputs={"Vector": (place, "UV"), "Scale": 170.0, "Detail": 2.0})
    bump = add(tree, "ShaderNodeBump", (-260, -200), inputs={
        "Strength": nodes.math(tree, "MULTIPLY", bead, 0.4, (-460, -60)), "Distance": 0.0004,
        "Height": (noise, "Fac" if "Fac" in noise.outputs else "Factor")})
    wet = nodes.math(tree, "MULTIPLY_ADD", bead, 0.25, (-260, 0), label="Wet")
    wet[0].inputs[2].default_value = 0.2
    shader = add(tree, "ShaderNodeBsdfPrincipled", (0, 0), inputs={
        "Base Color": (tint, "Result_Color"), "Roughness": 0.35, "Specular IOR Level": 0.5, "Coat Weight": wet,
        "Coat Roughness": 0.08, "Normal": (bump, "Normal")})
    _finish(tree, (shader, "BSDF"))
    return material


MAKERS = {"eye": eye_material, "cornea": cornea_material, "lash": lash_material, "brow": brow_material,
          "tear": tear_material, "teeth": teeth_material, "tongue": tongue_material, "mouth": mouth_material}
"""How each material name of the bundle is made; all take (name, maps)."""
