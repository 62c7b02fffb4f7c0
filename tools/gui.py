"""A real Blender in a window that nobody sees: `build.py test --gui`.

Needs a Blender (LIKENESS_BLENDER names one, else `blender` on the path) and, where there is no display, Xvfb; for
pictures under Xvfb, ImageMagick's `import`. The zip goes into an empty user folder; tests/gui/drive.py works the
panels by mouse and keyboard, and leaves screenshots in out/gui/.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tools import environments
from tools import package as packages
from tools.paths import BACKEND_ENV, ROOT, SAMPLE_PHOTO, env_python
from tools.run import BuildError, must, run, say

OUT = ROOT / "out" / "gui"
DRIVER = ROOT / "tests" / "gui" / "drive.py"
FILM_MAKER = ROOT / "tests" / "gui" / "make_film.py"
FILM = "sway.mp4"
SCREEN = "1600x1000x24"
RESULT = "result.json"
ODD = "Bäume mit Leerzeichen 顔"
"""A folder as artists have them."""


def in_a_window() -> int:
    """From an empty scene to a rendered avatar; 0 when every step did what it should."""
    blender, display = a_blender(), a_display()
    environments.backend()
    zip_file = packages.for_this_computer()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="likeness-gui-") as folder:
        photo = Path(folder) / ODD / SAMPLE_PHOTO.name  # avatars come to lie beside their photos
        photo.parent.mkdir()
        shutil.copyfile(SAMPLE_PHOTO, photo)
        must([env_python(BACKEND_ENV), FILM_MAKER, photo, photo.with_name(FILM)], "The test's film could not be made.")
        # The factory's settings keep the window from asking anything; event simulation lets the driver press keys.
        command = [*display, blender, "--factory-startup", "--no-window-focus", "--enable-event-simulate",
                   "--window-geometry", "0", "0", *SCREEN.split("x")[:2], "--python-exit-code", "1",
                   "--python", str(DRIVER), "--", str(zip_file), str(photo), str(OUT)]
        status = run(command, env={"BLENDER_USER_RESOURCES": folder, "LIBGL_ALWAYS_SOFTWARE": "1",
                                   "LIKENESS_BACKEND_PYTHON": str(env_python(BACKEND_ENV))})
    result = OUT / RESULT
    if not result.is_file():
        say(f"FAILED  Blender ended with status {status} and left no result")
        return 1
    for step in json.loads(result.read_text("utf-8")):
        say(f"{'passed' if step['ok'] else 'FAILED'}  {step['step']}  {step['seconds']:.1f} s  {step['said']}".rstrip())
    return 0 if all(step["ok"] for step in json.loads(result.read_text("utf-8"))) else 1


def a_blender() -> str:
    """The program. Raises BuildError when there is none."""
    found = os.environ.get("LIKENESS_BLENDER") or shutil.which("blender")
    if not found or not shutil.which(found):
        raise BuildError("Tests in a window need Blender itself: install it, or let LIKENESS_BLENDER name the program.")
    return found


def a_display() -> list[str]:
    """What to start a program with so that it has a screen. Raises BuildError when there is none."""
    if sys.platform != "linux":
        return []
    if shutil.which("xvfb-run"):
        return ["xvfb-run", "-a", "-s", f"-screen 0 {SCREEN}"]
    if os.environ.get("DISPLAY"):
        return []
    raise BuildError("Tests in a window need a screen: install Xvfb (Debian, Ubuntu: sudo apt-get install xvfb).")
