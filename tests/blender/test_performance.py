"""Recordings played by an avatar: what the numbers say is where keys and bones are; nothing is lost on the way."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat, jobs, translations
from blender_addon.export import job, presets, visemes
from blender_addon.performance import clip as clips
from blender_addon.performance import curves, livelink, panel, take, turns, words
from blender_addon.performance.clip import ARKIT_NAMES, Clip
from blender_addon.scene import avatar as avatars
from blender_addon.scene import gaze, rig

from .export_check import Glb
from .panel_check import draw

FRAMES, RATE = 60, 30.0
TURN = np.radians(20)


def made() -> Clip:
    """Speech, a blink of one full frame, a turn to the person's left that ends at 20 degrees, a look aside, a gap."""
    time = np.arange(FRAMES) / RATE
    arkit = np.zeros((FRAMES, 52))
    arkit[:, ARKIT_NAMES.index("jawOpen")] = 0.3 - 0.3 * np.cos(2 * np.pi * 2 * time)
    for side in ("Left", "Right"):
        arkit[20:23, ARKIT_NAMES.index(f"eyeBlink{side}")] = 0.4, 1.0, 0.3
    arkit[:, ARKIT_NAMES.index("eyeLookOutLeft")] = arkit[:, ARKIT_NAMES.index("eyeLookInRight")] = 0.5
    head = np.tile(np.eye(4), (FRAMES, 1, 1))
    angles = np.zeros((FRAMES, 3))
    angles[:, 0] = np.linspace(0, TURN, FRAMES)
    head[:, :3, :3] = turns.from_angles(angles)
    pose = np.zeros((FRAMES, 5, 3))
    pose[:, 3:, 2] = np.radians(16)
    confidence = np.ones(FRAMES)
    confidence[40:45] = 0
    return Clip(time, arkit, np.zeros((FRAMES, 0)), head, pose, confidence)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    clips.write_npz(made(), tmp_path / "take.npz")
    return tmp_path / "take.npz"


@pytest.fixture
def played(avatar, recording):
    bpy.context.scene.render.fps = 30
    assert bpy.ops.likeness.import_performance(filepath=str(recording), retarget=False) == {"FINISHED"}
    return avatar


def values(avatar) -> dict[str, float]:
    return {key.name: key.value for key in avatar.mesh.data.shape_keys.key_blocks}


def turn_of(avatar, bone: str) -> np.ndarray:
    """Radians, world axes of the rest pose, of where a bone is."""
    posed = avatar.rig.pose.bones[bone]
    return turns.axis_angles(np.array((posed.matrix @ posed.bone.matrix_local.inverted()).to_3x3()))


def test_keys_bones_and_eyes_are_as_recorded(played):
    scene, clip = bpy.context.scene, made()
    for frame in (1, 22, 30, 60):
        scene.frame_set(frame)
        found = values(played)
        for index, name in enumerate(ARKIT_NAMES):
            assert found[name] == pytest.approx(clip.arkit[frame - 1, index], abs=1e-5), (frame, name)
        yaw = TURN * (frame - 1) / (FRAMES - 1)
        assert turn_of(played, "head") == pytest.approx([0, 0, yaw], abs=1e-4)
        assert turn_of(played, "neck") == pytest.approx([0, 0, 0.4 * yaw], abs=1e-4)
    off = np.array(played.rig.pose.bones["eye.L"].matrix_basis.to_3x3()) - np.eye(3)
    assert np.abs(off).max() < 1e-6, "the shapes have the eyes"
    assert played.rig[gaze.AIM] == 0


def test_the_necks_share_does_not_change_where_the_head_looks(played):
    scene, action = bpy.context.scene, take.playing(played)
    for share in (0.0, 1.0):
        action.likeness.neck = share
        scene.frame_set(60)
        assert turn_of(played, "head") == pytest.approx([0, 0, TURN], abs=1e-4)
        assert turn_of(played, "neck") == pytest.approx([0, 0, share * TURN], abs=1e-4)


def test_settings_change_the_curves_and_nothing_leaves_its_range(played):
    action = take.playing(played)
    action.likeness.mouth = 0.5
    action.likeness.eyes = 2.0
    bpy.context.scene.frame_set(22)
    found = values(played)
    assert found["jawOpen"] == pytest.approx(made().arkit[21, ARKIT_NAMES.index("jawOpen")] / 2, abs=1e-5)
    assert found["eyeBlinkLeft"] == pytest.approx(1)
    action.likeness.head_pose = (0.0, 0.1, 0.0)
    bpy.context.scene.frame_set(1)
    assert turn_of(played, "head") == pytest.approx([0, 0, 0.1], abs=1e-4)


