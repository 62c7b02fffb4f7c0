"""Colour profiles built byte by byte from published chromaticities, for the tests to embed.

Nothing here comes from the code under test: primaries are from the standards, the adaptation is Bradford's.
"""

from __future__ import annotations

import struct

import numpy as np

D65, D50 = (0.3127, 0.3290), (0.34567, 0.35850)
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))  # SMPTE EG 432-1
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))  # Adobe RGB (1998), 4.3.1
REC709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))  # ITU-R BT.709
ADOBE_GAMMA = 563 / 256  # Adobe RGB (1998), 4.3.4.1

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _xyz(xy: tuple[float, float]) -> np.ndarray:
    return np.array([xy[0] / xy[1], 1, (1 - xy[0] - xy[1]) / xy[1]])


def to_xyz(primaries: tuple[tuple[float, float], ...], white: tuple[float, float] = D65) -> np.ndarray:
    """(3, 3): linear RGB of these primaries -> XYZ relative to their own white."""
    columns = np.stack([_xyz(p) for p in primaries], -1)
    return columns * np.linalg.solve(columns, _xyz(white))


def conversion(source: tuple, target: tuple) -> np.ndarray:
    """(3, 3): linear RGB -> linear RGB of other primaries with the same white."""
    return np.linalg.solve(to_xyz(target), to_xyz(source))


def _fixed(values: np.ndarray) -> bytes:
    return struct.pack(f">{len(values)}i", *np.round(np.asarray(values) * 65536).astype(int))


def _assemble(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
            b"wtpt": b"XYZ " + bytes(4) + _fixed(_xyz(D50)), b"cprt": b"text" + bytes(4) + b"none\0", **tags}
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        table += signature + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = (bytes(4) + b"lcms" + struct.pack(">I", 0x02400000) + kind + space + connection
              + struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(_xyz(D50)))
    rest = (header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body)[4:]
    return struct.pack(">I", len(rest) + 4) + rest


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def srgb_curve() -> bytes:
    """Parametric kind 3: (aX + b)^g for X >= d, else cX."""
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(
        np.array([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]))


def matrix_profile(primaries: tuple, curve: bytes) -> bytes:
    cone = np.diag((_BRADFORD @ _xyz(D50)) / (_BRADFORD @ _xyz(D65)))
    columns = np.linalg.inv(_BRADFORD) @ cone @ _BRADFORD @ to_xyz(primaries)
    tags = {name + b"XYZ": b"XYZ " + bytes(4) + _fixed(columns[:, i]) for i, name in enumerate((b"r", b"g", b"b"))}
    tags |= {name + b"TRC": curve for name in (b"r", b"g", b"b")}
    return _assemble(b"RGB ", b"XYZ ", b"mntr", tags)


def grey_profile(curve: bytes) -> bytes:
    return _assemble(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": curve})


def table_profile(lab_of_ink: dict[tuple[int, ...], tuple[float, float, float]]) -> bytes:
    """A table of two grid points a channel (four: inks; three: RGB) to Lab; corners that are not named are black."""
    channels = len(next(iter(lab_of_ink)))
    corners = np.full((2,) * channels + (3,), [0.0, 128, 128])
    for ink, (lightness, a, b) in lab_of_ink.items():
        corners[ink] = lightness * 255 / 100, a + 128, b + 128
    ramp = np.arange(256, dtype=np.uint8).tobytes()
    table = (b"mft1" + bytes(4) + bytes([channels, 3, 2, 0]) + _fixed(np.eye(3).reshape(-1)) + ramp * channels
             + np.round(corners).astype(np.uint8).tobytes() + ramp * 3)
    space, kind = (b"CMYK", b"prtr") if channels == 4 else (b"RGB ", b"scnr")
    return _assemble(space, b"Lab ", kind, {b"A2B0": table, b"A2B1": table})
