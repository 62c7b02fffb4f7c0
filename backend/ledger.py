"""What a batch has done: one JSON line for every photo that ended, so that the next run goes on from there.

The list is for people as well: which photos failed, and why. It holds file names and hashes and is for its owner only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend import __version__
from backend.opening import plain_size
from backend.protocol import lines

NAME = "likeness-batch.jsonl"
_MAX_BYTES = 256 << 20
_LONGEST = 1 << 16
"""Bytes of a line; what is longer is none of ours and passed over."""
_ASIDE = ("fresh",)
"""Options that say how to work, not what is made."""


class Ledger:
    """The list in one output folder."""

    def __init__(self, out: Path) -> None:
        self.path = out / NAME
        self._done: dict[str, str] = {}  # a photo's name -> the key of what was made of it
        if self.path.is_file() and self.path.stat().st_size <= _MAX_BYTES:
            with self.path.open("rb") as file:
                for line in lines(file, _LONGEST):
                    self._hear(line.decode("utf-8", "replace"))

    def has(self, name: str, key: str, bundle: Path) -> bool:
        """Whether the avatar of a photo stands there, made of the same content with the same options."""
        return self._done.get(name) == key and (bundle / "avatar.json").is_file()

    def note(self, name: str, key: str, error: Mapping[str, str] | None) -> None:
        """Add a line, which is on the disk when this returns. Raises the disk's OSError."""
        line = json.dumps({"photo": name, "key": key, "error": dict(error) if error else None}) + "\n"
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "r+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a run that was killed left half a line
                    line = "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def _hear(self, line: str) -> None:
        try:
            said = json.loads(line)
            name, key, failed = said["photo"], said["key"], said["error"] is not None
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        if isinstance(name, str) and isinstance(key, str):
            self._done.pop(name, None)
            if not failed:
                self._done[name] = key


def key_of(photo: Path, parameters: Mapping[str, Any]) -> str:
    """Changes with the photo's content, the options and our version; empty when the photo cannot be read."""
    try:
        plain_size(photo)
        with photo.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
    options = {name: value for name, value in parameters.items() if name not in _ASIDE}
    return hashlib.sha256(json.dumps([__version__, content, options], sort_keys=True).encode()).hexdigest()[:32]
