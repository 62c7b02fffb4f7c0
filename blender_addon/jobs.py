"""The one job that may run: started from an operator, polled by a timer or a plain loop, cancelled, resumed.

What is kept here is the running process and nothing about avatars; a job's finished stages lie in its own folder beside
the bundle, so a job that was cut off goes on from there when it is started again (`journal` remembers which).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import heads, journal, preferences, strings
from .client import Client, ClientState, Job, JobState
from .errors import AddonError, BackendError, Cancelled, InputError
from .journal import Note
from .setup import places

PYTHON_VARIABLE = "LIKENESS_BACKEND_PYTHON"
"""For scripts and tests: the backend's Python when the preferences name none."""
CREATE, CHECK, IMPORT_HEAD, TRACK, HELLO = "create", "check", "import_head", "track", ""
POLL_SECONDS = 0.1
LEFT_SECONDS = 2.0
EARLY = 0.08  # of the whole: before that nothing can be said of the time that is left
EARLY_SECONDS = 3.0


@dataclass(frozen=True)
class Snapshot:
    """How far a job is."""

    fraction: float  # 0..1
    text: str
    result: dict[str, Any] | None  # set when it is done; docs/protocol.md says what each kind of job answers
    left: float | None = None  # seconds that it will take on, None where that cannot be said yet
    preview: Path | None = None  # a small picture of what there is


class RunningJob:
    """The backend process, and the job that it works on; without a job it only says hello."""

    def __init__(self, client: Client, job: Job | None, kind: str, note: Note | None = None) -> None:
        self.kind, self.note = kind, note
        self.snapshot = Snapshot(0.0, "", None)
        self._client, self._job, self._knows_heads = client, job, False
        self._started = time.monotonic()
        self._held = contextlib.ExitStack()

    def hold(self, claim: contextlib.AbstractContextManager[None]) -> None:
        """Keep something until the job is over."""
        self._held.enter_context(claim)

    def poll(self) -> Snapshot:
        """Take in what the backend said; never blocks. Raises what went wrong, once; the job is over then."""
        self.snapshot = self._poll()
        return self.snapshot

    def _poll(self) -> Snapshot:
        state = self._client.poll()
        if not self._knows_heads and "heads" in self._client.hello:
            self._knows_heads = True
            heads.remember(bpy.context, self._client.hello["heads"])
        if self._job is None:
            return self._greeting(state)
        job = self._job
        if not job.state.ended:
            stage = strings.STAGE.get(job.stage, job.stage)
            said = strings.REPORT["progress"].format(stage=stage, text=job.text) if job.stage else ""
            return Snapshot(job.fraction, said or strings.REPORT["starting"], None,
                            time_left(time.monotonic() - self._started, job.fraction), job.preview)
        self.close()
        if job.state is JobState.CANCELLED:
            self._give_up()
            raise Cancelled(strings.REPORT["cancelled"])
        if job.state is JobState.FAILED or job.result is None:
            error = job.error or BackendError("The backend gave no result.", "Start the job again.")
            if not isinstance(error, BackendError):
                self._give_up()  # what it says must be mended first; then it is another job
            raise error
        if self.note is not None:
            journal.finished(notes(), self.note, str(job.result.get("bundle", "")))
        return Snapshot(1.0, "", job.result)

    def _give_up(self) -> None:
        if self.note is not None:
            journal.forget(notes(), self.note)

    def placed(self) -> None:
        """What was made stands in a scene: nothing is to be remembered."""
        self._give_up()

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
        """End the backend process. The job's finished stages stay on disk, and the note of it."""
        global _running
        self._client.close()
        self._held.close()
        if _running is self:
            _running = None


_running: RunningJob | None = None
_left: tuple[float, list[Note]] = (-1e9, [])


def running() -> RunningJob | None:
    """The job that runs, None."""
    return _running


def busy() -> bool:
    """Whether a job runs that another must wait for; a look at photos makes way."""
    return _running is not None and _running.kind != CHECK


def time_left(elapsed: float, fraction: float) -> float | None:
    """Seconds, from those that the part before took; None in the beginning, where start-up is most of it."""
    if fraction < EARLY or elapsed < EARLY_SECONDS:
        return None
    return elapsed * (1 - fraction) / fraction


def notes() -> Path:
    """Where notes of begun jobs are kept."""
    return places.user_folder() / "jobs"


