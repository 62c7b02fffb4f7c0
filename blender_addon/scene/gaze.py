"""Where the eyes look: a target in front of the face, bones that turn to it, lids that follow.

An eye can be turned by its bone (by hand, by an imported pose, by the aim at the target) and by the eight `eyeLook`
shapes. In the bundle these move the lids only, as Apple defines them. The rule that keeps an eye from turning twice:
the shapes turn the eyeball while the bone rests; as the bone leaves its rest, they let go, and the lids follow the bone
instead. Three hidden keys for each shape do it, set by drivers: `gaze_ball_` turns the eyeball with the shape,
`gaze_off_` takes the shape back, `gaze_lids_` is the shape without an eyeball (an imported head's shapes may have one).
An animator sets either the shapes (captured data) or the aim, and both look right. The rig's property `lids_follow`
switches the rule off: then bones and shapes add up, as in the head model's own formula.

At rest the eyes look where the person looked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .. import strings
from . import drivers, names, rig
from .rig import FORWARD, UP

AIM, FOLLOW = "aim", "lids_follow"
"""Custom properties of the rig, 0..1."""
REST_TAG = "likeness_gaze"  # the rest gaze as axis-angle of left and right eye: six radians on the rig
TARGET = "eye_target"
OFF, LIDS, BALL = "gaze_off_", "gaze_lids_", "gaze_ball_"
"""Prefixes of the hidden keys."""

NEAR, FAR, USUAL = 0.3, 1.0, 0.75
"""Metres to the target: where the gazes meet, within these; where they do not meet, the last."""
UPWARDS, DOWNWARDS, SIDEWAYS = (math.radians(degrees) for degrees in (30.0, 35.0, 38.0))
"""How far the aim turns an eye. Poses and shapes are not limited."""
LET_GO = math.radians(6.0)
"""A bone that far from its rest has the eye to itself: less and the eye would jump, more and it would turn twice."""
FURTHEST = 1.6  # of a look's own angle; lids follow the aim a little beyond what the shape shows
MOVES = 1e-4  # metres; a shape that moves an eyeball farther turns it
TARGET_SIZE = 0.012  # metres, radius of an eye's own target


@dataclass(frozen=True)
class Look:
    """One `eyeLook` shape: which way a bone's channel turns when the eye looks there."""

    key: str
    bone: str
    axis: str  # of the bone: X points to the person's right, Z up
    sign: float
    degrees: float  # what the shape turns the eye by, for heads whose shape leaves the eyeball where it is


def looks() -> list[Look]:
    """The eight, left eye first. A turn about +X looks up; about +Z to the person's left, which is out for the left."""
    found = []
    for side, bone, outwards in (("Left", "eye.L", 1.0), ("Right", "eye.R", -1.0)):
        found += [Look(f"eyeLookUp{side}", bone, "X", 1.0, 24.0), Look(f"eyeLookDown{side}", bone, "X", -1.0, 28.0),
                  Look(f"eyeLookOut{side}", bone, "Z", outwards, 32.0),
                  Look(f"eyeLookIn{side}", bone, "Z", -outwards, 32.0)]
    return found


EYES = ("eye_left", "eye_right")


def build(armature: bpy.types.Object, geometry: Any, pose: np.ndarray) -> None:
    """Targets, constraints and properties on a rig; `pose` (J, 3) axis-angle radians is how the person looked."""
    joints = geometry["joint_names"].tolist()
    if not set(EYES) <= set(joints):
        return
    turns = np.array([pose[joints.index(name)] for name in EYES], float)
    centres = np.array([geometry["joint_positions"][joints.index(name)] for name in EYES], float)
    directions = np.array([_turned(turn) for turn in turns])
    _add_targets(armature, centres + _distance(centres, directions) * directions)
    armature[REST_TAG] = turns.reshape(-1).tolist()
    for name in (AIM, FOLLOW):
        armature[name] = 1.0
        words = strings.GAZE[name]
        armature.id_properties_ui(name).update(min=0.0, max=1.0, soft_min=0.0, soft_max=1.0, default=1.0,
                                               description=words.tip)
        armature.property_overridable_library_set(f'["{name}"]', True)
    for joint in EYES:
        _constrain(armature, names.bone_name(joint))
    rest(armature)


