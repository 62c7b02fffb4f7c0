"""The add-on's end: reads messages, keeps one job running in a child and the others waiting, and answers.

One loop over one queue of events; the threads only read pipes. It does no work itself, so it always answers, and its
heartbeat says that it lives even while a child sits in native code.
"""

from __future__ import annotations

import platform
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, BinaryIO

from backend import __version__, protocol
from backend.errors import BackendError, Cancelled, InputError
from backend.jobs import CANCEL_SECONDS, KINDS, Worker
from backend.protocol import HEARTBEAT_SECONDS, PROTOCOL_VERSION, Message, ProtocolError, Writer


@dataclass(frozen=True)
class _Line:
    """Something a client said; None when its pipe closed."""

    content: bytes | None


@dataclass(frozen=True)
class _Report:
    """Something a child said; None when it has gone."""

    worker: Worker
    message: Message | None


class Server:
    """Serves one client until it says `shutdown` or its pipe closes."""

    def __init__(self, stdin: BinaryIO, writer: Writer) -> None:
        self._stdin, self._writer = stdin, writer
        self._events: queue.SimpleQueue[_Line | _Report] = queue.SimpleQueue()
        self._waiting: deque[Message] = deque()
        self._running: Message | None = None
        self._worker: Worker | None = None
        self._ready = False  # the child has loaded what it needs
        self._greeted = False  # the client speaks our version
        self._said_hello = False
        self._deadline: float | None = None  # when a cancelled job is ended by force

    def run(self) -> int:
        """The loop; returns the exit status."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        self._start_worker()
        beat = time.monotonic()
        try:
            while True:
                now = time.monotonic()
                if now >= beat:
                    self._writer.send("heartbeat", job=self._running["id"] if self._running else None)
                    beat = now + HEARTBEAT_SECONDS
                if self._deadline is not None and now >= self._deadline:
                    self._end_by_force()
                wake = beat if self._deadline is None else min(beat, self._deadline)
                try:
                    event = self._events.get(timeout=max(wake - time.monotonic(), 0.0))
                except queue.Empty:
                    continue
                if isinstance(event, _Line):
                    if event.content is None or not self._hear(event.content):
                        return 0
                elif event.worker is self._worker:
                    self._report(event.message)
        finally:
            self._stop_worker()

    def _listen(self) -> None:
        for line in protocol.lines(self._stdin):
            self._events.put(_Line(line))
        self._events.put(_Line(None))

    def _hear(self, line: bytes) -> bool:
        """Act on one line; False when the client is done."""
        try:
            message = protocol.parse(line)
            if message["type"] == "shutdown":
                return False
            if message["type"] == "hello":
                self._greet(message)
            elif not self._greeted:
                raise ProtocolError("The first message has to be hello, of a version this backend speaks.",
                                    f"Send hello with protocol {PROTOCOL_VERSION}.")
            elif message["type"] == "submit":
                self._submit(message)
            else:
                self._cancel(message["id"])
        except ProtocolError as error:
            self._writer.error(error)
        return True

    def _greet(self, message: Message) -> None:
        if message["protocol"] != PROTOCOL_VERSION:
            newer = message["protocol"] > PROTOCOL_VERSION
            self._greeted = False
            self._writer.error(BackendError(
                f"The add-on {message['client'][:40]} speaks protocol {message['protocol']}, the backend {__version__} "
                f"speaks {PROTOCOL_VERSION}.", f"Update the {'backend' if newer else 'add-on'}."))
            return
        self._greeted = True

    def _submit(self, message: Message) -> None:
        job = message["id"]
        known = [*self._waiting, *([self._running] if self._running else [])]
        if any(other["id"] == job for other in known):
            raise ProtocolError(f"There is a job {job} already.", "Give every job an id of its own.")
        if message["kind"] not in KINDS:
            error = InputError(f"There is no job of kind {message['kind'][:40]!r}.", f"Known are {', '.join(KINDS)}.")
            self._writer.error(error, job)
            return
        self._waiting.append(message)
        self._next()
        if self._running is None or self._running["id"] != job:
            self._writer.send("progress", id=job, stage="waiting", fraction=0.0, overall=0.0, text="Waiting")

    def _cancel(self, job: str) -> None:
        for message in self._waiting:
            if message["id"] == job:
                self._waiting.remove(message)
                self._writer.error(Cancelled(), job)
                return
        if self._running is None or self._running["id"] != job:
            raise ProtocolError(f"There is no job {job} to cancel.")
        assert self._worker is not None
        self._worker.send({"type": "cancel", "id": job})
        self._deadline = time.monotonic() + CANCEL_SECONDS

    def _end_by_force(self) -> None:
        """A cancelled job did not stop by itself: its child goes, the next job gets a new one."""
        job = self._running
        self._running, self._deadline = None, None
        self._stop_worker(by_force=True)
        if job is not None:
            self._writer.error(Cancelled(), job["id"])
        self._start_worker()

    def _report(self, message: Message | None) -> None:
        """Act on what the child said."""
        if message is None:
            self._lost()
        elif message["type"] == "ready":
            self._ready = True
            self._say_hello(message)
            self._next()
        elif self._running is not None and message.get("id") == self._running["id"]:
            self._writer.relay(message)
            if message["type"] in ("result", "error"):
                self._running, self._deadline = None, None
                self._next()

    def _lost(self) -> None:
        """The child has gone without being asked to."""
        assert self._worker is not None
        death, was_ready, job = self._worker.death(), self._ready, self._running
        self._worker, self._running, self._deadline, self._ready = None, None, None, False
        if not was_ready:
            error = BackendError(f"The backend cannot start. {death.message}",
                                 "Set its environment up again, and read the log.")
            for message in [*self._waiting, {"id": None}]:
                self._writer.error(error, message["id"])
            self._waiting.clear()
            return
        if job is not None:
            self._writer.error(death, job["id"])
        self._start_worker()

    def _next(self) -> None:
        """Give the child the next waiting job, if it is free."""
        if self._worker is None and self._waiting:
            self._start_worker()
        if self._ready and self._running is None and self._waiting:
            assert self._worker is not None
            self._running = self._waiting.popleft()
            self._worker.send(self._running)

    def _say_hello(self, ready: Message) -> None:
        if self._said_hello:
            return
        self._said_hello = True
        fields: dict[str, Any] = {
            "protocol": PROTOCOL_VERSION, "version": __version__, "python": platform.python_version(),
            "device": ready["device"], "memory_bytes": ready["memory_bytes"], "models": ready["models"],
            "heads": ready["heads"], "kinds": list(KINDS)}
        self._writer.send("hello", **fields)

    def _start_worker(self) -> None:
        self._ready = False
        self._worker = Worker(lambda worker, message: self._events.put(_Report(worker, message)))

    def _stop_worker(self, *, by_force: bool = False) -> None:
        worker, self._worker, self._ready = self._worker, None, False
        if worker is not None:
            if by_force or self._running is not None:
                worker.kill()
            worker.close()
