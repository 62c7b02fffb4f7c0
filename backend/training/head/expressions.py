"""The 52 ARKit shapes of the default head: MakeHuman's face units bent towards captured expressions (`motion`), made
symmetric, with lids that respect our eyes and lips that respect one another.

Looking shapes move the lids only, as Apple defines them ("movement of the eyelids consistent with a gaze"): the eyes
themselves turn with their joints, so that a shape and a bone never turn an eye twice.
"""

from __future__ import annotations

import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.training.head.lips import LipRule
from backend.training.head.motion import Mover
from backend.training.head.shape import Shaper
from backend.training.head.source import Source

LOOK_SHARE = 0.75
"""Of the captured lids' following: there the upper lid falls by 36 degrees about the eye, so the gaze fell by more than
the 28 degrees that are ours (`backend.head.adapt.LOOK_DEGREES`)."""

CLOSED = ("cheekPuff", "cheekSquint", "jawForward", "jawLeft", "jawRight", "mouthDimple", "mouthFrown", "mouthLeft",
          "mouthPress", "mouthPucker", "mouthRight", "mouthSmile")
"""Beginnings of shapes that leave closed lips closed; figures good to a millimetre leave them ajar."""

ROUND = ("jawOpen", "mouthFunnel", "mouthPucker")
"""Shapes in which open or pursed lips have a round outline."""

LAPPED = ("mouthRoll", "mouthShrug")
"""Beginnings of shapes in which one lip laps over the other or turns in behind it, as people's do."""


def arkit_shapes(source: Source, shaper: Shaper, mean: np.ndarray) -> np.ndarray:
    """(52, V, 3) metres, order of ARKIT_NAMES, for the mean head (U, 3) of the source."""
    mover = Mover.of(source)
    shapes = np.zeros((len(ARKIT_NAMES), len(shaper.topology.source_index), 3))
    closed = shaper.lips.fit(mean)
    opened = shaper.lips.rounded(closed, mover.displacement("jawOpen"))
    for number, name in enumerate(ARKIT_NAMES):
        moved = mover.displacement(name) * (LOOK_SHARE if name.startswith("eyeLook") else 1)
        if name in ROUND:
            moved = shaper.lips.rounded(closed, moved)
        shapes[number] = shaper.expression(
            mean, moved, blink=name.startswith("eyeBlink"), lips=lip_rule(name),
            after=opened if name == "mouthClose" else None)
    mirror = shaper.topology.mirror
    partner = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    shapes = (shapes + shapes[partner][:, mirror] * [-1, 1, 1]) / 2
    return np.round(shapes, 6)  # whole micrometres pack to half the size


def lip_rule(name: str) -> LipRule:
    """What the lips do in a shape."""
    if name.startswith(CLOSED):
        return "closed"
    return "free" if name.startswith(LAPPED) else "apart"
