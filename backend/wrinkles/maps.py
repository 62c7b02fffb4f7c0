"""Wrinkles as pictures with a mapping: which channel is driven by which shapes, and what its values mean in metres."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backend.head.model import HeadModel
from backend.wrinkles.furrows import fold, pressed
from backend.wrinkles.groups import GROUPS, LINES, MAPS, of_side
from backend.wrinkles.places import Place

SIZE = 1024
"""Texels along a side, whatever the skin's maps have: 0.4 mm on the face, and no furrow is narrower than 1 mm."""
RANGE = 0.002
"""Metres between the least and the greatest value that a picture holds."""
BLOOD_RANGE = 2.0
"""Units of redness between the least and the greatest amount of blood that a picture holds."""
ZERO = 32768 / 65535
"""The value of no height."""
SIDE_BLEND = 0.01
"""Over how much of the UV square, about its middle, the left's weights pass into the right's."""
STRENGTHS = (0.7, 1.4)
"""Least and greatest that depths are multiplied by."""
ORDINARY = {"forehead": 15e-6, "eye_corner": 40e-6}
"""Deviation of the middle band at rest, metres: medians over fourteen photos of adults (7 to 33, 18 to 80)."""
UNRESOLVED = 5e-6
"""Metres; a photo of 500 pixels leaves 1 to 4e-6."""


@dataclass(frozen=True)
class Wrinkles:
    """Height changes at weight 1, and what drives them."""

    maps: dict[str, np.ndarray]  # by name of MAPS: (R, R, 3) float32 metres along the normal, a group in each channel
    strength: float  # what depths were multiplied by for this person
    told: dict[str, float] = field(default_factory=dict)  # by group, how much of it a film told; 0 is the prior's
    blood: dict[str, np.ndarray] = field(default_factory=dict)  # by name of MAPS: (256, 256, 3) blood that comes at
    # weight 1, in units of redness; empty where no film told of any

    def encoded(self, name: str) -> np.ndarray:
        """(R, R, 3) 0..1 as stored: height / RANGE + ZERO."""
        return np.clip(self.maps[name] / RANGE + ZERO, 0, 1)

    def encoded_blood(self, name: str) -> np.ndarray:
        """(256, 256, 3) 0..1 as stored: amount / BLOOD_RANGE + ZERO."""
        return np.clip(self.blood[name] / BLOOD_RANGE + ZERO, 0, 1)

    def mapping(self) -> dict[str, Any]:
        """The `wrinkles` of avatar.json."""
        return {
            "zero": ZERO, "range": RANGE, "unit": "height = (value - zero) * range, metres along the normal",
            "left": "u > 0.5", "side_blend": SIDE_BLEND, "strength": round(self.strength, 3),
            **({"blood": {"range": BLOOD_RANGE, "maps": {name: blood_name(name) for name in self.blood}}}
               if self.blood else {}),
            "groups": [{"name": group.name, "map": group.map, "channel": "rgb"[group.channel],
                        "depth": round(float(np.abs(self.maps[group.map][..., group.channel]).max()), 6),
                        "told": self.told.get(group.name, 0.0),
                        **{side.lower(): {of_side(shape, side): amount for shape, amount in group.shapes.items()}
                           for side in ("Left", "Right")}} for group in GROUPS]}


def blood_name(name: str) -> str:
    """The picture of blood that goes with a picture of heights."""
    return name.replace("wrinkles", "blood")


def wrinkles_of(head: HeadModel, neutral: np.ndarray, *, relief: np.ndarray | None = None,
                seen: np.ndarray | None = None, size: int = SIZE) -> Wrinkles:
    """The wrinkles of the identity `neutral` (V, 3) metres of a head with landmarks and Apple's shapes.

    `relief` (R, R) metres is the person's middle band at rest, `seen` (R, R) 0..1 where a photo shows it: who has
    lines at rest gets deeper ones. Without them, the depths of `groups`.
    """
    place = Place.of(head, neutral)
    strength = 1.0 if relief is None or seen is None else strength_of(place, relief, seen)
    drawn = {}
    for seed, (name, lines) in enumerate(LINES.items()):
        region = place.region(name)
        press = pressed(place, head, neutral, lines.strain, lines.across, region > 0)
        drawn[name] = fold(place, lines, region, press, size, 10 * seed + 1)
    maps = {name: np.zeros((size, size, 3), np.float32) for name in MAPS}
    shared = shares(place, head, neutral)
    for group in GROUPS:
        height = drawn[group.lines] * (strength * group.depth)
        if group.name in shared:
            height *= large(shared[group.name], size)
        maps[group.map][..., group.channel] = np.clip(height, -RANGE / 2, RANGE / 2)
    return Wrinkles(maps, strength)


def strength_of(place: Place, relief: np.ndarray, seen: np.ndarray) -> float:
    """What depths are multiplied by: the square root of how the relief at rest compares with ordinary skin's.

    Skin without any relief was not resolved by its photo, and says nothing.
    """
    ratios = []
    for name, ordinary in ORDINARY.items():
        weight = large(place.region(name), len(relief)) * (seen > 0.3)
        spread = float(np.sqrt((weight * relief**2).sum() / max(float(weight.sum()), 1.0)))
        if weight.sum() > 50 and spread > UNRESOLVED:
            ratios.append(spread / ordinary)
    if not ratios:
        return 1.0
    return float(np.clip(np.sqrt(np.exp(np.mean(np.log(ratios)))), *STRENGTHS))


def shares(place: Place, head: HeadModel, neutral: np.ndarray) -> dict[str, np.ndarray]:
    """By group that shares its lines: (G, G) which part is its own, by who presses the skin how much; they sum to 1."""
    found: dict[str, np.ndarray] = {}
    sharing = [group for group in GROUPS if group.share]
    for group in sharing:
        amount = pressed(place, head, neutral, group.share or {}, LINES[group.lines].across,
                         place.region(group.lines) > 0).amount
        found[group.name] = amount + 1e-3
    for lines in {group.lines for group in sharing}:
        mine = [group.name for group in sharing if group.lines == lines]
        whole = sum(found[name] for name in mine)
        found |= {name: found[name] / whole for name in mine}
    return found


def large(field: np.ndarray, size: int, most: float = 1.0) -> np.ndarray:
    """A grid's field (G, G) on (size, size) texels, cut to 0..`most`."""
    import cv2

    return np.clip(cv2.resize(field.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR), 0, most)
