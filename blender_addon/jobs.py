"""The one job that may run: started from an operator, polled by a timer or a plain loop, cancelled, resumed.

What is kept here is the running process and nothing about avatars; a job's finished stages lie in its own folder beside
the bundle, so a job that was cut off goes on from there when it is started again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import heads, preferences, strings
from .client import Client, ClientState, Job, JobState
from .errors import BackendError, Cancelled, InputError
from .setup import places

PYTHON_VARIABLE = "LIKENESS_BACKEND_PYTHON"
"""For scripts and tests: the backend's Python when the preferences name none."""


@dataclass(frozen=True)
class Snapshot:
    """How far a job is."""

    fraction: float  # 0..1
    text: str
    result: dict[str, Any] | None  # set when it is done; docs/protocol.md says what each kind of job answers


class RunningJob:
    """The backend process, and the job that it works on; without a job it only says hello."""

    def __init__(self, client: Client, job: Job | None) -> None:
        self._client, self._job, self._knows_heads = client, job, False

    def poll(self) -> Snapshot:
        """Take in what the backend said; never blocks. Raises what went wrong, once; the job is over then."""
        state = self._client.poll()
        if not self._knows_heads and "heads" in self._client.hello:
            self._knows_heads = True
            heads.remember(bpy.context, self._client.hello["heads"])
        if self._job is None:
            return self._greeting(state)
        job = self._job
        if not job.state.ended:
            said = strings.REPORT["progress"].format(stage=job.stage, text=job.text) if job.stage else ""
            return Snapshot(job.fraction, said, None)
        self.close()
        if job.state is JobState.CANCELLED:
            raise Cancelled(strings.REPORT["cancelled"])
        if job.state is JobState.FAILED or job.result is None:
            raise job.error or BackendError("The backend gave no result.", "Start the job again.")
        return Snapshot(1.0, "", job.result)

    def _greeting(self, state: ClientState) -> Snapshot:
        if state is ClientState.STARTING:
            return Snapshot(0.0, strings.REPORT["starting"], None)
        error, hello = self._client.error, self._client.hello
        self.close()
        if state is ClientState.READY:
            return Snapshot(1.0, "", hello)
        raise error or Cancelled(strings.REPORT["cancelled"])

    def wait(self, seconds: float) -> None:
        """Let a plain loop sleep between two polls."""
        time.sleep(seconds)

    def cancel(self) -> None:
        """Ask for the end; a later `poll` raises Cancelled."""
        if self._job is None:
            self._client.close()
        else:
            self._client.cancel(self._job)

    def close(self) -> None:
        """End the backend process. The job's finished stages stay on disk."""
        global _running
        self._client.close()
        if _running is self:
            _running = None


_running: RunningJob | None = None


def running() -> RunningJob | None:
    """The job that runs, None."""
    return _running


def create(context: bpy.types.Context, photos: Sequence[Path], out: str, resolution: int, face: int = 0,
           head: str = heads.DEFAULT) -> RunningJob:
    """Start a job that makes a bundle of the `photos` of one person; returns at once.

    `face` from 1 chooses one of several, 0 the largest. `head` is a name in the backend's library or a model's file.
    `out` is the bundle's folder, empty for one beside the first photo. Raises InputError or BackendError when it cannot
    start.
    """
    for photo in photos:
        if not photo.is_file():
            raise InputError(f"There is no photo {photo.name} there.", "Choose another file.")
    bundle = Path(bpy.path.abspath(out)) if out else photos[0].with_name(f"{photos[0].stem} avatar")
    chosen = preferences.get(context)
    parameters: dict[str, Any] = {"photos": [str(photo) for photo in photos], "out": str(bundle),
                                  "resolution": resolution, "device": chosen.device if chosen else "auto",
                                  "head": head or heads.DEFAULT}
    if face:
        parameters["face"] = face
    return _start(context, "create", parameters, bundle.parent / f".{bundle.name}.likeness-job")


def import_head(context: bpy.types.Context, file: Path, name: str, licence: str) -> RunningJob:
    """Start a job that brings a head model into the backend's library; returns at once.

    `file` may be a folder, as ICT-FaceKit is. Raises InputError or BackendError when it cannot start.
    """
    if not file.exists():
        raise InputError(f"There is no head model {file.name} there.", "Choose another file.")
    parameters = {"file": str(file), "name": name, "licence": licence}
    return _start(context, "import_head", parameters, Path(bpy.app.tempdir))


def list_heads(context: bpy.types.Context) -> RunningJob:
    """Start the backend only to hear which heads it knows. Raises BackendError when it cannot start."""
    return _start(context, "", {}, Path(bpy.app.tempdir))


def _start(context: bpy.types.Context, kind: str, parameters: dict[str, Any], folder: Path) -> RunningJob:
    global _running
    client = Client()
    client.start(backend_python(context), preferences.backend_folder(context))
    _running = RunningJob(client, client.submit(kind, parameters, folder) if kind else None)
    return _running


def has_backend(context: bpy.types.Context) -> bool:
    """Whether a backend's Python is named, in the preferences or for scripts, or was set up."""
    return bool(_named_python(context)) or places.python() is not None


def backend_python(context: bpy.types.Context) -> Path:
    """The backend environment's Python. Raises BackendError when none is known."""
    named = _named_python(context)
    found = Path(bpy.path.abspath(named)) if named else places.python()
    if found is None:
        raise BackendError(*strings.NO_BACKEND)
    return found


def _named_python(context: bpy.types.Context) -> str:
    chosen = preferences.get(context)
    return (chosen.backend_python if chosen else "") or os.environ.get(PYTHON_VARIABLE, "")
