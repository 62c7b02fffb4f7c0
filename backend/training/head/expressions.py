"""The 52 ARKit shapes of the default head: MakeHuman's face units, made symmetric, with lids that respect our eyes.

Looking shapes also turn the eyeball; a shape is linear, so the turn is linearised by its chord, scaled to keep the
iris' distance from the lids.
"""

from __future__ import annotations

import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.head import eyes
from backend.training.head.shape import Shaper
from backend.training.head.source import Source

LOOK_DEGREES = {"eyeLookUp": 24.0, "eyeLookDown": 28.0, "eyeLookIn": 32.0, "eyeLookOut": 32.0}
"""How far the eye turns at weight 1."""


def arkit_shapes(source: Source, shaper: Shaper, mean: np.ndarray) -> np.ndarray:
    """(52, V, 3) metres, order of ARKIT_NAMES, for the mean head (U, 3) of the source."""
    raw = {name: source.arkit[number].astype(np.float64) for number, name in enumerate(ARKIT_NAMES)}
    shapes = np.zeros((len(ARKIT_NAMES), len(shaper.topology.source_index), 3))
    for number, name in enumerate(ARKIT_NAMES):
        other = raw[mirrored_name(name)][source.mirror] * [-1, 1, 1]
        even = (raw[name] + other) / 2
        shapes[number] = shaper.expression(mean, even, close=name.startswith("eyeBlink"))
        for look, degrees in LOOK_DEGREES.items():
            if name.startswith(look):
                side = 0 if name.endswith("Left") else 1
                shapes[number] += _look(shaper, side, look, np.deg2rad(degrees))
    mirror = shaper.topology.mirror
    partner = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    shapes = (shapes + shapes[partner][:, mirror] * [-1, 1, 1]) / 2
    shapes[np.abs(shapes) < 1e-7] = 0
    return shapes


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
