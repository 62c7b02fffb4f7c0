"""Teeth: two arches of fourteen, with gums, in place of MakeHuman's two folded strips.

An arch is one sheet of columns: each column is a profile from the outer gum over the biting edge to the inner gum,
each tooth is TOOTH_STEPS columns wide. It is built once beside MakeHuman's strip and then follows that strip's affine
motion, so identities and jaw shapes carry it along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MILLIMETRE = 1e-3
UPPER_WIDTHS = (8.5, 6.5, 7.7, 7.0, 6.7, 10.2, 9.7)  # millimetres from the middle backwards (Wheeler's averages)
LOWER_WIDTHS = (5.2, 5.7, 6.8, 7.0, 7.1, 11.2, 10.6)
UPPER_HEIGHTS = (10.2, 9.0, 10.0, 8.3, 8.2, 7.4, 7.0)
LOWER_HEIGHTS = (8.8, 9.2, 10.4, 8.6, 8.0, 7.4, 7.0)
UPPER_ARCH, LOWER_ARCH = (27.0, 44.0), (24.5, 42.0)  # half axes of the ellipse the outer faces stand on, millimetres
FORWARD, DOWN = -2.0, -0.6  # millimetres in y and z from the edge of MakeHuman's strip to ours
TOOTH_STEPS = 3
GUM_ROWS = 2  # rows of faces at either end of a profile that are gum
OVERJET, OVERBITE = 2.2, 1.6  # millimetres by which the upper edge stands before and over the lower one


@dataclass(frozen=True)
class Arch:
    """One arch in place on the source's template. N vertices, F faces."""

    points: np.ndarray  # (N, 3) metres
    quads: np.ndarray  # (F, 4)
    gum: np.ndarray  # (F,) bool
    uvs: np.ndarray  # (F, 4, 2) u along the arch, v from the outer gum to the inner; each arch has half of the square
    mirror: np.ndarray  # (N,)
    strip: np.ndarray  # MakeHuman's strip: source vertices


def build_arch(template: np.ndarray, strip: np.ndarray, upper_strip: np.ndarray, upper: bool) -> Arch:
    """An arch where `strip` (K,) of `template` (U, 3) is; both are placed by the upper strip's biting edge."""
    front = upper_strip[np.abs(template[upper_strip, 0]) < 1e-6]
    edge = template[front[template[front, 2].argmin()]]
    widths, heights = (UPPER_WIDTHS, UPPER_HEIGHTS) if upper else (LOWER_WIDTHS, LOWER_HEIGHTS)
    columns, outward, bulge, height, molar = _arch_columns(widths, heights, UPPER_ARCH if upper else LOWER_ARCH)
    sign = 1 if upper else -1
    place = edge / MILLIMETRE + [0, FORWARD + (0 if upper else OVERJET), DOWN + (0 if upper else OVERBITE)]
    rows = []
    gap = 1 - bulge  # 1 between two teeth: there the face recedes, the edge is nicked and the gum reaches farther
    for radial, share, thick in _PROFILE:
        crown, edge, collar = 0.15 < share < 1.5, share < 0.1, 0.9 < share < 1.1
        out = radial + thick * molar - 0.55 * gap * crown
        up = share * height + 0.7 * gap * edge - 1.2 * gap * collar
        point = columns + outward * out[:, None]
        rows.append(np.column_stack([point[:, 0], point[:, 1], sign * up]) + place)
    points = np.stack(rows, 1) * MILLIMETRE  # (columns, rows, 3)
    count, depth = points.shape[:2]
    index = np.arange(count * depth).reshape(count, depth)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1)
    gum = np.zeros((count - 1, depth - 1), bool)
    gum[:, :GUM_ROWS] = gum[:, -GUM_ROWS:] = True
    u, v = np.linspace(0.02, 0.98, count), np.linspace(0.02, 0.48, depth) + (0.5 if upper else 0)
    corner = np.stack(np.broadcast_arrays(u[:, None], v[None]), -1)
    uvs = np.stack([corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]], 2)
    quads, uvs = quads.reshape(-1, 4), uvs.reshape(-1, 4, 2)
    if not upper:  # the lower profile runs upside down, which turns the faces inside out
        quads, uvs = quads[:, ::-1], uvs[:, ::-1]
    return Arch(points.reshape(-1, 3), quads, gum.reshape(-1), uvs, index[::-1].reshape(-1), strip)


_PROFILE = ((-1.5, 1.45, 0.0), (-0.3, 1.25, 0.0), (0.1, 1.0, 0.0), (0.75, 0.55, 0.0), (0.25, 0.06, 0.0),
            (-0.75, 0.0, -4.6), (-1.9, 0.45, -6.0), (-3.4, 0.95, -6.0), (-4.2, 1.25, -6.0), (-4.4, 1.55, -6.0))
"""Rows of a column: millimetres outwards, share of the crown's height, and millimetres more inwards on a molar."""


def follow(arch: Arch, rest: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """(N, 3): the arch moved by the affine motion of its strip from `rest` (U, 3) to `shape` (U, 3)."""
    before, after = rest[arch.strip], shape[arch.strip]
    middle = before.mean(0)
    system = np.column_stack([before - middle, np.ones(len(before))])
    # A touch of ridge towards no change of form: the strip is thin, and must not shear the arch.
    ridge = 1e-3 * np.eye(4)[:3]
    target = np.concatenate([after, 1e-3 * np.eye(3)])
    affine = np.linalg.lstsq(np.concatenate([system, ridge]), target, rcond=None)[0]
    return np.column_stack([arch.points - middle, np.ones(len(arch.points))]) @ affine


def _arch_columns(widths: tuple[float, ...], heights: tuple[float, ...],
                  axes: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Outer points (C, 2) from right to left, outward directions, bulge 0..1, crown heights, molarity 0..1."""
    t = np.linspace(0, 2.2, 4000)
    curve = np.stack([axes[0] * np.sin(t), axes[1] * (1 - np.cos(t))], 1)
    length = np.r_[0, np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()]
    borders = np.r_[0, np.cumsum(widths)]
    at: list[float] = []
    bulge: list[float] = []
    height: list[float] = []
    molar: list[float] = []
    for number in range(len(widths)):
        for step in range(TOOTH_STEPS + (number == len(widths) - 1)):
            share = step / TOOTH_STEPS
            at.append(borders[number] + share * widths[number])
            bulge.append(float(np.sin(np.pi * share) ** 0.5) if 0 < share < 1 else 0.0)
            height.append(heights[number])
            molar.append(float(np.clip((number - 2) / 2.5, 0, 1)))
    x, y = np.interp(at, length, curve[:, 0]), np.interp(at, length, curve[:, 1])
    angle = np.interp(at, length, t)
    outward = np.stack([axes[1] * np.sin(angle), -axes[0] * np.cos(angle)], 1)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    left = np.stack([x, y], 1)
    both = np.concatenate([left[:0:-1] * [-1, 1], left])
    directions = np.concatenate([outward[:0:-1] * [-1, 1], outward])
    doubled = [np.array(column[:0:-1] + column) for column in (bulge, height, molar)]
    return both, directions, *doubled
