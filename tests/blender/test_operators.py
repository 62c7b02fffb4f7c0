"""The small buttons, pressed as a script presses them: expressions, reset, photo match, the photo's light."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import avatar_operators, face_operators, job_operators, light_operators, operators, strings
from blender_addon.hair import operators as hair_operators
from blender_addon.panels import menu
from blender_addon.scene import expression, relight, rig, textures

from . import panel_check


def test_a_preset_sets_its_keys_and_no_other(avatar):
    avatar.mesh.data.shape_keys.key_blocks["tongueOut"].value = 0.5
    assert bpy.ops.likeness.expression(expression="smile", amount=0.5) == {"FINISHED"}
    wanted = {name: value * 0.5 for name, value in expression.PRESETS["smile"].items()}
    assert expression.current(avatar.mesh) == pytest.approx(wanted)


def test_presets_name_keys_that_exist_within_their_range(avatar):
    keys = avatar.mesh.data.shape_keys.key_blocks
    assert set(expression.LABELS) == set(expression.PRESETS) >= set(expression.SHEET)
    for weights in expression.PRESETS.values():
        assert all(name in keys and 0 < value <= 1 for name, value in weights.items())


def test_reset_rests_face_and_bones(avatar, bundle):
    names = bundle.geometry["joint_names"].tolist()
    expression.apply(avatar.mesh, {"jawOpen": 1.0})
    rig.set_pose(avatar.rig, names, np.full((len(names), 3), 0.3))
    assert bpy.ops.likeness.reset() == {"FINISHED"}
    assert expression.current(avatar.mesh) == {}
    assert rig.get_pose(avatar.rig, names) == pytest.approx(
        np.where([[name.startswith("eye")] for name in names], bundle.parameters["pose"][0], 0), abs=1e-6)


def test_photo_match_by_button_sets_camera_light_and_background(avatar, tmp_path):
    photo = tmp_path / "photo.png"
    textures.write_png(photo, np.full((640, 480, 3), 0.5, np.float32))
    assert bpy.ops.likeness.photo_match(view=0, photo=str(photo)) == {"FINISHED"}
    scene = bpy.context.scene
    assert scene.camera.name.startswith("Ada Photo 0")
    assert Path(scene.camera.data.background_images[0].image.filepath) == photo
    assert scene.world.name == relight.WORLD


def test_a_photo_that_is_not_there_is_refused_with_the_range(avatar):
    with pytest.raises(RuntimeError, match="0 to 1"):
        bpy.ops.likeness.photo_match(view=7)


def test_the_photos_light_travels_with_the_file(avatar, tmp_path):
    assert bpy.ops.likeness.photo_light(view=1) == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    (light,) = [picture for picture in textures.ours() if "photo_light" in picture.filepath]
    assert light.filepath.startswith("//textures")
    assert textures.file_of(light).is_file()
    assert light.colorspace_settings.name == textures.LINEAR


def test_a_bundle_is_never_written_to(avatar, known):
    before = {path: path.stat().st_mtime_ns for path in known.folder.rglob("*")}
    bpy.ops.likeness.photo_match(view=0)
    bpy.ops.likeness.photo_light(view=1)
    assert {path: path.stat().st_mtime_ns for path in known.folder.rglob("*")} == before


def test_melanin_darkens_blue_more_than_red(avatar):
    from blender_addon.scene import skin

    node = skin.controls(avatar.mesh.data.materials[0])
    assert {socket.name for socket in node.inputs} >= set(strings.SKIN_INPUT)
    assert node.inputs["Melanin"].default_value == 0.0, "at rest the skin is the photo's"
    assert skin.MELANIN[0] > skin.MELANIN[1] > skin.MELANIN[2]


ASKS = {"likeness.remove_photo", "likeness.forget_job", "likeness.check_photos", "likeness.list_heads"}
"""Buttons beside what they are about, in a list: alone they would have nothing to act on."""


def test_f3_finds_every_operator_of_the_panels_in_a_menu(scene):
    layout = panel_check.Layout()
    panel_check.draw(menu.LIKENESS_MT_likeness, layout)
    ours = {cls.bl_idname for cls in (*operators.CLASSES, *job_operators.CLASSES, *face_operators.CLASSES,
                                      *light_operators.CLASSES, *avatar_operators.CLASSES, *hair_operators.CLASSES)}
    of_lists = {"likeness.save_expression", "likeness.delete_expression"}  # + and - beside the presets
    assert ours - set(layout.operators) <= ASKS | of_lists
    assert len(layout.operators) == len(set(layout.operators))
    for host, draw in menu.HOSTS:
        hung_in = getattr(bpy.types, host)._dyn_ui_initialize()
        assert hung_in.count(draw) == 1
        draw(type("Drawn", (), {"layout": layout})(), bpy.context)


def test_every_operator_has_a_name_and_a_tooltip():
    for cls in (*operators.CLASSES, *job_operators.CLASSES, *face_operators.CLASSES, *light_operators.CLASSES,
                *avatar_operators.CLASSES):
        assert cls.bl_label, cls
        assert cls.bl_description, cls
        assert cls.bl_idname.removeprefix("likeness.") in strings.OPERATOR
