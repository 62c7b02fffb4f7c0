"""What the scene animates, in every format that moves; visemes; read back by Blender and held against the scene."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.export import job, presets, source, visemes
from blender_addon.scene import gaze

from .export_check import TOLERANCE, Glb, avatar_of, in_world, matched, y_up

FRAMES = (3, 6, 9)
"""First key, a smile of the jaw, a look to the left by the bones."""


@pytest.fixture(scope="module")
def made(known, tmp_path_factory) -> SimpleNamespace:
    """An avatar that opens the jaw, turns the head, and looks aside by its bones; every moving format once."""
    folder, reports = tmp_path_factory.mktemp("moving"), {}
    with avatar_of(known) as avatar:
        act(avatar)
        bpy.context.scene.frame_set(2)
        rest, lids = (source.surface(avatar, presets.PRESETS[key]) for key in ("glb", "unity"))
        there = {frame: evaluated(avatar, frame) for frame in FRAMES}
        bpy.context.scene.frame_set(2)
        for key, wish in (("glb", {"visemes": True}), ("unity", {"lods": (3,)}), ("usd", {}), ("abc", {})):
            reports[key] = job.export(avatar, presets.chosen(key, texture_size=256, **wish), folder / key / "ada")
        assert bpy.context.scene.frame_current == 2
        reports["still"] = job.export(avatar, presets.chosen("web", texture_size=256, lods=(3,), animated=False),
                                      folder / "still")
        assert not [action for action in bpy.data.actions if action.users == 0]
    return SimpleNamespace(reports=reports, rest=rest, lids=lids, there=there)


def act(avatar) -> None:
    blocks = avatar.mesh.data.shape_keys.key_blocks
    bpy.context.scene.render.fps = 30
    gaze.use(avatar.rig, 0.0, 1.0)  # eyes by their bones, and lids with them
    for frame, (jaw, turn, eyes) in zip(FRAMES, ((0.0, 0.0, 0.0), (0.8, 0.5, 0.0), (0.1, 0.2, 0.35)), strict=True):
        blocks["jawOpen"].value = jaw
        blocks["jawOpen"].keyframe_insert("value", frame=frame)
        for name, rotation in (("head", (0.0, turn, turn / 2)), ("eye.L", (0, 0, eyes)), ("eye.R", (0, 0, eyes))):
            avatar.rig.pose.bones[name].rotation_euler = rotation
            avatar.rig.pose.bones[name].keyframe_insert("rotation_euler", frame=frame)


def evaluated(avatar, frame: int) -> np.ndarray:
    """(V, 3) metres of the avatar as the scene shows it, in the rig's space; its subdivision is not in files."""
    bpy.context.scene.frame_set(frame)
    for modifier in avatar.mesh.modifiers:
        if modifier.type == "SUBSURF":
            modifier.show_viewport = False
    return shown(avatar.mesh)


def shown(body: bpy.types.Object) -> np.ndarray:
    data = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return in_world_points(data)


def in_world_points(body: bpy.types.Object) -> np.ndarray:
    place, flat = np.array(body.matrix_world), np.empty(len(body.data.vertices) * 3, np.float32)
    body.data.vertices.foreach_get("co", flat)
    return (flat.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3]) * bpy.context.scene.unit_settings.scale_length


def imported(made, key: str) -> bpy.types.Object:
    path = str(made.reports[key].files[0])
    readers = {"glb": bpy.ops.import_scene.gltf, "unity": bpy.ops.import_scene.fbx, "usd": bpy.ops.wm.usd_import,
               "abc": bpy.ops.wm.alembic_import}
    bpy.context.scene.render.fps = 30
    readers[key](filepath=path)
    return max((item for item in bpy.data.objects if item.type == "MESH"), key=lambda item: len(item.data.vertices))


@pytest.mark.parametrize("key", ["glb", "unity", "usd"])
def test_the_face_and_the_head_move_as_in_the_scene(made, key):
    """What looks move is left to the next tests: shapes turn eyes along a chord, and take the lids along."""
    rest = made.lids if key == "unity" else made.rest
    body = imported(made, key)
    base, deltas, names = in_world(body)
    apple = [names.index(name) for name in rest.key_names]
    at = matched(rest.vertices, rest.key_deltas, base, deltas[apple])
    frames = [round(frame) for frame in span()]
    assert frames[1] - frames[0] == FRAMES[-1] - FRAMES[0]
    looks = [name.startswith("eyeLook") for name in rest.key_names]
    still = np.abs(made.rest.key_deltas[looks]).max((0, 2))[at] < TOLERANCE / 5
    assert still.mean() > 0.4
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame - FRAMES[0] + frames[0])
        off = np.linalg.norm(shown(body) - made.there[frame][at], axis=1)[still]
        assert off.max() < TOLERANCE, (frame, off.max())


