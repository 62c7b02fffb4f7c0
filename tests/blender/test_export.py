"""GLB: names, rest values, targets, skin, textures; read as JSON and by Khronos' validator, not by Blender."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import kdtree

from backend.arkit import ARKIT_NAMES
from blender_addon import strings
from blender_addon.bundle import read_bundle
from blender_addon.export import job, presets, source
from blender_addon.scene import expression, gaze, keys, rig

from .conftest import backend_python
from .export_check import TOLERANCE, Glb, avatar_of, in_world, largest_error, matched, y_up
from .gltf_check import validate

HARMLESS = {"NODE_SKINNED_MESH_NON_ROOT"}
"""The mesh hangs under the rig so that the file has one root; the rig's own transform is the identity."""
TRIMESH = ("import sys, numpy, trimesh; scene = trimesh.load(sys.argv[1], process=False); "
           "numpy.save(sys.argv[2], numpy.concatenate([part.vertices for part in scene.dump()]))")


@pytest.fixture(scope="module")
def made(known, tmp_path_factory) -> SimpleNamespace:
    """Exported from a posed, smiling, displaced avatar in pose mode: none of that may reach the file, nor go away."""
    path = tmp_path_factory.mktemp("export") / "ada.glb"
    bundle = read_bundle(known.folder)
    with avatar_of(known) as avatar:
        expression.apply(avatar.mesh, {"jawOpen": 0.6})
        rig.set_pose(avatar.rig, bundle.geometry["joint_names"].tolist(), np.full((5, 3), 0.2))
        avatar.rig.location = (1.0, 2.0, 3.0)
        bpy.context.view_layer.objects.active = avatar.rig
        bpy.ops.object.mode_set(mode="POSE")
        before = state(avatar)
        assert bpy.ops.likeness.export_glb(filepath=str(path)) == {"FINISHED"}
        assert state(avatar) == before
        bpy.ops.object.mode_set(mode="OBJECT")
        surface = source.surface(avatar, presets.PRESETS["glb"])
        lids = source.surface(avatar, presets.chosen("glb", gaze="joints"))
    return SimpleNamespace(path=path, glb=Glb.read(path), bundle=bundle, surface=surface, lids=lids)


def state(avatar) -> dict:
    """What an export must leave as it is."""
    stores = ("objects", "meshes", "armatures", "materials", "images", "scenes", "node_groups", "collections")
    return {
        "names": {store: sorted(item.name for item in getattr(bpy.data, store)) for store in stores},
        "scene": bpy.context.scene.name, "mode": bpy.context.mode, "active": bpy.context.view_layer.objects.active.name,
        "selected": sorted(item.name for item in bpy.context.selected_objects),
        "face": expression.current(avatar.mesh), "place": tuple(avatar.rig.location), "gaze": gaze.used(avatar.rig),
        "pose": [tuple(map(tuple, bone.matrix_basis)) for bone in avatar.rig.pose.bones],
        "muted": [key.name for key in avatar.mesh.data.shape_keys.key_blocks if key.mute],
        "slots": [material.name for material in avatar.mesh.data.materials]}


def test_khronos_finds_nothing_wrong(made):
    report = validate(made.path, backend_python())
    problems = [message for message in report["issues"]["messages"] if message["severity"] < 2]
    assert [message for message in problems if message["code"] not in HARMLESS] == []
    assert report["issues"]["numErrors"] == 0


def test_52_targets_have_apples_names_and_rest_at_zero(made):
    (mesh,) = made.glb.document["meshes"]
    assert tuple(mesh["extras"]["targetNames"]) == ARKIT_NAMES
    assert mesh["weights"] == [0] * 52
    assert all(len(part["targets"]) == 52 for part in mesh["primitives"])


def test_base_and_every_target_are_the_avatars_at_rest_in_metres_y_up(made):
    shape = made.surface
    assert largest_error(y_up(shape.vertices), y_up(shape.key_deltas), made.glb.attribute("POSITION"),
                         made.glb.targets()) < TOLERANCE
    assert np.abs(shape.vertices - made.bundle.geometry["vertices"]).max() < 1e-6


