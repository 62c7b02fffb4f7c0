"""Reading .npz files that may be hostile: no pickles, sizes checked before memory is taken. Writing them, too."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backend.errors import InputError
from backend.opening import plain_size
from backend.output import write_file

MAX_BYTES = 1 << 30
"""No file of ours comes near: a head of 30,000 vertices with 200 shapes has 72 MB of deltas."""
MAX_ARRAYS = 256
_KINDS = "fiubU"
DAMAGE = (OSError, ValueError, TypeError, EOFError, OverflowError, zipfile.BadZipFile, zlib.error, NotImplementedError,
          RuntimeError, SyntaxError, tokenize.TokenError)
"""With which zipfile, numpy and, where an array's header is no literal, Python's own parser answer damage."""


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """Write and sync a .npz that only its owner may read. Raises OSError of the disk."""
    buffer = io.BytesIO()
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise TypeError(f"{name} has the dtype {array.dtype}, which would need a pickle")
    (np.savez_compressed if compress else np.savez)(buffer, allow_pickle=False, **arrays)
    write_file(path, buffer.getbuffer())


def read_arrays(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """All arrays of a .npz. Raises InputError for one that is damaged, oversized or holds anything but plain arrays."""
    try:
        plain_size(path)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_ARRAYS or sum(member.file_size for member in members) > max_bytes:
                raise InputError(f"{path.name} is larger than any file of ours.", "Make the avatar again.")
            return {member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members}
    except FileNotFoundError as error:
        raise InputError(f"{path.name} is missing.", "Make the avatar again.") from error
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or error  # an OSError itself would tell the whole path
        raise InputError(f"{path.name} is damaged: {reason}.", "Make the avatar again.") from error


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError(f"{member.filename} has a layout this version does not know")
        size = dtype.itemsize
        for length in shape:
            size *= length
        if dtype.kind not in _KINDS or dtype.hasobject or size > member.file_size:
            raise ValueError(f"{member.filename} holds something else than it says")
        data = file.read(size)
        if len(data) != size:
            raise ValueError(f"{member.filename} is cut short")
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
