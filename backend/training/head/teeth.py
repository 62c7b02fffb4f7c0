"""Teeth: two arches of fourteen, with gums, in place of MakeHuman's two folded strips.

An arch is one sheet of columns: each column is a profile from the outer gum over the biting edge to the inner gum.
Columns crowd at the borders of teeth, where the crowns recede from one another, their edges round off and the gum
reaches between them. It is built once beside MakeHuman's strip and then follows that strip's affine motion, so
identities and jaw shapes carry it along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MILLIMETRE = 1e-3
UPPER_WIDTHS = (8.5, 6.5, 7.7, 7.0, 6.7, 10.2, 9.7)  # millimetres from the middle backwards (Wheeler's averages)
LOWER_WIDTHS = (5.2, 5.7, 6.8, 7.0, 7.1, 11.2, 10.6)
UPPER_HEIGHTS = (10.2, 9.0, 10.0, 8.3, 8.2, 7.4, 7.0)
LOWER_HEIGHTS = (8.8, 9.2, 10.4, 8.6, 8.0, 7.4, 7.0)
UPPER_ARCH, LOWER_ARCH = (27.0, 44.0), (24.5, 42.0)  # half axes of the ellipse the outer faces stand on, millimetres
FORWARD, DOWN = -4.0, -2.2
"""Millimetres in y and z from the edge of MakeHuman's strip to ours: just behind the lips, the upper edge 2 mm below
the line where they meet."""

TOOTH_COLUMNS = (0.0, 0.07, 0.25, 0.5, 0.75, 0.93)
"""Where a tooth's columns stand, as shares of its width; the next tooth's first column closes it."""

GROOVE, PAPILLA, NICK = 1.1, 2.6, 1.3
"""Millimetres at the border of two teeth: how far the faces recede, how far the gum reaches towards the edge, and how
far the edges round off."""

GUM_ROWS, INNER_GUM_ROWS = 2, 1  # rows of faces at the outer and at the inner end of a profile that are gum
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
    columns, outward, gap, height, worn, molar = _arch_columns(widths, heights, upper)
    sign = 1 if upper else -1
    place = edge / MILLIMETRE + [0, FORWARD + (0 if upper else OVERJET), DOWN + (0 if upper else OVERBITE)]
    rows = []
    for radial, share, thick, fossa, groove in _PROFILE:
        edge, collar = share < 0.1, 0.9 <= share < 1.1
        out = radial + thick * molar - GROOVE * groove * gap
        up = share * height + (worn + NICK * gap + fossa * molar) * edge - PAPILLA * gap * collar
        point = columns + outward * out[:, None]
        rows.append(np.column_stack([point[:, 0], point[:, 1], sign * up]) + place)
    points = np.stack(rows, 1) * MILLIMETRE  # (columns, rows, 3)
    count, depth = points.shape[:2]
    index = np.arange(count * depth).reshape(count, depth)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1)
    gum = np.zeros((count - 1, depth - 1), bool)
    gum[:, :GUM_ROWS] = gum[:, -INNER_GUM_ROWS:] = True
    u, v = np.linspace(0.02, 0.98, count), np.linspace(0.02, 0.48, depth) + (0.5 if upper else 0)
    corner = np.stack(np.broadcast_arrays(u[:, None], v[None]), -1)
    uvs = np.stack([corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]], 2)
    quads, uvs = quads.reshape(-1, 4), uvs.reshape(-1, 4, 2)
    if upper:  # its profile runs downwards, which turns the faces inside out; the lower one runs upwards
        quads, uvs = quads[:, ::-1], uvs[:, ::-1]
    return Arch(points.reshape(-1, 3), quads, gum.reshape(-1), uvs, index[::-1].reshape(-1), strip)


_PROFILE = ((-1.7, 1.45, 0.0, 0.0, 0.0), (-0.4, 1.22, 0.0, 0.0, 0.0), (0.1, 1.0, 0.0, 0.0, 0.0),
            (0.6, 0.74, 0.0, 0.0, 1.0), (0.65, 0.4, 0.0, 0.0, 1.0), (0.25, 0.06, 0.0, 0.0, 0.6),
            (-0.3, 0.0, -2.2, 1.1, 0.2), (-0.85, 0.0, -4.6, 0.0, -0.2), (-1.9, 0.45, -6.0, 0.0, -0.3),
            (-3.4, 0.95, -6.0, 0.0, 0.0), (-4.3, 1.45, -6.0, 0.0, 0.0))
"""Rows of a column: millimetres outwards, share of the crown's height, on a molar millimetres more inwards and
millimetres by which its middle lies deeper, and share of the groove."""

_EDGES: dict[str, Callable[[float], float]] = {
    "incisor": lambda share: 0.0,
    "lateral": lambda share: 0.6,  # the second upper incisor ends above the first
    "canine": lambda share: 1.3 * abs(2 * share - 1),
    "premolar": lambda share: 0.5 + 0.9 * abs(2 * share - 1),
    "molar": lambda share: 0.5 + 0.4 * (1 + float(np.cos(4 * np.pi * share)))}
"""Millimetres by which a tooth's edge ends short of its arch's line, over its width: tips and cusps."""

UPPER_KINDS = ("incisor", "lateral", "canine", "premolar", "premolar", "molar", "molar")
LOWER_KINDS = ("incisor", "incisor", "canine", "premolar", "premolar", "molar", "molar")


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


def _arch_columns(widths: tuple[float, ...], heights: tuple[float, ...], upper: bool) -> tuple[np.ndarray, ...]:
    """Columns from right to left: outer points (C, 2), outward directions (C, 2), then per column 1 at the border of
    two teeth falling to 0 within them, crown height, shortness of the edge (millimetres), and molarity 0..1."""
    axes, kinds = (UPPER_ARCH, UPPER_KINDS) if upper else (LOWER_ARCH, LOWER_KINDS)
    t = np.linspace(0, 2.2, 4000)
    curve = np.stack([axes[0] * np.sin(t), axes[1] * (1 - np.cos(t))], 1)
    length = np.r_[0, np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()]
    borders = np.r_[0, np.cumsum(widths)]
    rows: list[tuple[float, ...]] = []
    for number, kind in enumerate(kinds):
        for share in (*TOOTH_COLUMNS, *([1.0] if number == len(kinds) - 1 else [])):
            gap = (1 - np.sin(np.pi * share) ** 0.5) ** 1.4 if 0 < share < 1 else 1.0
            # At a border the edge belongs to both neighbours.
            before = _EDGES[kinds[max(number - 1, 0)]](1.0 if number else 0.0) if share == 0 else 0.0
            worn = _EDGES[kind](share)
            rows.append((borders[number] + share * widths[number], gap, heights[number],
                         (worn + before) / 2 if share == 0 else worn, float(np.clip((number - 2) / 2.5, 0, 1))))
    at, *others = np.array(rows).T
    x, y = np.interp(at, length, curve[:, 0]), np.interp(at, length, curve[:, 1])
    angle = np.interp(at, length, t)
    outward = np.stack([axes[1] * np.sin(angle), -axes[0] * np.cos(angle)], 1)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    left = np.stack([x, y], 1)
    both = np.concatenate([left[:0:-1] * [-1, 1], left])
    directions = np.concatenate([outward[:0:-1] * [-1, 1], outward])
    return both, directions, *(np.concatenate([column[:0:-1], column]) for column in others)
