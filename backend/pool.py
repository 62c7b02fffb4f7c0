"""Jobs in children side by side, each child one at a time: on this computer, or on a farm's (`farm`)."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence

from backend.errors import BackendError, LikenessError
from backend.jobs import Worker
from backend.protocol import Message

Ended = Callable[[Message], object]
"""Called with a job's `result` or `error` message, as it ends; the `id` says which."""
RENEWED_AFTER = 40
"""Jobs after which a child is replaced by a fresh one: what native libraries do not give back goes with it."""


def run(jobs: Sequence[Message], size: int, ended: Ended, environ: Mapping[str, str] | None = None) -> None:
    """Do all `jobs` in `size` children, their environment added to ours. A child that dies fails its job only.

    Raises BackendError when children cannot even start.
    """
    pool = _Pool(jobs, size, ended, environ)
    try:
        pool.run()
    finally:
        pool.close()


class _Pool:
    """N children."""

    def __init__(self, jobs: Sequence[Message], size: int, ended: Ended, environ: Mapping[str, str] | None) -> None:
        self._todo, self._ended, self._environ = list(jobs)[::-1], ended, environ
        self._events: queue.SimpleQueue[tuple[Worker, Message | None]] = queue.SimpleQueue()
        self._busy: dict[Worker, Message | None] = {}
        self._count: dict[Worker, int] = {}
        for _ in range(min(size, len(jobs))):
            self._start()

    def _start(self) -> None:
        worker = Worker(lambda child, message: self._events.put((child, message)), quiet=True, environ=self._environ)
        self._busy[worker], self._count[worker] = None, 0

    def run(self) -> None:
        while self._busy:
            worker, message = self._events.get()
            if worker not in self._busy:
                continue
            if message is None:
                self._lost(worker)
            elif message["type"] == "ready":
                self._give(worker)
            elif message["type"] in ("result", "error"):
                self._busy[worker] = None
                self._ended(message)
                self._give(worker)

    def _give(self, worker: Worker) -> None:
        if self._todo and self._count[worker] < RENEWED_AFTER:
            self._count[worker] += 1
            self._busy[worker] = message = self._todo.pop()
            worker.send(message)
            return
        del self._busy[worker]
        worker.close()
        if self._todo:
            self._start()

    def _lost(self, worker: Worker) -> None:
        """A child has gone: its job failed, the others go on; one that never got ready ends everything."""
        job, death = self._busy.pop(worker), worker.death()
        if job is None:
            raise BackendError(f"The work cannot be started. {death.message}", "Run the doctor command.")
        self._ended(failed(job["id"], death))
        if self._todo:
            self._start()

    def close(self) -> None:
        """End what still runs."""
        for worker in self._busy:
            worker.kill()
            worker.close()


def failed(job: str, error: LikenessError) -> Message:
    """The message of a job that could not say itself how it ended."""
    return {"type": "error", "id": job, "kind": error.kind, "message": error.message, "remedy": error.remedy}