def _turned(axis_angle: np.ndarray) -> np.ndarray:
    """(3,) where an eye looks that turned by `axis_angle` radians from straight ahead."""
    turn = Vector(axis_angle.tolist())
    return np.array(Matrix.Rotation(turn.length, 3, turn.normalized()) @ FORWARD if turn.length > 0 else FORWARD)


def _distance(centres: np.ndarray, directions: np.ndarray) -> float:
    """Metres to where two gazes (2, 3) come nearest to each other, kept within reach."""
    # centres[0] + s directions[0] and centres[1] + t directions[1] nearest: normal equations of their difference.
    facing = float(directions[0] @ directions[1])
    apart = centres[1] - centres[0]
    spread = 1 - facing**2
    if spread < 1e-9:  # parallel
        return USUAL
    s = float(apart @ directions[0] - facing * (apart @ directions[1])) / spread
    t = float(facing * (apart @ directions[0]) - apart @ directions[1]) / spread
    return float(np.clip((s + t) / 2, NEAR, FAR)) if s > 0 and t > 0 else USUAL


def _add_targets(armature: bpy.types.Object, places: np.ndarray) -> None:
    """One bone between the two `places` (2, 3) metres, and one for each eye that goes with it."""
    made = [TARGET, *(names.bone_name(f"{TARGET}_{joint.removeprefix('eye_')}") for joint in EYES)]
    with rig.editing(armature):
        bones = armature.data.edit_bones
        for name, place in zip(made, [places.mean(0), *places], strict=True):
            bone: bpy.types.EditBone = bones.new(name)
            bone.head = Vector(place.tolist())
            bone.tail = bone.head + FORWARD * TARGET_SIZE * 2
            bone.align_roll(UP)
            bone.use_deform = False
            if name != TARGET:
                bone.parent = bones[TARGET]
    rig.collect(armature, rig.CONTROL, made)
    ring = _ring(armature.name)
    for name in made:
        posed = armature.pose.bones[name]
        posed.custom_shape, posed.use_custom_shape_bone_size = ring, False
        wide = np.ptp(places[:, 0]) / 2 + 2 * TARGET_SIZE if name == TARGET else TARGET_SIZE
        posed.custom_shape_scale_xyz = (wide, 1.0, 2 * TARGET_SIZE if name == TARGET else TARGET_SIZE)
        posed.lock_rotation = (True, True, True)
        posed.lock_scale = (True, True, True)
        armature.data.bones[name].show_wire = True


def _ring(name: str) -> bpy.types.Object:
    """A circle of radius 1 about Y, in no collection: what the targets look like."""
    around = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    data = bpy.data.meshes.new(f"{name} Target")
    data.from_pydata([(math.cos(angle), 0.0, math.sin(angle)) for angle in around],
                     [(index, (index + 1) % len(around)) for index in range(len(around))], [])
    return bpy.data.objects.new(f"{name} Target", data)


def target_shape(armature: bpy.types.Object) -> bpy.types.Object | None:
    """The object that draws the targets."""
    bone: bpy.types.PoseBone | None = armature.pose.bones.get(TARGET)
    return bone.custom_shape if bone else None


def _constrain(armature: bpy.types.Object, eye: str) -> None:
    """Aim, then keep what the aim did within reach. Both fade with `aim`: the bone's own pose is never limited."""
    bone = armature.pose.bones[eye]
    aim = bone.constraints.new("DAMPED_TRACK")
    aim.name = strings.GAZE[AIM].label
    aim.target, aim.subtarget, aim.track_axis = armature, f"{TARGET}{eye[-2:]}", "TRACK_Y"
    reach = bone.constraints.new("LIMIT_ROTATION")
    reach.name = strings.GAZE["reach"].label
    reach.owner_space, reach.euler_order = "LOCAL", "XZY"
    reach.use_limit_x = reach.use_limit_z = True
    reach.min_x, reach.max_x, reach.min_z, reach.max_z = -DOWNWARDS, UPWARDS, -SIDEWAYS, SIDEWAYS
    for constraint in (aim, reach):
        drivers.drive(constraint, "influence", "aim", {"aim": drivers.Property(armature, AIM)})


