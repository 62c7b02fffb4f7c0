"""What the scene does to the avatar over time, read frame by frame and given to a stand-in as plain keyframes.

Drivers, constraints and the eyes' aim are in what is read; none of them is in a file. The eyes move as the preset says:
by their joints, or by the eyeLook shapes, into which the joints' turns are worked then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from ..scene import gaze, names
from ..scene.avatar import Avatar
from .presets import Preset
from .source import Skeleton

STILL = 1e-6  # a channel that never leaves rest by more has no curve


@dataclass(frozen=True)
class Performance:
    """N frames of K targets and J joints."""

    first: int  # frame number
    rate: float  # frames a second
    weights: np.ndarray  # (N, K) float64
    moves: np.ndarray  # (N, J, 4, 4) float64: from where a joint rests to where it is; metres, the rig's own space

    @property
    def last(self) -> int:
        """Frame number."""
        return self.first + len(self.weights) - 1


def span(avatar: Avatar) -> tuple[int, int] | None:
    """First and last frame of what animates the face and the bones; None when nothing does."""
    ends: list[float] = []
    for owner in (avatar.rig, avatar.rig.data, avatar.mesh.data.shape_keys):
        data = owner.animation_data if owner is not None else None
        if data is None:
            continue
        if data.action is not None:
            ends.extend(data.action.frame_range)
        for strip in (strip for track in data.nla_tracks if not track.mute for strip in track.strips):
            ends += (strip.frame_start, strip.frame_end)
    if not ends or max(ends) - min(ends) < 1:
        return None
    return math.floor(min(ends)), math.ceil(max(ends))


def of(avatar: Avatar, preset: Preset, bones: Skeleton, targets: tuple[str, ...]) -> Performance | None:
    """What the preset wants of the avatar's performance; None without one. The scene's frame comes back."""
    frames = span(avatar) if preset.animated else None
    if frames is None:
        return None
    scene = bpy.context.scene
    current, part = scene.frame_current, scene.frame_subframe
    known = avatar.mesh.data.shape_keys.key_blocks if avatar.mesh.data.shape_keys else {}
    posed = [avatar.rig.pose.bones[names.bone_name(joint)] for joint in bones.names]
    rest = np.array([bone.bone.matrix_local.inverted() for bone in posed])
    values, moves = [], []
    try:
        for frame in range(frames[0], frames[1] + 1):
            scene.frame_set(frame)
            values.append({key.name: 0.0 if key.mute else key.value for key in known})
            moves.append(np.array([bone.matrix for bone in posed]) @ rest)
    finally:
        scene.frame_set(current, subframe=part)
    weights = {name: np.array([value[name] for value in values]) for name in (values[0] if values else ())}
    moved = np.array(moves)
    if preset.gaze != "scene":
        moved = _eyes_by(preset.gaze, avatar, bones, weights, moved)
    return Performance(frames[0], scene.render.fps / scene.render.fps_base,
                       np.stack([weights.get(name, np.zeros(len(moved))) for name in targets], 1)
                       if targets else np.zeros((len(moved), 0)), moved)


def _eyes_by(how: str, avatar: Avatar, bones: Skeleton, weights: dict[str, np.ndarray],
             moves: np.ndarray) -> np.ndarray:
    """The joints' moves, with the eyes turned by joints or by shapes alone; changes the eyeLook `weights` to match.

    In the scene one of both has the eye (`scene.gaze`): the turn is their sum.
    """
    moves = moves.copy()
    for joint, eye in enumerate(bones.names):
        looks = [look for look in gaze.looks() if names.joint_name(look.bone) == eye and look.key in weights]
        if not looks:
            continue
        parent = moves[:, bones.parents[joint]] if bones.parents[joint] >= 0 else np.eye(4)[None]
        bone = np.array(avatar.rig.data.bones[names.bone_name(eye)].matrix_local)[:3, :3]
        turns = _channels(bone.T @ (np.linalg.inv(parent) @ moves[:, joint])[:, :3, :3] @ bone)
        for look in looks:
            lids = sum(weights[name] for name in gaze.weight_of(look.key, avatar.mesh))
            ball = weights.get(gaze.BALL + look.key)
            if ball is not None:
                turns[look.axis] = turns[look.axis] + look.sign * math.radians(look.degrees) * ball
            weights[look.key] = lids
        if how == "shapes":
            for look in looks:
                weights[look.key] = np.maximum(turns[look.axis] * look.sign / math.radians(look.degrees), 0)
            moves[:, joint] = parent
        else:
            turned = np.array([Matrix.Rotation(z, 3, "Z") @ Matrix.Rotation(x, 3, "X")
                               for x, z in zip(turns["X"], turns["Z"], strict=True)])
            moves[:, joint] = parent @ _about(bones.positions[joint], bone @ turned @ bone.T)
    return moves


def _channels(turns: np.ndarray) -> dict[str, np.ndarray]:
    """Radians about X and Z of turns (N, 3, 3) in a bone's axes, its own roll left out."""
    swings = [Matrix(turn.tolist()).to_quaternion().to_swing_twist("Y")[0] for turn in turns]
    return {axis: np.array([2 * math.asin(max(-1.0, min(1.0, getattr(swing, axis.lower())))) for swing in swings])
            for axis in "XZ"}


