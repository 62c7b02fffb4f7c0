"""Small pictures in panels: files that become icons, loaded when they are first drawn and let go with the add-on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy.utils.previews

FILMS = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".3gp")
_collection: Any = None


def icon(path: Path | None) -> int:
    """The icon of a picture's file as it is now; 0 (no icon) for one that is not there."""
    global _collection
    try:
        about = path.stat() if path is not None else None
    except OSError:
        return 0
    if path is None or about is None:
        return 0
    if _collection is None:
        _collection = bpy.utils.previews.new()
    name = f"{path}|{about.st_mtime_ns}|{about.st_size}"
    if name not in _collection:
        _collection.load(name, str(path), "MOVIE" if path.suffix.lower() in FILMS else "IMAGE")
    return int(_collection[name].icon_id)


def size(path: Path) -> tuple[int, int]:
    """Pixels of a loaded picture; loads it."""
    icon(path)
    about = path.stat()
    width, height = _collection[f"{path}|{about.st_mtime_ns}|{about.st_size}"].image_size
    return int(width), int(height)


def forget() -> None:
    """Let all go: called when the add-on is disabled."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
        _collection = None