def span() -> tuple[float, float]:
    """First and last key of the longest action that an import brought."""
    return max((tuple(action.frame_range) for action in bpy.data.actions), key=lambda ends: ends[1] - ends[0])


def test_joints_turn_the_eyes_where_joints_do(made):
    body = imported(made, "unity")
    base, deltas, _names = in_world(body)
    at = matched(made.lids.vertices, made.lids.key_deltas, base, deltas)
    bpy.context.scene.frame_set(round(span()[1]))
    assert np.linalg.norm(shown(body) - made.there[FRAMES[-1]][at], axis=1).max() < TOLERANCE


def test_shapes_turn_the_eyes_where_shapes_do(made):
    """0.35 to the person's left, of 32 degrees at 1: out for the left eye, in for the right; the joints rest."""
    glb = Glb.read(made.reports["glb"].files[0])
    (animation,) = glb.document["animations"]
    nodes = glb.document["nodes"]
    names = glb.document["meshes"][0]["extras"]["targetNames"]
    found = {(nodes[channel["target"]["node"]]["name"], channel["target"]["path"]):
             glb.accessor(animation["samplers"][channel["sampler"]]["output"]) for channel in animation["channels"]}
    weights = next(values for (_name, path), values in found.items() if path == "weights").reshape(-1, len(names))
    wanted = 0.35 / np.radians(32)
    assert np.isclose(weights[-1, names.index("eyeLookOutLeft")], wanted, atol=0.01)
    assert np.isclose(weights[-1, names.index("eyeLookInRight")], wanted, atol=0.01)
    assert weights[:, names.index("eyeLookInLeft")].max() < 1e-3
    assert np.allclose(found["eye_left", "rotation"], [0, 0, 0, 1], atol=1e-4)
    assert np.isclose(weights[FRAMES[1] - FRAMES[0], names.index("jawOpen")], 0.8, atol=1e-4)


def test_a_moving_file_still_rests_at_zero(made):
    glb = Glb.read(made.reports["glb"].files[0])
    assert set(glb.document["meshes"][0]["weights"]) == {0}
    assert glb.document["animations"][0]["name"] == "performance"
    assert np.abs(glb.attribute("POSITION")[:, 1].max() - made.rest.vertices[:, 2].max()) < TOLERANCE
    assert made.reports["glb"].notes[-1] == "7 frames at 30 a second"


def test_a_still_file_has_no_animation(made):
    assert "animations" not in Glb.read(made.reports["still"].files[0]).document


def test_alembic_is_the_scene_frame_by_frame(made):
    body = imported(made, "abc")
    assert len(body.data.vertices) == len(made.rest.vertices)
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        assert np.linalg.norm(shown(body) - made.there[frame], axis=1).max() < TOLERANCE, frame


def test_a_cache_without_a_performance_is_one_frame_and_says_so(avatar, tmp_path):
    report = job.export(avatar, presets.chosen("abc", texture_size=256), tmp_path / "ada")
    assert "Nothing animates the avatar: the cache holds one frame" in report.notes
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.alembic_import(filepath=str(report.files[0]))
    assert any(item.type == "MESH" for item in bpy.data.objects)


def test_visemes_are_sums_of_apples_shapes(made):
    glb = Glb.read(made.reports["glb"].files[0])
    names = glb.document["meshes"][0]["extras"]["targetNames"]
    assert names[52:] == list(visemes.NAMES)
    targets = glb.targets()
    at = matched(y_up(made.rest.vertices), y_up(made.rest.key_deltas), glb.attribute("POSITION"), targets[:52])
    for index, name in enumerate(visemes.NAMES, 52):
        wanted = sum((value * made.rest.key_deltas[made.rest.key_names.index(shape)]
                      for shape, value in visemes.WEIGHTS[name.removeprefix("viseme_")].items()),
                     np.zeros_like(made.rest.vertices))
        assert np.abs(targets[index] - y_up(wanted)[at]).max() < TOLERANCE, name
    moved = np.linalg.norm(targets[52:], axis=2).max(1)
    assert moved[0] == 0, "silence"
    assert (moved[1:] > 0.001).all()
