"""The one job that may run: started from an operator, polled by a timer or a plain loop, cancelled, resumed.

What is kept here is the running process and nothing about avatars; a job's finished stages lie in its own folder beside
the bundle, so a job that was cut off goes on from there when it is started again.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import preferences, strings
from .client import Client, Job, JobState
from .errors import BackendError, Cancelled, InputError

PYTHON_VARIABLE = "LIKENESS_BACKEND_PYTHON"
"""For scripts and tests: the backend's Python when the preferences name none."""


@dataclass(frozen=True)
class Snapshot:
    """How far a job is."""

    fraction: float  # 0..1
    text: str
    bundle: Path | None  # set when it is done
    stages: tuple[dict[str, Any], ...] = ()  # what the backend says of its stages when it is done, with seconds


class CreateJob:
    """A `create` job and the backend process that works on it."""

    def __init__(self, client: Client, job: Job) -> None:
        self._client, self._job = client, job

    def poll(self) -> Snapshot:
        """Take in what the backend said; never blocks. Raises what went wrong, once; the job is over then."""
        self._client.poll()
        job = self._job
        if not job.state.ended:
            said = strings.REPORT["progress"].format(stage=job.stage, text=job.text) if job.stage else ""
            return Snapshot(job.fraction, said, None)
        self.close()
        if job.state is JobState.CANCELLED:
            raise Cancelled(strings.REPORT["cancelled"])
        if job.state is JobState.FAILED or job.result is None:
            raise job.error or BackendError("The backend gave no result.", "Start the job again.")
        return Snapshot(1.0, "", Path(job.result["bundle"]), tuple(job.result.get("stages", ())))

    def wait(self, seconds: float) -> None:
        """Let a plain loop sleep between two polls."""
        time.sleep(seconds)

    def cancel(self) -> None:
        """Ask for the end; a later `poll` raises Cancelled."""
        self._client.cancel(self._job)

    def close(self) -> None:
        """End the backend process. The job's finished stages stay on disk."""
        global _running
        self._client.close()
        if _running is self:
            _running = None


_running: CreateJob | None = None


def running() -> CreateJob | None:
    """The job that runs, None."""
    return _running


def create(context: bpy.types.Context, photo: Path, out: str, resolution: int, face: int = 0) -> CreateJob:
    """Start a job that makes a bundle of `photo`; returns at once.

    `face` from 1 chooses one of several, 0 the largest.
    `out` is the bundle's folder, empty for one beside the photo. Raises InputError or
    BackendError when it cannot start.
    """
    global _running
    if not photo.is_file():
        raise InputError(f"There is no photo {photo.name} there.", "Choose another file.")
    bundle = Path(bpy.path.abspath(out)) if out else photo.with_name(f"{photo.stem} avatar")
    client = Client()
    client.start(backend_python(context), preferences.backend_folder(context))
    chosen = preferences.get(context)
    parameters: dict[str, Any] = {"photos": [str(photo)], "out": str(bundle), "resolution": resolution,
                                  "device": chosen.device if chosen else "auto"}
    if face:
        parameters["face"] = face
    job = client.submit("create", parameters, bundle.parent / f".{bundle.name}.likeness-job")
    _running = CreateJob(client, job)
    return _running


def has_backend(context: bpy.types.Context) -> bool:
    """Whether a backend's Python is named, in the preferences or for scripts."""
    return bool(_named_python(context))


def backend_python(context: bpy.types.Context) -> Path:
    """The backend environment's Python. Raises BackendError when none is known."""
    named = _named_python(context)
    if not named:
        raise BackendError(*strings.NO_BACKEND)
    return Path(bpy.path.abspath(named))


def _named_python(context: bpy.types.Context) -> str:
    chosen = preferences.get(context)
    return (chosen.backend_python if chosen else "") or os.environ.get(PYTHON_VARIABLE, "")
