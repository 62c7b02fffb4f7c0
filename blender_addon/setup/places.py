"""Where things are: what the extension brings, and the user's folder that everything is set up in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import bpy

from .. import environment
from ..environment import State

PACKAGE = __package__.rpartition(".")[0]
IMPORTS = ("torch", "cv2", "mediapipe", "scipy", "embreex")
"""What a set-up must be able to load in the end: all that brings libraries of its own."""


@dataclass(frozen=True)
class Places:
    """Files and folders of one installation."""

    lock: Path
    project: Path  # pins torch
    wheels: Path  # holds uv's
    base: Path  # the user's folder: environment, uv and its cache, the log of the last set-up

    @property
    def environment(self) -> Path:
        """The environment's folder."""
        return self.base / "environment"

    @property
    def cache(self) -> Path:
        """What uv downloaded; on one disk with the environment, so that files are there once."""
        return self.base / "cache"

    @property
    def log(self) -> Path:
        """Everything that the last set-up said."""
        return self.base / "setup.log"


def places() -> Places:
    """Inside the extension where it is installed, in the checkout where that is run."""
    here = Path(__file__).parents[1]
    home = here if (here / "backend").is_dir() else here.parent
    return Places(home / "requirements" / "backend.lock", home / "pyproject.toml", home / "wheels", user_folder())


def user_folder() -> Path:
    """The extension's own folder in the user's files; Blender keeps it when the extension is updated."""
    if PACKAGE.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(PACKAGE))
    return Path(bpy.utils.user_resource("EXTENSIONS")) / ".user" / "checkout" / PACKAGE  # tests and scripts


def state(build: str = "auto") -> State:
    """What is set up. Cheap enough for drawing: reads two small files."""
    here = places()
    return environment.state(here.environment, here.lock, torch=_torch(here.project), build=build)


def python() -> Path | None:
    """The environment's Python, None while there is none that this version can use."""
    return environment.python_in(places().environment) if state() is State.READY else None


def torch() -> str | None:
    """The version of torch that is wanted."""
    return _torch(places().project)


@lru_cache(maxsize=1)
def _torch(project: Path) -> str | None:
    return environment.torch_version(project)
