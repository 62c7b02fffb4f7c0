"""Eyes: where they look at rest, what the target, the bones and the eyeLook shapes do to them, and to the lids."""

import math

import bpy
import numpy as np
import pytest
from mathutils import Vector

from blender_addon.scene import expression, gaze, mesh, rig


def settle() -> None:
    bpy.context.view_layer.update()


def direction(avatar, bone: str) -> Vector:
    """Where an eye bone points, in the world, constraints included."""
    settle()
    graph = bpy.context.evaluated_depsgraph_get()
    return (avatar.rig.evaluated_get(graph).pose.bones[bone].matrix.to_3x3() @ Vector((0, 1, 0))).normalized()


def degrees_between(one, other) -> float:
    return math.degrees(Vector(one).angle(Vector(other)))


def move_target(avatar, x: float, z: float) -> None:
    """Both targets, a metre before the eyes, `x` metres to the person's left, `z` up."""
    bones = avatar.rig.data.bones
    middle = (bones["eye.L"].head_local + bones["eye.R"].head_local) / 2
    gaze.look_at(avatar.rig, avatar.rig.matrix_world @ (middle + Vector((x, -1.0, z))))
    settle()


def part(bundle, material: str) -> np.ndarray:
    """Numbers of a material's vertices."""
    faces = bundle.geometry["faces"][bundle.geometry["material"] == bundle.metadata["materials"].index(material)]
    return np.unique(faces[faces >= 0])


def eyeball_degrees(avatar, bundle, index: int) -> float:
    """How far the evaluated eyeball has turned from straight ahead, by its vertices: bones know nothing of shapes."""
    geometry = bundle.geometry
    ball = np.intersect1d(part(bundle, "eye"), np.flatnonzero(geometry["skin_weights"][:, index] > 0.5))
    centre = geometry["joint_positions"][index]
    before, after = geometry["vertices"][ball] - centre, mesh.evaluated_vertices(avatar.mesh)[ball] - centre
    u, _, v = np.linalg.svd(before.T.astype(float) @ after)
    return math.degrees(math.acos(np.clip((np.trace(v.T @ u.T) - 1) / 2, -1, 1)))


def test_at_rest_the_eyes_look_where_the_person_looked(avatar, bundle):
    for bone, turn in zip(("eye.L", "eye.R"), bundle.parameters["pose"][0][3:5], strict=True):
        wanted = gaze._turned(turn)
        assert degrees_between(direction(avatar, bone), wanted) < 0.05
        assert wanted[0] < -0.05, "to the person's right"
        assert wanted[2] > 0.05, "up"


def test_the_skin_at_rest_is_the_bundles(avatar, bundle):
    skin = part(bundle, "skin")
    settle()
    assert np.abs(mesh.evaluated_vertices(avatar.mesh) - bundle.geometry["vertices"])[skin].max() < 1e-6


def test_without_aim_the_bones_keep_their_own_pose(avatar):
    before = direction(avatar, "eye.L")
    gaze.use(avatar.rig, 0.0, 1.0)
    assert degrees_between(direction(avatar, "eye.L"), before) < 0.05, "nothing jumps"
    move_target(avatar, 0.4, 0.0)
    gaze.use(avatar.rig, 0.0, 1.0)
    assert degrees_between(direction(avatar, "eye.L"), before) < 0.05
    avatar.rig.pose.bones["eye.L"].rotation_euler = (math.radians(50), 0, 0)
    assert direction(avatar, "eye.L").z > math.sin(math.radians(49)), "and nothing limits it"


@pytest.mark.parametrize(("x", "z"), [(0.4, 0.0), (-0.4, 0.0), (0.0, 0.35), (0.0, -0.35), (0.3, -0.2)])
def test_both_eyes_look_at_the_target(avatar, x, z):
    move_target(avatar, x, z)
    for name in ("eye.L", "eye.R"):
        bone = avatar.rig.data.bones[name]
        middle = (avatar.rig.data.bones["eye.L"].head_local + avatar.rig.data.bones["eye.R"].head_local) / 2
        wanted = middle + Vector((x, -1.0, z)) - bone.head_local
        assert degrees_between(direction(avatar, name), wanted) < 0.2


def test_half_the_aim_is_half_the_way(avatar):
    rig.rest(avatar.rig)
    move_target(avatar, 0.0, 0.3)
    whole = degrees_between(direction(avatar, "eye.L"), (0, -1, 0))
    gaze.use(avatar.rig, 0.5, 1.0)
    assert degrees_between(direction(avatar, "eye.L"), (0, -1, 0)) == pytest.approx(whole / 2, abs=0.5)


def test_a_target_behind_the_head_does_not_turn_the_eyes_inside_out(avatar):
    bones = avatar.rig.data.bones
    gaze.look_at(avatar.rig, bones["eye.L"].head_local + Vector((0.3, 1.0, 0.1)))
    assert degrees_between(direction(avatar, "eye.L"), (0, -1, 0)) < 50


@pytest.mark.parametrize(("key", "x", "z"), [
    ("eyeLookDownLeft", 0.0, -0.4), ("eyeLookUpLeft", 0.0, 0.35), ("eyeLookOutLeft", 0.5, 0.0)])
