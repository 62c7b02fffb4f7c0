"""A clip at other times: any frame rate from any, uneven ones too.

Plain sampling loses a blink whose deepest frame falls between two new frames, and averaging makes it shallow. So a
weight is interpolated, and where one of the clip's own turning points is nearest to a new frame, that frame gets the
turning point's value: what peaks in the source peaks as high afterwards, at most half a new frame earlier or later.
Turning points that stand out by no more than noise does are left alone: taking them too would double the jitter.
Turns go along the shortest arc.
"""

from __future__ import annotations

import numpy as np

from . import turns
from .clip import Clip

STANDS_OUT = 0.03
"""By which a turning point must be off what lies between the frames about it: thrice what trackers' weights tremble."""


def at_rate(clip: Clip, rate: float) -> Clip:
    """The clip at `rate` frames a second, from its first frame to its last."""
    count = int(np.floor((clip.time[-1] - clip.time[0]) * rate + 1e-6)) + 1
    return at_times(clip, clip.time[0] + np.arange(count) / rate)


def at_times(clip: Clip, times: np.ndarray) -> Clip:
    """The clip at `times` (N,) seconds, rising; before its beginning and after its end it stands still."""
    if len(clip) == 1:
        rows = np.zeros(len(times), int)
        return Clip(times, clip.arkit[rows], clip.expression[rows], clip.head[rows], clip.pose[rows],
                    clip.confidence[rows])
    before = np.clip(np.searchsorted(clip.time, times, "right") - 1, 0, len(clip) - 2)
    span = clip.time[before + 1] - clip.time[before]
    share = np.clip((times - clip.time[before]) / span, 0, 1)
    share = np.where(share < 1e-9, 0, np.where(share > 1 - 1e-9, 1, share))  # what meets a frame is that frame

    def mixed(values: np.ndarray) -> np.ndarray:
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        return values[before] * (1 - part) + values[before + 1] * part

    head = mixed(clip.head.astype(np.float64))
    turned = clip.head[:, :3, :3].astype(np.float64)
    head[:, :3, :3] = turns.between(turned[before], turned[before + 1], share)
    joints = turns.matrices(clip.pose)
    pose = np.stack([turns.axis_angles(turns.between(joints[before, joint], joints[before + 1, joint], share))
                     for joint in range(clip.pose.shape[1])], 1) if clip.pose.shape[1] else mixed(clip.pose)
    sure = np.minimum(np.where(share < 1, clip.confidence[before], 1),
                      np.where(share > 0, clip.confidence[before + 1], 1))
    arkit = with_peaks(mixed(clip.arkit.astype(np.float64)), times, clip.arkit.astype(np.float64), clip.time)
    return Clip(times, arkit, mixed(clip.expression), head, pose, sure)


def with_peaks(sampled: np.ndarray, times: np.ndarray, source: np.ndarray, source_times: np.ndarray) -> np.ndarray:
    """`sampled` (N, K) at `times` with the turning points of `source` (T, K) put where they are nearest."""
    if len(source) < 3 or len(times) < 2:
        return sampled
    nearest = np.searchsorted((times[:-1] + times[1:]) / 2, source_times)
    left, right = source[1:-1] - source[:-2], source[1:-1] - source[2:]
    turning = (left * right >= 0) & ((left != 0) | (right != 0))
    off = np.zeros_like(source)
    off[1:-1] = np.where(turning, source[1:-1] - sampled[nearest[1:-1]], 0)
    off[np.abs(off) < STANDS_OUT] = 0
    inside = (source_times >= times[0] - 1e-9) & (source_times <= times[-1] + 1e-9)
    off, nearest = off[inside], nearest[inside]
    if not len(nearest):
        return sampled
    starts = np.flatnonzero(np.concatenate([[True], np.diff(nearest) > 0]))
    high, low = np.maximum.reduceat(off, starts), np.minimum.reduceat(off, starts)
    result = sampled.copy()
    result[nearest[starts]] += np.where(high >= -low, high, low)
    return result
