"""Small films for the tests, written by OpenCV and bent by hand where it writes none of the kind."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np


def write(path: Path, frames: Iterable[np.ndarray], fps: float = 25.0, code: str = "mp4v") -> Path:
    """Frames (H, W, 3) uint8 sRGB."""
    writer = None
    for frame in frames:
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, frame.shape[1::-1])
            assert writer.isOpened()
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    assert writer is not None
    writer.release()
    return path


def grey(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Frames whose brightness tells their number, with a bright mark in the upper left corner."""
    frames = [np.full((height, width, 3), 40 + 4 * index, np.uint8) for index in range(count)]
    for frame in frames:
        frame[:height // 3, :width // 3] = 250
    return frames


def turned_by_tag(path: Path) -> None:
    """Say in the header of an MP4 that its pictures are to be turned by a quarter, as telephones do."""
    content = bytearray(path.read_bytes())
    place = content.find(b"tkhd") + 4 + 40  # version and flags, times, number, length, layers: then the matrix
    content[place:place + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def uneven_times(path: Path, runs: list[tuple[int, int]]) -> None:
    """Replace the table of times of an MP4 of one run by `runs` of (frames, ticks of each)."""
    content = path.read_bytes()
    place = content.find(b"stts")
    size = struct.unpack(">I", content[place - 4:place])[0]
    assert struct.unpack(">I", content[place + 8:place + 12])[0] == 1
    table = struct.pack(">I", len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)
    grown = 8 * (len(runs) - 1)
    changed = content[:place - 4] + struct.pack(">I", size + grown) + content[place:place + 8] + table
    changed += content[place - 4 + size:]
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):  # what holds the table grows with it
        at = content.find(name) - 4
        length = struct.unpack(">I", content[at:at + 4])[0]
        changed = changed[:at] + struct.pack(">I", length + grown) + changed[at + 4:]
    path.write_bytes(changed)


def tagged(path: Path, primaries: int, transfer: int, matrix: int) -> None:
    """Say in the header of an MP4 what its colours are (ITU-T H.273); once said, it can be changed."""
    content = path.read_bytes()
    told = b"colrnclx" + struct.pack(">HHHB", primaries, transfer, matrix, 0)
    at = content.find(b"colrnclx")
    if at >= 0:
        path.write_bytes(content[:at] + told + content[at + len(told):])
        return
    entry = content.find(b"mp4v", content.find(b"stsd")) - 4
    end = entry + struct.unpack(">I", content[entry:entry + 4])[0]
    grown = 4 + len(told)
    content = content[:end] + struct.pack(">I", grown) + told + content[end:]
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"mp4v"):  # what holds it grows with it
        at = (entry + 4 if name == b"mp4v" else content.find(name)) - 4
        length = struct.unpack(">I", content[at:at + 4])[0]
        content = content[:at] + struct.pack(">I", length + grown) + content[at + 4:]
    path.write_bytes(content)