def rest(armature: bpy.types.Object) -> None:
    """Look as the person did, by aim and by the bones' own pose alike."""
    if REST_TAG not in armature:
        return
    rig.set_pose(armature, EYES, np.array(armature[REST_TAG]).reshape(2, 3))
    for bone in armature.pose.bones:
        if bone.name.startswith(TARGET):
            bone.matrix_basis = Matrix.Identity(4)
    use(armature, 1.0, 1.0)


def use(armature: bpy.types.Object, aim: float, follow: float) -> None:
    """How much the eyes go for the target, and how much the lids go with the eyes, 0..1."""
    if REST_TAG in armature:
        armature[AIM], armature[FOLLOW] = aim, follow
        armature.update_tag()


def used(armature: bpy.types.Object) -> tuple[float, float]:
    """What `use` was given last, as (aim, follow)."""
    return (armature[AIM], armature[FOLLOW]) if REST_TAG in armature else (0.0, 0.0)


def look_at(armature: bpy.types.Object, point: Vector) -> None:
    """Put both eyes' targets on a point of the world, and aim."""
    bones = armature.pose.bones
    if TARGET not in bones:
        return
    place = armature.matrix_world.inverted() @ point
    _move(bones[TARGET], place - bones[TARGET].bone.head_local)
    for bone in bones[TARGET].children:
        _move(bone, bones[TARGET].bone.head_local - bone.bone.head_local)
    use(armature, 1.0, armature[FOLLOW])


def _move(bone: bpy.types.PoseBone, way: Vector) -> None:
    """Move a bone by `way`, metres along the rig's axes, from where its parent carries it."""
    bone.location = bone.bone.matrix_local.to_3x3().inverted() @ way


def hidden_keys(geometry: Any) -> tuple[list[str], np.ndarray]:
    """Names and deltas (24, V, 3) of the keys that turn the eyes with the shapes and keep them from turning twice."""
    wanted = _looks_of(geometry)
    known = geometry["key_names"].tolist()
    whole = np.array([geometry["key_deltas"][known.index(look.key)] for look in wanted]).reshape(
        len(wanted), len(geometry["vertices"]), 3)
    lids = whole * (1 - _carried_by_eyes(geometry))[:, None]
    balls = np.array([_ball(geometry, look, delta) for look, delta in zip(wanted, whole, strict=True)]).reshape(
        whole.shape)
    return ([prefix + look.key for prefix in (OFF, LIDS, BALL) for look in wanted],
            np.concatenate([whole, lids, balls]))


def _ball(geometry: Any, look: Look, delta: np.ndarray) -> np.ndarray:
    """(V, 3) metres: the eyeball turned as far as a look takes it; none where its `delta` (V, 3) does that itself."""
    index = geometry["joint_names"].tolist().index(names.joint_name(look.bone))
    share = geometry["skin_weights"][:, index, None]
    if np.abs(delta[share[:, 0] > 0.5]).max(initial=0) > MOVES:
        return np.zeros_like(delta)
    # The bone's X points to the person's right, -X of the world; its Z is up in both.
    axis = Vector((-1.0, 0.0, 0.0) if look.axis == "X" else (0.0, 0.0, 1.0))
    turn = np.array(Matrix.Rotation(look.sign * math.radians(look.degrees), 3, axis))
    place = geometry["vertices"] - geometry["joint_positions"][index]
    return (share * (place @ turn.T - place)).astype(np.float32)


