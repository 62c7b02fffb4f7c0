"""Embedded colour profiles of the matrix/curve kind (Display P3, Adobe RGB, ProPhoto, grey gamma), read exactly.

Tables and device links (CMYK, scanners) are not read here: `decode` gives those to LittleCMS, which is eight-bit.
Layout after ICC.1:2022, sections 7.2, 10.6 (curve) and 10.18 (parametric curve).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

SRGB_TO_XYZ_D50 = np.array([[0.4360747, 0.3850649, 0.1430804],
                            [0.2225045, 0.7168786, 0.0606169],
                            [0.0139322, 0.0971045, 0.7141733]])
"""Rec.709 primaries with white D65, Bradford-adapted to the profile white D50 (as in every sRGB profile)."""

_CURVE_SAMPLES = 4096


@dataclass(frozen=True)
class Profile:
    """How encoded values become linear Rec.709: a curve for each channel, then a matrix."""

    curves: np.ndarray  # (C, 4096) float64 linear value at evenly spaced encoded values 0..1; C = 1 grey, 3 RGB
    matrix: np.ndarray  # (3, 3) linear device RGB -> linear Rec.709; identity for grey

    def table(self, levels: int) -> np.ndarray:
        """(levels, C) float32: the linear value of each integer code 0..levels-1."""
        codes = np.linspace(0, 1, levels)
        grid = np.linspace(0, 1, self.curves.shape[1])
        return np.stack([np.interp(codes, grid, curve) for curve in self.curves], -1).astype(np.float32)


def parse_profile(data: bytes) -> Profile | None:
    """The profile when it is a matrix/curve RGB or grey one, None for any other kind.

    Raises ValueError for bytes that break the format.
    """
    if len(data) < 132 or data[36:40] != b"acsp":
        raise ValueError("not an ICC profile")
    space, connection = data[16:20], data[20:24]
    tags = _tags(data)
    if space == b"GRAY" and b"kTRC" in tags:
        return Profile(_curve(tags[b"kTRC"])[None], np.eye(3))
    wanted = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    if space != b"RGB " or connection != b"XYZ " or not all(tag in tags for tag in wanted):
        return None
    to_xyz = np.stack([_xyz(tags[tag]) for tag in wanted[:3]], -1)
    matrix = np.linalg.inv(SRGB_TO_XYZ_D50) @ to_xyz
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 10:
        raise ValueError("impossible primaries")
    return Profile(np.stack([_curve(tags[tag]) for tag in wanted[3:]]), matrix)


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", data, 128)
    if count > 200 or 132 + 12 * count > len(data):
        raise ValueError("damaged tag table")
    tags = {}
    for index in range(count):
        signature, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
        if offset + size > len(data):
            raise ValueError("a tag lies outside the profile")
        tags[signature] = data[offset:offset + size]
    return tags


def _xyz(tag: bytes) -> np.ndarray:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        raise ValueError("a colorant is not of type XYZ")
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> np.ndarray:
    """A curve tag sampled at `_CURVE_SAMPLES` even places of 0..1; (4096,) float64."""
    x = np.linspace(0, 1, _CURVE_SAMPLES)
    if tag[:4] == b"curv" and len(tag) >= 12:
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return x
        if 12 + 2 * count > len(tag):
            raise ValueError("a curve is shorter than it says")
        values = np.frombuffer(tag, ">u2", count, 12).astype(np.float64)
        if count == 1:
            return x ** (values[0] / 256)
        return np.interp(x, np.linspace(0, 1, count), values / 65535)
    if tag[:4] == b"para" and len(tag) >= 16:
        return _parametric(tag, x)
    raise ValueError("a curve of unknown type")


def _parametric(tag: bytes, x: np.ndarray) -> np.ndarray:
    """ICC.1:2022 table 68: kinds 0 to 4 with 1, 3, 4, 5 and 7 parameters."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError("a parametric curve of unknown kind")
    count = (1, 3, 4, 5, 7)[kind]
    if len(tag) < 12 + 4 * count:
        raise ValueError("a parametric curve is shorter than it says")
    given = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
    gamma, a, b, c, d, e, f = given + [0.0] * (7 - count)
    if kind == 0:
        return x ** gamma
    if kind in (1, 2):  # the break is where the base reaches zero; kind 2 adds c to both branches
        return np.maximum(a * x + b, 0) ** gamma + (c if kind == 2 else 0)
    power = np.maximum(a * x + b, 0) ** gamma
    return np.where(x >= d, power + e, c * x + f)
