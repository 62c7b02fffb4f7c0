"""A three-point studio that stays in the scene: key, fill and rim about a head, to be turned and dimmed by hand."""

from __future__ import annotations

import bpy
from mathutils import Matrix, Vector

from .. import compat, strings
from . import nodes, stage
from .avatar import Avatar

TAG = "likeness_studio"  # on the collection and all that is in it
WORLD_BEFORE = "likeness_world"  # on the collection: which world shone before
AMBIENT = (0.05, 0.052, 0.056)
"""Linear radiance from everywhere: the fill light has the rest of the work."""
_KEY_SIZE = 0.25  # metres; the cross that the lamps hang on


def of(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The scene's studio."""
    return next((item for item in scene.collection.children_recursive if TAG in item), None)


def lamps(studio: bpy.types.Collection) -> list[bpy.types.Object]:
    """Key, fill, rim."""
    return [item for item in studio.objects if item.type == "LIGHT"]


def pivot(studio: bpy.types.Collection) -> bpy.types.Object | None:
    """What turns all three about the head."""
    return next((item for item in studio.objects if item.type == "EMPTY"), None)


def build(scene: bpy.types.Scene, avatar: Avatar) -> bpy.types.Collection:
    """Set the studio up about the avatar's eyes; one that is there moves to it as it is."""
    place = avatar.rig.matrix_world @ Matrix.Translation(stage.eyes(avatar))
    found = of(scene)
    if found is not None:
        centre = pivot(found)
        if centre is not None:
            centre.matrix_world = Matrix.Translation(place.translation)
        return found
    studio = bpy.data.collections.new(strings.STUDIO["name"])
    scene.collection.children.link(studio)
    centre = bpy.data.objects.new(strings.STUDIO["pivot"], None)
    centre.empty_display_type, centre.empty_display_size = "PLAIN_AXES", _KEY_SIZE
    centre.matrix_world = Matrix.Translation(place.translation)
    studio.objects.link(centre)
    for name, at, side, watts, colour in stage.LIGHTS:
        data = bpy.data.lights.new(strings.STUDIO[name], "AREA")
        data.size, data.energy, data.color = side, watts, colour
        lamp = bpy.data.objects.new(strings.STUDIO[name], data)
        lamp.parent = centre
        lamp.matrix_local = Matrix.Translation(at) @ Vector(at).to_track_quat("Z", "Y").to_matrix().to_4x4()
        studio.objects.link(lamp)
    studio[WORLD_BEFORE] = scene.world.name if scene.world else ""
    scene.world = _dim_world()
    for owner in (studio, *studio.objects, *(lamp.data for lamp in lamps(studio)), scene.world):
        owner[TAG] = 1
    return studio


def remove(scene: bpy.types.Scene) -> None:
    """Take the studio away; the world from before shines again, if it is still there and no other was chosen since."""
    studio = of(scene)
    if studio is None:
        return
    before = bpy.data.worlds.get(studio[WORLD_BEFORE]) if studio.get(WORLD_BEFORE) else None
    if scene.world is not None and TAG in scene.world:
        dim, scene.world = scene.world, before
        if not dim.users:
            bpy.data.worlds.remove(dim)
    for item in list(studio.objects):
        data = item.data
        bpy.data.objects.remove(item)
        if data is not None and not data.users:
            bpy.data.lights.remove(data)
    bpy.data.collections.remove(studio)


def _dim_world() -> bpy.types.World:
    world = bpy.data.worlds.new(strings.STUDIO["name"])
    tree = compat.node_tree(world)
    ground = nodes.add(tree, "ShaderNodeBackground", (0, 0), inputs={"Color": (*AMBIENT, 1.0)})
    nodes.add(tree, "ShaderNodeOutputWorld", (200, 0), inputs={"Surface": (ground, "Background")})
    return world