def test_trimesh_finds_the_same_points_in_metres(made, tmp_path):
    """Another reader, with the nodes' own transforms: all it finds is the avatar's, and all of the avatar is there."""
    subprocess.run([backend_python(), "-c", TRIMESH, made.path, tmp_path / "points.npy"], check=True)
    found, wanted = np.load(tmp_path / "points.npy"), y_up(made.surface.vertices)
    for places, others in ((found, wanted), (wanted, found)):
        tree = kdtree.KDTree(len(others))
        for index, place in enumerate(others.tolist()):
            tree.insert(place, index)
        tree.balance()
        assert max(tree.find(place)[2] for place in places.tolist()) < TOLERANCE


def test_weights_are_the_avatars_by_the_joints_names(made):
    glb, shape = made.glb, made.surface
    at = matched(y_up(shape.vertices), y_up(shape.key_deltas), glb.attribute("POSITION"), glb.targets())
    joints, weights = glb.attribute("JOINTS_0"), glb.attribute("WEIGHTS_0").astype(float)
    names = [glb.document["nodes"][index]["name"] for index in glb.document["skins"][0]["joints"]]
    for column, joint in enumerate(made.bundle.geometry["joint_names"].tolist()):
        found = np.where(joints == names.index(joint), weights, 0).sum(1)
        assert np.abs(found - shape.weights[at, column]).max() < 0.003  # a byte or a float, as the exporter chose


def test_a_look_turns_the_eyeball_by_the_shapes_or_not_at_all(made):
    """24 degrees up move a point on a ball of 12 mm by up to 5 mm; without the ball the eye's own vertices stay."""
    ball = made.surface.weights[:, made.bundle.geometry["joint_names"].tolist().index("eye_left")] > 0.9
    up = ARKIT_NAMES.index("eyeLookUpLeft")
    moved = np.linalg.norm(made.surface.key_deltas[up, ball], axis=1).max()
    assert 0.003 < moved < 0.008
    assert np.abs(made.lids.key_deltas[up, ball]).max() < 1e-6
    assert np.array_equal(made.lids.key_deltas[up, ~ball & (made.surface.weights[:, 3] == 0)],
                          made.surface.key_deltas[up, ~ball & (made.surface.weights[:, 3] == 0)])


def test_normals_and_tangents_of_the_skin_are_unit_and_stand_on_each_other(made):
    """Only the skin has a normal map; the eyeballs' far sides have no UVs to take tangents from."""
    skin = next(part for part in made.glb.document["meshes"][0]["primitives"]
                if made.glb.document["materials"][part["material"]]["name"] == "Ada_Skin")
    normal, tangent = (made.glb.accessor(skin["attributes"][name]) for name in ("NORMAL", "TANGENT"))
    assert np.abs(np.linalg.norm(normal, axis=1) - 1).max() < 1e-3
    assert set(np.unique(tangent[:, 3])) <= {-1.0, 1.0}
    assert np.abs((normal * tangent[:, :3]).sum(1)).max() < 1e-3


def test_tangents_of_targets_are_those_of_the_moved_surface(made):
    """Held against Blender's MikkTSpace on the moved mesh; what readers derive without them is far off."""
    skin = next(part for part in made.glb.document["meshes"][0]["primitives"]
                if made.glb.document["materials"][part["material"]]["name"] == "Ada_Skin")
    given = {name: made.glb.accessor(number) for name, number in skin["attributes"].items()}
    triangles = made.glb.accessor(skin["indices"]).reshape(-1, 3)
    for name in ("jawOpen", "eyeBlinkLeft"):
        target = {what: made.glb.accessor(number)
                  for what, number in skin["targets"][ARKIT_NAMES.index(name)].items()}
        moved = np.linalg.norm(target["POSITION"], axis=1) > 5e-4
        normal = unit(given["NORMAL"] + target["NORMAL"])
        written = given["TANGENT"][:, :3] + target["TANGENT"]
        assert np.abs(np.linalg.norm(written, axis=1) - 1).max() < 2e-3
        assert np.abs((written * normal).sum(1)).max() < 2e-3
        wanted = mikk(given["POSITION"] + target["POSITION"], normal, given["TEXCOORD_0"], triangles)
        derived = unit(given["TANGENT"][:, :3] - normal * (given["TANGENT"][:, :3] * normal).sum(1, keepdims=True))
        with_them, without = (np.degrees(np.arccos(np.clip((vectors * wanted).sum(1)[moved], -1, 1)))
                              for vectors in (written, derived))
        assert np.median(with_them) < 1, name
        assert np.percentile(without, 90) > 3 * np.percentile(with_them, 90), name