def test_lids_follow_the_target_as_they_follow_the_shape(avatar, bundle, key, x, z):
    gaze.use(avatar.rig, 0.0, 0.0)
    rig.rest(avatar.rig)
    skin = part(bundle, "skin")
    neutral = mesh.evaluated_vertices(avatar.mesh)[skin]
    expression.apply(avatar.mesh, {key: 1.0})
    settle()
    by_shape = mesh.evaluated_vertices(avatar.mesh)[skin] - neutral
    lid = np.linalg.norm(by_shape, axis=1).argmax()
    expression.reset(avatar.mesh)
    gaze.rest(avatar.rig)
    move_target(avatar, x, z)
    by_aim = mesh.evaluated_vertices(avatar.mesh)[skin] - neutral
    assert np.linalg.norm(by_shape[lid]) > 0.0015
    assert by_aim[lid] @ by_shape[lid] / (by_shape[lid] @ by_shape[lid]) > 0.5


@pytest.mark.parametrize(("key", "x", "z"), [
    ("eyeLookDownLeft", 0.0, -0.4), ("eyeLookUpLeft", 0.0, 0.4), ("eyeLookInLeft", -0.45, 0.0)])
def test_an_eye_never_turns_twice(avatar, bundle, key, x, z):
    move_target(avatar, x, z)
    by_aim = eyeball_degrees(avatar, bundle, 3)
    assert by_aim > 15
    expression.apply(avatar.mesh, {key: 1.0})
    settle()
    assert eyeball_degrees(avatar, bundle, 3) == pytest.approx(by_aim, abs=0.1)
    gaze.rest(avatar.rig)
    settle()
    both = mesh.evaluated_vertices(avatar.mesh)
    assert eyeball_degrees(avatar, bundle, 3) > 15, "while the target rests, the shape turns the eye"
    expression.reset(avatar.mesh)
    settle()
    assert np.abs(both - mesh.evaluated_vertices(avatar.mesh)).max() > 0.002


def test_the_target_follows_the_rig_not_the_head(avatar):
    before = direction(avatar, "eye.L")
    avatar.rig.pose.bones["head"].rotation_euler = (0, math.radians(10), 0)
    assert degrees_between(direction(avatar, "eye.L"), before) < 2.0, "the gaze stays while the head turns"


def test_a_hidden_key_shows_no_trace_at_rest(avatar):
    settle()
    prefixes = (gaze.OFF, gaze.LIDS, gaze.BALL)
    hidden = [key for key in avatar.mesh.data.shape_keys.key_blocks if key.name.startswith(prefixes)]
    assert len(hidden) == 24
    assert [key.value for key in hidden] == pytest.approx([0.0] * 24, abs=1e-4)


def test_photo_match_shows_the_eyes_as_they_were_fitted(avatar, bundle):
    assert bpy.ops.likeness.photo_match(view=1) == {"FINISHED"}
    settle()
    assert np.abs(mesh.evaluated_vertices(avatar.mesh) - bundle.fit["posed_vertices"][1]).max() < 1e-5
    assert bpy.ops.likeness.reset() == {"FINISHED"}
    assert gaze.used(avatar.rig) == (1.0, 1.0)


def test_gazes_that_never_meet_get_a_target_all_the_same():
    centres = np.array([[0.03, -0.07, 0.0], [-0.03, -0.07, 0.0]])
    ahead = np.array([[0.0, -1.0, 0.0]] * 2)
    apart = np.array([[0.1, -1.0, 0.0], [-0.1, -1.0, 0.0]]) / math.hypot(0.1, 1)
    crossed = np.array([[-0.06, -1.0, 0.0], [0.06, -1.0, 0.0]]) / math.hypot(0.06, 1)
    assert gaze._distance(centres, ahead) == gaze._distance(centres, apart) == gaze.USUAL
    assert gaze._distance(centres, crossed) == pytest.approx(math.hypot(0.03, 0.5), abs=1e-6)
    assert gaze._distance(centres, np.array([[-0.3, -1, 0], [0.3, -1, 0]]) / math.hypot(0.3, 1)) == gaze.NEAR


def test_the_button_puts_the_target_on_camera_and_cursor(avatar, tmp_path):
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.likeness.look(at="CAMERA")
    bpy.context.scene.cursor.location = (0.3, -2.0, 0.2)
    assert bpy.ops.likeness.look(at="CURSOR") == {"FINISHED"}
    eye = avatar.rig.data.bones["eye.R"].head_local
    assert degrees_between(direction(avatar, "eye.R"), Vector((0.3, -2.0, 0.2)) - eye) < 0.05
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (-0.5, -1.5, 0.1)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    settle()
    assert bpy.ops.likeness.look(at="CAMERA") == {"FINISHED"}
    assert degrees_between(direction(avatar, "eye.R"), camera.location - eye) < 0.05
    assert bpy.ops.likeness.look(at="PERSON") == {"FINISHED"}
    assert direction(avatar, "eye.R").z > 0.05
