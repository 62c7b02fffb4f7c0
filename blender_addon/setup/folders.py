"""Whose a folder is, whether it may be used, and how it goes away. No bpy.

A folder is ours when it holds an environment or our stamp, or nothing at all; anything else is refused and never
deleted. What is deleted is renamed first, so that a deletion which is cut off leaves no half of an environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

from ..errors import SetupError
from ..process import in_thread

STAMP = "likeness-environment.json"


def is_ours(folder: Path) -> bool:
    """Whether `folder` is missing, empty, or made by us."""
    if not folder.exists():
        return True
    return folder.is_dir() and ((folder / STAMP).is_file() or (folder / "pyvenv.cfg").is_file()
                                or not any(folder.iterdir()))


def check(folder: Path) -> None:
    """Raise SetupError for a folder that is not ours to fill."""
    if folder.exists() and not folder.is_dir():
        raise SetupError(f"{folder.name} is a file, where the environment's folder should be.", "Choose another.")
    if not is_ours(folder):
        raise SetupError(f"The folder {folder.name} is not empty and not an environment.",
                         "Choose an empty folder, or move what is in it.")


def free_bytes(folder: Path) -> int:
    """Free space of the disk that `folder` is on, or will be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def check_disk(folder: Path, needed: int) -> None:
    """Raise SetupError when fewer than `needed` bytes are free."""
    free = free_bytes(folder)
    if free < needed:
        raise SetupError(f"The disk has {free / 1e9:.1f} GB free; the environment needs {needed / 1e9:.0f} GB.",
                         "Free some space, or choose a folder on another disk.")


def prepare(folder: Path) -> None:
    """Make `folder` and mark it as ours. Raises SetupError where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark(folder)
    except OSError as error:
        raise SetupError(f"The folder {folder.name} cannot be written: {error.strerror}.",
                         "Choose a folder that you may write to.") from error


def mark(folder: Path) -> None:
    """Say that a folder is ours, where that is not said yet."""
    if not (folder / STAMP).exists():
        (folder / STAMP).write_text("{}\n", "utf-8")


def discard(folder: Path) -> Iterator[None]:
    """Delete `folder` and what earlier deletions left; every `next` returns at once. Raises SetupError."""
    if folder.exists():
        check(folder)
        try:
            folder.rename(folder.with_name(f".{folder.name}.gone-{uuid4().hex[:8]}"))
        except OSError as error:
            raise SetupError(f"The folder {folder.name} cannot be removed: {error.strerror}.",
                             "Close every other Blender, then try again.") from error
    for left in folder.parent.glob(f".{folder.name}.gone-*"):
        yield from in_thread(partial(shutil.rmtree, left, ignore_errors=True))


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold `folder` against another Blender that would set it up too; the system lets go if this one is killed."""
    name = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"likeness-{name}.lock"
    with path.open("ab") as file:
        try:
            lock(file.fileno())
            if sys.platform != "win32" and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                raise OSError("its last holder took the file away just now")
        except OSError as error:
            raise SetupError("Another Blender is setting up this environment.", "Wait until it is done.") from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows keeps a file that is open; it is empty
                path.unlink()


if sys.platform == "win32":
    import msvcrt

    def lock(number: int) -> None:
        """Hold the open file `number` until it is closed. Raises OSError when somebody else does."""
        os.lseek(number, 0, os.SEEK_SET)
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def lock(number: int) -> None:
        """Hold the open file `number` until it is closed. Raises OSError when somebody else does."""
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
