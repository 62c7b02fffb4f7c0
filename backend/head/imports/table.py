"""A head file as a table: names to values that are worked out when they are asked for.

Knows what kind of file it has before it by its first bytes, and says so in a sentence when it is none of ours. What the
names mean is `flame`'s business.
"""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import tokenize
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.errors import InputError
from backend.head.imports.arrays import array_of
from backend.head.imports.pickles import load_pickle
from backend.head.imports.values import Array, DamagedError, RefusedError, Thing
from backend.npz import DAMAGE
from backend.opening import opening

MAX_FILE_BYTES = 1 << 30
"""The published FLAME files have 53 MB; a head of 26,719 vertices with 400 components in float64 has 257 MB."""
MAX_MEMBERS = 256
_MAX_HEADER = 10_000
_PICKLE_STARTS = (b"\x80", b"(", b"}", b"]", b"c")
"""A protocol, or in the two oldest an opening, an empty container, a name."""

_DOWNLOAD = "Download the file again."
_ZIP_ERRORS = (*DAMAGE, struct.error, IndexError)
"""With which Python's zipfile answers damage of one kind or another; found by trying."""
_OTHER_KINDS = (
    (b"\x1f\x8b", "is compressed with gzip", "Unpack it and give the file inside."),
    (b"BZh", "is compressed with bzip2", "Unpack it and give the file inside."),
    (b"\xfd7zXZ", "is compressed with xz", "Unpack it and give the file inside."),
    (b"7z\xbc\xaf", "is a 7z archive", "Unpack it and give the file inside."),
    (b"Rar!", "is a RAR archive", "Unpack it and give the file inside."),
    (b"\x89HDF", "is an HDF5 file", "Convert it; docs/heads.md has a script to start from."),
    (b"glTF", "is a 3D scene", "Give the model with its shape components."),
    (b"Kaydara FBX", "is a 3D scene", "Give the model with its shape components."),
    (b"ply\n", "is a single mesh", "Give the model with its shape components."),
    (b"\x89PNG", "is a picture", "Give the model file."),
    (b"\xff\xd8\xff", "is a picture", "Give the model file."),
    (b"<", "is a web page", "Log in on the model's site and download the file itself."),
    (b"version https://git-lfs", "is only a pointer to the real file", "Fetch it with git lfs pull."),
)


@dataclass(frozen=True)
class Table:
    """What a file holds, unread: `array` works one entry out."""

    file: str  # the file's own name
    sha256: str
    entries: Mapping[str, Any]

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def array(self, key: str) -> np.ndarray:
        """An entry as an array of numbers. Raises InputError naming file and entry."""
        try:
            value = array_of(self._entry(key))
        except (DamagedError, RefusedError) as error:
            raise self._error(error, key) from error
        if value.dtype.kind not in "fiub":
            raise InputError(f"{self.file} has {key} as text where numbers should be.",
                             "See the table in docs/heads.md.")
        return value

    def text(self, key: str) -> str | None:
        """An entry as one line of text, None when there is none."""
        words = self.texts(key)
        return words[0] if words else None

    def texts(self, key: str) -> tuple[str, ...]:
        """An entry as texts; empty when there is none."""
        if key not in self.entries:
            return ()
        try:
            value = self._entry(key)
            if isinstance(value, (str, bytes)):
                return (_line(value),)
            if isinstance(value, Array) and value.objects is not None:
                value = value.objects
            if isinstance(value, (list, tuple)) and all(isinstance(item, (str, bytes)) for item in value):
                return tuple(_line(item) for item in value)
            array = array_of(value)
            return tuple(_line(item) for item in array.ravel()[:4096].tolist()) if array.dtype.kind in "US" else ()
        except (DamagedError, RefusedError) as error:
            raise self._error(error, key) from error

    def _entry(self, key: str) -> Any:
        value = self.entries[key]
        return value() if isinstance(value, _Member) else value

    def _error(self, error: DamagedError | RefusedError, key: str) -> InputError:
        return _sentence(self.file, error, f" ({key})")


