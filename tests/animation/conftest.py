"""A performance that is all formula: every number in it can be said beforehand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from backend.animation.clip import Clip
from backend.arkit import ARKIT_NAMES
from blender_addon.performance import clip as addon_clip

JOINT_COUNT = 5


def turned(axis: str, angles: np.ndarray) -> np.ndarray:
    """(T, 4, 4) turns about a world axis, radians."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrices = np.tile(np.eye(4), (len(angles), 1, 1))
    matrices[:, first, first] = matrices[:, second, second] = np.cos(angles)
    matrices[:, second, first], matrices[:, first, second] = np.sin(angles), -np.sin(angles)
    return matrices


def made(frames: int = 90, rate: float = 30.0) -> Clip:
    """Speech, two blinks of five frames, a turn of the head to its left by 20 degrees; the last frames lost."""
    time = np.arange(frames) / rate
    arkit = np.zeros((frames, 52))
    arkit[:, ARKIT_NAMES.index("jawOpen")] = 0.3 - 0.3 * np.cos(2 * np.pi * 3 * time)
    for side in ("Left", "Right"):
        for start in (frames // 4, frames // 2):
            arkit[start:start + 5, ARKIT_NAMES.index(f"eyeBlink{side}")] = (0.3, 0.8, 1.0, 0.6, 0.2)
    pose = np.zeros((frames, JOINT_COUNT, 3))
    pose[:, 3:, 2] = 0.1 * np.sin(2 * np.pi * time)[:, None]
    confidence = np.ones(frames)
    confidence[-3:] = 0
    expression = np.stack([np.sin(time + phase) for phase in range(4)], 1)
    return Clip(time, arkit, expression, turned("z", np.radians(20) * np.sin(time)), pose, confidence)


def as_addon(clip: Clip) -> addon_clip.Clip:
    """The same, as the add-on has it."""
    return addon_clip.Clip(*(getattr(clip, part.name) for part in dataclasses.fields(clip)))


@pytest.fixture
def clip() -> Clip:
    return made()
