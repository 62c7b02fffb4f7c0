"""Heights of wrinkles from frames that show them: what explains the change of shading between a calm face and others.

For frame t, the change of the log shading is the sum over groups of their weight in it times what their height does:
(1 / DIP) of the height, and the slope against the light (`bared`). Solved for is what to add to the prior, held small
by its deviation, which ends where a group's region ends; robust, one group after the other, round after round. Where
no frame shows a group nothing is added; where light comes from everywhere alike, only what is darker tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.descent import conjugate_gradients
from backend.unwrap.surface import enlarge
from backend.wrinkles.bared import Bared

DIP = 8e-3
"""Metres of depth that make skin darker by a factor of e, because its walls hide the sky: those of a fold 0.3 mm deep
and 1 mm wide hide 4 %. Creases of a face at rest are darker (`reflectance.slopes`): more gathers in them."""
NOISE = 0.03
"""Least deviation of log shading that is no fold; a frame's own noise comes on top."""
GRAIN, AROUND = 1.0, 8.0
"""Texels below which what changes is noise, and over which its strength is told: dark places have more of it."""
GRAINY = 0.5
"""How much of that noise is as broad as folds; what is finer hardly tells in heights that bend little."""
MISPLACED, FAR = 0.5, 4e-3
"""Texels by which a frame lies beside the calm ones where its face moves nothing, and metres of movement for which it
is as many more: beside edges of colour, that is noise as well."""
SLOPE, BEND = 0.25, 500.0
"""Deviations of slopes, and of their change by the metre, by which a person's folds differ from the prior's."""
ALONG, TURNING = 0.04, 6.0
"""Deviation of slopes along a line: folds are long. Which way lines run is the prior's word, which has it from the rig,
averaged over so many texels."""
HEIGHT = 0.75
"""The same of heights, as a share of their group's depth."""
BROAD = 14.0
"""Texels over which shading is averaged; what is broader belongs to the head's form and its light."""
OUTLIER = 0.12
SWEEPS, ROUNDS, ENOUGH = 2, 50, 1e-5
MARGIN = 6  # texels around a region
WAVE = 2 * np.pi / 15  # radians a texel, of lines 6 mm apart: at which it is said how much the film told


@dataclass(frozen=True)
class Part:
    """One group to be solved for."""

    where: np.ndarray  # (R, R) 0..1 the share of the deviation that heights may differ by
    depth: float  # metres
    prior: np.ndarray  # (R, R) metres
    amounts: np.ndarray  # (F, 2) weight in each frame beyond the calm ones', the person's left and right
    free: bool  # whether the film shows it


@dataclass(frozen=True)
class Solved:
    """What came of a group."""

    height: np.ndarray  # (R, R) metres
    told: float  # 0..1, how much of it the film told, the rest being the prior's


