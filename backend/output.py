"""Where results go: a folder that appears whole or not at all, owner-only, and never at the cost of somebody's files.

A new folder is built under a temporary sibling name and swapped in. Linux and macOS can exchange two names in one
step; elsewhere the old folder is moved aside first, and `recover` puts it back if a crash came between.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.errors import InputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NEW, _OLD = "likeness-new", "likeness-old"
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def fsync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Write and sync one file that only its owner may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """A name to write under; on leaving without an error that file takes the place of `path`, else it vanishes."""
    path = path.resolve()
    half = path.with_name(f".{path.name}.{os.getpid()}.likeness-half")
    try:
        yield half
        half.replace(path)
        fsync_folder(path.parent)
    finally:
        half.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns the disk's own errors while writing into `folder` into an InputError with a remedy."""
    try:
        yield
    except OSError as error:
        sentence = disk_error(error, folder)
        if sentence is None:
            raise
        raise sentence from error


def disk_error(error: OSError, folder: Path) -> InputError | None:
    """The sentence for an error of the disk, None when `error` is something else."""
    if error.errno in _FULL:
        return InputError(f"The disk is full: {folder.name} could not be written.",
                          "Free some space, lower --resolution, or choose a folder on another disk.")
    if error.errno in _FORBIDDEN:
        return InputError(f"The folder {folder.name} cannot be written: permission denied.",
                          "Choose a folder of your own with --out.")
    if error.errno == errno.ENAMETOOLONG:
        return InputError(f"The name {folder.name[:40]}… is too long.", "Choose a shorter one with --out.")
    return None


def check_destination(folder: Path, is_ours: Callable[[Path], bool], needed_bytes: int = 0) -> None:
    """Fail now rather than after the work. Raises InputError when `folder` cannot become a new result.

    It may be absent, empty, or one of ours (`is_ours`), which will be replaced.
    """
    with disk_errors(folder):
        if folder.is_symlink() and not folder.exists():
            raise InputError(f"{folder.name} is a link that leads nowhere.", "Choose another folder with --out.")
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder.name} is a file, not a folder.", "Choose a folder with --out.")
        if folder.is_dir() and any(folder.iterdir()) and not is_ours(folder):
            raise InputError(f"The folder {folder.name or folder} exists and is not an avatar; it was left alone.",
                             "Choose a new or empty folder with --out.")
        place = existing_parent(folder)
        if not place.is_dir():
            raise InputError(f"{place.name} is a file, not a folder, so {folder.name} cannot be made in it.",
                             "Choose another folder with --out.")
        try:
            tempfile.TemporaryDirectory(prefix=".likeness-", dir=place).cleanup()
        except FileNotFoundError as error:  # /proc and its like take no new folders
            raise PermissionError(errno.EACCES, "no folder can be made here") from error
        free = shutil.disk_usage(place).free
        if free < needed_bytes:
            raise InputError(f"The disk is full: {free / 1e6:.0f} MB are free and {folder.name} needs about "
                             f"{needed_bytes / 1e6:.0f} MB.",
                             "Free some space, lower --resolution, or choose a folder on another disk.")


def existing_parent(folder: Path) -> Path:
    """The nearest folder above `folder` that exists."""
    place = folder.absolute().parent
    while not os.path.lexists(place):
        place = place.parent
    return place


@contextlib.contextmanager
def replacing(folder: Path, is_ours: Callable[[Path], bool], owned: Callable[[Path], set[str]]) -> Iterator[Path]:
    """A temporary folder to fill; on leaving without an error it takes the place of `folder`, else it vanishes.

    `owned(old)` are the relative file names of an old result that go with it; whatever else lies in it is moved
    over to the new one, so no file that a person put there is lost.
    """
    with disk_errors(folder):
        folder = folder.resolve()
    check_destination(folder, is_ours)
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        recover(folder, owned)
        prefix = f"{_prefix(folder, _NEW)}{os.getpid()}-"
        temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))  # of mode 0700
    try:
        with disk_errors(folder):
            yield temporary
            for place, _, _ in os.walk(temporary):
                fsync_folder(Path(place))
            _swap_in(temporary, folder, owned)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recover(folder: Path, owned: Callable[[Path], set[str]]) -> None:
    """Clear up after processes that died while they replaced `folder`; nothing that was complete is lost."""
    for left in folder.parent.glob(_escaped(_prefix(folder, _NEW)) + "*"):
        if not _alive(left.name.rsplit("-", 2)[-2]):
            shutil.rmtree(left, ignore_errors=True)
    for old in sorted(folder.parent.glob(_escaped(_prefix(folder, _OLD)) + "*")):
        if not folder.exists():
            old.rename(folder)
        elif not _alive(old.name.rsplit("-", 2)[-2]):
            _retire(old, folder, owned)


def _swap_in(temporary: Path, folder: Path, owned: Callable[[Path], set[str]]) -> None:
    """From here on every step leaves a complete result under the name, or one that `recover` puts there."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    if not folder.exists():
        temporary.rename(folder)
        fsync_folder(folder.parent)
        return
    aside = folder.parent / temporary.name.replace(_NEW, _OLD)
    temporary.rename(aside)
    if not exchange(aside, folder):
        aside.rename(temporary)
        folder.rename(aside)
        try:
            temporary.rename(folder)
        except OSError:
            aside.rename(folder)
            raise
    fsync_folder(folder.parent)
    _retire(aside, folder, owned)


def _retire(old: Path, new: Path, owned: Callable[[Path], set[str]]) -> None:
    """Move what is not ours from `old` to `new`, then remove `old`."""
    ours = owned(old)
    for place, folders, files in os.walk(old):
        for name in [*files, *(f for f in folders if (Path(place) / f).is_symlink())]:
            path = Path(place) / name
            relative = path.relative_to(old)
            if relative.as_posix() in ours:
                continue
            target = new / relative
            while os.path.lexists(target):
                target = target.with_name(target.name + ".old")
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.rename(target)
    # Under the other name a crash leaves what nobody wants; half an old result would be taken for a person's files.
    gone = old.with_name(old.name.replace(_OLD, _NEW))
    old.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)  # what a disk keeps goes the next time


def exchange(first: Path, second: Path) -> bool:
    """Swap two names of one folder in a single step, where the system knows how; False where not."""
    if sys.platform == "win32":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(first), os.fsencode(second)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        return libc.renameat2(-100, a, -100, b, ctypes.c_uint(2)) == 0  # AT_FDCWD, RENAME_EXCHANGE
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return libc.renamex_np(a, b, ctypes.c_uint(2)) == 0  # RENAME_SWAP
    return False


def _alive(process: str) -> bool:
    """Whether a process of that number lives; unsure counts as yes."""
    if sys.platform == "win32" or not process.isdigit():  # there, os.kill would end it
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return int(process) != os.getpid()


def _prefix(folder: Path, state: str) -> str:
    return f".{folder.name}.{state}-"


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
