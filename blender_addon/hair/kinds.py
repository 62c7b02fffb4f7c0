"""What there is to grow: how many hairs, how long, how thick, how they stand. Numbers of one ordinary adult."""

from __future__ import annotations

from dataclasses import dataclass

BROWS, LASHES, BEARD, SCALP = "brows", "lashes", "beard", "scalp"


@dataclass(frozen=True)
class Kind:
    """Hair of one part of the head. Lengths in metres."""

    channel: int  # of the density map; -1 for lashes, which grow where the head has them
    per_cm2: float  # roots where the density is 1
    length: float
    radius: float  # at the root; a hair is 0.03 to 0.05 mm, and a little more stands for what is not drawn
    steps: int  # segments of a strand
    rise: tuple[float, float, float]  # height over the skin at a third, two thirds and the tip, of the length
    wander: float  # radians, standard deviation of a hair's own way
    uneven: float  # share by which lengths differ
    ends: float  # length where hair thins out, as a share
    viewport: float  # share of the hairs that the viewport shows
    painted: float  # how much of the painted hair below goes: what is left is the shade between hairs
    thinning: float = 1.0  # exponent on the density: how single the hairs at a border are
    frayed: float = 0.0  # how far tufts and bays break the border up, as a share of the density
    finest: float = 1.0  # thickness of hairs at the border, as a share
    stray: float = 0.0  # share of hairs that stand off, longer than the others and their own way
    gives_way: bool = False  # whether the painted border fades, below the first curves that stand before it


KINDS: dict[str, Kind] = {
    BROWS: Kind(0, 115.0, 0.0082, 0.045e-3, 6, (0.10, 0.13, 0.12), 0.11, 0.22, 0.70, 1.0, 0.65, 1.2),
    LASHES: Kind(-1, 0.0, 0.0, 0.050e-3, 6, (0.0, 0.0, 0.0), 0.0, 0.18, 1.0, 1.0, 0.0),
    BEARD: Kind(1, 55.0, 0.0075, 0.050e-3, 4, (0.14, 0.24, 0.30), 0.30, 0.35, 0.35, 0.35, 0.45, 1.2),
    SCALP: Kind(2, 46.0, 0.012, 0.055e-3, 5, (0.13, 0.20, 0.24), 0.18, 0.34, 0.22, 0.25, 0.0, 1.5, 1.2, 0.55,
                0.04, True),
}
MOST = 60_000
"""Hairs of one part: what a viewport and a file can still be expected to bear."""
