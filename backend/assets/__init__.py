"""The data files that ship with Likeness, and the check that they are the ones we shipped.

`manifest.json` lists third-party files with licence, source, size and SHA-256. Heads and our own networks' weights
have their own readers; what they load may be listed here too.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from backend.errors import ModelError

FOLDER = Path(__file__).parent
MANIFEST = "manifest.json"


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
        raise ModelError(f"The file {name} is not listed in {MANIFEST}.", "Reinstall Likeness.")
    path = folder / name
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise ModelError(f"The model file {path.name} has {size} bytes instead of {entry['bytes']}.",
                             "Reinstall Likeness.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The model file {path.name} cannot be read: {error.strerror}.",
                         "Reinstall Likeness.") from error
    if digest != entry["sha256"]:
        raise ModelError(f"The model file {path.name} was changed: its SHA-256 is not the one we shipped.",
                         "Reinstall Likeness.")
    return path


def manifest(folder: Path = FOLDER) -> dict[str, dict]:
    """What `manifest.json` in `folder` says: file name -> bytes, sha256, licence, source. Raises ModelError."""
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The list of model files, {MANIFEST}, cannot be read.", "Reinstall Likeness.") from error