def mikk(places: np.ndarray, normals: np.ndarray, texture: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V, 3) Blender's tangents of a mesh; `texture` counts from the top, as glTF does."""
    mesh = bpy.data.meshes.new("moved")
    mesh.from_pydata(places.tolist(), [], triangles.tolist())
    corners = triangles.reshape(-1)
    mesh.uv_layers.new().uv.foreach_set("vector", (texture[corners] * [1, -1] + [0, 1]).astype(np.float32).reshape(-1))
    mesh.normals_split_custom_set_from_vertices(normals.tolist())
    mesh.calc_tangents()
    found = np.empty(len(corners) * 3, np.float32)
    mesh.loops.foreach_get("tangent", found)
    total = np.zeros((len(places), 3))
    np.add.at(total, corners, found.reshape(-1, 3))
    return unit(total)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def test_one_root_and_upright_joints_by_name(made):
    document = made.glb.document
    (root,) = document["scenes"][0]["nodes"]
    assert document["nodes"][root]["name"] == "Ada"
    joints = [document["nodes"][index] for index in document["skins"][0]["joints"]]
    assert sorted(joint["name"] for joint in joints) == ["eye_left", "eye_right", "head", "jaw", "neck"]
    for node in (document["nodes"][root], *joints):
        assert np.allclose(node.get("rotation", [0, 0, 0, 1]), [0, 0, 0, 1], atol=1e-6)
        assert np.allclose(node.get("scale", [1, 1, 1]), 1)


def test_joints_stand_where_the_bundles_do(made):
    document, place = made.glb.document, np.zeros(3)
    by_name = {node["name"]: node for node in document["nodes"]}
    for name in ("neck", "head", "jaw"):
        place = place + by_name[name]["translation"]
        joint = made.bundle.geometry["joint_names"].tolist().index(name)
        assert np.abs(place - y_up(made.bundle.geometry["joint_positions"][joint])).max() < TOLERANCE


def test_every_part_has_a_material_of_its_own(made):
    wanted = {"Ada_Skin", "Ada_Mouth", "Ada_Eye", "Ada_Cornea", "Ada_Teeth", "Ada_Tongue", "Ada_Lashes", "Ada_Brows",
              "Ada_TearLine"}
    assert {material["name"] for material in made.glb.document["materials"]} == wanted
    assert len(made.glb.document["meshes"][0]["primitives"]) == len(wanted)


def test_the_skin_brings_its_textures_packed_as_they_were_written(made, tmp_path):
    document = made.glb.document
    skin = next(material for material in document["materials"] if material["name"] == "Ada_Skin")
    shine = skin["pbrMetallicRoughness"]["metallicRoughnessTexture"]
    pixels = decoded(made.glb, shine["index"], tmp_path)
    assert np.abs(pixels[..., 1:3] - [0.45, 0]).max() < 0.004, "occlusion, roughness, metallic"
    assert skin["occlusionTexture"]["index"] == shine["index"]
    assert pixels[..., 0].min() < 0.3 < 0.9 < np.median(pixels[..., 0])
    specular = skin["extensions"]["KHR_materials_specular"]["specularTexture"]
    assert np.abs(decoded(made.glb, specular["index"], tmp_path)[..., 3] - 0.8).max() < 0.004, "twice Principled's"
    assert np.abs(decoded(made.glb, skin["normalTexture"]["index"], tmp_path)[..., :3] - [0.5, 0.5, 1]).max() < 0.004
    colour = decoded(made.glb, skin["pbrMetallicRoughness"]["baseColorTexture"]["index"], tmp_path)
    entry = next(entry for entry in made.bundle.metadata["maps"] if entry["name"] == "diffuse_albedo")
    assert np.abs(colour[..., :3] - png(made.bundle.folder / entry["file"])[..., :3]).max() < 0.005
    assert all("bufferView" in image for image in document["images"])


