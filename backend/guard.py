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
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import FrameType
from typing import IO, Any, BinaryIO, cast

from backend import memory
from backend.errors import BackendError, LikenessError

_NOISE, _STATUS, _PARENT = "LIKENESS_NOISE", "LIKENESS_STATUS", "LIKENESS_PARENT"
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
    with ExitStack() as opened:
        reading, writing = _pipe(opened)
        watching, _held = _pipe(opened)  # as long as we hold the other end, the child reads nothing, not even an end
        noise = opened.enter_context(unnamed_file())
        known = {_NOISE: noise.fileno(), _STATUS: writing.fileno(), _PARENT: watching.fileno()}
        try:
            child = subprocess.Popen([sys.executable, *flags(), str(Path(__file__).parent), *arguments],
                                     env=os.environ | {name: _told(number) for name, number in known.items()},
                                     **_inheriting(*known.values()))
        except OSError as error:
            if memory.ran_out(error):
                return 1, memory.sentence()
            raise
        writing.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _hand_on(child))
        status = child.wait()
        if sys.platform != "win32":  # there, nobody else can hold the other end
            os.set_blocking(reading.fileno(), False)
        own = reading.read()
        return (int(own), None) if own else (1, _death(status, _said(noise)))


def _pipe(opened: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """Both ends of a pipe, unbuffered."""
    numbers = os.pipe()
    reading, writing = (opened.enter_context(os.fdopen(number, mode, buffering=0))
                        for number, mode in zip(numbers, ("rb", "wb"), strict=True))
    return cast(BinaryIO, reading), cast(BinaryIO, writing)


def _hand_on(child: subprocess.Popen[bytes]) -> Callable[[int, FrameType | None], None]:
    """What we do with a signal: the child is to end. On Windows a console's Ctrl-C has reached it already."""
    def hand_on(number: int, frame: FrameType | None) -> None:
        del frame
        if sys.platform != "win32":
            child.send_signal(number)
        elif number == signal.SIGTERM:
            child.terminate()
    return hand_on


if sys.platform == "win32":
    import msvcrt

    def _inheriting(*numbers: int) -> dict[str, Any]:
        """How `Popen` hands on open files: as handles, and none but these and the three of every process."""
        handles = [msvcrt.get_osfhandle(number) for number in numbers]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        info = subprocess.STARTUPINFO(lpAttributeList={"handle_list": handles})
        return {"startupinfo": info, "stdin": 0, "stdout": 1, "stderr": 2}

    def _told(number: int) -> str:
        return str(msvcrt.get_osfhandle(number))

    @cache
    def _handed(name: str) -> int:
        return msvcrt.open_osfhandle(int(os.environ[name]), os.O_BINARY)
else:
    def _inheriting(*numbers: int) -> dict[str, Any]:
        """How `Popen` hands on open files: by their numbers."""
        return {"pass_fds": numbers}

    def _told(number: int) -> str:
        return str(number)

    def _handed(name: str) -> int:
        """The number by which the child knows an open file of ours."""
        return int(os.environ[name])


def _said(noise: IO[bytes]) -> bytes:
    size = noise.seek(0, os.SEEK_END)
    noise.seek(max(0, size - _TAIL_BYTES))
    return noise.read()


def _death(status: int, said: bytes) -> LikenessError:
    """Of a child that was ended: by what, as far as it can be told."""
    killed = sys.platform != "win32" and status == -signal.SIGKILL
    if killed or memory.is_limited() or memory.tells(said.decode("utf-8", "replace")):
        return memory.sentence()
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return BackendError(f"The work stopped unexpectedly ({how}).",
                        "Start it again: it goes on from the last finished stage. If it stops again, close other "
                        "programs, or use --verbose to see what libraries say.")


def noise() -> BinaryIO:
    """In the child: the file for what libraries say. From now on the child leaves when its parent is gone."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    return os.fdopen(os.dup(_handed(_NOISE)), "w+b", buffering=0)


def _leave_with_parent() -> None:
    os.read(_handed(_PARENT), 1)  # until nobody holds the other end any more
    os._exit(1)


def ended(status: int) -> int:
    """In the child: it ends by itself with a status, which is given back, and has said why."""
    if is_inside():
        os.write(_handed(_STATUS), str(status).encode())
    return status
