"""`build.py train`: the backend's own training command, in its environment, with its folder in build/."""

from __future__ import annotations

from pathlib import Path

from tools.paths import ROOT
from tools.run import run, say

MODULE = "backend.training.reflectance"


def train(python: Path, *, name: str, ship: bool, smoke: bool, folder: Path | None, **options: object) -> int:
    """Train `name`; with `ship`, put a finished one into the assets. Returns the exit status.

    `options` are passed on as `--option value`, paths made absolute; None is left out.
    """
    place = (folder or ROOT / "build" / "train" / ("smoke" if smoke else name)).resolve()
    command: list[str | Path] = [python, "-m", MODULE, "train", name, "--folder", place]
    for option, value in options.items():
        if value is not None:
            command += [f"--{option}", str(value.resolve() if isinstance(value, Path) else value)]
    status = run([*command, "--smoke"] if smoke else command)
    if status == 0 and ship:
        status = run([python, "-m", MODULE, "pin", place])
    elif status == 0:
        say(f"The network and its card are in {place}.")
    return status
