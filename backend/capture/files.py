"""From a path to bytes, and the sentences for paths that lead to no picture.

Nothing is decoded here; `decode` does that.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from backend.errors import InputError
from backend.opening import opening

MAX_BYTES = 1 << 30
"""A photo file is never larger; read no more into memory than this (1 GiB)."""

READABLE = "JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or GIF"
CONVERT = f"Open it in a picture viewer and save it as JPEG or PNG; readable are {READABLE}."

RAW_SUFFIXES = frozenset({".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf",
                          ".pef", ".x3f", ".3fr", ".iiq", ".rwl", ".srw", ".erf", ".kdc", ".mrw"})
"""Camera raw files. Several are TIFF inside and would open as their thumbnail, so they are refused by name."""

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp", ".wmv"})


@dataclass(frozen=True)
class PhotoFile:
    """The bytes of a file that may be a photo."""

    name: str  # the file's own name, no folder
    suffix: str  # lower case, with the dot
    content: bytes
    sha256: str


def read_photo(path: Path) -> PhotoFile:
    """Read a whole file. Raises InputError when there is no file, it cannot be read, is empty or far too large."""
    name = path.name or str(path)
    with opening(name, "photo"):
        if path.is_dir():
            raise InputError(f"{name} is a folder, not a photo.", "Give the photo itself.")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device has no end
            raise InputError(f"{name} is no file that holds a photo.", "Give the photo itself.")
        if status.st_size > MAX_BYTES:
            raise InputError(f"{name} is larger than {MAX_BYTES >> 20} MB.", "Save a smaller copy of the photo.")
        content = path.read_bytes()
    if not content:
        raise InputError(f"{name} is empty.", "Copy or export the photo again.")
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES:
        raise InputError(f"{name} is a camera raw file, which is not read.",
                         "Develop it in your photo program and export a JPEG, TIFF or PNG.")
    return PhotoFile(name, suffix, content, hashlib.sha256(content).hexdigest())


def unreadable(file: PhotoFile) -> InputError:
    """The error for bytes that no decoder of ours knows, with the likeliest cause."""
    if file.suffix in VIDEO_SUFFIXES:
        return InputError(f"{file.name} is a video, not a photo.", "Give a photo, or a still of the video.")
    head = file.content[:512]
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return InputError(f"{file.name} is a TIFF of a rare kind or is damaged.", CONVERT)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"):
        return InputError(f"{file.name} is damaged or was only partly copied.", "Copy or export the photo again.")
    if head[4:8] == b"ftyp":
        return InputError(f"{file.name} is a video or a picture of an unknown kind.", CONVERT)
    textual = sum(byte in b"\t\n\r" or 32 <= byte < 127 or byte >= 128 for byte in head) > 0.97 * len(head)
    if textual:
        return InputError(f"{file.name} holds text, not a picture.", "Choose the photo itself.")
    return InputError(f"{file.name} is not a picture, or is damaged.", CONVERT)
