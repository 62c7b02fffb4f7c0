"""Correctives: what the plain sum of two or three shapes gets wrong when people use them together.

A sum of shapes turns lids past one another, stretches lips beyond their length and purses them twice. Each combination
here is made anew, as a shape of its own: the parts' displacements are added in the shares that a face manages
together, and the rules of single shapes (lids on eyes, lips that touch, round outlines) are applied to the whole. A
corrective is the difference to the sum, cut at the midline where its drivers have sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.head.adapt import adapted_deltas
from backend.head.model import HeadModel
from backend.training.head.expressions import Movements
from backend.training.head.lips import LipRule
from backend.training.head.shape import Shaper, symmetric
from backend.training.head.source import Source

SIDES = ("Left", "Right")
MIDDLE = 0.012  # metres from the midline over which a left corrective becomes a right one


@dataclass(frozen=True)
class Combination:
    """Shapes that act together, by name without side, and the share of each that is left when all are at 1."""

    parts: dict[str, float]
    lips: LipRule = "apart"
    blink: bool = False
    rounded: bool = False

    def drivers(self, side: str) -> tuple[str, ...]:
        """Names of the shapes that drive it on a `side`."""
        return tuple(part if part in ARKIT_NAMES else part + side for part in self.parts)

    @property
    def sides(self) -> tuple[str, ...]:
        """("Left", "Right"), or one that means both."""
        return SIDES if self.drivers("Left") != self.drivers("Right") else ("",)

    def within(self, other: Combination) -> bool:
        """Whether it acts whenever `other`, which has more drivers, does."""
        return set(self.parts) < set(other.parts)


def _blink(**parts: float) -> Combination:
    return Combination({"eyeBlink": 1.0, **parts}, blink=True)


COMBINATIONS: tuple[Combination, ...] = (
    # A blink closes lids that something else has moved, wherever the lower one then is.
    _blink(eyeSquint=1.0), _blink(cheekSquint=1.0), _blink(mouthSmile=1.0), _blink(eyeLookDown=0.6),
    _blink(eyeLookUp=0.5), _blink(eyeWide=0.25), _blink(noseSneer=1.0), _blink(eyeSquint=0.8, cheekSquint=0.8),
    # What narrows the eye from both sides leaves it open.
    Combination({"eyeSquint": 0.8, "cheekSquint": 0.8}), Combination({"eyeLookDown": 0.9, "eyeSquint": 0.7}),
    Combination({"eyeLookDown": 0.9, "cheekSquint": 0.7}),
    # Lips have a length: a mouth that opens gives up some of its width, and the other way round.
    Combination({"mouthSmile": 0.82, "jawOpen": 0.95}, rounded=True),
    Combination({"mouthPucker": 0.65, "mouthFunnel": 0.8}, rounded=True),
    Combination({"jawOpen": 0.92, "mouthPucker": 0.85}, rounded=True),
    Combination({"jawOpen": 0.92, "mouthFunnel": 0.75}, rounded=True),
    Combination({"jawOpen": 0.88, "mouthPucker": 0.6, "mouthFunnel": 0.6}, rounded=True),
    Combination({"mouthSmile": 0.85, "mouthDimple": 0.5}, lips="closed"),
    Combination({"mouthUpperUp": 0.8, "noseSneer": 0.7}),
    # Lips that are pressed or rolled in stay so in a smile.
    Combination({"mouthSmile": 1.0, "mouthPress": 1.0}, lips="closed"),
    Combination({"mouthSmile": 0.95, "mouthRollLower": 0.9}, lips="closed"),
    Combination({"mouthSmile": 0.95, "mouthRollUpper": 0.9}, lips="closed"),
    Combination({"mouthRollLower": 1.0, "mouthRollUpper": 1.0}, lips="closed"),
    Combination({"mouthSmile": 0.95, "mouthRollLower": 0.9, "mouthRollUpper": 0.9}, lips="closed"),
    # An open jaw makes room for the tongue, for which the shape alone must open it.
    Combination({"tongueOut": 1.0, "jawOpen": 1.0}),
)


def correctives(source: Source, shaper: Shaper, mean: np.ndarray,
                shapes: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names (C,), drivers (C, 3) int32 into ARKIT_NAMES with -1 for none, deltas (C, V, 3) metres.

    `mean` (U, 3) is the mean head of the source, `shapes` (52, V, 3) what `arkit_shapes` made of it.
    """
    movements = Movements.on(source, shaper, mean)
    mirror = shaper.topology.mirror
    across = symmetric(shaper.head(mean), mirror)[:, 0] / MIDDLE
    share = np.clip((1 + across) / 2, 0, 1)
    left = (share * share * (3 - 2 * share))[:, None]
    whole: dict[int, np.ndarray] = {}
    names: list[str] = []
    drivers: list[list[int]] = []
    deltas: list[np.ndarray] = []
    for number in sorted(range(len(COMBINATIONS)), key=lambda number: len(COMBINATIONS[number].parts)):
        combination = COMBINATIONS[number]
        both = sorted({name for side in SIDES for name in combination.drivers(side)})
        made = symmetric(_made(combination, movements, shaper, mean), mirror)
        total = shapes[[ARKIT_NAMES.index(name) for name in both]].sum(0)
        total = total + sum(whole[other] for other in whole if COMBINATIONS[other].within(combination))
        whole[number] = made - total
        for side in combination.sides:
            used = combination.drivers(side)
            names.append("__".join(used))
            drivers.append([*(ARKIT_NAMES.index(name) for name in used), *[-1] * (3 - len(used))])
            deltas.append(whole[number] * {"Left": left, "Right": left[mirror], "": 1.0}[side])
    return tuple(names), np.array(drivers, np.int32), np.round(np.array(deltas), 6)


def _made(combination: Combination, movements: Movements, shaper: Shaper, mean: np.ndarray) -> np.ndarray:
    """(V, 3): the combination on both sides, as one shape."""
    moved = np.zeros_like(mean)
    for part, amount in combination.parts.items():
        for name in {part} & set(ARKIT_NAMES) or {part + side for side in SIDES}:
            moved = moved + amount * movements.of(name, alone=False)
    if "jawOpen" not in combination.parts:
        moved = movements.stopped(moved)
    if combination.rounded:
        moved = shaper.lips.rounded(shaper.lips.fit(mean), moved)
    return shaper.expression(mean, moved, blink=combination.blink, lips=combination.lips)


def settled(head: HeadModel) -> HeadModel:
    """The head with shapes and correctives that keep the lids off the eyes, also off eyes that turn with a look.

    To be called last: it needs joints and landmarks.
    """
    shapes, corrected = adapted_deltas(head, head.template)
    mirror = head.mirror_vertices
    partner = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    shapes = (shapes + shapes[partner][:, mirror] * [-1, 1, 1]) / 2
    names = list(head.corrective_names)
    twins = [names.index("__".join(mirrored_name(part) for part in name.split("__"))) for name in names]
    corrected = (corrected + corrected[twins][:, mirror] * [-1, 1, 1]) / 2 if names else corrected
    shapes = np.round(shapes, 6).astype(np.float32)
    return replace(head, arkit_deltas=shapes, expression_basis=shapes,
                   corrective_deltas=np.round(corrected, 6).astype(np.float32))
