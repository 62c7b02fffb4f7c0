"""Where things are in a checkout, and which versions of Blender it is tested with."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
BACKEND_ENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
SAMPLE_PHOTO = ROOT / "samples" / "nasa_portrait.png"

BLENDERS = {"4.2": "3.11", "4.5": "3.11", "5.0": "3.11", "5.2": "3.13"}
"""Blender as a module, by version, with the Python each is built for."""
TESTED_BLENDERS = ("4.2", "5.0")
DEMO_BLENDER = "5.0"


def blender_env(version: str) -> Path:
    """The folder of the environment with that Blender."""
    return ROOT / f".venv-blender-{version}"


def env_python(env: Path) -> Path:
    """The interpreter inside an environment."""
    return env / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
