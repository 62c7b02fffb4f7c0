"""What a portrait needs around a head: a studio's light and backdrop, and a dark collar where the neck ends.

All of it is there for one picture and gone afterwards; an avatar owns none of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .. import compat
from . import mesh, names, nodes
from .avatar import Avatar

BACKDROP = (0.17, 0.18, 0.195)
"""Linear radiance behind the head; a mid grey, a little cool against skin."""
AMBIENT = (0.17, 0.175, 0.185)
"""Linear radiance from everywhere: keeps eye sockets and the mouth readable."""
LIGHTS = (  # name, place about the middle of the eyes in metres, side in metres, watts, colour
    ("key", (0.55, -0.95, 0.55), 0.6, 18.0, (1.0, 0.955, 0.90)),
    ("fill", (-0.85, -0.75, 0.10), 0.9, 7.0, (0.92, 0.96, 1.0)),
    ("rim", (-0.50, 0.75, 0.55), 0.4, 10.0, (1.0, 0.98, 0.95)),
)
COLLAR = (  # metres above the neck's border, metres out from it, how far towards the shoulders
    (0.006, 0.000, 0.0), (0.013, 0.003, 0.0), (0.010, 0.007, 0.0), (-0.004, 0.010, 0.01), (-0.020, 0.014, 0.10),
    (-0.038, 0.015, 0.45), (-0.060, 0.010, 0.85), (-0.120, 0.0, 1.0), (-0.250, 0.0, 1.1))
SHOULDERS = (0.21, 0.105)
"""Half the width and half the depth of a trunk below the shoulders, metres."""
AROUND = 72


@contextmanager
def studio(scene: bpy.types.Scene, avatar: Avatar) -> Iterator[None]:
    """Key, fill and rim light before a plain grey; the scene's own lights and world come back."""
    before, hidden = scene.world, [item for item in scene.objects if item.type == "LIGHT" and not item.hide_render]
    world = bpy.data.worlds.new("likeness scratch")
    tree = compat.node_tree(world)
    seen = nodes.add(tree, "ShaderNodeLightPath", (-400, 200))
    colour = nodes.add(tree, "ShaderNodeMix", (-200, 0), data_type="RGBA", inputs={
        "Factor_Float": (seen, "Is Camera Ray"), "A_Color": (*AMBIENT, 1.0), "B_Color": (*BACKDROP, 1.0)})
    ground = nodes.add(tree, "ShaderNodeBackground", (0, 0), inputs={"Color": (colour, "Result_Color")})
    nodes.add(tree, "ShaderNodeOutputWorld", (200, 0), inputs={"Surface": (ground, "Background")})
    place = avatar.rig.matrix_world @ Matrix.Translation(eyes(avatar))
    lamps = [_lamp(scene, place, *light) for light in LIGHTS]
    for item in hidden:
        item.hide_render = True
    scene.world = world
    try:
        yield
    finally:
        scene.world = before
        bpy.data.worlds.remove(world)
        for item in hidden:
            item.hide_render = False
        for lamp in lamps:
            data = lamp.data
            bpy.data.objects.remove(lamp)
            bpy.data.lights.remove(data)


def _lamp(scene: bpy.types.Scene, place: Matrix, name: str, at: tuple[float, float, float], side: float, watts: float,
          colour: tuple[float, float, float]) -> bpy.types.Object:
    data = bpy.data.lights.new(name, "AREA")
    data.size, data.energy, data.color = side, watts, colour
    lamp = bpy.data.objects.new(name, data)
    lamp.matrix_world = place @ Matrix.Translation(at) @ Vector(at).to_track_quat("Z", "Y").to_matrix().to_4x4()
    scene.collection.objects.link(lamp)
    return lamp


