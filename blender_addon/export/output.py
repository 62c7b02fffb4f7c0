"""Finished files into their places, all or none: made in a hidden folder beside the target, moved at the end."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError
from ..setup import folders
from . import words

PREFIX = ".likeness-export-"
HELD = "held"
"""A file in the hidden folder, locked as long as its export lives; the system lets go of it when that is killed."""


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder to write into; what lies in it at the end of the block stands beside `target` under the same names.

    An error inside leaves everything as it was. Raises InputError when the place cannot be written.
    """
    try:
        if target.is_dir():
            raise InputError(words.REPORT["is_folder"].format(file=target.name),
                             words.REPORT["other_name"])
        target.parent.mkdir(parents=True, exist_ok=True)
        _tidy(target.parent)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=target.parent))
    except OSError as error:
        raise InputError(words.REPORT["unwritable"].format(file=target.name, why=_why(error)),
                         words.REPORT["other_folder"]) from error
    try:
        with _held(folder):
            inside = folder / "new"
            inside.mkdir()
            yield inside
            _swap(inside, target.parent, folder / "old")
    except OSError as error:
        raise InputError(words.REPORT["unwritable"].format(file=target.name, why=_why(error)),
                         words.REPORT["other_folder"]) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def room(target: Path, needed: float) -> None:
    """Raises InputError when the disk that `target` is to lie on has fewer than `needed` bytes left."""
    place = next((folder for folder in target.parents if folder.is_dir()), None)
    free = shutil.disk_usage(place).free if place else needed
    if free < needed:
        raise InputError(words.REPORT["no_room"].format(file=target.name, needed=words.megabytes(needed),
                                                        free=words.megabytes(free)), words.REPORT["make_room"])


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Nobody takes `folder` for one that was left, as far as the disk can lock files."""
    with (folder / HELD).open("ab") as file:
        try:
            folders.lock(file.fileno())
        except OSError:  # a disk that cannot: what is not marked is never cleared away
            file.close()
            (folder / HELD).unlink()
        yield


def _left(folder: Path) -> bool:
    """Whether the export that `folder` was made for was killed."""
    if folder.is_symlink() or not (folder / HELD).is_file():
        return False
    try:
        with (folder / HELD).open("ab") as file:
            folders.lock(file.fileno())
    except OSError:
        return False
    return True


def _tidy(place: Path) -> None:
    """Clear away what killed exports left here; a file that one of them had moved aside comes back."""
    for folder in place.glob(f"{PREFIX}*"):
        if _left(folder):
            old = folder / "old"
            for kept in [path for path in old.rglob("*") if path.is_file()]:
                goal = place / kept.relative_to(old)
                if not goal.exists():
                    os.replace(kept, goal)  # noqa: PTH105 - as below
            shutil.rmtree(folder, ignore_errors=True)


def _swap(new: Path, place: Path, old: Path) -> None:
    """Move every file into `place`; those that were there come back when one of them cannot be moved."""
    moved: list[tuple[Path, Path | None]] = []
    try:
        for source in sorted(path for path in new.rglob("*") if path.is_file()):
            goal = place / source.relative_to(new)
            if goal.is_dir():  # would be moved aside and lost
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), goal.name)
            kept = old / source.relative_to(new) if goal.exists() else None
            goal.parent.mkdir(parents=True, exist_ok=True)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                os.replace(goal, kept)  # noqa: PTH105 - replaces on Windows too
            moved.append((goal, kept))
            os.replace(source, goal)  # noqa: PTH105
    except OSError:
        for goal, kept in reversed(moved):
            goal.unlink(missing_ok=True)
            if kept is not None:
                os.replace(kept, goal)  # noqa: PTH105
        raise


def _why(error: OSError) -> str:
    """The system's reason, without the path."""
    return (error.strerror or type(error).__name__).lower()
