"""Wrinkles of expressions: driven by the shapes, worn by duplicates, kept in files, seen, and exported."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon import compat
from blender_addon.bundle import read_bundle
from blender_addon.errors import InputError
from blender_addon.export import heights, job, looks, presets, source
from blender_addon.export import wrinkles as exported
from blender_addon.scene import avatar as avatars
from blender_addon.scene import expression, render, resolution, skin, textures, wrinkles

from .conftest import backend_python
from .export_check import Glb, avatar_of
from .gltf_check import validate

UPPER, MIDDLE, LOWER = "wrinkles_upper", "wrinkles_middle", "wrinkles_lower"


def weights(avatar, name: str, side: str) -> list[float]:
    bpy.context.view_layer.update()
    whole = avatar.mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return [round(float(value), 4) for value in whole[wrinkles.property_of(name, side)]]


def group_node(avatar) -> bpy.types.Node:
    return next(filter(None, map(skin.controls, avatar.mesh.data.materials)))


def test_at_rest_nothing_is_on(avatar):
    for name in (UPPER, MIDDLE, LOWER):
        for side in wrinkles.SIDES:
            assert weights(avatar, name, side) == [0, 0, 0]


def test_a_shape_of_one_side_calls_that_sides_wrinkles(avatar):
    expression.apply(avatar.mesh, {"browOuterUpLeft": 0.5, "browInnerUp": 0.25})
    assert weights(avatar, UPPER, "left")[:2] == [0.25, 0.5]
    assert weights(avatar, UPPER, "right")[:2] == [0.25, 0.0]


def test_several_shapes_add_up_to_no_more_than_one(avatar, bundle):
    entry = next(entry for entry in bundle.metadata["wrinkles"]["groups"] if entry["name"] == "nasolabial")
    assert entry["map"] == MIDDLE
    assert entry["channel"] == "b"
    expression.apply(avatar.mesh, {"mouthDimpleLeft": 0.5, "mouthStretchLeft": 0.5})
    wanted = 0.5 * (entry["left"]["mouthDimpleLeft"] + entry["left"]["mouthStretchLeft"])
    assert weights(avatar, MIDDLE, "left")[2] == pytest.approx(wanted, abs=1e-4)
    expression.apply(avatar.mesh, dict.fromkeys(ARKIT_NAMES, 1.0))
    assert all(value == 1 for name in (UPPER, MIDDLE, LOWER) for value in weights(avatar, name, "right"))


def test_the_drivers_run_where_python_may_not(avatar):
    curves = avatar.mesh.animation_data.drivers
    assert len(curves) == 18
    assert all(curve.driver.is_valid and curve.driver.is_simple_expression for curve in curves)


def test_eevee_can_hold_the_attributes(avatar):
    tree = group_node(avatar).id_data
    names = {node.attribute_name for node in tree.nodes if node.type == "ATTRIBUTE"}
    assert names == {wrinkles.property_of(name, side) for name in (UPPER, MIDDLE, LOWER) for side in wrinkles.SIDES}
    assert len(names) <= 8, "EEVEE reads no more of an object"


def test_a_duplicate_folds_by_itself(avatar):
    for item in (avatar.rig, avatar.mesh):
        item.select_set(True)
    bpy.ops.object.duplicate()
    copy = next(item for item in avatars.in_scene(bpy.context.scene) if item.mesh != avatar.mesh)
    expression.apply(copy.mesh, {"browInnerUp": 1.0})
    assert weights(copy, UPPER, "left")[0] == 1.0
    assert weights(avatar, UPPER, "left")[0] == 0.0


def test_they_follow_through_resolutions(avatar, bundle):
    expression.apply(avatar.mesh, {"browDownRight": 0.5})
    for level in (resolution.DENSE, "lod2", resolution.BASE):
        avatars.set_level(avatar, bundle, level)
        assert weights(avatar, MIDDLE, "right")[0] == 0.5


def test_they_are_saved_with_their_pictures_and_can_be_appended(avatar, tmp_path):
    path = tmp_path / "a.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    (folder,) = (tmp_path / textures.FOLDER).iterdir()
    assert {f"{name}.png" for name in (UPPER, MIDDLE, LOWER)} <= {item.name for item in folder.iterdir()}
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.append(filepath=str(path / "Collection" / "Ada"), directory=str(path / "Collection"), filename="Ada")
    found = avatars.of(next(item for item in bpy.data.objects if item.get(avatars.ROLE_TAG) == "mesh"))
    expression.apply(found.mesh, {"mouthPucker": 0.5})
    assert weights(found, LOWER, "left")[1] == 0.5
    material = group_node(found).id_data
    owner = next(item for item in bpy.data.materials if item.node_tree == material)
    assert set(wrinkles.pictures(owner)) == {UPPER, MIDDLE, LOWER}
    assert all(picture.has_data or picture.size[0] for picture in wrinkles.pictures(owner).values())


def test_a_bundle_without_them_works_as_before(borrowed, scene, tmp_path):
    avatar = avatars.assemble(scene, read_bundle(borrowed.folder), "Old")
    assert not any(name.startswith("wrinkles_") for name in avatar.mesh.keys())  # noqa: SIM118 - no dictionary
    assert not group_node(avatar).inputs[skin.FOLDS].is_linked
    report = job.export(avatar, presets.chosen("web", texture_size=256, lods=(0,)), tmp_path / "old")
    assert not any("extras" in material for material in Glb.read(report.files[0]).document["materials"])


@pytest.mark.parametrize("told", [
    5, [], {}, {"groups": 1}, {"range": float("nan")}, {"range": -1}, {"side_blend": "wide"}, {"groups": [1]},
    {"blood": 1}, {"blood": {"range": -1, "maps": {}}}, {"blood": {"range": 1, "maps": {"a": 1}}},
    {"groups": [{"name": "a", "map": UPPER, "channel": "x", "left": {}, "right": {}}]},
    {"groups": [{"name": "a", "map": UPPER, "channel": "r", "left": {"jawOpen": 1e9}, "right": {}}]}])
def test_a_mapping_that_makes_no_sense_is_refused(known, tmp_path, told):
    folder = tmp_path / "bundle"
    shutil.copytree(known.folder, folder)
    metadata = json.loads((folder / "avatar.json").read_text())
    metadata["wrinkles"] = {**metadata["wrinkles"], **told} if isinstance(told, dict) and told else told
    (folder / "avatar.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=r"avatar\.json of bundle is damaged"):
        read_bundle(folder)


def shot(avatar, tmp_path: Path, face: dict[str, float], strength: float) -> np.ndarray:
    """(H, W, 3): the forehead in raking light, small and quick."""
    scene = bpy.context.scene
    if scene.camera is None:
        lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "SUN"))
        lamp.rotation_euler = (0.5, 0.0, 1.0)
        camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        camera.location, camera.rotation_euler, camera.data.lens = (0, -0.7, 0.03), (np.pi / 2, 0, 0), 150
        scene.camera = camera
        for item in (lamp, camera):
            scene.collection.objects.link(item)
    expression.reset(avatar.mesh)
    expression.apply(avatar.mesh, face)
    group_node(avatar).inputs["Expression Wrinkles"].default_value = strength
    avatar.mesh.modifiers["Subdivision"].render_levels = 0
    picture = render.still(scene, tmp_path / "shot.png", render.Look(compat.CYCLES, 96, 96, 6))
    return render.read_png(picture)[..., :3]


def test_cycles_shows_them_with_the_shape_and_not_at_rest(avatar, tmp_path):
    still = shot(avatar, tmp_path, {}, 1.0)
    assert np.array_equal(still, shot(avatar, tmp_path, {}, 0.0)), "none at rest, to the last bit"
    raised = {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0}
    change = np.abs(shot(avatar, tmp_path, raised, 1.0) - shot(avatar, tmp_path, raised, 0.0)).max(-1)
    rows = np.flatnonzero((change > 0.05).any(1))
    assert (change > 0.05).sum() > 60
    assert rows.max() < 62, "the forehead alone"


def test_blood_comes_with_the_shape_and_goes_with_the_strength(avatar, bundle, tmp_path):
    """The bundle's puckered lips redden the whole face by 0.8: green falls to .80 ** .8, 0.82 of red's .98 ** .8."""
    assert bundle.metadata["wrinkles"]["blood"]["maps"] == {LOWER: "blood_lower"}
    still, red, none = (shot(avatar, tmp_path, face, strength).mean((0, 1)) for face, strength in (
        ({}, 1.0), ({"mouthPucker": 1.0}, 1.0), ({"mouthPucker": 1.0}, 0.0)))
    assert np.abs(none - still).max() < 0.008, "the forehead, which the mouth does not move"
    assert red[1] / red[0] < 0.97 * still[1] / still[0], "a screen's view of it is weaker"
    assert red[0] > 0.9 * still[0]


@pytest.fixture(scope="module")
def made(known, tmp_path_factory) -> SimpleNamespace:
    """One avatar as a GLB and for Unreal."""
    folder = tmp_path_factory.mktemp("wrinkles")
    with avatar_of(known) as avatar:
        preset = presets.chosen("glb", texture_size=512)
        surface = source.surface(avatar, preset)
        found, sorted_out = looks.of(avatar, {0: surface})
        pictures = exported.with_normals(found, sorted_out[0])
        glb = job.export(avatar, preset, folder / "ada")
        fbx = job.export(avatar, presets.chosen("unreal", texture_size=512, lods=(0, 1)), folder / "fbx" / "ada")
        usd = job.export(avatar, presets.chosen("usd", texture_size=256), folder / "usd" / "ada")
        obj = job.export(avatar, presets.chosen("obj", texture_size=256), folder / "obj" / "ada")
        values = {kind: maker(512) for kind, maker in pictures[0].maps.items() if kind.startswith("wrinkles")}
        height = {name: picture(512) for name, picture in heights.of(
            avatar.mesh.data.materials[0], lambda picture: None).pictures.items()}
    return SimpleNamespace(glb=glb, fbx=fbx, usd=usd, obj=obj, pictures=values, height=height, surface=surface)


def test_a_glb_says_by_its_skin_what_drives_which_picture(made):
    glb = Glb.read(made.glb.files[0])
    (material,) = (item for item in glb.document["materials"] if "extras" in item)
    told = material["extras"]["likeness_wrinkles"]
    assert material["name"] == "Ada_Skin"
    targets = glb.document["meshes"][0]["extras"]["targetNames"]
    for entry in told["groups"].values():
        assert set(entry["left"]) | set(entry["right"]) <= set(targets)
        assert entry["map"] in told["maps"]
    for numbers in told["maps"].values():
        for kind in ("normal", "mask"):
            image = glb.document["images"][glb.document["textures"][numbers[kind]]["source"]]
            view = glb.document["bufferViews"][image["bufferView"]]
            data = glb.binary[view["byteOffset"]:view["byteOffset"] + view["byteLength"]]
            assert data.startswith(b"\x89PNG")
            assert data.endswith(b"IEND\xaeB`\x82")


def test_khronos_finds_no_fault_with_them(made):
    report = validate(made.glb.files[0], backend_python())
    problems = [message for message in report["issues"]["messages"] if message["severity"] < 1]
    assert not problems


def test_a_file_without_shapes_has_none(made):
    assert not [path for path in made.obj.files if "Wrinkles" in path.name]


def test_an_fbx_and_a_usd_have_pictures_and_a_mapping_beside_them(made):
    for report, folder in ((made.fbx, ""), (made.usd, "textures/")):
        (mapping,) = (path for path in report.files if path.name == "ada_Wrinkles.json")
        told = json.loads(mapping.read_text("utf-8"))
        for files in told["maps"].values():
            for name in files.values():
                assert name.startswith(folder)
                assert (mapping.parent / name) in report.files
    assert json.loads((made.fbx.files[0].parent / "ada_Wrinkles.json").read_text())["normal_y"] == -1


def test_normals_are_the_slopes_of_the_heights_by_metres(made):
    """The slope along u of a texel is its height's change over the metres it spans, wherever it is looked at."""
    across, _shear, _up = exported.metric(made.surface, 0)
    for name, height in made.height.items():
        change = np.gradient(height.sum(-1), axis=1)
        row, column = np.unravel_index(np.abs(change).argmax(), change.shape)
        metres = across[row // 2, column // 2] / 2
        x, y, z = made.pictures[name][row, column] * 2 - 1
        assert -x / z == pytest.approx(change[row, column] / metres, rel=0.15)
        assert x * x + y * y + z * z == pytest.approx(1, abs=1e-5)


def test_masks_part_the_normals_between_their_groups(made):
    """Normal times a group's mask is that group's own slope: what engines do in place of adding heights."""
    for name, height in made.height.items():
        mask = made.pictures[f"{name}_mask"]
        assert mask.shape[0] <= 256
        assert mask.sum(-1).max() < 1.001
        large = np.kron(mask, np.ones((512 // len(mask), 512 // len(mask), 1)))
        for channel in range(3):
            wanted = np.gradient(height[..., channel], axis=1)
            found = large[..., channel] * np.gradient(height.sum(-1), axis=1)
            assert np.abs(found - wanted).sum() / np.abs(wanted).sum() < 0.25, (name, channel)


def test_blender_reads_the_glb_back(made):
    bpy.ops.import_scene.gltf(filepath=str(made.glb.files[0]))
    assert any(item.type == "MESH" and item.data.shape_keys for item in bpy.data.objects)


def test_no_wrinkles_are_exported_where_an_artist_wants_none(avatar, tmp_path):
    group_node(avatar).inputs["Expression Wrinkles"].default_value = 0.0
    report = job.export(avatar, presets.chosen("web", texture_size=256), tmp_path / "ada")
    assert not any("extras" in material for material in Glb.read(report.files[0]).document["materials"])
    group_node(avatar).inputs["Expression Wrinkles"].default_value = 1.0
    plain = presets.chosen("unreal", texture_size=256, lods=(3,), wrinkles=False)
    assert not [path for path in job.export(avatar, plain, tmp_path / "ue").files if "rinkles" in path.name]
    assert presets.chosen("web", wrinkles=False).wrinkles == 0