def test_the_whole_place_puts_the_head_where_it_was(avatar, tmp_path):
    clip = made()
    head = clip.head.copy()
    head[:, :3, 3] = np.linspace((0, 0, 0), (0.1, -0.2, 0.05), FRAMES)
    path = tmp_path / "moved.npz"
    clips.write_npz(Clip(clip.time, clip.arkit, clip.expression, head, clip.pose, clip.confidence), path)
    bpy.context.scene.render.fps = 30
    bpy.ops.likeness.import_performance(filepath=str(path), retarget=False)
    take.playing(avatar).likeness.place = 1.0
    bpy.context.scene.frame_set(60)
    posed = avatar.rig.pose.bones["head"]
    found = np.array(posed.matrix @ posed.bone.matrix_local.inverted())
    assert np.abs(found - head[-1]).max() < 1e-5


def test_lost_frames_are_marked_in_the_action(played):
    markers = {marker.frame: marker.name for marker in take.playing(played).pose_markers}
    assert markers == {41: "Face lost", 46: "Face seen"}


@pytest.mark.parametrize("fps", [24, 30])
def test_a_blink_of_one_frame_survives_the_scenes_rate(avatar, recording, fps):
    scene = bpy.context.scene
    scene.render.fps = fps
    bpy.ops.likeness.import_performance(filepath=str(recording), retarget=False, timing="SCENE", first=11)
    face = compat.curves_for(take.playing(avatar), avatar.mesh.data.shape_keys)
    curve = face.find('key_blocks["eyeBlinkLeft"].value')
    frames, found = curves.keys_of(curve)
    assert np.array_equal(frames, np.arange(11, 11 + len(frames)))
    assert len(frames) == (FRAMES - 1) * fps // 30 + 1
    assert found.max() == pytest.approx(1, abs=0.03)


def test_its_own_rate_plays_in_its_own_time(avatar, recording):
    scene = bpy.context.scene
    scene.render.fps, scene.frame_end = 24, 20
    bpy.ops.likeness.import_performance(filepath=str(recording), retarget=False)
    curve = compat.curves_for(take.playing(avatar), avatar.mesh.data.shape_keys).find('key_blocks["jawOpen"].value')
    frames, _found = curves.keys_of(curve)
    assert frames == pytest.approx(1 + np.arange(FRAMES) * 24 / 30, abs=1e-4)
    assert scene.frame_end == 48


def test_gaze_by_bones_and_by_the_target(played):
    action, scene = take.playing(played), bpy.context.scene
    action.likeness.gaze = "BONES"
    scene.frame_set(5)
    assert rig.get_pose(played.rig, ["eye_left"])[0] == pytest.approx([0, 0, np.radians(16)], abs=1e-4)
    assert values(played)["eyeLookOutLeft"] == 0
    action.likeness.gaze = "TARGET"
    scene.frame_set(6)
    assert played.rig[gaze.AIM] == 1
    face = compat.curves_for(action, played.mesh.data.shape_keys)
    assert face.find('key_blocks["eyeLookOutLeft"].value') is None


def test_presets_lie_over_it_and_give_way_to_blinks(played):
    bpy.ops.likeness.add_mix(preset="surprise", amount=1.0)
    scene = bpy.context.scene
    scene.frame_set(10)
    assert values(played)["eyeWideLeft"] == pytest.approx(0.8)
    assert values(played)["jawOpen"] >= made().arkit[9, ARKIT_NAMES.index("jawOpen")]
    scene.frame_set(22)
    assert values(played)["eyeWideLeft"] == pytest.approx(0, abs=1e-6)
    mix = take.playing(played).likeness.mixes[0]
    mix.start, mix.end = 30, 60
    scene.frame_set(10)
    assert values(played)["eyeWideLeft"] == 0
    scene.frame_set(45)
    assert values(played)["eyeWideLeft"] == pytest.approx(0.8)
    mix.preset = "viseme_ou"
    assert values_at(played, 45)["mouthPucker"] == pytest.approx(visemes.WEIGHTS["ou"]["mouthPucker"])
    bpy.ops.likeness.remove_mix(index=0)
    assert values_at(played, 45)["mouthPucker"] == 0


