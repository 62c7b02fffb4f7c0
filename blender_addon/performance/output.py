"""What an avatar does in the scene, as a recording: for Live Link Face's CSV and animation.npz.

Drivers, the eyes' aim and the NLA are in what is read. Where the eyes look is told twice, by the eyeLook weights and by
the eyes' turns; all of the head's motion is in `head`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..export import animation, source
from ..export.presets import PRESETS
from ..scene import gaze, names
from ..scene.avatar import Avatar
from . import livelink, turns, words
from .clip import ARKIT_NAMES, JOINTS, Clip, write_npz

WRITERS = {".npz": write_npz, ".csv": livelink.write_csv}


def write(avatar: Avatar, path: Path) -> int:
    """Write the performance of the scene; returns its frames. Raises InputError when there is none."""
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InputError(words.REPORT["suffix"].format(file=path.name), words.REPORT["say_suffix"])
    clip = recorded(avatar)
    writer(clip, path)
    return len(clip)


def recorded(avatar: Avatar) -> Clip:
    """The scene's performance of an avatar, a frame for each of the scene's. Raises InputError when there is none."""
    bones = source.skeleton(avatar)
    found = animation.of(avatar, replace(PRESETS["glb"], gaze="shapes"), bones, ARKIT_NAMES)
    if found is None:
        raise InputError(words.REPORT["no_motion"].format(name=avatar.name), words.REPORT["play_first"])
    count = len(found.weights)
    head = np.tile(np.eye(4), (count, 1, 1))
    if "head" in bones.names:
        head = np.array(avatar.rig.matrix_world) @ found.moves[:, bones.names.index("head")]
        head[:, :3, :3] = _straight(head[:, :3, :3])
    pose = np.zeros((count, len(JOINTS), 3))
    for look in gaze.looks():  # a bone's X points to the person's right, its Z up
        joint = JOINTS.index(names.joint_name(look.bone))
        way = look.sign * math.radians(look.degrees) * found.weights[:, ARKIT_NAMES.index(look.key)]
        pose[:, joint, 0 if look.axis == "X" else 2] += -way if look.axis == "X" else way
    return Clip(np.arange(count) / found.rate, np.clip(found.weights, 0, 1), np.zeros((count, 0)), head, pose,
                np.ones(count))


def _straight(moves: np.ndarray) -> np.ndarray:
    """(N, 3, 3) turns nearest to what a scaled rig makes of them."""
    u, _, v = np.linalg.svd(moves)
    return turns.matrices(turns.axis_angles(u @ v))
