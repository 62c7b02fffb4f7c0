"""Everything that is not skin: eyeballs, corneas, teeth, tongue, the inside of the mouth, lashes.

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
CAP_UV_RADIUS = 0.5 * 36.0 / 110.0
"""Where the default head's cornea ends, inside the eyeball."""

CONTACT = 0.006
"""Metres within which a lid darkens the eyeball: about half of an open eye's height."""


def _material(name: str, look: tuple[float, float, float]) -> tuple[bpy.types.Material, bpy.types.NodeTree]:
    material = bpy.data.materials.new(name)
    material.diffuse_color = (*look, 1.0)
    return material, compat.node_tree(material)


def _finish(tree: bpy.types.NodeTree, surface: nodes.Socket, at: tuple[float, float] = (300, 0),
            target: str = "ALL") -> None:
    add(tree, "ShaderNodeOutputMaterial", at, target=target, inputs={"Surface": surface})


def _tissue(name: str, colour: tuple[float, float, float], *, roughness: float, specular: float, scale: float,
            weight: float, coat: float = 0.0) -> bpy.types.Material:
    """A plain moist tissue; `scale` metres of subsurface."""
    material, tree = _material(name, colour)
    shader = add(tree, "ShaderNodeBsdfPrincipled", (0, 0), inputs={
        "Base Color": (*colour, 1.0), "Roughness": roughness, "Specular IOR Level": specular,
        "Subsurface Weight": weight, "Subsurface Radius": (1.0, 0.4, 0.25), "Subsurface Scale": scale,
        "Coat Weight": coat, "Coat Roughness": 0.08})
    _finish(tree, (shader, "BSDF"))
    return material


def eye_material(name: str, maps: dict[str, bpy.types.Image]) -> bpy.types.Material:
    """The eyeball: the photo's iris and sclera, soft sclera, wet outside the cornea."""
    material, tree = _material(name, (0.8, 0.78, 0.76))
    radius = _gaze_radius(tree, (-1100, -200))
    if "eye_albedo" in maps:
        colour = nodes.image(tree, maps["eye_albedo"], (-720, 250), label="Iris and sclera from the photo")
    else:
        colour = _painted_eye(tree, radius)
    # Away from the iris the lids and the socket keep light and colour from the sclera; the UV ring is about the gaze.
    shade = add(tree, "ShaderNodeMapRange", (-520, -200), label="Towards the socket", inputs={
        "Value": radius, "From Min": IRIS_UV_RADIUS * 1.25, "From Max": 0.36, "To Min": 0.0, "To Max": 1.0})
    warm = add(tree, "ShaderNodeMix", (-300, 150), data_type="RGBA", blend_type="MULTIPLY", inputs={
        "Factor_Float": (shade, "Result"), "A_Color": colour, "B_Color": (0.80, 0.62, 0.57, 1.0)})
    # Lids and lashes touch the eyeball: a soft contact shadow, without which the sclera glows.
    contact = add(tree, "ShaderNodeAmbientOcclusion", (-520, 480), label="Contact shadow of the lids", samples=4,
                  inputs={"Distance": CONTACT})
    dark = add(tree, "ShaderNodeMapRange", (-300, 480), inputs={
        "Value": (contact, "AO"), "From Min": 0.15, "From Max": 0.95, "To Min": 0.35, "To Max": 0.92})
    bare = add(tree, "ShaderNodeMapRange", (-300, 760), label="Beyond the cornea, which would cover the iris", inputs={
        "Value": radius, "From Min": IRIS_UV_RADIUS * 1.05, "From Max": IRIS_UV_RADIUS * 1.35})
    tinted = add(tree, "ShaderNodeMix", (-130, 300), data_type="RGBA", blend_type="MULTIPLY", inputs={
        "Factor_Float": (bare, "Result"), "A_Color": (warm, "Result_Color"), "B_Color": (dark, "Result")})
    soft = add(tree, "ShaderNodeMapRange", (-300, -200), label="Outside the limbus", inputs={
        "Value": radius, "From Min": IRIS_UV_RADIUS * 0.95, "From Max": IRIS_UV_RADIUS * 1.1})
    # Light that wanders inside the sclera must not come out under the cornea's border, which lies within the eyeball.
    deep = add(tree, "ShaderNodeMapRange", (-300, -480), label="Sclera beyond the cornea", inputs={
        "Value": radius, "From Min": CAP_UV_RADIUS * 1.1, "From Max": CAP_UV_RADIUS * 1.4})
    # Iris and pupil lie in fluid of nearly their own index: only the cornea over them shines.
    wet = nodes.math(tree, "MULTIPLY", (soft, "Result"), 0.4, (-150, -320), label="Shine outside the cornea")
    shader = add(tree, "ShaderNodeBsdfPrincipled", (0, 0), inputs={
        "Base Color": (tinted, "Result_Color"), "Roughness": 0.35, "Specular IOR Level": wet,
        "Subsurface Weight": (deep, "Result"), "Subsurface Radius": (1.0, 0.5, 0.35), "Subsurface Scale": 0.004,
        "Coat Weight": (soft, "Result"), "Coat Roughness": 0.06, "Coat IOR": 1.34})  # the tear film
    _finish(tree, (shader, "BSDF"))
    return material


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
    material, tree = _material(name, (0.9, 0.95, 1.0))
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


def lash_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """Lashes: single hairs of geometry, v running from the root to the tip, where they thin out."""
    material, tree = _material(name, (0.03, 0.02, 0.015))
    place = add(tree, "ShaderNodeUVMap", (-900, 200))
    along = add(tree, "ShaderNodeSeparateXYZ", (-720, 200), inputs={"Vector": (place, "UV")})
    solid = add(tree, "ShaderNodeMapRange", (-540, 200), label="Thins out towards the tip", inputs={
        "Value": (along, "Y"), "From Min": 0.35, "From Max": 1.0, "To Min": 1.0, "To Max": 0.15})
    hair = add(tree, "ShaderNodeBsdfPrincipled", (-300, 0), label="Hair", inputs={
        "Base Color": (0.022, 0.014, 0.010, 1.0), "Roughness": 0.5, "Specular IOR Level": 0.35})
    clear = add(tree, "ShaderNodeBsdfTransparent", (-300, 200), label="Gap")
    gap = add(tree, "ShaderNodeMixShader", (0, 100), inputs={
        "Fac": (solid, "Result"), "Shader": (clear, "BSDF"), "Shader_001": (hair, "BSDF")})
    _finish(tree, (gap, "Shader"))
    compat.set_dithered(material)
    material.use_transparent_shadow = True
    return material


def teeth_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """Enamel: warm off-white and wet. Open shells, through which light cannot wander: no subsurface."""
    return _tissue(name, (0.62, 0.54, 0.43), roughness=0.25, specular=0.5, scale=0.001, weight=0.0, coat=0.3)


def tongue_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """Tongue."""
    return _tissue(name, (0.50, 0.20, 0.18), roughness=0.42, specular=0.5, scale=0.012, weight=1.0, coat=0.2)


def mouth_material(name: str, _maps: dict[str, Any]) -> bpy.types.Material:
    """Gums, palate and throat: dark red and moist. An open bag, so no subsurface either."""
    return _tissue(name, (0.50, 0.19, 0.17), roughness=0.35, specular=0.5, scale=0.001, weight=0.0, coat=0.2)


MAKERS = {"eye": eye_material, "cornea": cornea_material, "lash": lash_material, "teeth": teeth_material,
          "tongue": tongue_material, "mouth": mouth_material}
"""How each material name of the bundle is made; all take (name, maps)."""
