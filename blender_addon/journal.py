"""Jobs that were begun, so that one which Blender's end cut off can be gone on with. No bpy.

A note is written when a job starts and goes when its avatar stands in a scene, or the user wants it no more. While the
job runs its folder is claimed, by a lock that the system takes back from a process that died: a note whose folder
nobody claims was left behind. Notes name photos by path and are for their owner only.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import InputError, SetupError
from .setup import folders

BUSY = ("Another Blender is making the avatar {name}.", "Wait for it, or save this one under another name.")
MARK = "likeness-job"  # the backend's mark of a folder that holds a job's stages
KEPT = ("*.npz", "*.half", "glimpse-*.png")
"""What a job leaves in its folder."""
_MAX_BYTES = 1 << 20  # of a note


@dataclass(frozen=True)
class Note:
    """One job."""

    folder: str  # of its stages
    parameters: dict[str, Any]  # what was handed in
    name: str  # what the avatar is to be called
    level: str = "base"  # the resolution of its mesh
    bundle: str = ""  # set when the job is done and only the scene lacks it
    begun: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


def write(place: Path, note: Note) -> None:
    """Keep a note in `place`; a disk that cannot take it only costs the offer to go on."""
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        half = place / f"{note.id}.half"
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(note), file)
        half.replace(place / f"{note.id}.json")


def finished(place: Path, note: Note, bundle: str) -> None:
    """Note that the bundle is there."""
    write(place, replace(note, bundle=bundle))


def forget(place: Path, note: Note) -> None:
    """The note goes, nothing else."""
    (place / f"{note.id}.json").unlink(missing_ok=True)


def discard(place: Path, note: Note) -> None:
    """The note goes, and the stages that the job kept; only files that a job of ours wrote."""
    forget(place, note)
    folder = Path(note.folder)
    if not (folder / MARK).is_file():
        return
    for path in [found for pattern in KEPT for found in folder.glob(pattern)] + [folder / MARK]:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody put a file there: it stays
        folder.rmdir()


def left(place: Path) -> list[Note]:
    """Jobs that nobody works on any more, the oldest first."""
    found = sorted(filter(None, map(_read, place.glob("*.json"))), key=lambda note: note.begun)
    return [note for note in found if _is_free(Path(note.folder))]


def _read(path: Path) -> Note | None:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return None
        said = json.loads(path.read_text("utf-8"))
        note = Note(**said)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    whole = isinstance(note.parameters, dict) and note.id == path.stem and isinstance(note.begun, (int, float))
    return note if whole and all(isinstance(text, str) for text in (note.folder, note.name, note.bundle)) else None


@contextlib.contextmanager
def claimed(folder: Path, name: str) -> Iterator[None]:
    """Hold a job's folder against another Blender. Raises InputError when one works in it."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(folders.claimed(folder))
        except SetupError as error:
            raise InputError(BUSY[0].format(name=name), BUSY[1]) from error
        yield


def _is_free(folder: Path) -> bool:
    try:
        with claimed(folder, ""):
            return True
    except InputError:
        return False
