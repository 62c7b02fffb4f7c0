"""Many photos, one avatar each: every file in a child process, so that one bad file spoils only itself."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import BackendError, InputError
from backend.head.library import DEFAULT, find_entry
from backend.jobs import Worker
from backend.protocol import Message

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp"})


@dataclass(frozen=True)
class Item:
    """What became of one file."""

    name: str  # the file's own name
    out: Path
    result: dict[str, Any] | None
    error: dict[str, str] | None  # kind, message, remedy

    @property
    def exit_code(self) -> int:
        """What `create` would have ended with."""
        if self.error is None:
            return 0
        return InputError.exit_code if self.error["kind"] == InputError.kind else BackendError.exit_code

    @property
    def sentence(self) -> str:
        """One line for a person."""
        if self.error is None:
            return f"{self.name}: done, {self.out.name}"
        return f"{self.name}: {self.error['message']} {self.error['remedy']}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"name": self.name, "result": self.result, "error": self.error}


def run(folder: Path, out: Path, parameters: Mapping[str, Any], workers: int,
        done: Callable[[Item], object]) -> list[Item]:
    """Make an avatar of every photo directly in `folder`, each in `out` under the photo's name without its suffix.

    `done` is called as each ends. Raises InputError when there is nothing to do; a file's own trouble is in its Item.
    """
    if workers < 1:
        raise InputError(f"--workers {workers} does no work.", "Use 1 or more.")
    if not folder.is_dir():
        raise InputError(f"{folder.name} is not a folder.", "Name the folder that holds the photos.")
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise InputError(f"The folder {folder.name} holds no photos.", "Name the folder that holds the photos.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out.name} is a file, not a folder.", "Choose a folder with --out.")
    find_entry(str(parameters.get("head", DEFAULT)))  # an unknown head is said once; a file is imported once
    pool = _Pool(_jobs(photos, out, parameters), min(workers, len(photos)), done)
    try:
        return pool.run()
    finally:
        pool.close()


def _jobs(photos: list[Path], out: Path, parameters: Mapping[str, Any]) -> list[tuple[Item, Message]]:
    jobs, taken = [], set()
    for index, path in enumerate(photos):
        name = path.stem if path.stem not in taken else path.name.replace(".", "-")
        taken.add(name)
        message = {"type": "submit", "id": f"batch-{index}", "kind": "create",
                   "folder": str(out / f".{name}.likeness-job"),
                   "parameters": {**parameters, "photos": [str(path.absolute())], "out": str(out / name)}}
        jobs.append((Item(path.name, out / name, None, None), message))
    return jobs


class _Pool:
    """N children, each with one job at a time."""

    def __init__(self, jobs: list[tuple[Item, Message]], size: int, done: Callable[[Item], object]) -> None:
        self._todo, self._done = jobs[::-1], done
        self._results: dict[str, Item] = {}
        self._order = [item.name for item, _ in jobs]
        self._events: queue.SimpleQueue[tuple[Worker, Message | None]] = queue.SimpleQueue()
        self._busy: dict[Worker, Item | None] = {}
        for _ in range(size):
            self._start()

    def _start(self) -> None:
        worker = Worker(lambda child, message: self._events.put((child, message)), quiet=True)
        self._busy[worker] = None

    def run(self) -> list[Item]:
        while self._busy:
            worker, message = self._events.get()
            if worker not in self._busy:
                continue
            if message is None:
                self._lost(worker)
            elif message["type"] == "ready":
                self._give(worker)
            elif message["type"] in ("result", "error"):
                self._finish(worker, message)
                self._give(worker)
        return [self._results[name] for name in self._order]

    def _give(self, worker: Worker) -> None:
        if not self._todo:
            del self._busy[worker]
            worker.close()
            return
        self._busy[worker], message = self._todo.pop()
        worker.send(message)

    def _finish(self, worker: Worker, message: Message) -> None:
        item = self._busy[worker]
        assert item is not None
        self._busy[worker] = None
        error = {name: message[name] for name in ("kind", "message", "remedy")} if "message" in message else None
        self._results[item.name] = Item(item.name, item.out, message.get("result"), error)
        self._done(self._results[item.name])

    def _lost(self, worker: Worker) -> None:
        """A child has gone: its file failed, the others go on; one that never got ready ends the batch."""
        item, death = self._busy[worker], worker.death()
        if item is None:
            raise BackendError(f"The work cannot be started. {death.message}", "Run the doctor command.")
        self._finish(worker, {"kind": death.kind, "message": death.message, "remedy": death.remedy})
        del self._busy[worker]
        if self._todo:
            self._start()

    def close(self) -> None:
        """End what still runs."""
        for worker in self._busy:
            worker.kill()
            worker.close()
