"""Base, dense and levels of detail of one avatar: what switching changes, and everything that it leaves alone."""

import dataclasses
import shutil

import bpy
import numpy as np
import pytest

from blender_addon.bundle import carried, read_bundle
from blender_addon.errors import InputError
from blender_addon.scene import avatar as avatars
from blender_addon.scene import drivers, expression, gaze, mesh, resolution, rig

FACE = {"jawOpen": 0.5, "mouthSmileLeft": 0.7, "browInnerUp": 0.4}


def switch(level: str) -> None:
    assert bpy.ops.likeness.set_resolution(level=level) == {"FINISHED"}
    bpy.context.view_layer.update()


def shown(avatar) -> np.ndarray:
    bpy.context.view_layer.update()
    return mesh.evaluated_vertices(avatar.mesh)


def used_by(bundle, number: int) -> np.ndarray:
    faces = bundle.levels["lod_faces"][bundle.levels["lod_level"] == number]
    return np.unique(faces[faces >= 0])


@pytest.fixture
def wearing(avatar, bundle):
    """An avatar with a face, a pose, a gaze and an animation."""
    expression.apply(avatar.mesh, FACE)
    rig.set_pose(avatar.rig, bundle.geometry["joint_names"].tolist(), np.full((5, 3), 0.1))
    avatar.rig.pose.bones[gaze.TARGET].location.x = 0.2
    key = avatar.mesh.data.shape_keys.key_blocks["cheekPuff"]
    for frame, value in ((1, 0.0), (11, 1.0)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    bpy.context.scene.frame_set(6)
    return avatar


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_level_of_detail_moves_as_the_base_does(wearing, bundle, number):
    base = shown(wearing)
    switch(f"lod{number}")
    used = used_by(bundle, number)
    assert len(wearing.mesh.data.vertices) == len(used) < len(base)
    assert np.abs(shown(wearing) - base[used]).max() < 1e-6


def test_levels_get_coarser(avatar):
    counts = []
    for level in ("dense", "base", "lod1", "lod2", "lod3"):
        switch(level)
        counts.append(len(avatar.mesh.data.polygons))
    # A quad of the base is one polygon, two triangles of LOD 1.
    assert counts[0] > 2 * counts[1]
    assert counts[2] > counts[3] > counts[4]


def test_the_dense_mesh_has_the_bases_vertices_first_and_its_shapes(avatar, bundle):
    rig.rest(avatar.rig)
    gaze.use(avatar.rig, 0.0, 0.0)
    expression.apply(avatar.mesh, FACE)
    base = shown(avatar)
    switch("dense")
    dense = shown(avatar)
    assert np.abs(dense[:len(base)] - base).max() < 1e-6
    assert np.abs(dense - carried(bundle.levels, base)).max() < 2e-6


def test_a_switch_leaves_face_pose_animation_drivers_and_materials(wearing, bundle):
    body, before = wearing.mesh, shown(wearing)
    data, keys = body.data, body.data.shape_keys
    materials, pose = list(data.materials), rig.get_pose(wearing.rig, bundle.geometry["joint_names"].tolist())
    driven, face = drivers.driven_keys(keys), expression.current(body)
    for level in ("dense", "lod2", "base"):
        switch(level)
        assert (body.data, body.data.shape_keys) == (data, keys), "whatever points at them still does"
        assert list(data.materials) == materials
        assert resolution.of(body) == level
        assert expression.current(body) == pytest.approx(face)
        assert drivers.driven_keys(keys) == driven
        assert keys.animation_data.action is not None
    assert np.array_equal(shown(wearing), before), "and back at the base nothing has changed"
    assert rig.get_pose(wearing.rig, bundle.geometry["joint_names"].tolist()) == pytest.approx(pose)
    bpy.context.scene.frame_set(11)
    assert keys.key_blocks["cheekPuff"].value == 1.0


@pytest.mark.parametrize("level", ["dense", "lod1"])
def test_every_level_is_whole(avatar, bundle, level):
    switch(level)
    data = avatar.mesh.data
    assert not data.validate()
    assert all(polygon.use_smooth for polygon in data.polygons)
    assert [layer.name for layer in data.uv_layers] == [mesh.UV_LAYER]
    assert {polygon.material_index for polygon in data.polygons} == set(range(len(bundle.metadata["materials"])))
    joints = {group.index for group in avatar.mesh.vertex_groups if group.name in avatar.rig.data.bones}
    sums = [sum(entry.weight for entry in vertex.groups if entry.group in joints) for vertex in data.vertices]
    assert np.allclose(sums, 1.0, atol=1e-4)
    assert "region_nose" in avatar.mesh.vertex_groups


def test_only_base_and_dense_are_subdivided_for_renders(avatar):
    found = {}
    for level in resolution.LEVELS:
        switch(level)
        found[level] = avatar.mesh.modifiers[resolution.SUBDIVISION].render_levels
    assert found == {"base": 2, "dense": 1, "lod1": 0, "lod2": 0, "lod3": 0}
    assert [item.type for item in avatar.mesh.modifiers] == ["ARMATURE", "SUBSURF"]


def test_an_avatar_can_start_at_any_level(known, bundle):
    assert bpy.ops.likeness.assemble(directory=str(known.folder), name="Ada", level="lod2") == {"FINISHED"}
    avatar = avatars.active(bpy.context)
    assert len(avatar.mesh.data.vertices) == len(used_by(bundle, 2))
    switch("base")
    assert len(avatar.mesh.data.vertices) == len(bundle.geometry["vertices"])


def test_undo_takes_a_switch_back(wearing):
    bpy.ops.ed.undo_push(message="base")
    before = shown(wearing)
    switch("lod1")
    bpy.ops.ed.undo_push(message="switched")
    bpy.ops.ed.undo()
    avatar = avatars.active(bpy.context)
    assert resolution.of(avatar.mesh) == "base"
    assert np.array_equal(shown(avatar), before)


def test_a_switch_after_saving_and_opening(wearing, tmp_path, bundle):
    before = shown(wearing)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    switch("lod1")
    avatar = avatars.active(bpy.context)
    assert np.abs(shown(avatar) - before[used_by(bundle, 1)]).max() < 1e-6


def sculpt(avatar, name: str, index: int) -> None:
    avatar.mesh.data.shape_keys.key_blocks[name].data[index].co.z += 0.004


def test_sculpted_shapes_go_along_to_dense_and_back(avatar, bundle):
    avatar.mesh.shape_key_add(name="My Shape", from_mix=False).value = 0.0
    sculpt(avatar, "jawOpen", 100)
    sculpt(avatar, "My Shape", 200)
    expression.apply(avatar.mesh, {"jawOpen": 1.0, "My Shape": 0.5})
    before = shown(avatar)
    switch("dense")
    assert np.abs(shown(avatar) - carried(bundle.levels, before)).max() < 1e-5
    switch("base")
    assert np.abs(shown(avatar) - before).max() < 1e-6
    switch("lod1")
    assert np.abs(shown(avatar) - before[used_by(bundle, 1)]).max() < 1e-6


def test_edits_that_cannot_be_carried_stop_the_switch(avatar):
    switch("lod2")
    sculpt(avatar, "jawOpen", 10)
    with pytest.raises(RuntimeError, match=r"level of detail.*jawOpen"):
        bpy.ops.likeness.set_resolution(level="base")
    assert resolution.of(avatar.mesh) == "lod2", "nothing was changed"


def test_a_mesh_of_another_topology_is_left_alone(avatar):
    avatar.mesh.data.vertices.add(1)
    with pytest.raises(RuntimeError, match="no longer has the vertices"):
        bpy.ops.likeness.set_resolution(level="dense")


def test_without_its_bundle_an_avatar_stays_as_it_is(known, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(known.folder, folder)
    assert bpy.ops.likeness.assemble(directory=str(folder), name="Ada") == {"FINISHED"}
    shutil.rmtree(folder)
    with pytest.raises(RuntimeError, match=r"folder moved .* is not known on this computer"):
        bpy.ops.likeness.set_resolution(level="dense")


def test_a_bundle_without_levels_is_base_and_nothing_else(bundle):
    bare = dataclasses.replace(bundle, levels={})
    assert resolution.available(bare) == ["base"]
    assert resolution.available(bundle) == list(resolution.LEVELS)
    for level in ("dense", "lod1"):
        with pytest.raises(InputError, match="no resolution"):
            avatars.assemble(bpy.context.scene, bare, "Ada", level)
    assert not bpy.data.objects


def test_a_borrowed_head_has_levels_too(borrowed):
    bundle = read_bundle(borrowed.folder)
    assert bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Ada") == {"FINISHED"}
    avatar = avatars.active(bpy.context)
    expression.apply(avatar.mesh, {"expression_002": 2.0, "jawOpen": 0.5})
    base = shown(avatar)
    switch("lod1")
    assert np.abs(shown(avatar) - base[used_by(bundle, 1)]).max() < 1e-6
    switch("dense")
    assert np.abs(shown(avatar)[:len(base)] - base).max() < 1e-6
