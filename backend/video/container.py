"""What a file is, by its first bytes, before any decoder sees it; and whether its colours are HDR.

Decoders follow references: a playlist or a list of files to join, whatever it is called, would make them open other
files or the network. So nothing but the containers that hold their pictures themselves is let through. What is read
here is bounded: headers, and of an MP4 its index.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backend.errors import InputError
from backend.opening import opening

READABLE = "MP4, MOV, WebM, MKV or AVI"
CONVERT = f"Open it in a video player and save it as MP4; readable are {READABLE}."
SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".3gp"})
"""How films are named: what `create` takes for one."""
_ISO = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILLS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
_EBML = b"\x1a\x45\xdf\xa3"
_TRANSFER = {16: "PQ", 18: "HLG"}  # ITU-T H.273
_INDEX_BYTES = 64 << 20
_BOXES = 4096  # top-level boxes of an MP4 that are looked at; a fragmented hour has as many
_START = 1 << 20


@dataclass(frozen=True)
class Container:
    """A film's file."""

    name: str  # the file's own name
    bytes: int
    kind: str  # "mp4", "mkv", "avi"
    hdr: str  # "PQ", "HLG" or empty


def look(path: Path) -> Container:
    """What the file is. Raises InputError, naming it, for what is no film or cannot be read."""
    name = path.name or str(path)
    with opening(name, "video"):
        if path.is_dir():
            raise InputError(f"{name} is a folder, not a video.", "Give the video itself.")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{name} is no file that holds a video.", "Give the video itself.")
        with path.open("rb") as file:
            head = file.read(64)
            if not head:
                raise InputError(f"{name} is empty.", "Copy or export the video again.")
            if head[4:8] in _ISO and head[8:12] not in _STILLS:
                return Container(name, status.st_size, "mp4", _mp4_hdr(file, status.st_size))
            if head[:4] == _EBML:
                file.seek(0)
                return Container(name, status.st_size, "mkv", _mkv_hdr(file.read(_START)))
            if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
                return Container(name, status.st_size, "avi", "")
    if sum(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head) > 0.97 * len(head):
        raise InputError(f"{name} holds text, not a video.", "Choose the video itself.")
    raise InputError(f"{name} is not a video of a kind that is read, or is damaged.", CONVERT)


def sha256_of(path: Path) -> str:
    """The file's SHA-256, in hexadecimal; read in pieces, however long it is."""
    with opening(path.name, "video"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_film(path: Path) -> bool:
    """Whether a file is named as films are."""
    return path.suffix.lower() in SUFFIXES


def _mp4_hdr(file: BinaryIO, size: int) -> str:
    """By the colour box in the index, wherever in the file the index is."""
    place = 0
    for _ in range(_BOXES):
        file.seek(place)
        header = file.read(16)
        if len(header) < 8:
            return ""
        length = int.from_bytes(header[:4])
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:])
        if header[4:8] == b"moov":
            file.seek(place)
            index = file.read(min(length or size, _INDEX_BYTES))
            at = index.find(b"colrnclx")
            return _TRANSFER.get(int.from_bytes(index[at + 10:at + 12]), "") if at >= 0 else ""
        if length < 8 or place + length >= size:
            return ""
        place += length
    return ""


def _mkv_hdr(start: bytes) -> str:
    """By the element TransferCharacteristics (0x55BA, one byte long)."""
    at = start.find(b"\x55\xba\x81")
    return _TRANSFER.get(start[at + 3], "") if 0 <= at < len(start) - 3 else ""


def readable_path(path: Path) -> str:
    """The path as decoders take it for a file and nothing else: absolute, so that no protocol can be meant."""
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links and fail where abspath does not
