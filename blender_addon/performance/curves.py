"""Curves of Actions, written by the thousand keys: one Action with a slot each for the face and the bones where Blender
has slots (4.4 on), two Actions where it has not."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from .. import compat

LINEAR, AUTO_CLAMPED = 1, 4
"""Numbers of Blender's enumerations, as arrays of keys hold them."""
STILL = 1e-6  # a channel that moves by less has one key


def put(curves: Any, path: str, index: int, frames: np.ndarray, values: np.ndarray) -> None:
    """Keys at `frames` (N,) with `values` (N,), straight lines between; what was there is replaced."""
    if np.ptp(values) < STILL:
        frames, values = frames[:1], values[:1]
    fill(curves.find(path, index=index) or curves.new(path, index=index), frames, values)


def fill(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    """A curve's keys in place of those it has."""
    points = curve.keyframe_points
    if len(points) != len(frames):
        points.clear()
        points.add(len(frames))
        points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
        for side in ("left", "right"):
            points.foreach_set(f"handle_{side}_type", np.full(len(frames), AUTO_CLAMPED, np.int32))
    points.foreach_set("co", np.stack([frames, values], 1).astype(np.float32).ravel())
    curve.update()


def drop(curves: Any, path: str, count: int = 1) -> None:
    """No such channels."""
    for index in range(count):
        curve = curves.find(path, index=index)
        if curve is not None:
            curves.remove(curve)


def every(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """The curves of an Action, whatever their slots."""
    return [curve for curves in compat.all_curves(action) for curve in curves]


def keys_of(curve: bpy.types.FCurve) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N,) and values (N,)."""
    pairs = np.empty(len(curve.keyframe_points) * 2, np.float32)
    curve.keyframe_points.foreach_get("co", pairs)
    return pairs[::2].astype(np.float64), pairs[1::2].astype(np.float64)