def decoded(glb: Glb, texture: int, folder: Path) -> np.ndarray:
    path = folder / f"{texture}.png"
    path.write_bytes(glb.image(glb.document["textures"][texture]["source"]))
    return png(path)


def png(path: Path) -> np.ndarray:
    from blender_addon.scene import render

    return render.read_png(path)


def test_what_is_clear_or_hair_is_blended_and_nothing_else(made):
    blended = {material["name"] for material in made.glb.document["materials"] if material.get("alphaMode") == "BLEND"}
    assert blended == {"Ada_Cornea", "Ada_Lashes", "Ada_Brows", "Ada_TearLine"}


def test_the_file_says_what_it_is(made):
    asset = made.glb.document["asset"]
    about = asset["extras"]["likeness"]
    head = made.bundle.metadata["head"]
    assert about["content"] == "Synthetic likeness made from photos"
    assert (about["head_model_licence"], about["head_model_attribution"]) == (head["licence"], head["attribution"])
    assert asset["copyright"] == strings.REPORT["copyright"].format(**head)
    assert asset["generator"].startswith("Likeness 0.1.0; ")


def test_nothing_private_is_in_the_file(made):
    data = made.path.read_bytes().decode("latin-1")
    assert str(Path.home()) not in data
    assert str(made.path.parent) not in data
    assert "bundle" not in json.dumps(made.glb.document).lower()


def test_blender_reads_back_what_was_written(made):
    bpy.ops.import_scene.gltf(filepath=str(made.path))
    (body,) = (item for item in bpy.data.objects if item.type == "MESH" and item.data.shape_keys)
    base, deltas, names = in_world(body)
    assert tuple(names) == ARKIT_NAMES
    assert largest_error(made.surface.vertices, made.surface.key_deltas, base, deltas) < TOLERANCE
    assert all(key.value == 0 for key in body.data.shape_keys.key_blocks[1:])


def test_web_has_normals_of_targets_where_a_shape_bends_the_surface_and_nowhere_else(avatar, tmp_path):
    files = {key: job.export(avatar, presets.chosen(key, texture_size=256, lods=(3,)), tmp_path / key).files[0]
             for key in ("glb", "web")}
    parts = {key: Glb.read(path) for key, path in files.items()}
    least, bent = presets.PRESETS["web"].bent, 0
    for full, thin in zip(*(glb.document["meshes"][0]["primitives"] for glb in parts.values()), strict=True):
        for wanted, found in zip(full["targets"], thin["targets"], strict=True):
            normal = parts["glb"].accessor(wanted["NORMAL"])
            far = np.linalg.norm(normal, axis=1) > least
            written = parts["web"].accessor(found["NORMAL"]) if "NORMAL" in found else np.zeros_like(normal)
            assert np.array_equal(written, np.where(far[:, None], normal, 0))
            bent += far.sum()
    assert bent > 500
    assert np.array_equal(parts["glb"].targets(), parts["web"].targets())
    problems = validate(files["web"], backend_python())["issues"]["messages"]
    assert {message["code"] for message in problems if message["severity"] < 2} <= HARMLESS


def test_a_sculpted_shape_and_a_key_of_ones_own_are_written(avatar, tmp_path):
    blocks = avatar.mesh.data.shape_keys.key_blocks
    blocks["jawOpen"].data[0].co.x += 0.01
    avatar.mesh.shape_key_add(name="scar", from_mix=False).data[1].co.z += 0.01
    kinds = keys.kinds(avatar.mesh)
    job.export(avatar, presets.PRESETS["web"], tmp_path / "a.glb")
    glb = Glb.read(tmp_path / "a.glb")
    names = glb.document["meshes"][0]["extras"]["targetNames"]
    assert names == [*kinds.arkit, "scar"]
    assert np.abs(np.linalg.norm(glb.targets()[names.index("scar")], axis=1).max() - 0.01) < 1e-6
