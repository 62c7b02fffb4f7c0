"""From strain to furrows: a phase that grows across the compression, and a valley wherever it comes round.

The phase is the smooth field whose slope is, in the least squares, one turn for each spacing along the direction of
compression. It is found on a coarse grid, and only there where skin folds; valleys are drawn at full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from backend.arkit import ARKIT_NAMES
from backend.head.model import HeadModel
from backend.reflectance.filters import step
from backend.wrinkles import groups
from backend.wrinkles.groups import Lines
from backend.wrinkles.places import LIPS, NASOLABIAL, Place
from backend.wrinkles.strain import compression, vertex_strain

BLUR = 2.5
"""Sigma over which strain is averaged, grid texels of about 1.3 mm: the mesh knows it by triangles of 5 mm."""
FAINT = 0.01
"""Amount of folding below which there is none."""
MOST_GAIN = 3.0
"""Lines are as deep as their group says wherever shapes press the skin at all; a rig that hardly does gets less."""
LOOSE = 1e-3
"""Weight of the phase's smoothness beside its slope: where hardly anything presses, lines run on straight."""
BROKEN = (0.014, 0.62, 0.42)
"""Lines come and go along their way: scale (metres), mean and spread of what is left of their depth."""


@dataclass(frozen=True)
class Pressed:
    """How the skin is pressed together on the grid."""

    amount: np.ndarray  # (G, G) share of its length that skin loses
    way: np.ndarray  # (G, G, 3) unit, in which direction, as it grows by `Lines.across`


def pressed(place: Place, head: HeadModel, neutral: np.ndarray, shapes: dict[str, float], across: str,
            where: np.ndarray) -> Pressed:
    """Compression of the neutral surface (V, 3) by shapes without sides, both sides together.

    Only there `where` (G, G) bool says; none elsewhere.
    """
    skin = head.triangle_material == head.material_index("skin")
    moved = neutral + sum(weight * head.arkit_deltas[ARKIT_NAMES.index(name)]
                          for name, weight in groups.both(shapes).items())
    strain = vertex_strain(neutral, moved, head.triangles[skin])
    laid = place.surface.lay_out(head, strain.reshape(-1, 9))
    blurred = np.concatenate([cv2.GaussianBlur(part, (0, 0), BLUR) for part in np.split(laid, 3, -1)], -1)
    amount, way = np.zeros(where.shape, np.float32), np.zeros((*where.shape, 3), np.float32)
    amount[where], way[where] = compression(blurred[where].reshape(-1, 3, 3))
    reference = _reference(place, across)
    sign = np.where((way * reference).sum(-1, keepdims=True) < 0, -1, 1)
    return Pressed(amount, (way * sign).astype(np.float32))


def _reference(place: Place, across: str) -> np.ndarray:
    """(G, G, 3) or (3,): the direction that phase is to grow in, roughly."""
    if across == "up":
        return np.array([0, 0, 1], np.float32)
    if across == "side":
        return np.array([1, 0, 0], np.float32)
    out = place.position - place.landmark[list(LIPS)].mean(0)  # around the mouth, seen from the front
    return np.stack([-out[..., 2], np.zeros_like(out[..., 0]), out[..., 0]], -1)


def fold(place: Place, lines: Lines, region: np.ndarray, press: Pressed, size: int, seed: int) -> np.ndarray:
    """(R, R) float32 of height, -1 at the deepest; (G, G) `region` is where they may lie."""
    amount = region * step(press.amount, lines.least, lines.most)
    amount = cv2.GaussianBlur(amount, (0, 0), 1.2) * place.surface.inside
    rows, columns = _bounds(amount, size)
    if not rows.stop:
        return np.zeros((size, size), np.float32)
    if lines.pebbled:
        drawn = _pebbles(place, lines, size, seed)[rows, columns]
    elif lines.spacing:
        phase = _phase(place, press.way, amount, lines.spacing) + lines.wander * np.pi * place.noise(0.028, seed)
        drawn = _valleys(_enlarged(phase.astype(np.float32), size, rows, columns), lines, seed)
    else:
        drawn = _one_fold(_enlarged(_beside(place), size, rows, columns), lines)
    scale, mean, spread = BROKEN
    whole = not lines.spacing or lines.pebbled
    kept = 1.0 if whole else np.clip(mean + spread * place.noise(scale, seed + 1, 0.25), 0.1, 1)
    height = np.zeros((size, size), np.float32)
    height[rows, columns] = drawn * np.clip(_enlarged((amount * kept).astype(np.float32), size, rows, columns), 0, 1)
    return height / max(-float(height.min()), 1 / MOST_GAIN)


def _bounds(amount: np.ndarray, size: int) -> tuple[slice, slice]:
    """Rows and columns of the full picture with anything in them, a texel of the grid to spare; empty for none."""
    there = np.argwhere(amount > 1e-4)
    if not len(there):
        return slice(0, 0), slice(0, 0)
    scale, grid = size // len(amount), len(amount)
    (top, left), (bottom, right) = np.maximum(there.min(0) - 1, 0), np.minimum(there.max(0) + 2, grid)
    return slice(int(top) * scale, int(bottom) * scale), slice(int(left) * scale, int(right) * scale)


