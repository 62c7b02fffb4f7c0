"""Lights: the environments that ship with Blender, and the light the photo was taken in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import bpy
import numpy as np

from .. import compat
from . import nodes, textures

WORLD = "Likeness Light"
LINEAR_SUFFIXES = (".exr", ".hdr")
ROTATION_NODE, STRENGTH_NODE = "Turn", "Brightness"
SH_SIZE = (64, 128)
"""Height and width of the photo light's image; order-2 harmonics hold nothing finer."""

_items: list[tuple[str, str, str]] = []  # Blender keeps no reference to the strings of a dynamic enumeration


def hdri_folder() -> Path:
    """Where this Blender keeps its CC0 environments."""
    return Path(bpy.utils.system_resource("DATAFILES", path="studiolights/world"))


def hdri_items() -> list[tuple[str, str, str]]:
    """Enumeration items of the shipped environments."""
    if not _items:
        _items.extend((path.stem, path.stem.title(), "") for path in sorted(hdri_folder().glob("*.exr")))
    return _items


def light_with_hdri(scene: bpy.types.Scene, name: str, rotation: float = 0.0, strength: float = 1.0) -> bpy.types.World:
    """Light the scene with a shipped environment, or with any image file when `name` is a path.

    `rotation` radians about +Z, counter-clockwise seen from above for the light itself.
    """
    path = Path(name) if Path(name).suffix else hdri_folder() / f"{name}.exr"
    # Tagged as an avatar's images are: saved, it follows the .blend, which then names no folder of the user's.
    tag = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()
    known = next((picture for picture in textures.ours()
                  if picture[textures.TAG] == tag and textures.file_of(picture).is_file()), None)
    space = textures.LINEAR if path.suffix.lower() in LINEAR_SUFFIXES else textures.SRGB
    return light_with_image(scene, known or textures.load(path, space, tag, WORLD), rotation, strength)


def light_with_image(scene: bpy.types.Scene, picture: bpy.types.Image, rotation: float,
                     strength: float) -> bpy.types.World:
    """Light the scene with a linear equirectangular image."""
    world = bpy.data.worlds.get(WORLD) or bpy.data.worlds.new(WORLD)
    tree = compat.node_tree(world)
    place = nodes.add(tree, "ShaderNodeTexCoord", (-800, 0))
    turn = nodes.add(tree, "ShaderNodeMapping", (-600, 0), label="Turn", vector_type="TEXTURE",
                     inputs={"Vector": (place, "Generated"), "Rotation": (0.0, 0.0, rotation)})
    turn.name = ROTATION_NODE
    picture_node = nodes.add(tree, "ShaderNodeTexEnvironment", (-400, 0), image=picture,
                             inputs={"Vector": (turn, "Vector")})
    background = nodes.add(tree, "ShaderNodeBackground", (-100, 0), label="Brightness",
                           inputs={"Color": (picture_node, "Color"), "Strength": strength})
    background.name = STRENGTH_NODE
    nodes.add(tree, "ShaderNodeOutputWorld", (100, 0), inputs={"Surface": (background, "Background")})
    compat.no_hard_sun(world)
    scene.world = world
    return world


def is_ours(world: bpy.types.World) -> bool:
    """Whether a world's light can be turned and dimmed by `turn_light`."""
    return world.node_tree is not None and ROTATION_NODE in world.node_tree.nodes and (
        STRENGTH_NODE in world.node_tree.nodes)


def turn_light(scene: bpy.types.Scene, rotation: float, strength: float) -> None:
    """Change rotation (radians about +Z) and strength of the light that is there."""
    tree = scene.world.node_tree
    tree.nodes[ROTATION_NODE].inputs["Rotation"].default_value[2] = rotation
    tree.nodes[STRENGTH_NODE].inputs["Strength"].default_value = strength


def sh_image(light_sh: np.ndarray, height: int = SH_SIZE[0], width: int = SH_SIZE[1]) -> np.ndarray:
    """`light_sh` (9, 3), linear radiance over world directions -> equirectangular (H, W, 3), never negative.

    Basis of Ramamoorthi and Hanrahan 2001 in the bundle's order; texel directions as Cycles reads a world image:
    row 0 looks up, the middle column along +X, columns clockwise seen from above.
    """
    elevation = (0.5 - (np.arange(height) + 0.5) / height)[:, None] * np.pi
    angle = (0.5 - (np.arange(width) + 0.5) / width)[None, :] * 2 * np.pi
    x, y = np.cos(elevation) * np.cos(angle), np.cos(elevation) * np.sin(angle)
    z = np.broadcast_to(np.sin(elevation), x.shape)
    basis = np.stack([
        np.full_like(x, 0.28209479), 0.48860251 * y, 0.48860251 * z, 0.48860251 * x, 1.09254843 * x * y,
        1.09254843 * y * z, 0.31539157 * (3 * z * z - 1), 1.09254843 * x * z, 0.54627422 * (x * x - y * y)], -1)
    return np.maximum(basis @ light_sh, 0.0).astype(np.float32)


def light_of_photo(scene: bpy.types.Scene, light_sh: np.ndarray, path: Path, avatar_id: str,
                   avatar_name: str) -> bpy.types.World:
    """Light the scene with the recovered light (9, 3) of one photo; `path` is the EXR it is written to."""
    textures.write_exr(path, sh_image(light_sh))
    for old in [picture for picture in textures.ours() if textures.file_of(picture) == path]:
        bpy.data.images.remove(old)
    picture = textures.load(path, textures.LINEAR, avatar_id, avatar_name)
    return light_with_image(scene, picture, 0.0, 1.0)
