"""The fifteen visemes of Oculus and Meta, composed of Apple's shapes: for lip sync that names what is spoken.

The weights were set by looking at all fifteen in renders of one fitted head, from the front: lips that must close do, F
shows the upper teeth, U is the roundest. Nobody's speech was measured for them. A viseme is the sum of shapes, as an
engine would add them; what corrects combinations of shapes is not in it. VRM's five vowels are five of these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PREFIX = "viseme_"


def _both(**weights: float) -> dict[str, float]:
    return {name + side: value for name, value in weights.items() for side in ("Left", "Right")}


WEIGHTS: dict[str, dict[str, float]] = {
    "sil": {},
    "PP": {"mouthRollLower": 0.35, "mouthRollUpper": 0.35, "mouthPucker": 0.1, "mouthShrugLower": 0.25} | _both(
        mouthPress=0.35),
    "FF": {"jawOpen": 0.08, "mouthRollLower": 0.55, "mouthShrugUpper": 0.15} | _both(mouthUpperUp=0.25),
    "TH": {"jawOpen": 0.16, "tongueOut": 0.3} | _both(mouthLowerDown=0.15, mouthUpperUp=0.1),
    "DD": {"jawOpen": 0.12} | _both(mouthLowerDown=0.2, mouthUpperUp=0.12, mouthStretch=0.1),
    "kk": {"jawOpen": 0.2} | _both(mouthLowerDown=0.12, mouthUpperUp=0.1, mouthStretch=0.05),
    "CH": {"jawOpen": 0.1, "mouthFunnel": 0.55, "mouthPucker": 0.1} | _both(mouthLowerDown=0.1),
    "SS": {"jawOpen": 0.03} | _both(mouthStretch=0.3, mouthLowerDown=0.25, mouthUpperUp=0.15, mouthSmile=0.1),
    "nn": {"jawOpen": 0.12} | _both(mouthLowerDown=0.12, mouthUpperUp=0.08),
    "RR": {"jawOpen": 0.12, "mouthFunnel": 0.3, "mouthPucker": 0.15, "mouthShrugUpper": 0.1},
    "aa": {"jawOpen": 0.5} | _both(mouthLowerDown=0.15, mouthUpperUp=0.1),
    "E": {"jawOpen": 0.25} | _both(mouthSmile=0.2, mouthStretch=0.2, mouthLowerDown=0.2, mouthUpperUp=0.12),
    "ih": {"jawOpen": 0.16} | _both(mouthSmile=0.3, mouthStretch=0.15, mouthLowerDown=0.15, mouthUpperUp=0.1),
    "oh": {"jawOpen": 0.36, "mouthFunnel": 0.45, "mouthPucker": 0.4},
    "ou": {"jawOpen": 0.12, "mouthFunnel": 0.25, "mouthPucker": 0.95},
}
"""Viseme -> Apple's shapes."""

NAMES = tuple(PREFIX + name for name in WEIGHTS)


def composed(name: str, known: Sequence[str], deltas: np.ndarray) -> np.ndarray:
    """(V, 3) metres of a viseme, by the `deltas` (K, V, 3) of the targets `known`; shapes that are not there are left
    out."""
    weights = WEIGHTS[name.removeprefix(PREFIX)]
    return sum((value * deltas[known.index(shape)] for shape, value in weights.items() if shape in known),
               np.zeros_like(deltas[0]))