def detail(frame: Bared, reference: np.ndarray, known: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change (R, R) of log shading against the calm skin `reference` (R, R), without what is broad; its weight.

    `edge` (R, R) of `edges`.
    """
    weight = np.minimum(frame.weight, known)
    change = (frame.log.mean(-1) - reference) * (weight > 0.02)
    around = cv2.GaussianBlur(weight, (0, 0), BROAD)
    broad = cv2.GaussianBlur(change * weight, (0, 0), BROAD) / np.maximum(around, 1e-3)
    fine = (change - cv2.GaussianBlur(change, (0, 0), GRAIN)) * (weight > 0.1)
    grain = cv2.GaussianBlur(fine**2, (0, 0), AROUND) / np.maximum(
        cv2.GaussianBlur((weight > 0.1).astype(np.float32), (0, 0), AROUND), 0.05)
    beside = MISPLACED * (1 + enlarge(frame.moved, len(edge)) / FAR)
    sure = weight / (NOISE**2 + GRAINY**2 * grain + (beside * edge) ** 2)
    return (change - broad).astype(np.float32), (sure * (weight > 0.1)).astype(np.float32)


def edges(log: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(R, R) how much the calm skin `log` (R, R, 3) changes from texel to texel, by its liveliest channel."""
    around = np.maximum(cv2.GaussianBlur(known, (0, 0), 1.0), 1e-3)[..., None]
    calm = cv2.GaussianBlur(log * known[..., None], (0, 0), 1.0) / around
    return np.hypot(*np.gradient(calm, axis=(0, 1))).max(-1) * (known > 0.05)


def solved(parts: Sequence[Part], frames: Sequence[Bared], change: Sequence[np.ndarray], sure: Sequence[np.ndarray],
           texel: np.ndarray, left: np.ndarray) -> list[Solved]:
    """Solve for the parts' heights.

    `change`, `sure` of `detail` by frame; `texel` (R, R) metres; `left` (R, R) 0..1 share of the person's left.
    """
    size = len(texel)
    windows = [_window(part.where) for part in parts]
    heights = [part.prior.copy() for part in parts]
    turning = [tuple(enlarge(field, size) for field in (frame.along_u, frame.along_v)) for frame in frames]
    scale = [[(left * one + (1 - left) * other).astype(np.float32) for one, other in part.amounts] for part in parts]

    def effect(index: int, frame: int) -> np.ndarray:
        window = windows[index]
        u, v = (field[window] for field in turning[frame])
        return scale[index][frame][window] * _forward(heights[index][window], u, v)

    left_over = [one.copy() for one in change]
    for index in range(len(parts)):
        for frame in range(len(frames)):
            left_over[frame][windows[index]] -= effect(index, frame)
    told = [0.0] * len(parts)
    for _ in range(SWEEPS):
        for index, part in enumerate(parts):
            if not part.free:
                continue
            window = windows[index]
            used = [frame for frame in range(len(frames)) if part.amounts[frame].max() > 0.08]
            rows = []
            for frame in used:
                target = left_over[frame][window] + effect(index, frame)
                robust = sure[frame][window] / (1 + (left_over[frame][window] / OUTLIER) ** 2)
                rows.append((target, robust, scale[index][frame][window],
                             *(field[window] for field in turning[frame])))
            before = {frame: effect(index, frame) for frame in used}
            extra, told[index] = _extra(rows, part, window, texel[window])
            heights[index][window] = part.prior[window] + extra
            for frame in used:
                left_over[frame][window] += before[frame] - effect(index, frame)
    return [Solved(np.clip(height, -1.8 * part.depth, 0.9 * part.depth), share)
            for height, part, share in zip(heights, parts, told, strict=True)]


def _extra(rows: Sequence[tuple[np.ndarray, ...]], part: Part, window: tuple[slice, slice],
           texel: np.ndarray) -> tuple[np.ndarray, float]:
    """Metres to add to the prior in a window, by conjugate gradients, and how much of them the frames told."""
    where, prior = part.where[window], part.prior[window]
    low = (1 / np.maximum(HEIGHT * part.depth * where, 1e-3 * part.depth) ** 2).astype(np.float32)
    smooth = (1 / (SLOPE * texel) ** 2).astype(np.float32)
    bend = (1 / (BEND * texel**2) ** 2).astype(np.float32)
    along_u, along_v, line = _lines(prior)
    long = (line / (ALONG * texel) ** 2).astype(np.float32)
    diagonal = low + 4 * smooth + 20 * bend + 0.5 * long
    right = np.zeros_like(prior)
    data, waves = np.zeros_like(prior), np.zeros_like(prior)
    for target, weight, amount, u, v in rows:
        off = target - amount * _forward(prior, u, v)
        right += _backward(weight * amount * off, u, v)
        data += weight * amount**2 * (1 / DIP**2 + 0.5 * (u * u + v * v))
        waves += weight * amount**2 * (1 / DIP**2 + WAVE**2 * (u * u + v * v))
    diagonal = diagonal + data

    def normal(h: np.ndarray) -> np.ndarray:
        a, b = np.roll(h, -1, 1) - h, np.roll(h, -1, 0) - h
        out = low * h + _ahead_t(smooth * a, 1) + _ahead_t(smooth * b, 0) + _curved(bend * _curved(h))
        run = long * (along_u * _slope(h, 1) + along_v * _slope(h, 0))
        out -= _slope(along_u * run, 1) + _slope(along_v * run, 0)
        for _, weight, amount, u, v in rows:
            out += _backward(weight * amount**2 * _forward(h, u, v), u, v)
        return out

    h = conjugate_gradients(normal, right, diagonal, ROUNDS, ENOUGH)
    share = waves / (waves + low + WAVE**2 * smooth + WAVE**4 * bend)
    return h, float((share * where).sum() / max(float(where.sum()), 1e-6))


def _lines(prior: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which way the prior's lines run, to the right and downwards, unit; how surely, 0..1 (Bigun and Granlund 1987)."""
    u, v = _slope(prior, 1), _slope(prior, 0)
    uu, vv, uv = (cv2.GaussianBlur(field, (0, 0), TURNING) for field in (u * u, v * v, u * v))
    apart = np.sqrt((uu - vv) ** 2 + 4 * uv**2)
    across = 0.5 * np.arctan2(2 * uv, uu - vv)  # of the steepest way
    return -np.sin(across), np.cos(across), (apart / np.maximum(uu + vv, 1e-18)) ** 2


def _forward(h: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return h / np.float32(DIP) - u * _slope(h, 1) - v * _slope(h, 0)


def _backward(r: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return r / np.float32(DIP) + _slope(u * r, 1) + _slope(v * r, 0)  # a central difference is minus its transpose


def _slope(h: np.ndarray, axis: int) -> np.ndarray:
    """Central differences; what is outside is 0."""
    kernel = np.array([-0.5, 0, 0.5], np.float32)
    return cv2.filter2D(h, -1, kernel[None] if axis else kernel[:, None], borderType=cv2.BORDER_CONSTANT)


def _curved(h: np.ndarray) -> np.ndarray:
    """The sum of second differences, what is outside being 0; its own transpose."""
    return cv2.Laplacian(h, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_CONSTANT)


def _ahead_t(r: np.ndarray, axis: int) -> np.ndarray:
    return np.roll(r, 1, axis) - r


def _window(where: np.ndarray) -> tuple[slice, slice]:
    there = np.argwhere(where > 0.02)
    if not len(there):
        return slice(0, 8), slice(0, 8)
    low = np.maximum(there.min(0) - MARGIN, 0)
    high = np.minimum(there.max(0) + MARGIN, np.array(where.shape) - 1)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))