def drive(body: bpy.types.Object, armature: bpy.types.Object, geometry: Any) -> None:
    """Set the drivers of the hidden keys that `hidden_keys` named."""
    if REST_TAG not in armature:
        return
    keys = body.data.shape_keys
    for look in _looks_of(geometry):
        gaze = _rest_turn(armature, look.bone)
        turns: dict[str, drivers.Source] = {axis.lower(): drivers.Turn(armature, look.bone, axis) for axis in "XZ"}
        follow = drivers.Property(armature, FOLLOW)
        off, lids, ball = (keys.key_blocks[prefix + look.key] for prefix in (OFF, LIDS, BALL))
        off.slider_min, off.slider_max, lids.slider_max = -1.0, 0.0, FURTHEST
        # At the person's gaze and straight ahead the shape has the eye; LET_GO from both, the bone has.
        away = f"min(sqrt({_square('x', gaze['X'])}+{_square('z', gaze['Z'])}),sqrt(x*x+z*z))"
        gone = f"clamp({away}*{1 / LET_GO:.3f})"
        shape = {**turns, "k": drivers.Key(keys, look.key), "f": follow}
        drivers.drive(off, "value", f"-k*f*{gone}", shape)
        drivers.drive(ball, "value", f"k*f*(1-{gone})", shape)
        turned = f"({look.axis.lower()}-({gaze[look.axis]:.5f}))*{look.sign / _angle(geometry, look):.4f}"
        drivers.drive(lids, "value", f"f*max({turned},0)",
                      {look.axis.lower(): turns[look.axis.lower()], "f": follow})


def weight_of(key: str, body: bpy.types.Object) -> tuple[str, ...]:
    """Names of the keys whose values together are how far `key` is really on."""
    together = (key, OFF + key, LIDS + key)
    return tuple(name for name in together if name in body.data.shape_keys.key_blocks)


def _square(variable: str, rest_value: float) -> str:
    off = f"({variable}-({rest_value:.5f}))"
    return f"{off}*{off}"


def _looks_of(geometry: Any) -> list[Look]:
    """The looks of which this head has both shape and bone."""
    bones = set(names.bone_names(geometry["joint_names"].tolist()))
    return [look for look in looks() if look.key in geometry["key_names"] and look.bone in bones]


def _carried_by_eyes(geometry: Any) -> np.ndarray:
    """(V,) 0..1."""
    joints = geometry["joint_names"].tolist()
    return geometry["skin_weights"][:, [joints.index(name) for name in EYES if name in joints]].sum(1)


def _rest_turn(armature: bpy.types.Object, bone: str) -> dict[str, float]:
    """How a driver would read the bone's channels X and Z while the eye looks as the person did."""
    index = 3 * EYES.index(names.joint_name(bone))
    turn = Vector(list(armature[REST_TAG])[index:index + 3])
    of_bone = armature.data.bones[bone].matrix_local.to_3x3()
    world = Matrix.Rotation(turn.length, 3, turn.normalized()) if turn.length > 0 else Matrix.Identity(3)
    return _channels(of_bone.transposed() @ world @ of_bone)


def _channels(turn: Matrix) -> dict[str, float]:
    """Radians about X and Z as a driver variable reads them in its mode "Swing and Y Twist"."""
    swing, _twist = turn.to_quaternion().to_swing_twist("Y")
    return {"X": 2 * math.asin(swing.x), "Z": 2 * math.asin(swing.z)}


def _angle(geometry: Any, look: Look) -> float:
    """Radians by which a look's shape turns the eyeball: the rotation nearest to what it does (Kabsch 1976)."""
    joints = geometry["joint_names"].tolist()
    index = joints.index(names.joint_name(look.bone))
    ball = geometry["skin_weights"][:, index] > 0.5
    place = geometry["vertices"][ball] - geometry["joint_positions"][index]
    moved = place + geometry["key_deltas"][geometry["key_names"].tolist().index(look.key)][ball]
    if not ball.any() or np.abs(moved - place).max() < 1e-4:
        return math.radians(look.degrees)
    u, _, v = np.linalg.svd(place.T.astype(float) @ moved.astype(float))
    turn = v.T @ np.diag([1, 1, np.sign(np.linalg.det(v.T @ u.T))]) @ u.T
    return float(np.clip(math.acos(np.clip((np.trace(turn) - 1) / 2, -1, 1)), math.radians(10), math.radians(60)))