def create(context: bpy.types.Context, photos: Sequence[Path], out: str, resolution: int, face: int = 0,
           head: str = heads.DEFAULT, *, name: str = "", level: str = "base", keep: bool = False) -> RunningJob:
    """Start a job that makes a bundle of the `photos` of one person; returns at once.

    `face` from 1 chooses one of several, 0 the largest. `head` is a name in the backend's library or a model's file.
    `out` is the bundle's folder, empty for one beside the first photo. `keep` leaves the stages where they are, for
    another job with other options. Raises InputError or BackendError when it cannot start.
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
    if keep:
        parameters["keep"] = True
    return _begin(context, Note(str(job_folder(bundle)), parameters, name or photos[0].stem, level))


def resume(context: bpy.types.Context, note: Note) -> RunningJob:
    """Go on with a job that was cut off, from its last finished stage. Raises as `create` does."""
    for photo in map(Path, note.parameters.get("photos", ())):
        if not photo.is_file():
            raise InputError(f"There is no photo {photo.name} there.", "Choose another file.")
    return _begin(context, note)


def look_again() -> None:
    """What is left behind has changed: `left_behind` must not say what it said."""
    global _left
    _left = (-1e9, [])


def left_behind() -> list[Note]:
    """Jobs that were cut off or wait for a scene, the oldest first; looked up every few seconds, for panels."""
    global _left
    if time.monotonic() - _left[0] > LEFT_SECONDS:
        _left = (time.monotonic(), journal.left(notes()))
    return _left[1]


def job_folder(bundle: Path) -> Path:
    """Where a bundle's job keeps its finished stages."""
    return bundle.parent / f".{bundle.name}.likeness-job"


def _begin(context: bpy.types.Context, note: Note) -> RunningJob:
    folder = Path(note.folder)
    _make_way()
    claim = journal.claimed(folder, note.name)
    with contextlib.ExitStack() as held:
        held.enter_context(claim)
        started = _start(context, CREATE, note.parameters, folder, note)
        started.hold(held.pop_all())
    journal.write(notes(), note)
    return started


def check(context: bpy.types.Context, photos: Sequence[Path]) -> RunningJob:
    """Start a job that only looks at photos. Raises BackendError when it cannot start."""
    folder = Path(tempfile.mkdtemp(prefix="likeness-check-", dir=bpy.app.tempdir))
    return _start(context, CHECK, {"photos": [str(photo) for photo in photos]}, folder)


def import_head(context: bpy.types.Context, file: Path, name: str, licence: str) -> RunningJob:
    """Start a job that brings a head model into the backend's library; returns at once.

    `file` may be a folder, as ICT-FaceKit is. Raises InputError or BackendError when it cannot start.
    """
    if not file.exists():
        raise InputError(f"There is no head model {file.name} there.", "Choose another file.")
    parameters = {"file": str(file), "name": name, "licence": licence}
    return _start(context, IMPORT_HEAD, parameters, Path(bpy.app.tempdir))


def track(context: bpy.types.Context, video: Path, avatar: Path, out: Path) -> RunningJob:
    """Start a job that reads a performance from a video of the person of a bundle, into the file `out`.

    Raises BackendError when it cannot start.
    """
    parameters = {"video": str(video), "avatar": str(avatar), "out": str(out)}
    return _start(context, TRACK, parameters, Path(bpy.app.tempdir))


def list_heads(context: bpy.types.Context) -> RunningJob:
    """Start the backend only to hear which heads it knows. Raises BackendError when it cannot start."""
    return _start(context, HELLO, {}, Path(bpy.app.tempdir))


def _make_way() -> None:
    if _running is not None and _running.kind == CHECK:
        _running.close()


def _start(context: bpy.types.Context, kind: str, parameters: dict[str, Any], folder: Path,
           note: Note | None = None) -> RunningJob:
    global _running
    _make_way()
    client = Client()
    client.start(backend_python(context), preferences.backend_folder(context))
    _running = RunningJob(client, client.submit(kind, parameters, folder) if kind else None, kind, note)
    return _running


def follow(job: RunningJob, done: Callable[[dict[str, Any]], None], failed: Callable[[AddonError], None]) -> None:
    """Let Blender's timer poll a job that no operator watches, also when another file is opened."""
    def tick() -> float | None:
        if running() is not job:
            return None
        try:
            result = job.poll().result
        except AddonError as error:
            failed(error)
            redraw()
            return None
        if result is not None:
            done(result)
        redraw()
        return POLL_SECONDS if result is None else None

    bpy.app.timers.register(tick, first_interval=POLL_SECONDS, persistent=True)


def redraw() -> None:
    """Let every viewport's sidebar show what has changed."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


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
