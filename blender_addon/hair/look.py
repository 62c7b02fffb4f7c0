"""What hair looks like: melanin in Cycles, plain colour with a shine in EEVEE, of every hair its own.

Cycles' hair (Chiang et al. 2016) is told two pigments. They follow from the albedo that the photo shows by the same
paper's fit of the colour that a mass of hair has: absorption = (ln albedo / k)², k a polynomial in the roughness.
"""

from __future__ import annotations

import bpy
import numpy as np

from .. import compat
from ..scene.nodes import add

COLOUR, MELANIN, REDNESS = "likeness_colour", "likeness_melanin", "likeness_redness"
ROUGHNESS = 0.3
EUMELANIN, PHEOMELANIN = (0.506, 0.841, 1.653), (0.343, 0.733, 1.924)
"""Absorption of a unit of each, per hair radius, as Blender has it (`svm_node_closure_bsdf`)."""


def pigments(albedo: np.ndarray, alone: float) -> tuple[np.ndarray, np.ndarray]:
    """Melanin (N,) and its redness (N,), both 0..1, of hairs whose mass looks like `albedo` (N, 3) linear.

    `alone` raises the absorption of hairs that stand apart: light passes one of them where it would meet many.
    """
    b = ROUGHNESS
    k = 5.969 - 0.215 * b + 2.532 * b**2 - 10.73 * b**3 + 5.574 * b**4 + 0.245 * b**5
    absorbed = alone * (np.log(np.clip(albedo, 0.002, 0.9)) / k) ** 2
    basis = np.array([EUMELANIN, PHEOMELANIN])
    both = absorbed @ np.linalg.pinv(basis)
    single = np.maximum(absorbed @ basis.T / (basis**2).sum(1), 0)
    black = np.where((both < 0).any(1), np.where(both[:, 1] < 0, single[:, 0], 0), both[:, 0])
    red = np.where((both < 0).any(1), np.where(both[:, 1] < 0, 0, single[:, 1]), both[:, 1])
    total = np.maximum(black + red, 1e-6)
    return np.clip(1 - np.exp(-total), 0, 0.9999), np.clip(red / total, 0, 1)


def material(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    """Hair whose curves carry their own pigments; `colour` is for the solid viewport."""
    made = bpy.data.materials.new(name)
    made.diffuse_color = (*colour, 1.0)
    made.roughness = 0.6
    tree = compat.node_tree(made)
    melanin = add(tree, "ShaderNodeAttribute", (-600, 300), attribute_name=MELANIN, label="Melanin of each hair")
    red = add(tree, "ShaderNodeAttribute", (-600, 120), attribute_name=REDNESS, label="Its redness")
    fibre = add(tree, "ShaderNodeBsdfHairPrincipled", (-200, 300), parametrization="MELANIN", inputs={
        "Melanin": (melanin, "Fac"), "Melanin Redness": (red, "Fac"), "Roughness": ROUGHNESS,
        "Radial Roughness": ROUGHNESS, "Coat": 0.0, "IOR": 1.55})
    compat.set_default(fibre, "Random Roughness", 0.1)
    own = add(tree, "ShaderNodeAttribute", (-600, -200), attribute_name=COLOUR, label="Colour of each hair")
    plain = add(tree, "ShaderNodeBsdfPrincipled", (-200, -200), inputs={
        "Base Color": (own, "Color"), "Roughness": 0.45, "Specular IOR Level": 0.35})
    add(tree, "ShaderNodeOutputMaterial", (200, 300), target="CYCLES", label="Cycles", inputs={
        "Surface": (fibre, "BSDF")})
    add(tree, "ShaderNodeOutputMaterial", (200, -200), target="EEVEE", label="EEVEE", inputs={
        "Surface": (plain, "BSDF")})
    return made