def values_at(avatar, frame: int) -> dict[str, float]:
    bpy.context.scene.frame_set(frame)
    return values(avatar)


def test_presets_alone_are_a_take(avatar):
    assert bpy.ops.likeness.new_performance(seconds=2.0) == {"FINISHED"}
    bpy.ops.likeness.add_mix(preset="smile", amount=1.0, start=1, end=40)
    assert values_at(avatar, 20)["mouthSmileLeft"] == pytest.approx(0.65, abs=1e-4)
    assert values_at(avatar, 45)["mouthSmileLeft"] == 0


def test_takes_are_listed_played_and_removed(played, recording):
    bpy.ops.likeness.import_performance(filepath=str(recording), name="second")
    assert [action.name for action in take.takes(played)] == ["second", "take"]
    assert take.playing(played).name == "second"
    assert bpy.ops.likeness.use_performance(take="take") == {"FINISHED"}
    assert take.playing(played).name == "take"
    bpy.context.scene.frame_set(22)
    assert bpy.ops.likeness.rest_performance() == {"FINISHED"}
    assert take.playing(played) is None
    assert not any(values(played)[name] for name in ARKIT_NAMES)
    for name in ("take", "second"):
        assert bpy.ops.likeness.remove_performance(take=name) == {"FINISHED"}
    assert not bpy.data.actions
    assert not bpy.ops.likeness.use_performance.poll()


def test_a_baked_take_is_a_plain_action(played):
    action = take.playing(played)
    before = {frame: values_at(played, frame)["jawOpen"] for frame in (1, 13, 31)}
    keys = sum(len(curve.keyframe_points) for curve in curves.every(action))
    assert bpy.ops.likeness.bake_performance(tolerance=0.01) == {"FINISHED"}
    assert take.CLIP_TAG not in action
    assert sum(len(curve.keyframe_points) for curve in curves.every(action)) < keys
    for frame, value in before.items():
        assert values_at(played, frame)["jawOpen"] == pytest.approx(value, abs=0.011)
    with pytest.raises(RuntimeError, match="was baked"):
        bpy.ops.likeness.add_mix(preset="smile")


def test_a_take_plays_on_another_avatar(played, borrowed):
    take.playing(played).likeness.brows = 0.25
    bpy.ops.likeness.add_mix(preset="smile", amount=0.5)
    assert bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Bea") == {"FINISHED"}
    other = avatars.active(bpy.context)
    assert other.id != played.id
    assert bpy.ops.likeness.reenact(take="take") == {"FINISHED"}
    mine = take.playing(other)
    assert mine != take.playing(played)
    assert mine.likeness.brows == 0.25
    assert mine.likeness.mixes[0].preset == "smile"
    bpy.context.scene.frame_set(22)
    assert values(other)["eyeBlinkLeft"] == pytest.approx(1)
    assert turn_of(other, "head") == pytest.approx(turn_of(played, "head"), abs=1e-4)


def test_the_head_models_own_expressions_with_jaw_and_eyes(borrowed, tmp_path):
    """Five components, as the bundle has: then Apple's weights rest, and jaw and eyes turn as the model's do."""
    assert bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Bea") == {"FINISHED"}
    other, clip = avatars.active(bpy.context), made()
    pose = clip.pose.copy()
    pose[:, 2, 0] = 0.2
    psi = np.random.default_rng(3).normal(0, 1, (FRAMES, 5)).astype(np.float32)
    clips.write_npz(Clip(clip.time, clip.arkit, psi, clip.head, pose, clip.confidence), tmp_path / "own.npz")
    bpy.context.scene.render.fps = 30
    bpy.ops.likeness.import_performance(filepath=str(tmp_path / "own.npz"), retarget=False)
    assert "by" in draw(panel.LIKENESS_PT_play).properties
    action = take.playing(other)
    names = take.components(other, clip_of_take := take.clip_of(action))
    assert len(names) == clip_of_take.expression.shape[1] == 5
    assert values_at(other, 22)["eyeBlinkLeft"] == pytest.approx(1)
    action.likeness.by = "MODEL"
    found = values_at(other, 22)
    assert [found[name] for name in names] == pytest.approx(psi[21].tolist(), abs=1e-5)
    assert found["eyeBlinkLeft"] == found["eyeLookOutLeft"] == 0
    turned = rig.get_pose(other.rig, ["jaw", "eye_left"])
    assert turned == pytest.approx(np.array([[0.2, 0, 0], [0, 0, np.radians(16)]]), abs=1e-4)
    action.likeness.by = "ARKIT"
    found = values_at(other, 22)
    assert not any(found[name] for name in names)
    assert found["eyeBlinkLeft"] == pytest.approx(1)


