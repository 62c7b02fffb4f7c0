"""Starting and ending child processes from inside Blender, on Linux, macOS and Windows.

Blender's own Python leaks into children through PYTHONPATH and friends; children leave grandchildren behind when only
they are killed. Both are dealt with here, once, for the backend client and for the environment set-up.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_DROPPED_PREFIXES = ("PYTHON", "CONDA", "_CONDA", "BLENDER_")
_DROPPED = ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV")


def clean_environ(environ: dict[str, str] | None = None) -> dict[str, str]:
    """A copy of the environment without what would bend another Python (paths, user site, other environments)."""
    kept = {name: value for name, value in (os.environ if environ is None else environ).items()
            if not name.upper().startswith(_DROPPED_PREFIXES) and name.upper() not in _DROPPED}
    kept["PYTHONNOUSERSITE"] = "1"
    kept["PYTHONUTF8"] = "1"
    return kept


def spawn(command: Sequence[str | Path], **options: Any) -> subprocess.Popen:
    """`Popen` with a clean environment, in a process group of its own and without a console window."""
    options.setdefault("env", clean_environ())
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    else:
        options["start_new_session"] = True
    return subprocess.Popen([str(part) for part in command], **options)


def kill_tree(process: subprocess.Popen, grace_s: float = 0.0) -> None:
    """End `process` (made by `spawn`) and everything it started; waits at most `grace_s` for it to go by itself."""
    if grace_s > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False,
                           creationflags=subprocess.CREATE_NO_WINDOW)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in the group
            os.killpg(process.pid, signal.SIGKILL)  # also reaches children of a leader that is already gone
    process.wait()


class LineReader:
    """Reads a pipe's lines in a thread, so that the owner never blocks; works on Windows, where select does not."""

    def __init__(self, pipe: Any, limit: int = 1 << 20) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._pipe, self._limit = pipe, limit
        self.ended = False
        self._thread = threading.Thread(target=self._read, name="likeness-reader", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while chunk := self._pipe.readline(self._limit):
                self._lines.put(chunk.decode("utf-8", "replace").rstrip("\r\n"))
        except (OSError, ValueError):
            pass  # the pipe was closed under us: that is its end
        finally:
            self._lines.put(None)

    def drain(self) -> list[str]:
        """All lines that have arrived since the last call."""
        lines: list[str] = []
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return lines
            if line is None:
                self.ended = True
                return lines
            lines.append(line)

    def join(self, timeout_s: float) -> None:
        """Wait until the pipe has ended."""
        self._thread.join(timeout_s)


def in_thread(action: Callable[[], _Result]) -> Generator[None, None, _Result]:
    """Do something that blocks (files, mostly) in a thread; every `next` returns at once. Raises what it raised."""
    with ThreadPoolExecutor(1, "likeness-files") as pool:
        future = pool.submit(action)
        while not future.done():
            yield
        return future.result()


def run_pollable(command: Sequence[str | Path], log: list[str],
                 **options: Any) -> Generator[list[str], None, int]:
    """Run a command; every `next` gives the output lines since the last one (often none) and never blocks.

    The generator's return value is the exit code. Closing the generator kills the command. `log` receives every line.
    """
    process = spawn(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    reader = LineReader(process.stdout)
    try:
        while not reader.ended:
            lines = reader.drain()
            log.extend(lines)
            yield lines
        return process.wait()
    finally:
        kill_tree(process)
        process.stdout.close()  # type: ignore[union-attr]
