"""A take: a performance that an avatar can play, as an Action on its shape keys and bones.

The Action carries the recording itself (so files can move and be appended) and how it is to be played (`properties`);
its curves are made of both, and made anew when a setting changes, which ends what was edited by hand. `bake` ends that
bond instead. Nothing about takes is kept in Python.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import compat, expressions
from ..errors import InputError
from ..export import visemes
from ..scene import avatar as avatars
from ..scene import gaze, keys, names, rig
from ..scene.avatar import Avatar
from ..scene.textures import TAG
from . import curves, livelink, mixing, motion, resample, retarget, words
from .clip import ARKIT_NAMES, Clip, packed, read_npz, unpacked

CLIP_TAG = "likeness_clip"  # on the Action: the recording, as the content of an animation.npz
SUFFIXES = (".npz", ".csv")
TURN_LIMIT = 4  # channels of a bone's rotation at most
_quiet: list[bool] = []


def read(path: Path, timecode_rate: float = 0.0) -> tuple[Clip, tuple[str, ...]]:
    """A recording from a file, and what is to be said of it. Raises InputError."""
    if path.suffix.lower() == ".csv":
        found = livelink.read_csv(path, timecode_rate or None)
        return found.clip, found.notes
    if path.suffix.lower() != ".npz":
        raise InputError(words.REPORT["no_recording"].format(file=path.name), words.REPORT["kinds"])
    return read_npz(path), ()


def clip_of(action: bpy.types.Action) -> Clip:
    """The recording that a take carries. Raises InputError when it is damaged or was baked."""
    content = action.get(CLIP_TAG)
    if not isinstance(content, bytes):
        raise InputError(words.REPORT["baked"].format(name=action.name), words.REPORT["import_again"])
    return unpacked(io.BytesIO(content), action.name)


def make(scene: bpy.types.Scene, avatar: Avatar, clip: Clip, name: str, **settings: Any) -> bpy.types.Action:
    """A new take of `avatar`, which then plays it. `settings` as in `properties.LikenessTake`."""
    action = bpy.data.actions.new(name)
    action.use_fake_user = True
    action[TAG], action[CLIP_TAG] = avatar.id, packed(clip)
    take = action.likeness
    with quiet():
        take.is_take = True
        for key, value in settings.items():
            setattr(take, key, value)
        if not compat.has_slots():
            take.bones = bpy.data.actions.new(f"{name} {words.BONES}")
            take.bones.use_fake_user = True
            take.bones[TAG] = avatar.id
    build(scene, avatar, action)
    use(avatar, action)
    return action


@contextmanager
def quiet() -> Iterator[None]:
    """For a block that changes several settings: the curves are not made anew for each."""
    _quiet.append(True)
    try:
        yield
    finally:
        _quiet.pop()


def changed(action: bpy.types.Action, *, only_face: bool = False) -> None:
    """A setting has another value: the curves follow, with `only_face` those of the shape keys alone."""
    if _quiet or CLIP_TAG not in action:
        return
    scene = bpy.context.scene
    avatar = owner_of(scene, action)
    if avatar is not None:
        build(scene, avatar, action, only_face=only_face)


def owner_of(scene: bpy.types.Scene, action: bpy.types.Action) -> Avatar | None:
    """The avatar that a take is of: of duplicates the one that plays it, else the first."""
    mine = [item for item in avatars.in_scene(scene) if item.id == action.get(TAG)]
    return next((item for item in mine if playing(item) == action), mine[0] if mine else None)


def takes(avatar: Avatar | None = None) -> list[bpy.types.Action]:
    """The takes of an avatar, or all of the file, by name."""
    return [action for action in bpy.data.actions
            if action.likeness.is_take and (avatar is None or action.get(TAG) == avatar.id)]


def playing(avatar: Avatar) -> bpy.types.Action | None:
    """The take that an avatar plays now."""
    data = avatar.mesh.data.shape_keys.animation_data
    action = data.action if data else None
    return action if action is not None and action.likeness.is_take else None


def find(avatar: Avatar, name: str) -> bpy.types.Action:
    """One of the avatar's takes, by default the one it plays. Raises InputError."""
    found = next((item for item in takes(avatar) if item.name == name), None) if name else playing(avatar)
    if found is None:
        raise InputError(words.REPORT["no_take"].format(name=name or avatar.name), words.REPORT["choose_take"])
    return found


