"""The 52 ARKit shapes of the default head: MakeHuman's face units bent towards captured expressions (`motion`), made
symmetric, with lids that respect our eyes and lips that respect one another.

Looking shapes move the lids only, as Apple defines them ("movement of the eyelids consistent with a gaze"): the eyes
themselves turn with their joints, so that a shape and a bone never turn an eye twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.training.head import teeth
from backend.training.head.lips import LipFitter, LipRule
from backend.training.head.motion import Mover
from backend.training.head.shape import Shaper
from backend.training.head.source import Source

LOOK_SHARE = 0.75
"""Of the captured lids' following: there the upper lid falls by 36 degrees about the eye, so the gaze fell by more than
the 28 degrees that are ours (`backend.head.adapt.LOOK_DEGREES`)."""

TONGUE_JAW = 0.3
"""Of jawOpen that `tongueOut` brings along: the tongue is 6 to 8 mm thick and must pass teeth and lips."""

TONGUE_REACH = 1.4
"""Of MakeHuman's unit, which hardly passes the lips."""

CLOSED = ("cheekPuff", "cheekSquint", "jawForward", "jawLeft", "jawRight", "mouthDimple", "mouthFrown", "mouthLeft",
          "mouthPress", "mouthPucker", "mouthRight", "mouthSmile")
"""Beginnings of shapes that leave closed lips closed; figures good to a millimetre leave them ajar."""

ROLLED = ("mouthRoll",)
"""Beginnings of shapes that turn lips in, before the teeth; they too stay closed."""

ROUND = ("jawOpen", "mouthFunnel", "mouthPucker")
"""Shapes in which open or pursed lips have a round outline."""

LAPPED = ("mouthShrug",)
"""Beginnings of shapes in which one lip laps over the other, as people's do."""


@dataclass(frozen=True)
class Movements:
    """What each shape does to the source's U vertices before lids and lips have their rules."""

    mover: Mover
    lips: LipFitter
    closed: np.ndarray  # (U, 3) metres, the mean head with its lips closed
    teeth: np.ndarray  # (N, 3) metres, its teeth

    @classmethod
    def on(cls, source: Source, shaper: Shaper, mean: np.ndarray) -> Movements:
        """For the mean head (U, 3) of the source."""
        return cls(Mover.of(source), shaper.lips, shaper.lips.fit(mean), teeth_of(shaper, mean))

    def of(self, name: str, *, alone: bool = True) -> np.ndarray:
        """(U, 3) metres. `alone`: what it needs when no other shape helps it; the tongue needs an open mouth."""
        moved = self.mover.displacement(name) * (LOOK_SHARE if name.startswith("eyeLook") else 1)
        if name.startswith(ROLLED):
            moved = self.stopped(moved)
        if name in ROUND:
            moved = self.lips.rounded(self.closed, moved)
        if name == "tongueOut":
            moved = moved * TONGUE_REACH
        if name == "tongueOut" and alone:
            moved = moved + TONGUE_JAW * self.of("jawOpen")
        return moved

    def stopped(self, moved: np.ndarray) -> np.ndarray:
        """A movement (U, 3) of closed jaws that stops before the teeth."""
        return self.lips.before(self.closed, moved, self.teeth)


def teeth_of(shaper: Shaper, mean: np.ndarray) -> np.ndarray:
    """(N, 3) metres: both arches in the mean head (U, 3)."""
    fitted = shaper.lids.fit(shaper.lips.fit(mean))
    return np.concatenate([teeth.follow(arch, shaper.template, fitted) for arch in shaper.topology.arches])


def arkit_shapes(source: Source, shaper: Shaper, mean: np.ndarray) -> np.ndarray:
    """(52, V, 3) metres, order of ARKIT_NAMES, for the mean head (U, 3) of the source."""
    movements = Movements.on(source, shaper, mean)
    shapes = np.zeros((len(ARKIT_NAMES), len(shaper.topology.source_index), 3))
    for number, name in enumerate(ARKIT_NAMES):
        shapes[number] = shaper.expression(
            mean, movements.of(name), blink=name.startswith("eyeBlink"), lips=lip_rule(name),
            after=movements.of("jawOpen") if name == "mouthClose" else None)
    mirror = shaper.topology.mirror
    partner = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    shapes = (shapes + shapes[partner][:, mirror] * [-1, 1, 1]) / 2
    return np.round(shapes, 6)  # whole micrometres pack to half the size


def lip_rule(name: str) -> LipRule:
    """What the lips do in a shape."""
    if name.startswith((*CLOSED, *ROLLED)):
        return "closed"
    return "free" if name.startswith(LAPPED) else "apart"
