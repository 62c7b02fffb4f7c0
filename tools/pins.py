"""The SHA-256 of every table and model of ours that ships, so that a changed one is noticed when it is loaded.

What other people made is in `backend/assets/manifest.json` with its licence and source; everything else is listed in
`backend/assets/pinned.json`, which `python3 build.py pin` writes anew after a measurement or a training.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tools.paths import ROOT

BACKEND = ROOT / "backend"
ASSETS = BACKEND / "assets"
PINNED = ASSETS / "pinned.json"
SUFFIXES = (".npz", ".safetensors", ".task", ".tflite")


def files() -> list[Path]:
    """Every file of data that the backend loads and that manifest.json does not list."""
    listed = {ASSETS / name for name in json.loads((ASSETS / "manifest.json").read_text("utf-8"))}
    return [path for path in sorted(BACKEND.rglob("*")) if path.suffix in SUFFIXES and path not in listed
            and "training" not in path.relative_to(BACKEND).parts]


def pins() -> dict[str, dict[str, int | str]]:
    """Size and hash of each, by its path from the backend's folder."""
    return {path.relative_to(BACKEND).as_posix(): {
        "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in files()}


def write() -> int:
    """Write the list; returns the exit status."""
    PINNED.write_text(json.dumps(pins(), indent=1) + "\n", "utf-8", newline="\n")
    return 0
