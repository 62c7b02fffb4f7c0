"""The one set-up or removal that may run: an object that is polled, by a timer of Blender's or a plain loop.

It outlives the loading of a file, and ends with Blender or when the add-on is disabled. What a failure leaves is kept
until the next attempt: the sentence, the last lines, and a report to send.
"""

from __future__ import annotations

import contextlib
import platform
import re
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import bpy

from .. import environment
from ..environment import Step
from ..errors import AddonError, Cancelled, SetupError
from ..process import in_thread
from . import bundled, folders, words
from .places import IMPORTS, Places, places, torch

LAST_LINES = 6
_REPORT_LINES = 200


class RunningSetup:
    """Steps towards an environment, or its removal."""

    def __init__(self, steps: Iterator[Step], log: list[str], log_file: Path | None) -> None:
        self.step, self.error, self.done = Step(0.0, ""), None, False
        self.log = log
        self._steps, self._log_file = steps, log_file

    error: AddonError | None

    def poll(self) -> bool:
        """Go on a little; never blocks, never raises. True when it is over: then `error` says whether it failed."""
        if self.done:
            return True
        try:
            self.step = next(self._steps)
        except StopIteration:
            self._end(None)
        except AddonError as error:
            self._end(error)
        except Exception as error:  # a bug of ours: said like the rest, and the report has where it was
            self.log += traceback.format_exception(error)
            self._end(SetupError(words.BUG.format(error=f"{type(error).__name__}: {error}"), words.SEND))
        return self.done

    def cancel(self) -> None:
        """End what is running; what was downloaded is kept."""
        if not self.done:
            self._steps.close()
            self._end(Cancelled(*words.CANCELLED))

    def _end(self, error: AddonError | None) -> None:
        global _running
        self.done, self.error = True, error
        if _running is self:
            _running = None
        if self._log_file is not None:
            with contextlib.suppress(OSError):  # a full disk may be what ended it; the log is in memory too
                self._log_file.write_text("\n".join(self.log) + "\n", "utf-8")


_running: RunningSetup | None = None
_last: RunningSetup | None = None


def running() -> RunningSetup | None:
    """The one that runs, None."""
    return _running


def failed() -> RunningSetup | None:
    """The last one, when it failed."""
    over = _last is not None and _last.done and _last.error is not None
    return _last if over and not isinstance(_last.error, Cancelled) else None


def start(build: str = "auto", wheels: Path | None = None, *, anew: bool = False) -> RunningSetup:
    """Begin to set up; `wheels` is a folder to install from without a network, `anew` removes what is there first.

    Where Blender's online access is off, what was downloaded earlier may do. Raises SetupError when there is nothing
    such, or when another one runs.
    """
    here = places()
    if not may_begin(here, wheels):
        raise SetupError(*words.OFFLINE)
    log: list[str] = []
    return _begin(_set_up(here, build, wheels, anew, log), log, here.log)


def may_begin(here: Places, wheels: Path | None) -> bool:
    """Whether there is anything to take packages from: a folder, the network, or what was downloaded earlier."""
    return wheels is not None or bpy.app.online_access or (here.cache.is_dir() and any(here.cache.glob("archive-*")))


def remove() -> RunningSetup:
    """Begin to delete the environment and all that was downloaded for it."""
    return _begin(_remove(places()), [], None)


def forget() -> None:
    """No longer show what the last one left."""
    global _last
    _last = None


def _begin(steps: Iterator[Step], log: list[str], log_file: Path | None) -> RunningSetup:
    global _running, _last
    if _running is not None:
        raise SetupError(words.RUNNING, words.WAIT)
    _running = _last = RunningSetup(steps, log, log_file)
    return _running


def _set_up(here: Places, build: str, wheels: Path | None, anew: bool, log: list[str]) -> Iterator[Step]:
    yield Step(0.0, words.BEGINS)
    if anew:
        with folders.claimed(here.environment):
            for _ in folders.discard(here.environment):
                yield Step(0.0, words.REMOVING)
    unpacking = in_thread(partial(bundled.unpack_uv, here.wheels, here.base))
    try:
        while True:
            next(unpacking)
            yield Step(0.0, words.BEGINS)
    except StopIteration as unpacked:
        uv = unpacked.value
    yield from environment.setup(here.environment, here.lock, torch=torch(), build=build, uv=uv, wheels=wheels,
                                 cache=here.cache, offline=not bpy.app.online_access, imports=IMPORTS, log=log)


def _remove(here: Places) -> Iterator[Step]:
    with folders.claimed(here.environment):
        if here.cache.is_dir():
            folders.mark(here.cache)
        for folder in (here.environment, here.cache):
            for _ in folders.discard(folder):
                yield Step(0.5, words.REMOVING)
    for left in (here.log, *here.base.glob("uv-*")):
        left.unlink(missing_ok=True)
    yield Step(1.0, words.REMOVED)


def last_lines(log: list[str], count: int = LAST_LINES) -> list[str]:
    """What an installer said last, without empty lines."""
    return [line.strip() for line in log if line.strip()][-count:]


def report(ended: RunningSetup) -> str:
    """Everything that helps to help, without the user's name: for pasting."""
    here = places()
    gpu = "installed" if environment.driver_is_here() else "none"
    lines = [f"Likeness {_version(here)}, Blender {bpy.app.version_string}, Python {platform.python_version()}",
             f"{platform.platform()}, {platform.machine()}, NVIDIA driver: {gpu}",
             f"Free: {_free(here)}", f"Error: {ended.error}", "", *ended.log[-_REPORT_LINES:]]
    return without_home("\n".join(lines)) + "\n"


def without_home(text: str) -> str:
    """The text with the user's folder, whose name is often a person's, written as ~."""
    return re.sub(re.escape(str(Path.home())), "~", text) if Path.home() != Path("/") else text


def _version(here: Places) -> str:
    found = re.search(r'(?m)^version = "(.+)"', here.project.read_text("utf-8")) if here.project.is_file() else None
    return found[1] if found else "of unknown version"


def _free(here: Places) -> str:
    try:
        return f"{folders.free_bytes(here.base) / 1e9:.1f} GB"
    except OSError:
        return "unknown"