@contextmanager
def dressed(scene: bpy.types.Scene, avatar: Avatar) -> Iterator[None]:
    """A dark collar over the place where the neck ends, for as long as the block."""
    ring = mesh.rest_vertices(avatar.mesh)[neck_border(avatar)]
    garment = _garment(ring) if len(ring) > 2 else None
    if garment is not None:
        garment.matrix_world = avatar.rig.matrix_world
        scene.collection.objects.link(garment)
    try:
        yield
    finally:
        if garment is not None:
            cloth = garment.data
            (material,) = cloth.materials
            bpy.data.objects.remove(garment)
            bpy.data.meshes.remove(cloth)
            bpy.data.materials.remove(material)


def eyes(avatar: Avatar) -> Vector:
    """The middle between the eyes, in the rig's space."""
    bones = avatar.rig.data.bones
    return (names.find(bones, "eye_left").head_local + names.find(bones, "eye_right").head_local) / 2


def neck_border(avatar: Avatar) -> np.ndarray:
    """(N,) numbers of the vertices on the mesh's lowest open border: where the neck ends."""
    data: Any = avatar.mesh.data
    edge_of_loop = np.empty(len(data.loops), np.int32)
    data.loops.foreach_get("edge_index", edge_of_loop)
    ends = np.empty(len(data.edges) * 2, np.int32)
    data.edges.foreach_get("vertices", ends)
    open_edges = ends.reshape(-1, 2)[np.bincount(edge_of_loop, minlength=len(data.edges)) == 1]
    if not len(open_edges):
        return np.zeros(0, np.int32)
    heights = mesh.rest_vertices(avatar.mesh)[:, 2]
    inside = np.zeros(len(heights), bool)
    inside[open_edges.flat[heights[open_edges.reshape(-1)].argmin()]] = True
    count = 0
    while count != (count := int(inside.sum())):  # teeth and lashes have open borders too: only what hangs together
        inside[open_edges[inside[open_edges].any(1)]] = True
    return np.flatnonzero(inside)


def _garment(ring: np.ndarray) -> bpy.types.Object:
    """Loops from inside the collar out over the shoulders, about the neck's border (N, 3)."""
    centre = ring.mean(0)
    offset = ring[:, :2] - centre[:2]
    angle, radius = np.arctan2(offset[:, 1], offset[:, 0]), np.linalg.norm(offset, axis=1)
    order = np.argsort(angle)
    around = np.linspace(-np.pi, np.pi, AROUND, endpoint=False)
    radius = np.interp(around, angle[order], radius[order], period=2 * np.pi)
    height = np.interp(around, angle[order], ring[order, 2], period=2 * np.pi)
    direction = np.stack([np.cos(around), np.sin(around)], 1)
    trunk = direction * SHOULDERS
    loops = []
    for up, out, share in COLLAR:
        level = height + (height.min() - 0.01 - height) * min(share, 1.0) + up
        flat = direction * (radius + out)[:, None] * (1 - share) + trunk * share
        loops.append(np.concatenate([flat + centre[:2], level[:, None]], 1))
    vertices, first = np.concatenate(loops), np.arange(AROUND)
    following = np.roll(first, -1)
    faces = np.concatenate([np.stack([row + first, row + AROUND + first, row + AROUND + following, row + following], 1)
                            for row in range(0, AROUND * (len(COLLAR) - 1), AROUND)])
    data = bpy.data.meshes.new("likeness scratch")
    data.from_pydata(vertices.tolist(), [], faces.tolist())
    data.shade_smooth()
    material = bpy.data.materials.new("likeness scratch")
    tree = compat.node_tree(material)
    cloth = nodes.add(tree, "ShaderNodeBsdfPrincipled", (0, 0), inputs={
        "Base Color": (0.018, 0.019, 0.022, 1.0), "Roughness": 0.85, "Specular IOR Level": 0.2, "Sheen Weight": 0.15})
    nodes.add(tree, "ShaderNodeOutputMaterial", (300, 0), inputs={"Surface": (cloth, "BSDF")})
    data.materials.append(material)
    garment = bpy.data.objects.new("likeness scratch", data)
    smooth = garment.modifiers.new("Subdivision", "SUBSURF")
    smooth.levels = smooth.render_levels = 2
    return garment
