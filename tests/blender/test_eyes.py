"""Materials of eyes, tears, hairs and mouth: what they take from the maps, and what light does with them."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat
from blender_addon.scene import eyes, render


def picture(name: str, colour: tuple[float, float, float, float]) -> bpy.types.Image:
    image = bpy.data.images.new(name, 4, 4, alpha=True, float_buffer=True)
    image.pixels.foreach_set(np.tile(np.array(colour, np.float32), 16))
    image.update()
    return image


def upstream(socket: bpy.types.NodeSocket) -> set[bpy.types.Node]:
    """Every node that feeds a socket."""
    found: set[bpy.types.Node] = set()
    waiting = [link.from_node for link in socket.links]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [link.from_node for entry in node.inputs for link in entry.links]
    return found


@pytest.mark.parametrize("name", sorted(eyes.MAKERS))
def test_every_material_is_whole_with_and_without_maps(name, scene):
    maps = {key: picture(key, (0.5, 0.4, 0.3, 1)) for key in ("eye_albedo", "eye_albedo_right", "brow_albedo",
                                                              "lash_albedo")}
    for given in ({}, maps):
        material = eyes.MAKERS[name]("Part", given)
        outputs = [node for node in material.node_tree.nodes if node.type == "OUTPUT_MATERIAL"]
        for engine in ("CYCLES", "EEVEE"):
            target = [node for node in outputs if node.target in (engine, "ALL")]
            assert len(target) == 1
            assert upstream(target[0].inputs["Surface"])
        used = {node.image.name for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
        wanted = {key for key in given if key.split("_")[0] == name}
        assert used == wanted


def test_eyes_of_two_colours_are_told_apart_by_the_undeformed_mesh(scene):
    material = eyes.eye_material("Eye", {"eye_albedo": picture("left", (0, 0, 1, 1)),
                                         "eye_albedo_right": picture("right", (0, 1, 0, 1))})
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    feeding = upstream(shader.inputs["Base Color"])
    assert {node.image.name for node in feeding if node.type == "TEX_IMAGE"} == {"left", "right"}
    coordinate = next(node for node in feeding if node.type == "TEX_COORD")
    assert coordinate.outputs["Generated"].is_linked


def through(scene: bpy.types.Scene, material: bpy.types.Material, tmp_path: Path) -> np.ndarray:
    """(3,) of a small picture of a card of that material, lit by a white world, before a green wall."""
    for depth, owner in ((0.0, material), (1.0, None)):
        bpy.ops.mesh.primitive_plane_add(size=4, location=(0, depth, 0), rotation=(np.pi / 2, 0, 0))
        if owner is None:
            owner, tree = bpy.data.materials.new("Wall"), None
            tree = compat.node_tree(owner)
            glow = tree.nodes.new("ShaderNodeEmission")
            glow.inputs["Color"].default_value = (0, 1, 0, 1)
            out = tree.nodes.new("ShaderNodeOutputMaterial")
            tree.links.new(glow.outputs[0], out.inputs["Surface"])
        bpy.context.object.data.materials.append(owner)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -2, 0), (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    look = render.Look(width=16, height=16, samples=8, view_transform="Standard")
    return render.read_png(render.still(scene, tmp_path / "card.png", look))[..., :3].mean((0, 1))


@pytest.mark.parametrize(("cover", "seen"), [(0.0, True), (1.0, False)])
def test_a_hair_covers_what_its_map_says(cover, seen, scene, tmp_path):
    material = eyes.brow_material("Brow", {"brow_albedo": picture("brow_albedo", (0.05, 0.03, 0.02, cover))})
    # All of the card is root: where hairs thin out towards the tip is not what is asked.
    ramp = next(node for node in material.node_tree.nodes if node.type == "MAP_RANGE")
    ramp.inputs["To Max"].default_value = 1.0
    green = through(scene, material, tmp_path)[1]
    assert green > 0.9 if seen else green < 0.15


def test_tears_are_clear_from_in_front(scene, tmp_path):
    colour = through(scene, eyes.tear_material("Tear", {}), tmp_path)
    assert colour[1] > 0.9, "no milky film"
    assert colour[0] < 0.15