def use(avatar: Avatar, action: bpy.types.Action | None) -> None:
    """Let the avatar play a take, or none: then the face is neutral and the bones rest.

    What an artist has keyed there goes on below it, in a track of the NLA.
    """
    bones = action.likeness.bones or action if action is not None else None
    for owner, wanted in ((avatar.mesh.data.shape_keys, action), (avatar.rig, bones)):
        data = owner.animation_data
        own_work = data is not None and data.action is not None and TAG not in data.action
        if own_work and wanted is None:
            continue
        if own_work:
            compat.push_down(owner)
        compat.use_action(owner, wanted)
    if action is None:
        avatars.reset(avatar)


def remove(avatar: Avatar, action: bpy.types.Action) -> None:
    """Delete a take, its bones' Action and its sound strip."""
    if playing(avatar) == action:
        use(avatar, None)
    for scene in bpy.data.scenes:
        editor = scene.sequence_editor
        for strip in [item for item in compat.strips(editor) if item.get(CLIP_TAG) == action.name] if editor else ():
            compat.strips(editor).remove(strip)
    for item in (action.likeness.bones, action):
        if item is not None:
            bpy.data.actions.remove(item)


def bake(action: bpy.types.Action, tolerance: float) -> int:
    """Make a take a plain Action for editing by hand; keys that its lines within `tolerance` do not need go.

    Returns how many keys are left.
    """
    count = 0
    for holder in {action, action.likeness.bones or action}:
        for curve in curves.every(holder):
            frames, values = curves.keys_of(curve)
            if tolerance > 0 and len(frames) > 2:
                kept = motion.thinned(frames, values, tolerance)
                curves.fill(curve, frames[kept], values[kept])
            count += len(curve.keyframe_points)
    if CLIP_TAG in action:
        del action[CLIP_TAG]
    return count


def prepared(action: bpy.types.Action) -> Clip:
    """The recording as the settings want it, without what is done to weights and turns later."""
    clip, take = clip_of(action), action.likeness
    return retarget.retarget(clip) if take.retarget else clip


def build(scene: bpy.types.Scene, avatar: Avatar, action: bpy.types.Action, *, only_face: bool = False) -> None:
    """Write a take's curves as its recording and its settings say. Raises InputError for a damaged recording."""
    take = action.likeness
    clip = prepared(action)
    fps = scene.render.fps / scene.render.fps_base
    if take.timing == "SCENE":
        clip = resample.at_rate(clip, fps)
    times = clip.time - clip.time[0]
    frames = take.start + times * fps
    if take.timing == "SCENE":
        frames = np.round(frames)
    layers = [mixing.Layer(preset_weights(mix.preset), mix.amount * mixing.envelope(
        times, (mix.start - take.start) / fps, (mix.end - take.start) / fps)) for mix in take.mixes]
    own = take.by == "MODEL" and bool(components(avatar, clip))
    weights = mixing.played(np.zeros_like(clip.arkit) if own else clip.arkit,
                            {name: getattr(take, name) for name in mixing.REGIONS}, layers)
    _write_weights(avatar, action, frames, weights, take.gaze)
    _write_components(avatar, action, frames, clip, own)
    if not only_face:
        _write_bones(avatar, take.bones or action, frames, clip, take, own)
        _mark_lost(action, frames, clip)
    for owner in (avatar.mesh.data.shape_keys, avatar.rig):
        owner.update_tag()


def preset_weights(name: str) -> dict[str, float]:
    """What a preset or a viseme sets. Raises InputError for one that is gone."""
    if name.startswith(visemes.PREFIX):
        return visemes.WEIGHTS[name.removeprefix(visemes.PREFIX)]
    return expressions.weights(name)


def _write_weights(avatar: Avatar, action: bpy.types.Action, frames: np.ndarray, weights: np.ndarray,
                   eyes_by: str) -> None:
    face = avatar.mesh.data.shape_keys
    into = compat.curves_for(action, face)
    for index, name in enumerate(ARKIT_NAMES):
        path = f'key_blocks["{name}"].value'
        if name not in face.key_blocks:
            continue
        looks = name.startswith("eyeLook")
        if looks and eyes_by == "TARGET":
            curves.drop(into, path)
        else:
            curves.put(into, path, 0, frames, np.zeros(len(frames)) if looks and eyes_by == "BONES"
                       else weights[:, index])