@dataclass(frozen=True)
class _Member:
    """An array of a .npz, read when it is called."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def __call__(self) -> Any:
        try:
            with self.archive.open(self.info) as file:
                content = file.read()
        except _ZIP_ERRORS as error:
            raise DamagedError("it cannot be unpacked") from error
        return _stored_array(content, self.info.file_size)


def read_content(path: Path, most: int = MAX_FILE_BYTES) -> bytes:
    """The whole file. Raises InputError for what is no file, may not be read, is empty or too large."""
    name = path.name or str(path)
    with opening(name, "file"):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # asked before it is opened: a pipe would be waited for
            raise InputError(f"{name} is no file that holds a head model.", "Give the model file itself.")
        if status.st_size > most:
            raise InputError(f"{name} has {status.st_size / 1e6:,.0f} MB; more than {most / 1e6:,.0f} MB are not "
                             "read.", "Give the model file itself.")
        with path.open("rb") as file:
            content = file.read(status.st_size)
    if not content:
        raise InputError(f"{name} is empty.", _DOWNLOAD)
    return content


def read_table(path: Path) -> Table:
    """Open a `.pkl`, `.npz` or `.npy`, told by what it holds, not by its suffix.

    Raises InputError, in one sentence, for everything else and for everything that is wrong with it.
    """
    content = read_content(path)
    digest = hashlib.sha256(content).hexdigest()
    for start, what, remedy in _OTHER_KINDS:
        if content.startswith(start):
            raise InputError(f"{path.name} is no head model: it {what}.", remedy)
    try:
        if content.startswith(b"PK"):
            return Table(path.name, digest, _members(path.name, content))
        value = _stored_array(content) if content.startswith(b"\x93NUMPY") else _pickled(path.name, content)
    except (DamagedError, RefusedError) as error:
        raise _sentence(path.name, error) from error
    if isinstance(value, Array) and value.objects is not None and len(value.objects) == 1:
        value = value.objects[0]  # np.save of a dict
    if isinstance(value, Thing):
        value = value.state
    if not isinstance(value, dict):
        raise InputError(f"{path.name} holds no table of arrays, so it is no head model.",
                         "Give the model file itself.")
    return Table(path.name, digest, {str(key): item for key, item in value.items()})


def _pickled(name: str, content: bytes) -> Any:
    if content[:1] not in _PICKLE_STARTS:
        raise InputError(f"{name} is no head model: it holds neither a pickle nor arrays.",
                         "Give a FLAME .pkl, a .npz or an ICT-FaceKit folder.")
    return load_pickle(content)


def _members(name: str, content: bytes) -> dict[str, _Member]:
    """The arrays of a .npz by name; nothing is unpacked yet."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _ZIP_ERRORS as error:
        raise DamagedError("it ends in the middle") from error
    infos = archive.infolist()
    arrays = [info for info in infos if info.filename.endswith(".npy") and "/" not in info.filename]
    if not arrays:
        if any(info.filename.endswith("data.pkl") for info in infos):
            raise InputError(f"{name} is a PyTorch file, which is not read.",
                             "Convert it; docs/heads.md has a script to start from.")
        raise InputError(f"{name} is an archive.", "Unpack it and give the model file or folder inside.")
    if len(infos) > MAX_MEMBERS:
        raise RefusedError(f"it holds more than {MAX_MEMBERS} arrays")
    if sum(info.file_size for info in arrays) > MAX_FILE_BYTES:
        raise RefusedError(f"it unpacks to more than {MAX_FILE_BYTES >> 30} GB")
    return {info.filename.removesuffix(".npy"): _Member(archive, info) for info in arrays}


def _stored_array(content: bytes, limit: int | None = None) -> Any:
    """One .npy: an array over its bytes, or, where it holds objects, what its pickle describes."""
    file = io.BytesIO(content)
    if limit is not None and len(content) != limit:
        raise DamagedError("it ends in the middle")
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file, max_header_size=_MAX_HEADER)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise DamagedError("an array's own description makes no sense") from error
    rest = content[file.tell():]
    if dtype.hasobject:
        return load_pickle(rest)
    count = 1
    for length in shape:
        count *= length
    if dtype.kind not in "fiubUS" or any(length < 0 for length in shape) or count * dtype.itemsize > len(rest) \
            or dtype.itemsize == 0:
        raise DamagedError("an array is shorter than it says")
    flat = np.frombuffer(rest, dtype, count) if count else np.zeros(0, dtype)
    try:
        return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    except ValueError as error:  # more dimensions than numpy has
        raise DamagedError("an array has too many dimensions") from error


def _line(value: str | bytes) -> str:
    text = value.decode("latin1") if isinstance(value, bytes) else str(value)
    return " ".join(text.split())[:2000]


def _sentence(name: str, error: DamagedError | RefusedError, place: str = "") -> InputError:
    if isinstance(error, RefusedError):
        return InputError(f"{name}{place} was refused: {error}. Nothing in it was run.",
                          "Only use head models from their makers' own sites; save others as plain .npz arrays.")
    return InputError(f"{name}{place} is damaged or no head model: {error}.", _DOWNLOAD)
