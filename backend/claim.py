"""One job in a folder at a time: a lock on the folder's mark, which the system takes back from a process that died."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from backend.errors import InputError

PATIENCE_S = 4.0
"""A child whose server was killed still works for two seconds (`jobs`); whoever goes on with its job waits for that."""
_LOOK_S = 0.05


@contextmanager
def claimed(mark: Path, prepare: Callable[[], None], what: str, patience: float = PATIENCE_S) -> Iterator[None]:
    """Hold the folder of `mark` for the block; `prepare` makes folder and mark and is called until both stay.

    Raises InputError when another process holds it, `what` being what both want to make, or when the mark is no file:
    a link would lead out of the folder, a pipe be waited for.
    """
    end = time.monotonic() + patience
    while (held := _try(mark, prepare)) is None:
        if time.monotonic() >= end:
            raise InputError(f"The {what} is being made already.",
                             "Wait for it to end, or choose another folder with --out.")
        time.sleep(_LOOK_S)
    with held:
        yield


def _try(mark: Path, prepare: Callable[[], None]) -> IO[bytes] | None:
    """The locked mark, None when somebody else has it."""
    if not _is_ours(mark):
        raise InputError(f"{mark.name} in {mark.parent.name} is no file of Likeness.", "Move it away, or choose "
                         "another folder with --out.")
    prepare()
    try:
        file = mark.open("rb")
    except FileNotFoundError:  # its last holder is just tidying up
        return None
    try:
        _lock(file.fileno())
        # A job that is done takes its mark away: then this lock is on a file that nobody will find again.
        if sys.platform == "win32" or os.path.samestat(os.fstat(file.fileno()), mark.stat()):
            return file
    except OSError:
        pass  # it is locked, or gone; both mean another try
    file.close()
    return None


def _is_ours(mark: Path) -> bool:
    """Whether the mark is a plain file, or not there yet."""
    try:
        return stat.S_ISREG(mark.lstat().st_mode)
    except FileNotFoundError:
        return True


if sys.platform == "win32":
    import msvcrt

    def _lock(number: int) -> None:
        os.lseek(number, (1 << 31) - 2, os.SEEK_SET)  # beyond what anybody reads or writes of the mark
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
