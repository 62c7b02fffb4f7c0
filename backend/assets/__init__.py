"""The data files that ship with Likeness, and the check that they are the ones we shipped.

`manifest.json` lists files with licence, source, size and SHA-256: third parties' and networks' weights. `pinned.json`
lists size and SHA-256 of all other data of the backend by its path from the backend's folder (`python3 build.py pin`).
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from backend.errors import ModelError

FOLDER = Path(__file__).parent
MANIFEST, PINNED = "manifest.json", "pinned.json"
AGAIN = "Reinstall Likeness."
_MAX_LIST_BYTES = 4 << 20


@cache
def verify_all() -> int:
    """Hold every table, head and model that ships against what was pinned, once per process; how many there are.

    Raises ModelError for the first that is missing or was changed.
    """
    count = 0
    for table, folder in ((MANIFEST, FOLDER), (PINNED, FOLDER.parent)):
        for name, entry in listed(FOLDER / table).items():
            compare(folder / name, entry)
            count += 1
    return count


@cache
def asset_path(name: str) -> Path:
    """The path of a listed file, for instance `"mediapipe/face_landmarker.task"`, verified once per process.

    Raises ModelError when the file is not listed, missing, or differs in size or SHA-256.
    """
    return verified(FOLDER, name)


def verified(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`, after comparing it with the folder's manifest. Raises ModelError."""
    entry = manifest(folder).get(name)
    if entry is None:
        raise ModelError(f"The file {name} is not listed in {MANIFEST}.", AGAIN)
    path = folder / name
    compare(path, entry)
    return path


def compare(path: Path, entry: dict[str, Any]) -> None:
    """Hold a file against its `bytes` and `sha256`. Raises ModelError when it is not the one we shipped."""
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise ModelError(f"The model file {path.name} has {size} bytes instead of {entry['bytes']}.", AGAIN)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The model file {path.name} cannot be read: {error.strerror}.", AGAIN) from error
    if digest != entry["sha256"]:
        raise ModelError(f"The model file {path.name} was changed: its SHA-256 is not the one we shipped.", AGAIN)


def manifest(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """What `manifest.json` in `folder` says: file name -> bytes, sha256, licence, source. Raises ModelError."""
    return listed(folder / MANIFEST)


def listed(path: Path) -> dict[str, dict[str, Any]]:
    """A list of files: name -> an entry with at least `bytes` and `sha256`. Raises ModelError when it is none."""
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise ValueError("larger than any list of ours")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not all({"bytes", "sha256"} <= set(entry) for entry in found.values()):
            raise ValueError("an entry lacks its size or its hash")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"The list of model files, {path.name}, cannot be read.", AGAIN) from error
    return found
