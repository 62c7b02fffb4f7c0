"""What a bug leaves behind: a text file that a user can send without giving away a face, a name or a folder."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import traceback
from pathlib import Path

from backend import __version__
from backend.errors import LikenessError

_PATH = re.compile(r"(?:~|[A-Za-z]:)?[\\/]+(?:[^\\/\n\r:\"<>|]+[\\/]+)+")
"""From a first slash to the last one: folders have spaces and apostrophes in their names, so that words between two
paths may go as well."""


class Bug(LikenessError):  # noqa: N818 - a bug is what it is
    """Something of ours broke. Its report lies at `report`."""

    kind = "bug"

    def __init__(self, report: Path) -> None:
        self.report = report
        super().__init__("Something in Likeness broke; this is a bug.", f"Please send the report {report}.")


def write_report(error: BaseException, doing: str, noise: str = "") -> Path:
    """Write a report beside other temporary files, owner-only, and return its path.

    `doing` is what was asked for, without paths; `noise` what libraries said. Values of variables are never written.
    """
    lines = [f"Likeness {__version__} report", f"doing: {doing}", f"python: {platform.python_version()} "
             f"on {platform.system()} {platform.release()} {platform.machine()}", _versions(), ""]
    lines += _frames(error)
    if noise:
        lines += ["", "libraries said:", *map(without_paths, noise.splitlines()[-40:])]
    handle, name = tempfile.mkstemp(prefix="likeness-report-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write("\n".join(lines) + "\n")
    return Path(name)


def without_paths(text: str) -> str:
    """The text with every folder taken off its file names."""
    return _PATH.sub("", text.replace(str(Path.home()), "~"))


def _frames(error: BaseException) -> list[str]:
    package = Path(__file__).parent
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        place = path.relative_to(package).as_posix() if path.is_relative_to(package) else path.name
        lines.append(f"  {place.replace('/', '.')}:{frame.lineno} in {frame.name}: {frame.line}")
    lines.append(without_paths(f"{type(error).__name__}: {error}"))
    if error.__cause__ is not None:
        lines += ["caused by", *_frames(error.__cause__)]
    return lines


def _versions() -> str:
    names = ("numpy", "torch", "cv2", "mediapipe", "scipy", "PIL")
    found = [f"{name} {getattr(sys.modules[name], '__version__', '?')}" for name in names if name in sys.modules]
    return f"loaded: {', '.join(found) or 'nothing'}"
