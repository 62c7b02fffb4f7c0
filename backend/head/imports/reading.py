"""The door of this room: from a path to a checked `RawHead`, whatever kind of model lies there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from backend.core.progress import Progress, silent
from backend.errors import InputError
from backend.head.imports import flame, ict
from backend.head.imports.table import read_content, read_table
from backend.head.raw import RawHead


@dataclass(frozen=True)
class Reading:
    """A model that was read, and what its source says about itself."""

    raw: RawHead
    file: str  # name of the file or folder, no path
    sha256: str
    licence: str | None  # when the file states one
    attribution: str


def read_head(path: Path, progress: Progress = silent) -> Reading:
    """Read a FLAME file, a plain .npz or an ICT-FaceKit folder.

    Raises InputError in one sentence for whatever is wrong with it; nothing that the file contains is run.
    """
    progress(0.0, "Reading")
    if path.is_dir():
        return _folder(path, progress)
    table = read_table(path)
    raw = flame.raw_head(table)
    progress(1.0, "Read")
    credit = FLAME_CREDIT if raw.kind == "flame" else ""
    return Reading(raw, table.file, table.sha256, table.text("licence"), table.text("attribution") or credit)


def fingerprint(path: Path) -> str:
    """SHA-256 of what `read_head` would read, as `Reading.sha256`. Raises InputError when it cannot be read."""
    folder = ict.folder_of(path) if path.is_dir() else None
    if folder is not None:
        return ict.fingerprint(folder)
    if path.is_dir():
        raise _no_model(path)
    return hashlib.sha256(read_content(path)).hexdigest()


def _folder(path: Path, progress: Progress) -> Reading:
    folder = ict.folder_of(path)
    if folder is None:
        raise _no_model(path)
    raw, digest = ict.read(folder, progress)
    progress(1.0, "Read")
    return Reading(raw, path.name, digest, ict.licence(folder), ICT_CREDIT)


def _no_model(path: Path) -> InputError:
    return InputError(f"{path.name or path} is a folder without {ict.NEUTRAL}.",
                      "Give a FLAME .pkl, a .npz, or the folder FaceXModel of ICT-FaceKit.")


FLAME_CREDIT = ("FLAME: Tianye Li, Timo Bolkart, Michael J. Black, Hao Li, Javier Romero, Learning a model of facial "
                "shape and expression from 4D scans, ACM Transactions on Graphics 36(6), 2017. "
                "https://flame.is.tue.mpg.de")
ICT_CREDIT = ("ICT-FaceKit, copyright USC Institute for Creative Technologies. Ruilong Li et al., Learning Formation "
              "of Physically-Based Face Attributes, CVPR 2020. https://github.com/ICT-VGL/ICT-FaceKit")
