"""What a triangle may become in one collapse: plain arithmetic, because arrays of three are slow."""

from __future__ import annotations

import math
from collections.abc import Sequence

TURN = 0.25
"""Cosine that a triangle's normal keeps with itself through one collapse."""
THIN = 0.06
"""Height over longest edge below which a triangle may not be made thinner."""
NO_UV = 1e-12
"""Twice the area in the UV square below which a triangle has none to turn over."""

Point = tuple[float, float, float]
Flat = tuple[float, float]


def keeps_its_side(before: Sequence[Point], after: Sequence[Point]) -> bool:
    """Whether three corners still face the way they did, and are no worse a needle."""
    normal_before, long_before = _normal(*before)
    normal_after, long_after = _normal(*after)
    size_before, size_after = _norm(normal_before), _norm(normal_after)
    if _dot(normal_before, normal_after) < TURN * size_before * size_after or size_after <= 0:
        return False
    thin = size_after / long_after
    return thin >= THIN or thin >= size_before / long_before


def keeps_its_texture(before: Sequence[Flat], after: Sequence[Flat]) -> bool:
    """Whether three corners go round the same way in the UV square."""
    area = _flat_area(*before)
    return abs(area) < NO_UV or area * _flat_area(*after) > 0


def _normal(a: Point, b: Point, c: Point) -> tuple[Point, float]:
    """Twice the area along the normal, and the longest edge squared."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = vx - ux, vy - uy, vz - uz
    longest = max(ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, wx * wx + wy * wy + wz * wz)
    return (uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx), longest or 1e-30


def _dot(a: Point, b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _norm(a: Point) -> float:
    return math.sqrt(_dot(a, a))


def _flat_area(a: Flat, b: Flat, c: Flat) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
