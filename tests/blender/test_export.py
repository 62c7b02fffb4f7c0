"""GLB: names, rest values, skin, textures; read as JSON and by Khronos' validator, not by Blender."""

import json
import struct
from pathlib import Path

import bpy
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon import strings
from blender_addon.scene import expression, rig

from .conftest import backend_python
from .gltf_check import validate

HARMLESS = {"NODE_SKINNED_MESH_NON_ROOT"}
"""The mesh hangs under the rig so that the file has one root; the rig's own transform is the identity."""


@pytest.fixture
def glb(avatar, bundle, tmp_path) -> tuple[Path, dict, bytes]:
    """Exported from a posed, smiling, displaced avatar: none of that may reach the file."""
    expression.apply(avatar.mesh, {"jawOpen": 0.6})
    rig.set_pose(avatar.rig, bundle.geometry["joint_names"].tolist(), np.full((5, 3), 0.2))
    avatar.rig.location = (1.0, 2.0, 3.0)
    bpy.context.view_layer.update()
    path = tmp_path / "ada.glb"
    assert bpy.ops.likeness.export_glb(filepath=str(path)) == {"FINISHED"}
    data = path.read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    return path, json.loads(data[20:20 + length]), data[28 + length:]


def accessor(document: dict, binary: bytes, index: int) -> np.ndarray:
    about = document["accessors"][index]
    view = document["bufferViews"][about["bufferView"]]
    kind = {5126: np.float32, 5121: np.uint8, 5123: np.uint16, 5125: np.uint32}[about["componentType"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[about["type"]]
    start = view.get("byteOffset", 0) + about.get("byteOffset", 0)
    return np.frombuffer(binary, kind, about["count"] * width, start).reshape(-1, width)


def test_khronos_finds_nothing_wrong(glb):
    report = validate(glb[0], backend_python())
    problems = [message for message in report["issues"]["messages"] if message["severity"] < 2]
    assert [message for message in problems if message["code"] not in HARMLESS] == []
    assert report["issues"]["numErrors"] == 0


def test_52_targets_have_apples_names_and_rest_at_zero(glb):
    (mesh,) = glb[1]["meshes"]
    assert tuple(mesh["extras"]["targetNames"][:52]) == ARKIT_NAMES
    assert mesh["weights"] == [0] * len(mesh["extras"]["targetNames"])
    assert all(len(part["targets"]) == len(mesh["weights"]) for part in mesh["primitives"])


def test_geometry_is_the_bundles_at_rest_in_metres_y_up(glb, bundle):
    _path, document, binary = glb
    points = np.concatenate([accessor(document, binary, part["attributes"]["POSITION"])
                             for part in document["meshes"][0]["primitives"]])
    x, y, z = bundle.geometry["vertices"].T
    wanted = np.stack([x, z, -y], 1)
    used = np.unique(bundle.geometry["faces"][bundle.geometry["faces"] >= 0])
    assert np.allclose(points.min(0), wanted[used].min(0), atol=5e-5)
    assert np.allclose(points.max(0), wanted[used].max(0), atol=5e-5)
    assert {tuple(row) for row in (points * 1e4).round().astype(int)} <= {
        tuple(row) for row in (wanted[used] * 1e4).round().astype(int)}


def test_what_only_blender_understands_stays_behind(glb, avatar):
    names = glb[1]["meshes"][0]["extras"]["targetNames"]
    assert len(names) == 52
    assert not [node for node in glb[1]["nodes"] if "target" in node.get("name", "")]
    assert not any(key.mute for key in avatar.mesh.data.shape_keys.key_blocks)
    assert "eye.L" in avatar.rig.data.bones


def test_one_root_and_five_joints_by_name(glb):
    document = glb[1]
    assert len(document["scenes"][0]["nodes"]) == 1
    joints = {document["nodes"][index]["name"] for index in document["skins"][0]["joints"]}
    assert joints == {"neck", "head", "jaw", "eye_left", "eye_right"}


def test_the_skin_brings_its_textures(glb):
    document = glb[1]
    skin = next(material for material in document["materials"] if material["name"] == "Ada Skin")
    assert "baseColorTexture" in skin["pbrMetallicRoughness"]
    assert "metallicRoughnessTexture" in skin["pbrMetallicRoughness"]
    assert "normalTexture" in skin
    assert "specularTexture" in skin["extensions"]["KHR_materials_specular"]
    eye = next(material for material in document["materials"] if material["name"] == "Ada Eye")
    assert "baseColorTexture" in eye["pbrMetallicRoughness"]
    assert all("bufferView" in image for image in document["images"])


def test_what_is_clear_or_hair_is_blended_and_nothing_else(glb, bundle):
    blended = {material["name"].removeprefix("Ada ") for material in glb[1]["materials"]
               if material.get("alphaMode") == "BLEND"}
    labels = {strings.MATERIAL[name] for name in bundle.metadata["materials"]}
    assert blended == labels & {"Cornea", "Lashes", "Brows", "Tear Line"}


def test_nothing_private_is_in_the_file(glb):
    assert str(Path.home()) not in glb[0].read_bytes().decode("latin-1")
    assert "bundle" not in json.dumps(glb[1]).lower()


def test_the_scene_is_as_it_was_afterwards(glb, avatar):
    assert expression.current(avatar.mesh) == pytest.approx({"jawOpen": 0.6})
    assert tuple(avatar.rig.location) == (1.0, 2.0, 3.0)
    assert avatar.mesh.data.materials[0].name == "Ada Skin"
    assert len(bpy.data.materials) == len(avatar.mesh.data.materials)
