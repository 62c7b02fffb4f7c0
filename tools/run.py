"""Running other programs, and stopping with one sentence when that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.paths import ROOT


class BuildError(Exception):
    """A sentence for the person at the terminal: what is missing and what to do."""


def say(text: str) -> None:
    """One line of progress."""
    print(text, flush=True)


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, quiet: bool = False) -> int:
    """Run in the checkout's root and return the exit status. `env` is added to the clean environment."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=clean_environment(env),
                          stdout=subprocess.DEVNULL if quiet else None, check=False).returncode


def capture(command: Sequence[str | Path]) -> tuple[int, str]:
    """Run and return exit status and everything printed."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=clean_environment(), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment less what would leak another Python into ours."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "PYTHONNOUSERSITE": "1", **(extra or {})}


def must(command: Sequence[str | Path], failure: str) -> None:
    """Run; on failure show the last lines of what it printed and stop with `failure`."""
    status, output = capture(command)
    if status:
        sys.stderr.write("\n".join(output.splitlines()[-25:]) + "\n")
        raise BuildError(failure)