def _enlarged(field: np.ndarray, size: int, rows: slice, columns: slice) -> np.ndarray:
    """The part of a grid's field (G, G) that fills rows and columns of the full picture, without kinks."""
    grid, scale = len(field), size // len(field)
    low = [max(part.start // scale - 4, 0) for part in (rows, columns)]
    high = [min(part.stop // scale + 4, grid) for part in (rows, columns)]
    part = field[low[0]:high[0], low[1]:high[1]]
    large = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = rows.start - low[0] * scale, columns.start - low[1] * scale
    return large[top:top + rows.stop - rows.start, left:left + columns.stop - columns.start]


def _phase(place: Place, way: np.ndarray, amount: np.ndarray, spacing: float) -> np.ndarray:
    """(G, G) radians, one turn for each `spacing` metres along `way`; each patch of skin 0 in its middle."""
    inside = ndimage.binary_dilation(amount > FAINT, iterations=2) & place.surface.inside
    number = np.full(amount.shape, -1)
    number[inside] = np.arange(inside.sum())
    turn = 2 * np.pi / spacing
    cells, values, target, count = [], [], [], 0
    trust = np.maximum(np.sqrt(amount), LOOSE)
    for axis, step_ in ((1, place.axes[0]), (0, place.axes[1])):
        wanted = turn * (way * step_).sum(-1)
        first = number[tuple(slice(None, -1) if k == axis else slice(None) for k in (0, 1))]
        second = number[tuple(slice(1, None) if k == axis else slice(None) for k in (0, 1))]
        pair = (first >= 0) & (second >= 0)
        a, b = first[pair], second[pair]
        flat_wanted, flat_trust = wanted[inside], trust[inside]
        weight = np.sqrt((flat_trust[a] + flat_trust[b]) / 2)
        row = count + np.arange(len(a))
        cells += [np.stack([row, a]), np.stack([row, b])]
        values += [-weight, weight]
        target.append(weight * (flat_wanted[a] + flat_wanted[b]) / 2)
        count += len(a)
    at = np.concatenate(cells, 1)
    matrix = sparse.csr_matrix((np.concatenate(values), at), (count, int(inside.sum())))
    normal = (matrix.T @ matrix + 1e-9 * sparse.identity(matrix.shape[1])).tocsc()
    phase = np.zeros(amount.shape)
    phase[inside] = spsolve(normal, matrix.T @ np.concatenate(target))
    patches, found = ndimage.label(inside)
    for patch in range(1, found + 1):
        here = patches == patch
        phase[here] -= np.average(phase[here], weights=amount[here] + 1e-9)
    # Beyond the patches the field goes on as at their edge: it is enlarged by a cubic that looks there.
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return phase[nearest[0], nearest[1]]


def _valleys(phase: np.ndarray, lines: Lines, seed: int) -> np.ndarray:
    """Height of lines by phase: valleys half way round, what they lose lifted between them; no two of one depth."""
    beside = (np.mod(phase, 2 * np.pi) - np.pi) * (lines.spacing / (2 * np.pi))
    valley = np.exp(-0.5 * (beside / lines.width) ** 2)
    which = np.floor(phase / (2 * np.pi)).astype(int)
    depths = np.random.default_rng(seed).uniform(0.65, 1.0, 64)
    lifted = lines.width * np.sqrt(2 * np.pi) / lines.spacing
    return (0.82 * lifted - valley * depths[which % 64]).astype(np.float32)


def _beside(place: Place) -> np.ndarray:
    """(G, G) float32 metres from the nasolabial line, the cheek's side positive."""
    out = np.zeros(place.position.shape[:2], np.float32)
    for side, outwards, path in zip((place.left, ~place.left), (1, -1), NASOLABIAL, strict=True):
        distance, way, _ = place.line(path)
        out = np.where(side, distance * np.sign(way[..., 0] * outwards), out)
    return cv2.GaussianBlur(out, (0, 0), 1.0)


def _one_fold(beside: np.ndarray, lines: Lines) -> np.ndarray:
    """Height of one fold: a valley, and the cheek's flesh that rolls up to it."""
    valley = np.exp(-0.5 * (beside / lines.width) ** 2)
    roll = np.exp(-0.5 * ((beside - 3.2 * lines.width) / (1.8 * lines.width)) ** 2)
    return (0.55 * roll - valley).astype(np.float32)


def _pebbles(place: Place, lines: Lines, size: int, seed: int) -> np.ndarray:
    """(R, R) dimples without direction."""
    scale = size // len(place.position)
    texel = float(np.median(np.linalg.norm(place.axes[0], axis=-1)[place.face > 0.5])) / scale
    white = np.random.default_rng(seed).normal(0, 1, (size, size)).astype(np.float32)
    rough = cv2.GaussianBlur(white, (0, 0), lines.spacing / 3.2 / texel)
    rough = rough + 0.3 * rough[:, ::-1]
    return (-np.tanh(np.maximum(rough / float(rough.std()), -0.6)) * 0.8).astype(np.float32)
