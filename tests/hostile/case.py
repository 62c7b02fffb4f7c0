"""What one case is, and the ways of building that several rooms share. Nothing is stored: every file is made anew."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

SPARSE_BYTES = 4 << 30
"""A file that says it has 4 GiB and takes no room on the disk."""


@dataclass(frozen=True)
class Case:
    """One input and what has to come of it."""

    name: str
    door: str  # who reads it: a key of `doors.DOORS`
    build: Callable[[Path], Path]  # makes it in an empty folder; returns what is handed in
    words: str = ""  # a pattern that the sentence has to match
    exit_code: int = 2  # what the command line would end with; 0 when the file may be read
    slow: bool = False  # waited for until a limit of time: `python3 build.py fuzz` tries it, the tests do not


def file(name: str, content: bytes) -> Callable[[Path], Path]:
    """A builder of one file."""
    return partial(_file, name, content)


def _file(name: str, content: bytes, folder: Path) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def sparse(name: str, start: bytes = b"") -> Callable[[Path], Path]:
    """A builder of a file of 4 GiB, nothing but a hole after `start`."""
    def build(folder: Path) -> Path:
        with (folder / name).open("wb") as out:
            out.write(start)
            out.truncate(SPARSE_BYTES)
        return folder / name
    return build


def link(name: str, target: str) -> Callable[[Path], Path]:
    """A builder of a symbolic link."""
    def build(folder: Path) -> Path:
        (folder / name).symlink_to(target)
        return folder / name
    return build


def pipe(name: str) -> Callable[[Path], Path]:
    """A builder of a named pipe, at which a careless reader waits for ever."""
    def build(folder: Path) -> Path:
        os.mkfifo(folder / name)
        return folder / name
    return build


def cuts(content: bytes, places: Iterator[tuple[str, int]]) -> Iterator[tuple[str, bytes]]:
    """The content cut at every place once: a label, what is left."""
    seen: set[int] = set()
    for label, place in places:
        if 0 < place < len(content) and place not in seen:
            seen.add(place)
            yield f"{label} ({place})", content[:place]


def zip_places(content: bytes) -> Iterator[tuple[str, int]]:
    """Where the parts of an archive begin and end (PKWARE APPNOTE 4.3)."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        infos = archive.infolist()
        for info in (*infos[:2], infos[-1]):
            yield f"before {info.filename}", info.header_offset
            yield f"in the header of {info.filename}", info.header_offset + 20
            yield f"in {info.filename}", info.header_offset + 60 + info.compress_size // 2
        yield "before the list", archive.start_dir
        yield "in the list", archive.start_dir + 30
    yield "before the end record", len(content) - 22
    yield "in the end record", len(content) - 6


def zipped(members: Mapping[str, bytes], *, packed: bool = True) -> bytes:
    """An archive with any names, also those that no honest program writes."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
    return out.getvalue()


def npy(description: str, rest: bytes = b"") -> bytes:
    """One array of a .npz with any header (numpy's format, version 1.0)."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(description)) + description.encode() + rest
