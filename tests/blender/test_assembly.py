"""The avatar's datablocks: geometry, keys, bones, agreement with torch."""

import bpy
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon.bundle import read_bundle
from blender_addon.scene import avatar as avatars
from blender_addon.scene import expression, gaze, keys, mesh, names, resolution, rig

TOLERANCE = 1e-5  # metres: 0.01 mm


def test_the_neutral_face_is_the_bundles_vertex_for_vertex(avatar, bundle):
    rig.rest(avatar.rig)
    gaze.use(avatar.rig, 0.0, 0.0)
    assert np.abs(mesh.evaluated_vertices(avatar.mesh) - bundle.geometry["vertices"]).max() < 1e-6


def differs_from_torch(avatar, bundle, truth, case: int) -> float:
    """Metres between what Blender and torch make of a random expression and pose."""
    own = keys.component_names(bundle.geometry, truth.expression.shape[1])
    gaze.use(avatar.rig, 0.0, 0.0)  # bones and shapes add up, as torch adds them
    expression.apply(avatar.mesh, dict(zip(own, truth.expression[case].tolist(), strict=True)))
    rig.set_pose(avatar.rig, bundle.geometry["joint_names"].tolist(), truth.pose[case])
    bpy.context.view_layer.update()
    moved = np.linalg.norm(truth.vertices[case] - bundle.geometry["vertices"], axis=1).max()
    assert moved > 0.005, "the case must move something, or it proves nothing"
    return np.linalg.norm(mesh.evaluated_vertices(avatar.mesh) - truth.vertices[case], axis=1).max()


@pytest.mark.parametrize("case", range(6))
def test_blender_deforms_as_torch_does(avatar, known, bundle, case):
    assert differs_from_torch(avatar, bundle, known, case) < TOLERANCE


@pytest.mark.parametrize("case", range(3))
def test_a_borrowed_head_of_triangles_and_parts_deforms_as_torch_does(borrowed, case):
    bundle = read_bundle(borrowed.folder)
    assert len(bundle.geometry["vertices"]) > bundle.metadata["head"]["own_vertices"], "it was given parts"
    assert (bundle.geometry["faces"][:, 3] < 0).any()
    avatar = avatars.assemble(bpy.context.scene, bundle, "Ada")
    assert differs_from_torch(avatar, bundle, borrowed, case) < TOLERANCE


def test_a_pose_comes_back_as_it_went_in(avatar, known, bundle):
    joints = bundle.geometry["joint_names"].tolist()
    rig.set_pose(avatar.rig, joints, known.pose[0])
    assert np.allclose(rig.get_pose(avatar.rig, joints), known.pose[0], atol=1e-5)


def test_the_first_52_keys_are_apples_at_rest_between_0_and_1(avatar):
    blocks = avatar.mesh.data.shape_keys.key_blocks
    assert blocks[0].name == "Basis"
    assert tuple(key.name for key in blocks[1:53]) == ARKIT_NAMES
    assert all((key.value, key.slider_min, key.slider_max) == (0.0, 0.0, 1.0) for key in blocks[1:53])


def test_jaw_open_lowers_the_chin_and_leaves_the_brow(avatar, bundle):
    neutral = bundle.geometry["vertices"]
    expression.apply(avatar.mesh, {"jawOpen": 1.0})
    moved = mesh.evaluated_vertices(avatar.mesh) - neutral
    lower_front = (neutral[:, 2] < -0.05) & (neutral[:, 1] < -0.06)
    assert moved[lower_front, 2].min() < -0.01
    assert np.abs(moved[neutral[:, 2] > 0.03]).max() < 0.002


def test_bones_sit_on_the_joints_and_point_where_the_motion_is_seen(avatar, bundle):
    bones = avatar.rig.data.bones
    assert {bone.name for bone in bones} >= {"neck", "head", "jaw", "eye.L", "eye.R"}
    assert bones["head"].parent.name == "neck"
    assert {bones[name].parent.name for name in ("jaw", "eye.L", "eye.R")} == {"head"}
    for name, place in zip(bundle.geometry["joint_names"], bundle.geometry["joint_positions"], strict=True):
        assert np.allclose(bones[names.bone_name(name)].head_local, place, atol=1e-6)
    for name in ("eye.L", "eye.R", "jaw"):
        assert bones[name].tail_local.y < bones[name].head_local.y - 0.02, "forward is -Y"
    for name in ("neck", "head"):
        assert bones[name].tail_local.z > bones[name].head_local.z + 0.02


