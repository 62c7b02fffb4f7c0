"""The 52 ARKit shapes of the default head: MakeHuman's face units bent towards captured expressions (`motion`), made
symmetric, with lids that respect our eyes and lips that respect one another.

Looking shapes also turn the eyeball; a shape is linear, so the turn is linearised by its chord, scaled to keep the
iris' distance from the lids.
"""

from __future__ import annotations

import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.head import eyes
from backend.training.head.lips import LipRule
from backend.training.head.motion import Mover
from backend.training.head.shape import Shaper
from backend.training.head.source import Source

LOOK_DEGREES = {"eyeLookUp": 24.0, "eyeLookDown": 28.0, "eyeLookIn": 32.0, "eyeLookOut": 32.0}
"""How far the eye turns at weight 1."""

LOOK_SHARE = 0.75
"""Of the captured lids' following: there the upper lid falls by 36 degrees about the eye, so the gaze fell by more than
our 28."""

CLOSED = ("cheekPuff", "jawForward", "jawLeft", "jawRight", "mouthDimple", "mouthFrown", "mouthLeft", "mouthPress",
          "mouthPucker", "mouthRight", "mouthSmile")
"""Beginnings of shapes that leave closed lips closed; figures good to a millimetre leave them ajar."""

LAPPED = ("mouthRoll", "mouthShrug")
"""Beginnings of shapes in which one lip laps over the other or turns in behind it, as people's do."""


def arkit_shapes(source: Source, shaper: Shaper, mean: np.ndarray) -> np.ndarray:
    """(52, V, 3) metres, order of ARKIT_NAMES, for the mean head (U, 3) of the source."""
    mover = Mover.of(source)
    shapes = np.zeros((len(ARKIT_NAMES), len(shaper.topology.source_index), 3))
    opened = mover.displacement("jawOpen")
    for number, name in enumerate(ARKIT_NAMES):
        moved = mover.displacement(name) * (LOOK_SHARE if name.startswith("eyeLook") else 1)
        shapes[number] = shaper.expression(
            mean, moved, blink=name.startswith("eyeBlink"), lips=lip_rule(name),
            after=opened if name == "mouthClose" else None)
        for look, degrees in LOOK_DEGREES.items():
            if name.startswith(look):
                side = 0 if name.endswith("Left") else 1
                shapes[number] += _look(shaper, side, look, np.deg2rad(degrees))
    mirror = shaper.topology.mirror
    partner = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    shapes = (shapes + shapes[partner][:, mirror] * [-1, 1, 1]) / 2
    return np.round(shapes, 6)  # whole micrometres pack to half the size


def lip_rule(name: str) -> LipRule:
    """What the lips do in a shape."""
    if name.startswith(CLOSED):
        return "closed"
    return "free" if name.startswith(LAPPED) else "apart"


def _look(shaper: Shaper, side: int, look: str, angle: float) -> np.ndarray:
    """(V, 3): the eye of `side` (0 left) turned by `angle` about its centre, chord of the arc."""
    inward = 1.0 if side == 0 else -1.0  # looking in: the left eye turns towards -X
    axis = {"eyeLookUp": [-1, 0, 0], "eyeLookDown": [1, 0, 0], "eyeLookIn": [0, 0, -inward],
            "eyeLookOut": [0, 0, inward]}[look]
    topology = shaper.topology
    of_eye = (topology.eye_part == side) | (topology.eye_part == side + 2)
    place = topology.eye_unit[of_eye] * eyes.EYEBALL_RADIUS
    k = np.asarray(axis, float)
    turned = place * np.cos(angle) + np.cross(k, place) * np.sin(angle) + np.outer(place @ k, k) * (1 - np.cos(angle))
    moved = np.zeros((len(of_eye), 3))
    moved[of_eye] = turned - place
    return moved
