"""How strongly each part of the face plays, and presets over a performance. Numbers only, without bpy.

A preset p at amount a is laid over the weights w as light over light: w' = 1 - (1 - w)(1 - a p), which never leaves
0..1 and never takes away what is played. Three things in a preset give way to what is played, else speech and blinks
would drown in it: wide eyes to a blink of the same eye, an open mouth to lips that close (so that p, b and m stay), a
smile by half to rounded lips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .clip import ARKIT_NAMES

REGIONS: dict[str, tuple[str, ...]] = {
    "brows": ("brow",), "eyes": ("eye", "cheekSquint"), "mouth": ("jaw", "mouth", "nose", "tongue", "cheekPuff")}
"""Part of the face -> how the names of its shapes begin."""
FADE = 0.25  # seconds in which a preset comes and goes
OPENING = ("jawOpen", "mouthFunnel", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
           "mouthUpperUpRight")
CLOSING = ("mouthClose", "mouthPressLeft", "mouthPressRight", "mouthRollLower", "mouthRollUpper")
WIDENING = tuple(f"mouth{kind}{side}" for kind in ("Smile", "Stretch", "Dimple") for side in ("Left", "Right"))
ROUNDING = ("mouthPucker", "mouthFunnel")
_YIELD_TO_ROUND = 0.5


@dataclass(frozen=True)
class Layer:
    """A preset over a performance."""

    weights: Mapping[str, float]
    amounts: np.ndarray  # (T,) 0..1


def region_of(name: str) -> str:
    """The part of the face that a shape belongs to."""
    return next(region for region, starts in REGIONS.items() if name.startswith(starts))


def played(arkit: np.ndarray, strengths: Mapping[str, float], layers: Sequence[Layer] = ()) -> np.ndarray:
    """(T, 52) weights within 0..1: `arkit` (T, 52) by the strength of each part, presets over it."""
    strength = np.array([strengths.get(region_of(name), 1.0) for name in ARKIT_NAMES])
    weights = np.clip(arkit.astype(np.float64) * strength, 0, 1)
    if not layers:
        return weights
    yielding = _yielding(weights)
    for layer in layers:
        preset = np.array([layer.weights.get(name, 0.0) for name in ARKIT_NAMES])
        weights = 1 - (1 - weights) * (1 - np.clip(layer.amounts[:, None] * preset * yielding, 0, 1))
    return weights


def _yielding(weights: np.ndarray) -> np.ndarray:
    """(T, 52) how much of a preset's weight is left beside what is played."""
    result = np.ones_like(weights)

    def most(names: Sequence[str]) -> np.ndarray:
        return weights[:, [ARKIT_NAMES.index(name) for name in names]].max(1)

    for side in ("Left", "Right"):
        result[:, ARKIT_NAMES.index(f"eyeWide{side}")] = 1 - most([f"eyeBlink{side}"])
    for names, by in ((OPENING, most(CLOSING)), (WIDENING, _YIELD_TO_ROUND * most(ROUNDING))):
        for name in names:
            result[:, ARKIT_NAMES.index(name)] = 1 - by
    return result


def envelope(times: np.ndarray, start: float, end: float, fade: float = FADE) -> np.ndarray:
    """(T,) 0..1: from `start` to `end` seconds, with soft ends inside; always 1 where `end` is not after `start`."""
    if end <= start:
        return np.ones(len(times))
    soft = max(min(fade, (end - start) / 2), 1e-6)
    ramp = np.clip(np.minimum(times - start, end - times) / soft, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)
