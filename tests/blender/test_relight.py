"""Lights to choose from, a studio that stays, a turntable, the suggested look."""

import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector

from blender_addon import compat, lights, pictures, preferences
from blender_addon.scene import relight, render, stage, studio, textures

HDRIS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of the user's own, with one environment in it."""
    textures.write_exr(tmp_path / "Küche 顔.exr", np.full((8, 16, 3), 0.5, np.float32))
    (tmp_path / "notes.txt").write_text("x")
    monkeypatch.setattr(preferences, "get", lambda _context: type("P", (), {"hdri_folder": str(tmp_path)}))
    return tmp_path


def test_lights_are_blenders_the_photos_and_the_users_each_with_a_number_of_its_own(avatar, folder):
    found = lights.items(None, bpy.context)
    names = [item[0] for item in found]
    assert names == [*HDRIS, "photo:0", "photo:1", "own:Küche 顔.exr"]
    assert len({item[4] for item in found}) == len(found)
    for file in (relight.hdri_folder() / "city.exr", folder / "Küche 顔.exr"):  # icons as such need a window
        assert min(pictures.size(file)) > 0


def test_choosing_lights_the_scene_only_once_it_was_asked_to(avatar, folder):
    scene, settings = bpy.context.scene, bpy.context.scene.likeness
    settings.hdri, settings.strength = "forest", 2.0
    assert scene.world is None, "offered, not forced"
    assert bpy.ops.likeness.hdri(hdri="own:Küche 顔.exr", rotation=0.5, strength=1.5) == {"FINISHED"}
    tree = scene.world.node_tree
    assert "Küche" in next(node.image.name for node in tree.nodes if node.type == "TEX_ENVIRONMENT")
    settings.rotation, settings.strength = 1.0, 3.0
    assert tree.nodes[relight.ROTATION_NODE].inputs["Rotation"].default_value[2] == pytest.approx(1.0)
    assert tree.nodes[relight.STRENGTH_NODE].inputs["Strength"].default_value == pytest.approx(3.0)
    settings.hdri = "photo:1"
    assert "photo_light_1" in next(node.image.name for node in tree.nodes if node.type == "TEX_ENVIRONMENT")
    assert tree.nodes[relight.STRENGTH_NODE].inputs["Strength"].default_value == pytest.approx(3.0)


def test_a_light_that_is_gone_is_told(avatar, folder):
    bpy.context.scene.likeness.hdri = "own:Küche 顔.exr"
    (folder / "Küche 顔.exr").unlink()
    with pytest.raises(Exception, match="There is no environment Küche"):
        lights.use(bpy.context, "own:Küche 顔.exr", 0.0, 1.0)


def test_a_studio_stands_about_the_eyes_moves_along_and_leaves_no_trace(avatar):
    scene = bpy.context.scene
    relight.light_with_hdri(scene, "city")
    world = scene.world
    before = {store: len(getattr(bpy.data, store)) for store in ("objects", "lights", "worlds", "collections")}
    assert not bpy.ops.likeness.remove_studio.poll()
    assert bpy.ops.likeness.studio() == {"FINISHED"}
    found = studio.of(scene)
    lamps = studio.lamps(found)
    assert len(lamps) == 3
    bpy.context.view_layer.update()
    eyes = avatar.rig.matrix_world @ stage.eyes(avatar)
    for lamp in lamps:
        towards = (eyes - lamp.matrix_world.translation).normalized()
        assert (lamp.matrix_world.to_3x3() @ Vector((0, 0, -1))).dot(towards) > 0.999
    assert scene.world != world
    avatar.rig.location.x += 1.0
    bpy.context.view_layer.update()
    lamps[0].data.energy = 99.0
    bpy.ops.likeness.studio()
    assert studio.pivot(found).matrix_world.translation.x == pytest.approx(eyes.x + 1.0, abs=1e-5)
    assert lamps[0].data.energy == 99.0, "it is the artist's now"
    assert bpy.ops.likeness.remove_studio() == {"FINISHED"}
    assert scene.world == world
    assert {store: len(getattr(bpy.data, store)) for store in before} == before


def test_a_turntable_goes_once_round_and_ends_where_it_began(avatar, tmp_path):
    scene = bpy.context.scene
    avatar.rig.location = (1.0, 2.0, 0.5)
    bpy.context.view_layer.update()
    assert bpy.ops.likeness.turntable(frames=8) == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (1, 8)
    middle = Vector(render.portrait_target(avatar).tolist())
    angles = []
    for frame in (1, 3, 5, 9):
        scene.frame_set(frame)
        place = scene.camera.matrix_world
        away = place.translation - middle
        assert away.length == pytest.approx(render.FACE_HEIGHT * render.PORTRAIT_LENS / 36.0, rel=1e-4)
        assert (place.to_3x3() @ Vector((0, 0, 1))).dot(away.normalized()) > 0.9999
        angles.append(math.degrees(math.atan2(away.y, away.x)) % 360)
    assert angles == pytest.approx([270.0, 0.0, 90.0, 270.0], abs=0.01)
    bpy.ops.likeness.turntable(frames=4, filepath=str(tmp_path / "Ada"))
    assert len([item for item in avatar.collection.objects if item.type == "CAMERA"]) == 1
    assert scene.render.filepath.startswith(str(tmp_path / "Ada"))


def test_a_rendered_turntable_is_a_video_or_numbered_pictures(avatar, tmp_path):
    scene = bpy.context.scene
    scene.render.engine, scene.render.resolution_x, scene.render.resolution_y = "BLENDER_WORKBENCH", 64, 64
    assert bpy.ops.likeness.turntable(frames=3, filepath=str(tmp_path / "Größe"), render=True) == {"FINISHED"}
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made in (["Größe.mp4"], [f"Größe_{number:04d}.png" for number in (1, 2, 3)])
    assert all(path.stat().st_size > 500 for path in tmp_path.iterdir())


def test_the_suggested_look_is_blenders_own_settings_and_the_portrait_sees_the_face(avatar):
    scene = bpy.context.scene
    scene.view_settings.exposure = 2.0
    assert bpy.ops.likeness.suggest_look() == {"FINISHED"}
    assert (scene.view_settings.exposure, scene.cycles.samples) == (0.0, 128)
    assert scene.view_settings.view_transform in ("AgX", "Standard")
    for _ in range(2):
        assert bpy.ops.likeness.portrait() == {"FINISHED"}
    (camera,) = [item for item in avatar.collection.objects if item.type == "CAMERA"]
    assert scene.camera == camera
    assert compat.eevee() in ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT")