def test_slots_where_there_are_slots(played):
    action = take.playing(played)
    bones = played.rig.animation_data.action
    if compat.has_slots():
        assert bones == action
        assert {slot.target_id_type for slot in action.slots} == {"KEY", "OBJECT"}
    else:
        assert bones == action.likeness.bones
        assert {item.id_root for item in (action, bones)} == {"KEY", "OBJECT"}


def test_what_an_artist_keyed_goes_on_below(avatar, recording):
    scene, rig_of = bpy.context.scene, avatar.rig
    scene.render.fps = 30
    for frame, place in ((1, 0.0), (31, 1.0)):
        rig_of.location.x = place
        rig_of.keyframe_insert("location", frame=frame)
    bpy.ops.likeness.import_performance(filepath=str(recording), retarget=False)
    scene.frame_set(31)
    assert rig_of.location.x == pytest.approx(1)
    assert turn_of(avatar, "head")[2] == pytest.approx(TURN * 30 / 59, abs=1e-4)
    scene.frame_set(1)
    assert rig_of.location.x == pytest.approx(0)
    bpy.ops.likeness.remove_performance()
    scene.frame_set(31)
    assert rig_of.location.x == pytest.approx(1)


def test_it_stays_with_the_file_and_with_a_new_resolution(played, tmp_path):
    bpy.ops.likeness.set_resolution(level="lod1")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "ada.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "ada.blend"))
    again = avatars.in_scene(bpy.context.scene)[0]
    assert values_at(again, 22)["eyeBlinkLeft"] == pytest.approx(1)
    take.playing(again).likeness.eyes = 0.5
    assert values_at(again, 22)["eyeBlinkLeft"] == pytest.approx(0.5)


def test_it_goes_over_when_the_avatar_is_made_again(played, bundle):
    from blender_addon.scene import replace

    new = replace.replace(bpy.context.scene, played, bundle)
    assert take.takes(new)
    assert take.playing(new) == take.takes(new)[0]
    assert values_at(new, 22)["eyeBlinkLeft"] == pytest.approx(1)
    avatars.remove(new)
    assert not bpy.data.actions


def test_it_leaves_as_csv_and_npz_and_comes_back(played, tmp_path):
    clip = made()
    for suffix in (".npz", ".csv"):
        path = tmp_path / f"out{suffix}"
        assert bpy.ops.likeness.export_performance(filepath=str(path)) == {"FINISHED"}
        found, notes = take.read(path)
        assert notes == ()
        assert np.abs(found.arkit - clip.arkit).max() < 1e-4
        assert np.abs(found.time - clip.time).max() < 1e-6
        assert np.abs(found.head[:, :3, :3] - clip.head[:, :3, :3]).max() < 1e-4
        assert np.abs(found.pose[:, 3:] - clip.pose[:, 3:]).max() < 1e-3
    with pytest.raises(RuntimeError, match="neither"):
        bpy.ops.likeness.export_performance(filepath=str(tmp_path / "out.mov"))


def test_it_is_in_the_glb_frame_by_frame(played, tmp_path):
    report = job.export(played, presets.chosen("glb", texture_size=256), tmp_path / "ada")
    glb = Glb.read(report.files[0])
    (animation,) = glb.document["animations"]
    names = glb.document["meshes"][0]["extras"]["targetNames"]
    found = {(glb.document["nodes"][channel["target"]["node"]]["name"], channel["target"]["path"]):
             glb.accessor(animation["samplers"][channel["sampler"]]["output"]) for channel in animation["channels"]}
    weights = next(array for (_name, path), array in found.items() if path == "weights").reshape(-1, len(names))
    clip = made()
    assert len(weights) == FRAMES
    for index, name in enumerate(ARKIT_NAMES):
        assert np.abs(weights[:, names.index(name)] - clip.arkit[:, index]).max() < 1e-3, name
    x, y, z, w = found["neck", "rotation"][-1]
    assert 2 * np.arctan2(np.linalg.norm((x, y, z)), abs(w)) == pytest.approx(0.4 * TURN, abs=1e-3)


@pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender was built without sound")
def test_a_csv_with_sound(avatar, tmp_path):
    livelink.write_csv(made(), tmp_path / "take.csv")
    wave(tmp_path / "take.wav")
    assert bpy.ops.likeness.import_performance(filepath=str(tmp_path / "take.csv"), first=5,
                                               sound=str(tmp_path / "take.wav")) == {"FINISHED"}
    (strip,) = compat.strips(bpy.context.scene.sequence_editor)
    assert strip.frame_start == 5
    bpy.ops.likeness.remove_performance()
    assert not len(compat.strips(bpy.context.scene.sequence_editor))
    (tmp_path / "none.wav").write_bytes(b"no sound")
    assert bpy.ops.likeness.import_performance(filepath=str(tmp_path / "take.csv"),
                                               sound=str(tmp_path / "none.wav")) == {"FINISHED"}


def wave(path: Path) -> None:
    import wave as waves

    with waves.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"Timecode,BlendShapeCount\n"])
@pytest.mark.parametrize("suffix", [".npz", ".csv", ".txt"])
def test_bad_files_are_refused_and_leave_nothing(avatar, tmp_path, content, suffix):
    path = tmp_path / f"their{suffix}"
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match=f"their{suffix}"):
        bpy.ops.likeness.import_performance(filepath=str(path))
    assert not bpy.data.actions


def test_undo_takes_it_back(avatar, recording):
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.likeness.import_performance(filepath=str(recording))
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert not [action for action in bpy.data.actions if action.likeness.is_take]


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", "ZYX"])
def test_bones_turn_in_whatever_mode_they_have(avatar, recording, mode):
    for name in ("neck", "head"):
        avatar.rig.pose.bones[name].rotation_mode = mode
    bpy.context.scene.render.fps = 30
    bpy.ops.likeness.import_performance(filepath=str(recording), retarget=False)
    bpy.context.scene.frame_set(60)
    assert turn_of(avatar, "head") == pytest.approx([0, 0, TURN], abs=1e-4)


def test_the_panels_draw_with_and_without_takes(avatar, recording):
    assert "No take yet" in draw(panel.LIKENESS_PT_performance).texts
    assert draw(panel.LIKENESS_PT_play) is None
    bpy.ops.likeness.import_performance(filepath=str(recording))
    bpy.ops.likeness.add_mix(preset="smile")
    drawn = draw(panel.LIKENESS_PT_performance)
    assert {"likeness.rest_performance", "likeness.bake_performance", "likeness.export_performance"} <= set(
        drawn.operators)
    assert "60 frames, 2.0 s" in drawn.texts
    assert {"retarget", "timing", "brows", "eyes", "mouth", "head"} <= set(draw(panel.LIKENESS_PT_play).properties)
    assert {"gaze", "neck", "place"} <= set(draw(panel.LIKENESS_PT_play_head).properties)
    assert "amount" in draw(panel.LIKENESS_PT_play_mix).properties
    bpy.ops.likeness.bake_performance()
    assert draw(panel.LIKENESS_PT_play) is None
    assert "Baked: edit its keys by hand" in draw(panel.LIKENESS_PT_performance).texts


def test_a_video_is_handed_in_with_the_avatars_bundle(avatar, tmp_path, monkeypatch):
    """Without a backend the sentence is that there is none; what a job is given is read where it is handed over."""
    with pytest.raises(RuntimeError, match=r"There is no video none\.mp4"):
        bpy.ops.likeness.track_video(filepath=str(tmp_path / "none.mp4"))
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, "")
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(RuntimeError, match="No backend environment"):
        bpy.ops.likeness.track_video(filepath=str(tmp_path / "clip.mp4"))


def test_every_word_is_german_too():
    german = {english for _context, english in translations.catalogue()["de_DE"]}
    wanted = {text for table in (words.OPERATOR, words.PROPERTY, words.TIMING, words.GAZE) for pair in table.values()
              for text in pair} | set(words.PANEL.values()) | set(words.POLL.values())
    assert not wanted - german
