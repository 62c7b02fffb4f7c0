"""FBX as engines see it: read by Autodesk's own library, which Unreal and Unity import with, and by Godot.

Autodesk's library speaks through FBX2glTF, which converts to metres and Y up by it: places, targets, weights, joints,
units, pictures, levels and keyframes are what an engine is told.
"""

import subprocess
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon.export import job, levels, presets, source

from .export_check import TOLERANCE, Glb, avatar_of, largest_error, matched, y_up
from .programs import needed, program

pytestmark = needed
BONES = {"unreal": ["neck_01", "head", "jaw", "eye_l", "eye_r"],
         "unity": ["Neck", "Head", "Jaw", "LeftEye", "RightEye"]}
HARMLESS = "TransparencyFactor"  # glTF has no place for a picture of coverage alone; colours' alpha holds it too


@pytest.fixture(scope="module")
def made(known, tmp_path_factory) -> SimpleNamespace:
    """Both presets with every target, moving, Unreal's with every level; what the library makes of each."""
    folder, shapes, read, said = tmp_path_factory.mktemp("fbx"), {}, {}, {}
    converter = program("FBX2glTF", folder)
    with avatar_of(known) as avatar:
        act(avatar)
        for key in BONES:
            preset = presets.chosen(key, texture_size=256, visemes=True, correctives=True, components=True,
                                    lods=None if key == "unreal" else (0, 3))
            shapes[key] = levels.made(avatar, source.surface(avatar, preset), preset.lods,
                                      fine=preset.fine)
            report = job.export(avatar, preset, folder / key / "ada")
            done = subprocess.run([converter, "-b", "-i", report.files[0], "-o", folder / key / "read",
                                   "--user-properties"], capture_output=True, text=True, check=True)
            read[key], said[key] = Glb.read(folder / key / "read.glb"), done.stdout + done.stderr
        joints = source.skeleton(avatar)
    return SimpleNamespace(shapes=shapes, read=read, said=said, joints=joints)


def act(avatar) -> None:
    """A second at 24 frames: the jaw opens and the head turns."""
    bpy.context.scene.render.fps = 24
    jaw, head = avatar.mesh.data.shape_keys.key_blocks["jawOpen"], avatar.rig.pose.bones["head"]
    for frame, jaw_open, turn in ((1, 0.0, 0.0), (25, 0.8, 0.5)):
        jaw.value, head.rotation_euler = jaw_open, (0.0, turn, 0.0)
        jaw.keyframe_insert("value", frame=frame)
        head.keyframe_insert("rotation_euler", frame=frame)


def bodies(glb: Glb) -> dict[int, int]:
    """Numbers of meshes by level."""
    return {int(mesh["name"].split("LOD")[-1][0]): number for number, mesh in enumerate(glb.document["meshes"])}


def by_name(glb: Glb) -> dict[str, dict]:
    return {node["name"]: node for node in glb.document["nodes"]}


@pytest.mark.parametrize("key", list(BONES))
def test_autodesk_reads_base_and_every_target_of_every_level_in_metres(made, key):
    """All that can be asked for: Apple's 52, visemes, correctives, the head model's own."""
    glb = made.read[key]
    found = bodies(glb)
    assert sorted(found) == ([0, 1, 2, 3] if key == "unreal" else [0, 3])
    for level, shape in made.shapes[key].items():
        first = glb.document["meshes"][found[level]]["primitives"][0]
        names = [glb.document["accessors"][target["POSITION"]]["name"] for target in first["targets"]]
        assert tuple(names) == shape.key_names
        assert tuple(names[:52]) == ARKIT_NAMES
        assert len(names) > 52 + 15
        assert largest_error(y_up(shape.vertices), y_up(shape.key_deltas), glb.attribute("POSITION", found[level]),
                             glb.targets(found[level])) < TOLERANCE, level
        assert set(glb.document["meshes"][found[level]]["weights"]) == {0}


@pytest.mark.parametrize("key", list(BONES))
def test_autodesk_reads_weights_by_the_joints_names(made, key):
    glb = made.read[key]
    for level, shape in made.shapes[key].items():
        number = bodies(glb)[level]
        at = matched(y_up(shape.vertices), y_up(shape.key_deltas), glb.attribute("POSITION", number),
                     glb.targets(number))
        skin = next(node["skin"] for node in glb.document["nodes"] if node.get("mesh") == number)
        names = [glb.document["nodes"][joint]["name"] for joint in glb.document["skins"][skin]["joints"]]
        joints, weights = (glb.attribute(name, number) for name in ("JOINTS_0", "WEIGHTS_0"))
        for column, name in enumerate(BONES[key]):
            found = np.where(joints == names.index(name), weights, 0).sum(1)
            assert np.abs(found - shape.weights[at, column]).max() < 1e-3, (level, name)


