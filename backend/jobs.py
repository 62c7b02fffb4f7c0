"""Jobs: what can be asked for, the child process that does it, and the handle its owner holds.

Work runs in a child process of the server, not in a thread: a native library that crashes takes only the job with it, a
job inside native code can still be ended within a second, and memory comes back to the system when it ends. The child
stays for the next job, so torch and MediaPipe are loaded once. It leaves when its standard input closes, so that no
orphan keeps working for a server that was killed. Stages are kept in the job's folder (`pipeline`), so ending a child
at any moment costs one stage at most.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from backend import assets, crash, devices, guard, memory, protocol
from backend.errors import BackendError, Cancelled, InputError, LikenessError
from backend.protocol import Message, Writer

if TYPE_CHECKING:  # the server starts quickly because only its child loads the stages
    from backend.pipeline import StageProgress

CANCEL_SECONDS = 1.0
"""How long a job may take to stop by itself before its process is ended."""
_PROGRESS_SECONDS = 0.1
_LEAVE_SECONDS = 2.0
_LAST_BYTES = 8000

Kind = Callable[[dict[str, Any], Path, "StageProgress"], dict[str, Any]]


def _create(parameters: dict[str, Any], folder: Path, progress: StageProgress) -> dict[str, Any]:
    from backend.pipeline import Options, create

    values = dict(parameters)
    photos, out = values.pop("photos", None), values.pop("out", None)
    if not isinstance(photos, list) or not all(isinstance(path, str) for path in photos):
        raise InputError("A create job needs its photos as a list of paths.")
    if not isinstance(out, str):
        raise InputError("A create job needs the folder of the new avatar, out.")
    unknown = set(values) - set(Options.__dataclass_fields__)
    if unknown:
        raise InputError(f"A create job has no option {sorted(unknown)[0][:40]}.")
    return create([Path(path) for path in photos], Path(out), Options(**values), folder, progress).as_json()


def _import_head(parameters: dict[str, Any], folder: Path, progress: StageProgress) -> dict[str, Any]:
    from backend.head import library

    del folder  # nothing is kept between stages
    values = dict(parameters)
    file, name, licence = values.pop("file", None), values.pop("name", None), values.pop("licence", None)
    replace = values.pop("replace", False)
    if not isinstance(file, str) or not isinstance(name, str):
        raise InputError("An import_head job needs its file and a name.")
    if not isinstance(licence, (str, type(None))) or not isinstance(replace, bool):
        raise InputError("An import_head job has a licence that is no text, or a replace that is not true or false.")
    if values:
        raise InputError(f"An import_head job has no option {sorted(values)[0][:40]}.")
    entry = library.import_head(Path(file), name, licence=licence, replace=replace,
                                progress=lambda fraction, text: progress("import", fraction, fraction, text))
    return {"head": entry.as_json(), "heads": [head.name for head in library.heads()]}


def _check(parameters: dict[str, Any], folder: Path, progress: StageProgress) -> dict[str, Any]:
    from backend.checks import check

    values = dict(parameters)
    photos = values.pop("photos", None)
    if not isinstance(photos, list) or not all(isinstance(path, str) for path in photos):
        raise InputError("A check job needs its photos as a list of paths.")
    if values:
        raise InputError(f"A check job has no option {sorted(values)[0][:40]}.")
    return {"photos": check([Path(path) for path in photos], folder,
                            lambda fraction, text: progress("capture", fraction, fraction, text))}


def _track(parameters: dict[str, Any], folder: Path, progress: StageProgress) -> dict[str, Any]:
    from backend.tracking.command import track

    del folder  # a film is read in one pass
    values = dict(parameters)
    video, avatar, out = (values.pop(name, None) for name in ("video", "avatar", "out"))
    if not all(isinstance(path, str) for path in (video, avatar, out)):
        raise InputError("A track job needs its video, its avatar and the file to write, out.")
    if values:
        raise InputError(f"A track job has no option {sorted(values)[0][:40]}.")
    return track(Path(video), Path(avatar), Path(out),
                 lambda fraction, text: progress("track", fraction, fraction, text))


KINDS: dict[str, Kind] = {"create": _create, "check": _check, "import_head": _import_head, "track": _track}
"""Job kind -> what runs in the child."""


class Worker:
    """A child process that does one job after another.

    `on_message(worker, message)` is called from a reading thread; None as message means that the child has gone.
    """

    def __init__(self, on_message: Callable[[Worker, Message | None], None], *, quiet: bool = False,
                 environ: Mapping[str, str] | None = None) -> None:
        self._words = guard.unnamed_file() if quiet else None  # what libraries say
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # only Windows has it, and consoles that pop up
        self._process = subprocess.Popen(
            [sys.executable, *guard.flags(), str(Path(__file__).parent), "work"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._words, creationflags=flags,
            env={**os.environ, **(environ or {})})
        self._on_message = on_message
        threading.Thread(target=self._read, name="worker-reader", daemon=True).start()

    def send(self, message: Message) -> None:
        """Give the child a message; one that has gone does not get it (its end is reported to `on_message`)."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return

    def kill(self) -> None:
        """End the child now."""
        self._process.kill()

    def close(self) -> int:
        """Let the child go, by force if it stays; its exit status."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            return self._process.wait(_LEAVE_SECONDS + 1)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
        return self._process.wait()

    def death(self) -> LikenessError:
        """How the child ended although nobody asked it to."""
        status = self._process.wait()
        if memory.is_limited():
            return memory.sentence()
        if self._words is not None:
            self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - _LAST_BYTES))
            if memory.tells(self._words.read().decode("utf-8", "replace")):
                return memory.sentence()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        perhaps = "The memory may have run out: choose a lower resolution. " if status in (-9, -6) else ""
        return BackendError(f"The work stopped unexpectedly ({how}).",
                            f"{perhaps}Start it again: it goes on from the last finished stage.")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in protocol.lines(self._process.stdout):
            try:
                message = json.loads(line)
            except ValueError:
                continue  # the end of a line that a dying child did not finish
            self._on_message(self, message)
        self._on_message(self, None)


class _Child:
    """The inside of a worker: a thread that listens, the main thread that works."""

    def __init__(self, stdin: BinaryIO, writer: Writer) -> None:
        self._stdin, self._writer = stdin, writer
        self._todo: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._told = ("", 0.0)

    def run(self) -> int:
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        models = [{"name": name, "licence": entry["licence"]} for name, entry in assets.manifest().items()]
        self._writer.send("ready", device=devices.choose().as_json(), memory_bytes=devices.memory_bytes(),
                          models=models, heads=_heads())
        while (message := self._todo.get()) is not None:
            self._do(message)
        return 0

    def _listen(self) -> None:
        for line in protocol.lines(self._stdin):
            message = json.loads(line)
            if message["type"] == "cancel":
                self._cancelled.add(message["id"])
            else:
                self._todo.put(message)
        self._cancelled.add("*")
        self._todo.put(None)
        time.sleep(_LEAVE_SECONDS)
        os._exit(1)  # the main thread sits in native code; nobody waits for its result any more

    def _do(self, message: Message) -> None:
        job, folder = message["id"], Path(message["folder"])

        def tell(stage: str, fraction: float, overall: float, text: str) -> None:
            if job in self._cancelled or "*" in self._cancelled:
                raise Cancelled
            now = time.monotonic()
            if stage != self._told[0] or now - self._told[1] >= _PROGRESS_SECONDS or fraction in (0.0, 1.0):
                self._told = (stage, now)
                self._writer.send("progress", id=job, stage=stage, fraction=round(min(max(fraction, 0.0), 1.0), 4),
                                  overall=round(overall, 4), text=text, preview=_newest_glimpse(folder))

        try:
            result = KINDS[message["kind"]](message["parameters"], folder, tell)
            self._writer.send("result", id=job, result=result)
        except LikenessError as error:
            self._writer.error(memory.sentence() if memory.is_behind(error) else error, job)
        except Exception as error:  # a bug in a stage must reach the user as a report, whatever it is
            if memory.ran_out(error):
                self._writer.error(memory.sentence(), job)
                return
            report = crash.write_report(error, f"job {message['kind']}")
            self._writer.error(crash.Bug(report), job, report=str(report))
        finally:
            self._cancelled.discard(job)
            memory.give_back()


def _newest_glimpse(folder: Path) -> str | None:
    """The last picture that a running job left for a person to see."""
    found = sorted(folder.glob("glimpse-*.png"))
    return str(found[-1]) if found else None


def _heads() -> list[dict[str, Any]]:
    from backend.head import library

    return [{"name": entry.name, "licence": entry.licence, "vertices": entry.vertices} for entry in library.heads()]


def work(stdin: BinaryIO, writer: Writer) -> int:
    """The child's main: do jobs from `stdin` until it closes; returns the exit status."""
    return _Child(stdin, writer).run()
