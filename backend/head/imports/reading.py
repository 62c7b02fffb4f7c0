"""The door of this room: from a path to a checked `RawHead`, whatever kind of model lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.core.progress import Progress, silent
from backend.head.imports import flame
from backend.head.imports.table import read_table
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
    table = read_table(path)
    raw = flame.raw_head(table)
    progress(1.0, "Read")
    return Reading(raw, table.file, table.sha256, table.text("licence"), table.text("attribution") or _credit(raw))


def _credit(raw: RawHead) -> str:
    return FLAME_CREDIT if raw.kind == "flame" else ""


FLAME_CREDIT = ("FLAME: Tianye Li, Timo Bolkart, Michael J. Black, Hao Li, Javier Romero, Learning a model of facial "
                "shape and expression from 4D scans, ACM Transactions on Graphics 36(6), 2017. "
                "https://flame.is.tue.mpg.de")
