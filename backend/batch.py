"""Many photos or films, one avatar each: every file in a child process, so that one bad file spoils only itself.

A list in the output folder (`ledger`) says what is done; the same command goes on where a run was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend import devices, farm, ledger, memory, pool
from backend.capture.decode import WORK_PIXELS
from backend.claim import claimed
from backend.core.threads import LIMIT
from backend.errors import BackendError, InputError
from backend.head.library import DEFAULT, find_entry
from backend.output import disk_errors
from backend.protocol import Message
from backend.video.container import SUFFIXES as FILM_SUFFIXES

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp"})
_WARM = 1.15
"""How much more a worker takes for its third avatar than a process for its first: 2.36 to 2.07 GB at 2048."""


@dataclass(frozen=True)
class Item:
    """What became of one file."""

    name: str  # the file's own name
    out: Path
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None  # kind, message, remedy
    kept: bool = False  # an earlier run made it

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
            return f"{self.name}: done{' before' if self.kept else ''}, {self.out.name}"
        return f"{self.name}: {self.error['message']} {self.error['remedy']}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"name": self.name, "result": self.result, "error": self.error, "kept": self.kept}


def run(folder: Path, out: Path, parameters: Mapping[str, Any], workers: int, done: Callable[[Item], object], *,
        scheduler: str | None = None) -> list[Item]:
    """Make an avatar of every photo and film directly in `folder`, each in `out` under its name without suffix.

    What an earlier run has made is left as it is, unless the parameters say `fresh`. `done` is called as each ends.
    `scheduler` is the address of a Dask scheduler, whose workers then do the work instead of `workers` children here.
    Raises InputError when there is nothing to do; a file's own trouble is in its Item.
    """
    if workers < 1:
        raise InputError(f"--workers {workers} does no work.", "Use 1 or more.")
    if not folder.is_dir():
        raise InputError(f"{folder.name} is not a folder.", "Name the folder that holds the photos.")
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES | FILM_SUFFIXES)
    if not photos:
        raise InputError(f"The folder {folder.name} holds no photos and no videos.", "Name the folder that holds them.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out.name} is a file, not a folder.", "Choose a folder with --out.")
    find_entry(str(parameters.get("head", DEFAULT)))  # an unknown head is said once; a file is imported once
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        listed = out / ledger.NAME
        with claimed(listed, lambda: listed.touch(0o600), f"batch {out.name}", 0.0):
            return _run(photos, out, parameters, workers, done, scheduler)


def _run(photos: list[Path], out: Path, parameters: Mapping[str, Any], workers: int, done: Callable[[Item], object],
         scheduler: str | None) -> list[Item]:
    listed, items, keys = ledger.Ledger(out), _items(photos, out), {}
    jobs: list[Message] = []
    for index, (item, path) in enumerate(zip(items, photos, strict=True)):
        keys[index] = ledger.key_of(path, parameters)
        if not parameters.get("fresh") and listed.has(item.name, keys[index], item.out):
            items[index] = Item(item.name, item.out, kept=True)
            done(items[index])
            continue
        jobs.append({"type": "submit", "id": f"batch-{index}", "kind": "create",
                     "folder": str(out / f".{item.out.name}.likeness-job"),
                     "parameters": {**parameters, "photos": [str(path.absolute())], "out": str(item.out)}})

    def ended(message: Message) -> None:
        index = int(message["id"].removeprefix("batch-"))
        error = {name: message[name] for name in ("kind", "message", "remedy")} if "message" in message else None
        items[index] = Item(items[index].name, items[index].out, message.get("result"), error)
        listed.note(items[index].name, keys[index], error)
        done(items[index])

    if jobs and scheduler is not None:
        farm.run(jobs, scheduler, ended)
    elif jobs:
        size = fitting(min(workers, len(jobs)), int(parameters.get("resolution", 2048)))
        threads = str(max(1, devices.cpu_count() // size))  # or N workers would each start a thread for every core
        pool.run(jobs, size, ended, {name: threads for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", LIMIT)})
    return items


def fitting(workers: int, resolution: int) -> int:
    """As many workers as this computer's memory has room for, each with the largest photo, at most those asked for."""
    there = devices.memory_bytes()
    room = int(0.8 * there / (_WARM * memory.needed(resolution, WORK_PIXELS))) if there else workers
    return max(1, min(workers, room))


def _items(photos: list[Path], out: Path) -> list[Item]:
    items, taken = [], set()
    for path in photos:
        name = path.stem if path.stem not in taken else path.name.replace(".", "-")
        taken.add(name)
        items.append(Item(path.name, out / name))
    return items
