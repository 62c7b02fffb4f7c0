"""Finding a Python of a given version: this one, one on the PATH, pyenv's, the Windows launcher's, or uv's."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.run import BuildError, capture, say


def find_python(version: str) -> Path:
    """An interpreter of `version` ("3.11"). Raises BuildError when there is none and none can be fetched."""
    question = "import sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for candidate in candidates(version):
        status, text = capture([*candidate, "-c", question])
        if status == 0 and text.split()[:1] == [version]:
            return Path(text.strip().split(maxsplit=1)[1])
    uv = shutil.which("uv")
    if uv:
        say(f"Python {version} is not here; asking uv for it")
        capture([uv, "python", "install", version])
        status, text = capture([uv, "python", "find", version])
        if status == 0:
            return Path(text.strip().splitlines()[-1])
    raise BuildError(f"Blender's module needs Python {version}, which was not found.\n"
                     f"Install it (python.org, your system's package manager, or `uv python install {version}`) "
                     "and run the same command again.")


def candidates(version: str) -> list[list[str]]:
    """Commands that may start that version, the likeliest first."""
    found = [[sys.executable]] if version == "{}.{}".format(*sys.version_info[:2]) else []
    named = shutil.which(f"python{version}")
    if named:
        found.append([named])
    if shutil.which("py"):
        found.append(["py", f"-{version}"])
    found += [[str(path)] for path in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))]
    return found
