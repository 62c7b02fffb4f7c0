"""Which wrinkles there are, as data: where they lie, how far apart and how deep, and which of Apple's shapes call them.

Distances between lines and depths are of adults' skin: forehead lines 6 to 10 mm apart, crow's feet 3 to 5 mm, lines of
the lips 2 to 4 mm; expressions deepen them to a few tenths of a millimetre (as the skin generator has them, see
`training/skin/relief.py`, for a face at rest). Amounts beside shapes were chosen by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

MM = 1e-3

MAPS = ("wrinkles_upper", "wrinkles_middle", "wrinkles_lower")
"""Three pictures, three groups in each: red, green, blue."""

SIDED = ("brow", "cheek", "eye", "noseSneer", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress",
         "mouthUpperUp", "mouthLowerDown")
"""Beginnings of the shapes that there is one of for each side, `browInnerUp` and `cheekPuff` apart."""
_UNSIDED = ("browInnerUp", "cheekPuff")


@dataclass(frozen=True)
class Lines:
    """A family of furrows: what presses the skin together there, and what becomes of it."""

    strain: dict[str, float]  # shapes without their side, at these weights together
    across: str  # which way phase grows: "up", "side" (to the person's left), "around" (the mouth)
    spacing: float  # metres between furrows; 0 for one fold along a line of landmarks, see `places`
    width: float  # metres, sigma of a furrow's valley
    least: float  # compression (a share of the length) from which skin begins to fold ...
    most: float  # ... and at which it has folded whole
    wander: float = 0.6  # by how much of its spacing a line strays from its course
    pebbled: bool = False  # no lines: the chin's dimples


@dataclass(frozen=True)
class Group:
    """One channel: wrinkles that come and go together."""

    name: str
    map: str  # of MAPS
    channel: int  # 0 red, 1 green, 2 blue
    lines: str  # of LINES
    depth: float  # metres, of the deepest furrow at weight 1
    shapes: dict[str, float]  # without their side; the weight is the sum of amount times shape, cut to 0..1
    share: dict[str, float] | None = None  # where several groups share lines: the shapes whose part this one is


LINES = {
    "forehead": Lines({"browInnerUp": 1, "browOuterUp": 1}, "up", 8.0 * MM, 0.95 * MM, 0.015, 0.10),
    "eye_corner": Lines({"cheekSquint": 0.7, "eyeSquint": 0.7}, "up", 4.2 * MM, 0.55 * MM, 0.02, 0.13),
    "frown": Lines({"browDown": 1}, "side", 11.0 * MM, 1.0 * MM, 0.01, 0.07, wander=0.25),
    "nose": Lines({"noseSneer": 1}, "up", 4.6 * MM, 0.6 * MM, 0.03, 0.16),
    "nasolabial": Lines({"mouthSmile": 1}, "side", 0.0, 1.3 * MM, 0.01, 0.08),
    "mouth_corner": Lines({"mouthDimple": 0.7, "mouthSmile": 0.6}, "side", 6.0 * MM, 0.8 * MM, 0.02, 0.14,
                          wander=0.25),
    "lips": Lines({"mouthPucker": 1}, "around", 3.6 * MM, 0.5 * MM, 0.03, 0.14),
    "chin": Lines({"mouthShrugLower": 1}, "up", 4.5 * MM, 0.9 * MM, 0.0, 0.03, pebbled=True),
}

GROUPS = (
    Group("brow_inner", MAPS[0], 0, "forehead", 0.45 * MM, {"browInnerUp": 1}, {"browInnerUp": 1}),
    Group("brow_outer", MAPS[0], 1, "forehead", 0.45 * MM, {"browOuterUp": 1}, {"browOuterUp": 1}),
    Group("eye_corner", MAPS[0], 2, "eye_corner", 0.28 * MM,
          {"cheekSquint": 0.7, "eyeSquint": 0.6, "mouthSmile": 0.55, "noseSneer": 0.3, "eyeBlink": 0.15}),
    Group("frown", MAPS[1], 0, "frown", 0.50 * MM, {"browDown": 1, "noseSneer": 0.3}),
    Group("nose", MAPS[1], 1, "nose", 0.25 * MM, {"noseSneer": 1}),
    Group("nasolabial", MAPS[1], 2, "nasolabial", 0.55 * MM,
          {"mouthSmile": 1, "noseSneer": 0.6, "mouthUpperUp": 0.6, "mouthDimple": 0.4, "cheekSquint": 0.4,
           "mouthStretch": 0.3}),
    Group("mouth_corner", MAPS[2], 0, "mouth_corner", 0.22 * MM,
          {"mouthDimple": 0.8, "mouthSmile": 0.7, "mouthStretch": 0.5}),
    Group("lips", MAPS[2], 1, "lips", 0.20 * MM, {"mouthPucker": 1, "mouthFunnel": 0.4, "mouthPress": 0.2}),
    Group("chin", MAPS[2], 2, "chin", 0.30 * MM, {"mouthShrugLower": 1, "mouthFrown": 0.5, "mouthPress": 0.3}),
)


def of_side(shape: str, side: str) -> str:
    """Apple's name of a shape for "Left" or "Right"."""
    return shape + side if shape.startswith(SIDED) and shape not in _UNSIDED else shape


def both(shapes: dict[str, float]) -> dict[str, float]:
    """Weights for both sides of a face, by Apple's names."""
    return {of_side(shape, side): weight for shape, weight in shapes.items() for side in ("Left", "Right")}
