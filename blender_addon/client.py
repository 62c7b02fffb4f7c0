"""The add-on's end of the process boundary: starts the backend, submits jobs, and is polled. No bpy, no torch.

Nothing here blocks: pipes are read by threads and `poll` takes what has arrived, so a Blender timer or a plain loop can
drive it alike. A backend that dies, falls silent or speaks another version becomes a state with a sentence, never an
exception from `poll`. What the messages mean is in docs/protocol.md.
"""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .errors import AddonError, BackendError, Cancelled, of_kind
from .process import LineReader, kill_tree, spawn

PROTOCOL_VERSION = 1
START_SECONDS = 120.0
"""A first start loads torch from a cold disk, sometimes under a virus scanner."""
SILENT_SECONDS = 30.0
"""The backend beats every 2 s even while it works; longer silence means it hangs."""
_LOG_LINES = 200


class ClientState(Enum):
    """What the backend is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"  # see `Client.error`


class JobState(Enum):
    """What became of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # see `Job.error`
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass
class Job:
    """One job; `Client.poll` keeps it up to date."""

    id: str
    kind: str
    state: JobState = JobState.WAITING
    stage: str = ""
    fraction: float = 0.0  # 0..1 of the whole job
    text: str = ""
    result: dict[str, Any] | None = None
    error: AddonError | None = None
    report: Path | None = None  # a file to send, when the backend broke
    preview: Path | None = None  # a small picture of what there is so far
    seconds: dict[str, float] = field(default_factory=dict)  # stage -> when it was first heard of, time.monotonic()


