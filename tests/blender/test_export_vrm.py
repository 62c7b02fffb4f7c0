"""VRM 1.0 as a file: what the specification demands, read as JSON and by Khronos' validator."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.errors import InputError
from blender_addon.export import job, presets, source, vrm
from blender_addon.scene import avatar as avatars

from .conftest import backend_python
from .export_check import TOLERANCE, Glb, avatar_of, y_up
from .gltf_check import validate

REQUIRED = {"hips", "spine", "head", *(f"{side}{part}" for side in ("left", "right") for part in (
    "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot"))}
"""Of the specification; neck, chest, jaw and eyes are optional."""
PRESETS = {"happy", "angry", "sad", "relaxed", "surprised", "aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft",
           "blinkRight", "lookUp", "lookDown", "lookLeft", "lookRight", "neutral"}
HARMLESS = {"NODE_SKINNED_MESH_NON_ROOT"}


@pytest.fixture(scope="module")
def made(known, tmp_path_factory) -> SimpleNamespace:
    path = tmp_path_factory.mktemp("vrm") / "ada"
    with avatar_of(known, "Åda <Lovelace>") as avatar:
        report = job.export(avatar, presets.chosen("vrm", texture_size=256, lods=(2,)), path)
        bones = source.skeleton(avatar)
    glb = Glb.read(report.files[0])
    return SimpleNamespace(path=report.files[0], glb=glb, bones=bones, vrm=glb.document["extensions"]["VRMC_vrm"])


def test_khronos_knows_no_error(made):
    """VRM's extension is unknown to it, which is no error."""
    report = validate(made.path, backend_python())
    problems = [message["code"] for message in report["issues"]["messages"] if message["severity"] < 2]
    assert set(problems) <= HARMLESS
    assert made.path.suffix == ".vrm"


def test_what_the_specification_demands_is_there(made):
    assert made.vrm["specVersion"] == "1.0"
    assert "VRMC_vrm" in made.glb.document["extensionsUsed"]
    assert {"name", "authors", "licenseUrl"} <= set(made.vrm["meta"])
    assert made.vrm["meta"]["name"] == "Åda <Lovelace>"
    assert made.vrm["meta"]["authors"]
    bones = made.vrm["humanoid"]["humanBones"]
    assert set(bones) >= REQUIRED
    nodes = [bone["node"] for bone in bones.values()]
    assert len(nodes) == len(set(nodes))
    names = [node["name"] for node in made.glb.document["nodes"]]
    assert len(names) == len(set(names))
    assert "animations" not in made.glb.document


def test_every_expression_points_at_targets_that_are_there(made):
    found, mesh = made.vrm["expressions"], made.glb.document["meshes"][0]
    assert set(found["preset"]) == PRESETS
    assert len(found["custom"]) == 52
    targets = mesh["extras"]["targetNames"]
    for name, weights in vrm.expressions().items():
        binds = found["preset"][name]["morphTargetBinds"]
        assert {targets[bind["index"]]: bind["weight"] for bind in binds} == weights
        assert all(0 < bind["weight"] <= 1 for bind in binds)
        assert all("mesh" in made.glb.document["nodes"][bind["node"]] for bind in binds)


def test_it_stands_on_the_ground_in_a_t_and_moves_only_its_head(made):
    document, places = made.glb.document, {}

    def walk(index: int, place: np.ndarray) -> None:
        node = document["nodes"][index]
        assert np.allclose(node.get("rotation", [0, 0, 0, 1]), [0, 0, 0, 1], atol=1e-6)
        places[node["name"]] = place + node.get("translation", [0, 0, 0])
        for child in node.get("children", ()):
            walk(child, places[node["name"]])

    walk(document["scenes"][0]["nodes"][0], np.zeros(3))
    for side, sign in (("Left", 1), ("Right", -1)):
        arm = [places[f"{side}{part}"] for part in ("UpperArm", "LowerArm", "Hand")]
        assert np.ptp([place[1] for place in arm]) < 1e-6
        assert (np.diff([place[0] * sign for place in arm]) > 0.1).all()
        assert 0 < places[f"{side}Foot"][1] < 0.15
    neck = y_up(made.bones.positions[made.bones.names.index("neck")])
    eye = y_up(made.bones.positions[made.bones.names.index("eye_left")])
    assert np.abs((places["LeftEye"] - places["Neck"]) - (eye - neck)).max() < TOLERANCE, "the head keeps its size"
    skin = document["skins"][0]["joints"]
    used = {document["nodes"][skin[joint]]["name"] for joint in np.unique(
        made.glb.attribute("JOINTS_0")[made.glb.attribute("WEIGHTS_0") > 0])}
    assert used == {"Neck", "Head", "Jaw", "LeftEye", "RightEye"}


def test_eyes_that_joints_turn_look_by_bones(avatar, tmp_path):
    report = job.export(avatar, presets.chosen("vrm", texture_size=256, lods=(3,), gaze="joints"), tmp_path / "ada.vrm")
    look = Glb.read(report.files[0]).document["extensions"]["VRMC_vrm"]["lookAt"]
    assert look["type"] == "bone"
    assert look["rangeMapVerticalUp"] == {"inputMaxValue": 24.0, "outputScale": 24.0}


def test_an_imported_head_is_a_person_too(borrowed, tmp_path):
    assert bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Ada") == {"FINISHED"}
    wanted = presets.chosen("vrm", texture_size=256, lods=(3,))
    report = job.export(avatars.active(bpy.context), wanted, tmp_path / "ada")
    made = Glb.read(report.files[0]).document["extensions"]["VRMC_vrm"]
    assert "For research only" in made["meta"]["thirdPartyLicenses"]


def test_a_head_without_joints_is_refused(avatar):
    bones = source.skeleton(avatar)
    bare = source.Skeleton(("root",), (-1,), bones.positions[:1])
    with pytest.raises(InputError, match="no neck and head joints"):
        vrm.with_body(bare, {})