def test_every_bone_nods_about_the_same_axis(avatar):
    for bone in avatar.rig.data.bones:
        assert abs(bone.matrix_local.to_3x3().col[0].x) > 0.999, bone.name


def test_shading_is_smooth_without_custom_normals_and_every_slot_has_a_material(avatar, bundle):
    data = avatar.mesh.data
    assert all(polygon.use_smooth for polygon in data.polygons)
    assert not data.has_custom_normals
    assert len(data.materials) == len(bundle.metadata["materials"])
    assert all(data.materials)
    found = np.empty(len(data.polygons), np.int32)
    data.polygons.foreach_get("material_index", found)
    assert (found == bundle.geometry["material"]).all()


def test_uvs_are_the_bundles(avatar, bundle):
    used = bundle.geometry["faces"].reshape(-1) >= 0
    found = np.empty(2 * int(used.sum()), np.float32)
    avatar.mesh.data.uv_layers[0].uv.foreach_get("vector", found)
    assert np.array_equal(found.reshape(-1, 2), bundle.geometry["uvs"].reshape(-1, 2)[used])


def test_every_vertex_is_carried_by_weights_that_sum_to_one(avatar):
    joints = {group.index for group in avatar.mesh.vertex_groups if group.name in avatar.rig.data.bones}
    sums = [sum(entry.weight for entry in vertex.groups if entry.group in joints)
            for vertex in avatar.mesh.data.vertices]
    assert np.allclose(sums, 1.0, atol=1e-4)


def test_regions_are_vertex_groups_that_move_nothing(avatar, bundle):
    regions = bundle.geometry["region_names"].tolist()
    assert {"nose", "lips", "neck"} <= set(regions)
    for name in ("nose", "neck"):
        group = avatar.mesh.vertex_groups[f"region_{name}"]
        assert group.name not in avatar.rig.data.bones
        found = np.zeros(len(avatar.mesh.data.vertices), np.float32)
        for vertex in avatar.mesh.data.vertices:
            found[vertex.index] = next((entry.weight for entry in vertex.groups if entry.group == group.index), 0.0)
        assert np.allclose(found, bundle.geometry["regions"][regions.index(name)], atol=1e-6)


def test_subdivision_is_for_renders_only(avatar):
    modifier = avatar.mesh.modifiers["Subdivision"]
    assert (modifier.levels, modifier.render_levels) == (0, resolution.SUBDIVISIONS[resolution.BASE])
    assert [item.type for item in avatar.mesh.modifiers] == ["ARMATURE", "SUBSURF"]


def test_bones_and_groups_pair_for_mirroring_tools(avatar):
    for name in ("eye.L", "eye_target.L"):
        assert bpy.utils.flip_name(name) in avatar.rig.data.bones
    assert {"eye.L", "eye.R", "region_brow_left"} <= set(avatar.mesh.vertex_groups.keys())
    assert names.joint_name(names.bone_name("eye_right")) == "eye_right"


def test_only_bones_of_joints_move_vertices(avatar, bundle):
    joints = set(names.bone_names(bundle.geometry["joint_names"].tolist()))
    assert {bone.name for bone in avatar.rig.data.bones if bone.use_deform} == joints
    assert {bone.name for bone in avatar.rig.data.collections[rig.DEFORM].bones} == joints
    assert {bone.name for bone in avatar.rig.data.collections[rig.CONTROL].bones} == (
        {bone.name for bone in avatar.rig.data.bones} - joints)


def test_every_slot_says_what_it_is(avatar, bundle):
    labels = [material.name for material in avatar.mesh.data.materials]
    assert labels[:2] == ["Ada Skin", "Ada Mouth"]
    assert len(set(labels)) == len(bundle.metadata["materials"])