class Client:
    """One backend process and its jobs."""

    def __init__(self) -> None:
        self.state = ClientState.STOPPED
        self.error: AddonError | None = None
        self.hello: dict[str, Any] = {}
        self.jobs: dict[str, Job] = {}
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self._process: subprocess.Popen | None = None
        self._out: LineReader | None = None
        self._err: LineReader | None = None
        self._heard = 0.0
        self._held: list[dict[str, Any]] = []  # submitted before the backend was ready

    def start(self, python: Path, backend: Path) -> None:
        """Start `backend` (the package's folder) with the environment's `python`; returns at once.

        Raises BackendError when there is nothing to start. Starting a running client does nothing.
        """
        if self.state in (ClientState.STARTING, ClientState.READY):
            return
        self._end()
        for path, what in ((python, "Python of the backend's environment"), (backend / "__main__.py", "backend")):
            if not path.is_file():
                raise BackendError(f"The {what} is missing.", "Set the backend up again.")
        try:
            self._process = spawn([python, "-I", backend, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        except OSError as error:
            raise BackendError(f"The backend could not be started: {error.strerror}.",
                               "Set the backend up again.") from error
        self._out, self._err = LineReader(self._process.stdout), LineReader(self._process.stderr)
        self.log.clear()
        self.hello, self.error, self.state = {}, None, ClientState.STARTING
        self._heard = time.monotonic()
        self._send({"type": "hello", "protocol": PROTOCOL_VERSION, "client": "likeness add-on"})

    def submit(self, kind: str, parameters: dict[str, Any], folder: Path) -> Job:
        """Hand in a job; `folder` keeps its finished stages. Raises BackendError when no backend runs."""
        if self.state not in (ClientState.STARTING, ClientState.READY):
            raise self.error or BackendError("The backend is not running.", "Start it first.")
        job = Job(uuid.uuid4().hex, kind)
        self.jobs[job.id] = job
        message = {"type": "submit", "id": job.id, "kind": kind, "parameters": parameters, "folder": str(folder)}
        if self.state is ClientState.READY:
            self._send(message)
        else:
            self._held.append(message)
        return job

    def cancel(self, job: Job) -> None:
        """Ask for a job's end; it is CANCELLED once a later `poll` heard so (within about a second)."""
        if job.state.ended:
            return
        held = [message for message in self._held if message["id"] == job.id]
        if held:
            self._held.remove(held[0])
            job.state, job.error = JobState.CANCELLED, Cancelled()
        else:
            self._send({"type": "cancel", "id": job.id})

    def poll(self) -> ClientState:
        """Take in what has arrived and return the state; never blocks, never raises."""
        if self._process is None or self._out is None or self._err is None:
            return self.state
        self.log.extend(self._err.drain())
        lines = self._out.drain()
        for line in lines:
            self._hear(line)
        if self._out is None:  # what was heard ended it
            return self.state
        now = time.monotonic()
        if lines:
            self._heard = now
        if self._out.ended:
            self._err.join(0.5)
            self.log.extend(self._err.drain())
            self._fail(BackendError(f"The backend stopped by itself ({self._death()}).", self._last_words()))
        elif self.state is ClientState.STARTING and now - self._heard > START_SECONDS:
            self._fail(BackendError("The backend did not start in time.", "Restart it; if that does not help, restart "
                                    "the computer."))
        elif self.state is ClientState.READY and now - self._heard > SILENT_SECONDS:
            self._fail(BackendError("The backend does not answer any more.", "Start it again: jobs go on from their "
                                    "last finished stage."))
        return self.state

    def close(self) -> None:
        """End the backend and everything it started; jobs that ran are cancelled. Safe to call twice."""
        if self._process is not None and self._process.poll() is None:
            self._send({"type": "shutdown"})
        for job in self.jobs.values():
            if not job.state.ended:
                job.state, job.error = JobState.CANCELLED, Cancelled()
        self._end(grace_s=1.0)
        self.state = ClientState.STOPPED

    def _hear(self, line: str) -> None:
        try:
            message = json.loads(line)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            self.log.append(f"not a message: {line[:200]}")
            return
        job = self.jobs.get(message.get("id") or "")
        if kind == "hello":
            self._greeted(message)
        elif kind == "error" and job is None:
            error = of_kind(message.get("kind", ""), message.get("message", ""), message.get("remedy", ""))
            self.log.append(str(error))
            if isinstance(error, BackendError):
                self._fail(error)
        elif job is not None and not job.state.ended:
            self._update(job, kind, message)

    def _greeted(self, message: dict[str, Any]) -> None:
        version = message.get("protocol")
        if version != PROTOCOL_VERSION:
            self._fail(BackendError(f"The backend speaks protocol {version}, this add-on {PROTOCOL_VERSION}.",
                                    "Set the backend up again, so that both are of one version."))
            return
        self.hello = message
        self.state = ClientState.READY
        for held in self._held:
            self._send(held)
        self._held.clear()

    @staticmethod
    def _update(job: Job, kind: str, message: dict[str, Any]) -> None:
        if kind == "progress":
            job.stage, job.text = str(message.get("stage", "")), str(message.get("text", ""))
            job.fraction = float(message.get("overall", job.fraction))
            job.preview = Path(message["preview"]) if message.get("preview") else job.preview
            job.seconds.setdefault(job.stage, time.monotonic())
            job.state = JobState.WAITING if job.stage == "waiting" else JobState.RUNNING
        elif kind == "result":
            job.state, job.result, job.fraction = JobState.DONE, message.get("result") or {}, 1.0
        elif kind == "error":
            job.error = of_kind(message.get("kind", ""), message.get("message", ""), message.get("remedy", ""))
            job.report = Path(message["report"]) if message.get("report") else None
            job.state = JobState.CANCELLED if isinstance(job.error, Cancelled) else JobState.FAILED

    def _fail(self, error: AddonError) -> None:
        """The backend is of no more use: end it and tell every job."""
        self.state, self.error = ClientState.FAILED, error
        self._held.clear()
        for job in self.jobs.values():
            if not job.state.ended:
                job.state, job.error = JobState.FAILED, error
        self._end()

    def _end(self, grace_s: float = 0.0) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.stdin.close()  # type: ignore[union-attr]
        except OSError:
            self.log.append("the backend's input was closed already")
        kill_tree(process, grace_s)
        for reader, pipe in ((self._out, process.stdout), (self._err, process.stderr)):
            if reader is not None and pipe is not None:
                reader.join(1.0)
                pipe.close()
        self._out = self._err = None

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            self.log.append("the backend does not listen any more")  # its end arrives through `poll`

    def _death(self) -> str:
        if self._process is None:
            return "it was never there"
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def _last_words(self) -> str:
        words = [line for line in self.log if line.strip()][-3:]
        return f"Its last words: {' / '.join(words)[:300]}" if words else "Start it again."