def _about(centre: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """(N, 4, 4) turns (N, 3, 3) about a point."""
    whole = np.tile(np.eye(4), (len(turns), 1, 1))
    whole[:, :3, :3] = turns
    whole[:, :3, 3] = centre - turns @ centre
    return whole


def apply(performance: Performance, scene: bpy.types.Scene, root: bpy.types.Object | None,
          bodies: list[bpy.types.Object], called: list[str], parents: tuple[int, ...], turn: np.ndarray) -> None:
    """Keyframes on a stand-in, and the scene's range and rate.

    `called` names the bones in the joints' order, `turn` (3, 3) is what the stand-in's own data went through. One frame
    before the first everything rests, and there the scene stands: files say what rests by where they are written.
    """
    scene.frame_start, scene.frame_end = performance.first, performance.last
    scene.render.fps = max(1, round(performance.rate))
    scene.render.fps_base = scene.render.fps / performance.rate
    frames = np.arange(performance.first - 1, performance.last + 1, dtype=np.float64)
    for body in bodies:
        keys = body.data.shape_keys
        for key, values in zip(keys.key_blocks[1:] if keys else (), performance.weights.T, strict=True):
            if np.abs(values).max() > STILL:
                key.slider_min, key.slider_max = min(0.0, values.min()), max(1.0, values.max())
                _curve(keys, key.path_from_id("value"), 0, frames, np.append(0.0, values))
    if root is not None:
        _turn_bones(performance, root, called, parents, turn, frames)
    scene.frame_set(performance.first - 1)


def _turn_bones(performance: Performance, root: bpy.types.Object, called: list[str], parents: tuple[int, ...],
                turn: np.ndarray, frames: np.ndarray) -> None:
    place = np.eye(4)
    place[:3, :3] = turn
    moves = place @ performance.moves @ np.linalg.inv(place)
    rest = np.array([root.data.bones[name].matrix_local for name in called])
    posed = moves @ rest
    for index, (name, parent) in enumerate(zip(called, parents, strict=True)):
        bone = root.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        local = np.linalg.inv(rest[index]) @ posed[:, index] if parent < 0 else (
            np.linalg.inv(np.linalg.inv(rest[parent]) @ rest[index]) @ np.linalg.inv(posed[:, parent])
            @ posed[:, index])
        turns = np.array([Matrix(matrix.tolist()).to_quaternion() for matrix in [np.eye(4), *local]])
        flips = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1, 1))
        turns[1:] *= flips[:, None]  # the short way from frame to frame
        moved = np.concatenate([np.zeros((1, 3)), local[:, :3, 3]])
        for path, rows in (("rotation_quaternion", turns), ("location", moved)):
            if np.abs(rows - rows[0]).max() > STILL:
                for axis, values in enumerate(rows.T):
                    _curve(root, bone.path_from_id(path), axis, frames, values)


def _curve(owner: bpy.types.ID, path: str, axis: int, frames: np.ndarray, values: np.ndarray) -> None:
    curve = compat.curve(owner, path, axis)
    curve.keyframe_points.add(len(frames))
    curve.keyframe_points.foreach_set("co", np.stack([frames, values], 1).astype(np.float32).reshape(-1))
    for point in curve.keyframe_points:
        point.interpolation = "LINEAR"
    curve.update()
