"""Where an avatar's files are on this computer: its bundle, and the photos that it was made from. No bpy.

A .blend is given to others, and paths tell a user's name, and more. So a .blend holds no path of these, only the
avatar's id; what the id stands for is noted here, in the user's own folder, for its owner only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Files:
    """What is known of one avatar; nothing says that the files are still there."""

    bundle: Path | None = None
    photos: tuple[Path, ...] = ()


def keep(place: Path, avatar: str, files: Files) -> None:
    """Note in the folder `place` where an avatar's files are; a disk that cannot take it only costs Make Again."""
    told = {"bundle": str(files.bundle or ""), "photos": [str(photo) for photo in files.photos]}
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        half = place / f"{avatar}.{os.getpid()}.half"
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(told, file)
        half.replace(place / f"{avatar}.json")


def of(place: Path, avatar: str) -> Files:
    """What was noted of an avatar, by its id, which a stranger's file may have chosen; cheap enough for drawing."""
    if not _ID.fullmatch(avatar):
        return Files()
    path = place / f"{avatar}.json"
    try:
        about = path.stat()
    except OSError:
        return Files()
    return _read(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, _changed: int, _size: int) -> Files:
    try:
        told: Any = json.loads(path.read_text("utf-8"))
        bundle, photos = told["bundle"], told["photos"]
    except (OSError, ValueError, TypeError, LookupError):
        return Files()
    if not isinstance(bundle, str) or not isinstance(photos, list) or not all(isinstance(one, str) for one in photos):
        return Files()
    return Files(Path(bundle) if bundle else None, tuple(map(Path, photos)))