@pytest.mark.parametrize("key", list(BONES))
def test_autodesk_finds_joints_in_place_and_nothing_turned_or_scaled(made, key):
    nodes, places = by_name(made.read[key]), {}
    for name, node in nodes.items():
        if name != "RootNode" and name not in BONES[key]:
            assert np.allclose(node["translation"], 0, atol=1e-6), name
        assert np.allclose(node["scale"], 1, atol=1e-6), name
        assert np.allclose(node["rotation"], [0, 0, 0, 1], atol=1e-6), name
    for index, (name, parent) in enumerate(zip(BONES[key], made.joints.parents, strict=True)):
        places[name] = np.array(nodes[name]["translation"]) + (places[BONES[key][parent]] if parent >= 0 else 0)
        assert np.abs(places[name] - y_up(made.joints.positions[index])).max() < TOLERANCE, name


def test_unreals_levels_are_in_one_group_beside_the_root_of_bones(made):
    """Which is how the library's own samples and Epic's exporter lay them out."""
    document = made.read["unreal"].document
    nodes = by_name(made.read["unreal"])
    below = {name: [document["nodes"][child]["name"] for child in node.get("children", ())]
             for name, node in nodes.items()}
    assert set(below["RootNode"]) == {"root", "Ada_LodGroup"}
    assert below["root"] == ["neck_01"]
    assert below["Ada_LodGroup"] == [f"Ada_LOD{level}" for level in range(4)]
    (top,) = {name for name in by_name(made.read["unity"])} & {"Ada"}
    assert top == "Ada"


@pytest.mark.parametrize("key", list(BONES))
def test_autodesk_finds_every_picture_and_complains_of_nothing(made, key):
    glb = made.read[key]
    complaints = [line for line in made.said[key].splitlines() if "arning" in line or "rror" in line]
    assert [line for line in complaints if HARMLESS not in line] == []
    pictures = {image["name"].removesuffix(".png") for image in glb.document["images"]}
    assert {"ada_Skin_BaseColor", "ada_Skin_Normal", "ada_Eye_BaseColor",
            "ada_Skin_LOD3_Normal"} <= pictures
    materials = {material["name"]: material for material in glb.document["materials"]}
    assert {f"Ada_{part}" for part in ("Skin", "Eye", "Cornea", "Teeth", "Tongue", "Mouth", "Lashes", "Brows",
                                       "TearLine")} <= set(materials)
    assert "normalTexture" in materials["Ada_Skin"]


@pytest.mark.parametrize("key", list(BONES))
def test_autodesk_reads_where_the_file_comes_from(made, key):
    node = next(node for node in made.read[key].document["nodes"] if "mesh" in node)
    about = node["extras"]["fromFBX"]["userProperties"]
    assert about["likeness_content"]["value"] == "Synthetic likeness made from photos"
    assert about["likeness_head_model_licence"]["value"]


@pytest.mark.parametrize("key", list(BONES))
def test_autodesk_plays_the_jaw_and_the_head(made, key):
    glb = made.read[key]
    (animation,) = glb.document["animations"]
    names, weights = made.shapes[key][0].key_names, {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        weights[glb.document["nodes"][channel["target"]["node"]]["name"], channel["target"]["path"]] = (
            glb.accessor(sampler["input"])[:, 0], glb.accessor(sampler["output"]))
    times, values = weights["Ada_LOD0", "weights"]
    jaw = values.reshape(len(times), len(names))[:, names.index("jawOpen")]
    assert np.isclose(times[-1] - times[0], 1, atol=0.05), "seconds"
    assert np.isclose(jaw[-1], 0.8, atol=1e-3)
    assert np.isclose(jaw[0], 0, atol=1e-3)
    _times, turns = weights["head" if key == "unreal" else "Head", "rotation"]
    assert np.isclose(2 * np.arcsin(np.linalg.norm(turns[-1, :3])), 0.5, atol=1e-3), "radians"
