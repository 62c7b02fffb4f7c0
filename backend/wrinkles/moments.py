"""Which frames of a film show which wrinkles: those in which a face is made, and calm ones to hold them against.

Frames are told apart by the tracked weights of the clip. A frame counts the more, the farther its face goes, the less
it is turned and the slower everything in it moves: what is blurred shows no lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.animation.clip import Clip
from backend.arkit import ARKIT_NAMES
from backend.wrinkles.groups import GROUPS, Group, of_side

SHOWN = 0.35
"""Weight of a group, from which a frame shows its wrinkles."""
CALM = 0.12
"""Mean of all groups' weights over the calmest frame's, up to which a frame is calm."""
EACH, CALM_FRAMES, MOST = 3, 3, 13
"""Frames for a group; calm ones; all together."""
APART = 0.12
"""Seconds between two frames for one thing: closer ones show the same twice, noise and all."""
TURNED = np.radians(28)
"""Turn to a side, or up or down, at which a frame is worth e^-1 of one from the front."""
QUICK = (0.9, 4.0)
"""Radians and weights a second at which a frame is worth half."""
POOR = 0.3
"""Share of the best frame's worth, below which a frame is not added to it."""
SURE = 0.5
"""Confidence of a frame, below which it is not looked at."""


@dataclass(frozen=True)
class Moments:
    """Frames of a film, by number, and how far each has the wrinkles."""

    frames: np.ndarray  # (F,) int, rising
    amounts: np.ndarray  # (F, G, 2) 0..1 weight of each group, the person's left and right
    calm: np.ndarray  # (F,) bool
    most: np.ndarray  # (G,) greatest weight of each group that the whole film shows, both sides' mean


def amounts(weights: np.ndarray) -> np.ndarray:
    """(T, G, 2) weights of the groups, left and right, for Apple's weights (T, 52)."""
    return np.stack([np.stack([_amount(group, weights, side) for side in ("Left", "Right")], -1)
                     for group in GROUPS], 1)


def _amount(group: Group, weights: np.ndarray, side: str) -> np.ndarray:
    return np.clip(sum(amount * weights[:, ARKIT_NAMES.index(of_side(shape, side))]
                       for shape, amount in group.shapes.items()), 0, 1)


def moments_of(clip: Clip) -> Moments:
    """What to look at in the film that `clip` was tracked from; no frames where it never shows a face being made."""
    told = amounts(clip.arkit.astype(np.float64))
    both = told.mean(-1)
    worth = _worth(clip)
    usable = worth > 0.05
    most = np.where(usable[:, None], both, 0).max(0, initial=0)
    face = both.mean(1) + clip.arkit[:, ARKIT_NAMES.index("jawOpen")] / 4
    chosen: set[int] = set()
    for group in np.argsort(-most):
        if most[group] < SHOWN:
            continue
        value = np.where(usable & (both[:, group] > 0.75 * most[group]), worth * both[:, group] ** 2, 0)
        chosen |= set(_apart(value, clip.time, EACH, chosen))
    if not chosen:
        return Moments(np.zeros(0, int), told[:0], np.zeros(0, bool), most)
    calm_value = np.where(usable & (face < face[usable].min() + CALM), worth / (0.03 + face - face.min()), 0)
    calm = set(_apart(calm_value, clip.time, CALM_FRAMES, set())) - chosen
    shown = sorted(chosen, key=lambda index: -float(worth[index] * both[index].max()))[:MOST - len(calm)]
    frames = np.array(sorted([*shown, *calm]), int)
    return Moments(frames, told[frames], np.isin(frames, list(calm)), most)


def _worth(clip: Clip) -> np.ndarray:
    """(T,) 0..1."""
    turn = clip.head[:, :3, :3].astype(np.float64)
    forward = -turn[:, :, 1]
    yaw, pitch = np.arctan2(forward[:, 0], -forward[:, 1]), np.arcsin(np.clip(forward[:, 2], -1, 1))
    worth = np.exp(-((yaw**2 + pitch**2) / TURNED**2)) * (clip.confidence > SURE)
    if len(clip) > 2:
        cosine = (np.einsum("tij,tij->t", turn[:-1], turn[1:]) - 1) / 2
        step = np.maximum(np.diff(clip.time), 1e-3)
        spin = np.arccos(np.clip(cosine, -1, 1)) / step
        face = np.abs(np.diff(clip.arkit, axis=0)).max(1) / step
        for speed, half in zip((spin, face), QUICK, strict=True):
            either = np.maximum(np.append(speed, 0), np.append(0, speed))
            worth /= 1 + (either / half) ** 2
    return worth


def _apart(value: np.ndarray, time: np.ndarray, count: int, taken: set[int]) -> list[int]:
    """The best `count` by `value`, no two within `APART`; those `taken` already are as good as others."""
    left, found = np.where(value > POOR * value.max(initial=0), value, 0), list[int]()
    for index in taken:
        if left[index] > 0.6 * left.max() and len(found) < count:
            found.append(index)
            left[np.abs(time - time[index]) < APART] = 0
    while len(found) < count and left.max(initial=0) > 0:
        index = int(left.argmax())
        found.append(index)
        left[np.abs(time - time[index]) < APART] = 0
    return found
