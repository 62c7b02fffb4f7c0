"""Smoothing a whole clip without lag: a Rauch-Tung-Striebel smoother (1965), forwards and then backwards.

Every channel moves with a steady speed that random accelerations change, and is measured with noise; how strong both
are is stated here, by kind of channel. Forwards and backwards together shift nothing in time. Lids and lips may move so
quickly that a blink and a pressed lip of two frames stay as they were seen. What was not measured (lost frames) is
bridged by the same motion, held back where the gap is long.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from backend.arkit import ARKIT_NAMES

LONGEST_BRIDGE = 0.5
"""Seconds: over longer gaps channels go straight from where they were to where they are again."""


@dataclass(frozen=True)
class Motion:
    """How channels move, and how surely they are measured; the unit is the channel's own."""

    acceleration: float  # standard deviation per second squared, of accelerations that last a frame at 30 a second
    noise: float  # standard deviation of one measurement, apart from what stays the same for seconds


QUICK = Motion(160.0, 0.04)
SPEECH = Motion(50.0, 0.035)
SLOW = Motion(14.0, 0.04)
TURN = Motion(8.0, 0.008)  # radians
PLACE = Motion(2.5, 0.001)  # metres
_FAST = ("eyeBlink", "eyeLook", "eyeWide", "eyeSquint")
_SLOW = ("brow", "cheek", "noseSneer", "mouthSmile", "mouthFrown", "mouthDimple", "jawForward", "jawLeft", "jawRight")
FRAME = 1 / 30


def motion_of(name: str) -> Motion:
    """How the ARKit shape `name` moves."""
    if name.startswith(_FAST):
        return QUICK
    return SLOW if name.startswith(_SLOW) else SPEECH


def smoothed(time: np.ndarray, values: np.ndarray, sure: np.ndarray, motion: Motion) -> np.ndarray:
    """(T, C) channels `values` measured at `time` (T,) seconds, `sure` (T,) 0..1: 0 is not measured."""
    count, channels = values.shape
    if count < 3 or not (sure > 0).any():
        return values.copy()
    values = np.where(sure[:, None] > 0, values, 0.0)
    first = int(np.argmax(sure > 0))
    state = np.zeros((2, channels))
    state[0] = values[first]
    spread = np.diag([motion.noise**2 * 4, (motion.acceleration * 0.3) ** 2])
    states, spreads = np.empty((count, 2, channels)), np.empty((count, 2, 2))
    ahead_states, ahead_spreads = np.empty_like(states), np.empty_like(spreads)
    steps = np.diff(time, prepend=time[0])
    for index, step in enumerate(steps):
        move, shaken = _step(float(step), motion)
        state, spread = move @ state, move @ spread @ move.T + shaken
        ahead_states[index], ahead_spreads[index] = state, spread
        if sure[index] > 0:
            gain = spread[:, 0] / (spread[0, 0] + motion.noise**2 / sure[index])
            state = state + gain[:, None] * (values[index] - state[0])
            spread = spread - np.outer(gain, spread[0])
        states[index], spreads[index] = state, spread
    for index in range(count - 2, -1, -1):
        move, _ = _step(float(steps[index + 1]), motion)
        back = spreads[index] @ move.T @ np.linalg.inv(ahead_spreads[index + 1])
        states[index] = states[index] + back @ (states[index + 1] - ahead_states[index + 1])
    return _bridged(time, states[:, 0], sure)


def _step(step: float, motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Transition and the spread that it adds: white acceleration."""
    density = motion.acceleration**2 * FRAME
    move = np.array([[1.0, step], [0.0, 1.0]])
    return move, density * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]]) + 1e-14 * np.eye(2)


def _bridged(time: np.ndarray, values: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Straight lines over long gaps, and what is nearest before the first and after the last measurement."""
    there = np.flatnonzero(sure > 0)
    values = values.copy()
    values[:there[0]], values[there[-1] + 1:] = values[there[0]], values[there[-1]]
    for before, after in itertools.pairwise(there.tolist()):
        if after > before + 1 and time[after] - time[before] > LONGEST_BRIDGE:
            share = ((time[before + 1:after] - time[before]) / (time[after] - time[before]))[:, None]
            values[before + 1:after] = (1 - share) * values[before] + share * values[after]
    return values


def smoothed_weights(time: np.ndarray, weights: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """(T, 52) ARKit weights, kept within 0..1."""
    kinds = [motion_of(name) for name in ARKIT_NAMES]
    out = np.empty_like(weights)
    for motion in {QUICK, SPEECH, SLOW}:
        columns = [index for index, kind in enumerate(kinds) if kind == motion]
        out[:, columns] = smoothed(time, weights[:, columns], sure, motion)
    return np.clip(out, 0, 1)


def smoothed_poses(time: np.ndarray, poses: np.ndarray, sure: np.ndarray, pivot: np.ndarray) -> np.ndarray:
    """(T, 4, 4) rigid motions of a head that turns about `pivot` (3,) of its rest space, smoothed.

    Rotations are told from the clip's middle one, in axis-angle; heads do not turn so far that this tears.
    """
    import cv2

    there = sure > 0
    if not there.any():
        return poses.copy()
    u, _, vt = np.linalg.svd(poses[there, :3, :3].sum(0))
    middle = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    turns = np.stack([cv2.Rodrigues(middle.T @ pose[:3, :3])[0][:, 0] for pose in poses])
    places = poses[:, :3, :3] @ pivot + poses[:, :3, 3]
    turns, places = smoothed(time, turns, sure, TURN), smoothed(time, places, sure, PLACE)
    out = np.tile(np.eye(4), (len(poses), 1, 1))
    out[:, :3, :3] = [middle @ cv2.Rodrigues(turn)[0] for turn in turns]
    out[:, :3, 3] = places - out[:, :3, :3] @ pivot
    return out