def components(avatar: Avatar, clip: Clip) -> tuple[str, ...]:
    """The keys of the head model's own expressions that a recording speaks of; none where it is of another model."""
    found = keys.kinds(avatar.mesh).components
    return found if len(found) == clip.expression.shape[1] else ()


def _write_components(avatar: Avatar, action: bpy.types.Action, frames: np.ndarray, clip: Clip, own: bool) -> None:
    """The head model's own expressions, where they are to be played; else none."""
    face = avatar.mesh.data.shape_keys
    into = compat.curves_for(action, face)
    for index, name in enumerate(components(avatar, clip)):
        path = f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
        if own:
            curves.put(into, path, 0, frames, clip.expression[:, index].astype(np.float64))
        elif into.find(path) is not None:
            curves.drop(into, path)
            face.key_blocks[name].value = 0.0


def _write_bones(avatar: Avatar, action: bpy.types.Action, frames: np.ndarray, clip: Clip, take: Any,
                 model: bool) -> None:
    bones, into = avatar.rig.pose.bones, compat.curves_for(action, avatar.rig)
    known = {joint: bones[names.bone_name(joint)] for joint in ("neck", "head", "jaw", *gaze.EYES)
             if names.bone_name(joint) in bones}
    if "neck" in known and "head" in known:
        bearing = motion.Bearing(take.head, take.neck, take.place, tuple(take.head_pose), tuple(take.neck_pose))
        neck_at, head_at = (np.array(known[joint].bone.head_local) for joint in ("neck", "head"))
        neck, head, moved = motion.carried(clip, bearing, neck_at, head_at)
        _write_turns(into, known["neck"], frames, neck)
        _write_turns(into, known["head"], frames, head)
        axes = np.array(known["neck"].bone.matrix_local.to_3x3())
        for index in range(3):
            curves.put(into, f'{known["neck"].path_from_id("location")}', index, frames, (moved @ axes)[:, index])
    still = np.eye(3)[None]
    if "jaw" in known:  # Apple's weights open it by themselves
        jaw = motion.joint(clip, "jaw") if model else still
        _write_turns(into, known["jaw"], frames[:len(jaw)], jaw)
    own = take.gaze == "BONES" or (model and take.gaze == "SHAPES")
    for joint in gaze.EYES:
        turned = motion.joint(clip, joint) if own else still
        if joint in known and take.gaze != "TARGET":
            _write_turns(into, known[joint], frames[:len(turned)], turned)
        elif joint in known:
            for mode in rig.TURN_PATHS:
                curves.drop(into, known[joint].path_from_id(mode), TURN_LIMIT)
    if gaze.REST_TAG in avatar.rig:
        curves.put(into, f'["{gaze.AIM}"]', 0, frames[:1], np.array([float(take.gaze == "TARGET")]))


def _write_turns(into: Any, bone: bpy.types.PoseBone, frames: np.ndarray, world: np.ndarray) -> None:
    """Curves of a bone's rotation, in its own mode; `world` (T, 3, 3) in the axes of the rest pose."""
    path, channels = rig.channels(bone, world)
    for other in rig.TURN_PATHS:
        if other != path:
            curves.drop(into, bone.path_from_id(other), TURN_LIMIT)
    for index in range(channels.shape[1]):
        curves.put(into, bone.path_from_id(path), index, frames, channels[:, index])


def _mark_lost(action: bpy.types.Action, frames: np.ndarray, clip: Clip) -> None:
    """A marker in the Action where the face was lost, and one where it was seen again."""
    for marker in [item for item in action.pose_markers if item.name in words.MARKER.values()]:
        action.pose_markers.remove(marker)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], clip.lost, [False]])))
    for number, edge in enumerate(edges.tolist()):
        if edge < len(clip):
            marker = action.pose_markers.new(words.MARKER["seen" if number % 2 else "lost"])
            marker.frame = round(frames[edge])


def hand_over(scene: bpy.types.Scene, old: Avatar, new: Avatar) -> None:
    """Let the takes of an avatar be those of the one that takes its place."""
    for action in [item for item in bpy.data.actions if item.get(TAG) == old.id]:
        action[TAG] = new.id
        if CLIP_TAG in action:
            build(scene, new, action)

