"""The command line's work in a child process, so that its death in native code is a sentence too.

A library that gets no memory, or is broken, ends its process without asking Python. So the process that a person starts
only starts another one, hands it its pipes, and waits. The child keeps what libraries say in a file that both have
open, and its status into a pipe when it ends as it should: without that, something ended it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, BinaryIO

from backend import memory
from backend.errors import BackendError, LikenessError

POSSIBLE = sys.platform != "win32"
"""Windows hands on no open file by its number; there, the work is done where it was asked for."""
_NOISE, _STATUS, _PARENT = "LIKENESS_NOISE", "LIKENESS_STATUS", "LIKENESS_PARENT"
_LOOK_S = 0.2
_TAIL_BYTES = 8000


def flags() -> list[str]:
    """Python's options for a child of ours; who keeps us from writing compiled code keeps our children from it."""
    return ["-I", *(["-B"] if sys.dont_write_bytecode else [])]


def unnamed_file() -> IO[bytes]:
    """For what libraries say; it goes with its process. Where no disk has room for one, what is said is lost."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("w+b")


def is_inside() -> bool:
    """Whether this process is the child."""
    return _NOISE in os.environ


def run(arguments: Sequence[str]) -> tuple[int, LikenessError | None]:
    """Do a command in a child: its exit status, and an error that it could not tell of itself."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with unnamed_file() as noise, os.fdopen(reading, "rb") as told:
        environ = {**os.environ, _NOISE: str(noise.fileno()), _STATUS: str(writing), _PARENT: str(os.getpid())}
        try:
            child = subprocess.Popen([sys.executable, *flags(), str(Path(__file__).parent), *arguments],
                                     pass_fds=(noise.fileno(), writing), env=environ)
        except OSError as error:
            if memory.ran_out(error):
                return 1, memory.sentence()
            raise
        finally:
            os.close(writing)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: child.send_signal(number))
        status, own = child.wait(), told.read()
        return (int(own), None) if own else (1, _death(status, _said(noise)))


def _said(noise: IO[bytes]) -> bytes:
    size = noise.seek(0, os.SEEK_END)
    noise.seek(max(0, size - _TAIL_BYTES))
    return noise.read()


def _death(status: int, said: bytes) -> LikenessError:
    """Of a child that was ended: by what, as far as it can be told."""
    if status == -signal.SIGKILL or memory.is_limited() or memory.tells(said.decode("utf-8", "replace")):
        return memory.sentence()
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return BackendError(f"The work stopped unexpectedly ({how}).",
                        "Start it again: it goes on from the last finished stage. If it stops again, close other "
                        "programs, or use --verbose to see what libraries say.")


def noise() -> BinaryIO:
    """In the child: the file for what libraries say. From now on the child leaves when its parent is gone."""
    threading.Thread(target=_leave_with, args=(int(os.environ[_PARENT]),), daemon=True).start()
    return os.fdopen(os.dup(int(os.environ[_NOISE])), "w+b", buffering=0)


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)


def ended(status: int) -> int:
    """In the child: it ends by itself with a status, which is given back, and has said why."""
    if is_inside():
        os.write(int(os.environ[_STATUS]), str(status).encode())
    return status
