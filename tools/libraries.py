"""System libraries that wheels expect and a bare computer may lack: finds them all at once and names the cure."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from tools.run import BuildError, capture

DEBIAN_PACKAGES = {
    "libX11.so.6": "libx11-6", "libXrender.so.1": "libxrender1", "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3", "libXi.so.6": "libxi6", "libXext.so.6": "libxext6",
    "libxkbcommon.so.0": "libxkbcommon0", "libSM.so.6": "libsm6", "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1", "libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2", "libGLdispatch.so.0": "libglvnd0",
    "libgomp.so.1": "libgomp1", "libglib-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0",
    "libportaudio.so.2": "libportaudio2",
}
"""What each missing file is called in Debian and Ubuntu."""

RENDER_LIBRARIES = ("libEGL.so.1", "libGL.so.1")
"""Opened by name when EEVEE renders without a window; the process aborts when they are missing."""

MESA_DRIVER = "libgl1-mesa-dri"


def check_blender(python: Path) -> None:
    """Raise BuildError naming every system library this Blender module lacks. Linux only; others bring theirs."""
    if not sys.platform.startswith("linux"):
        return
    status, text = capture([python, "-c", "import bpy, sysconfig; print(sysconfig.get_paths()['platlib'])"])
    if status == 0 and not missing_by_name(RENDER_LIBRARIES):
        return
    missing = set(missing_by_name(RENDER_LIBRARIES))
    missing |= set(re.findall(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file", text))
    missing |= set(linked_but_missing(python))
    if not missing:
        raise BuildError(f"Blender's module cannot be loaded:\n{text.strip()[-800:]}")
    raise BuildError(sentence("Headless Blender", missing))


def check_backend(python: Path) -> None:
    """Raise BuildError when OpenCV or MediaPipe cannot load for want of a system library."""
    status, text = capture([python, "-c", "import cv2, mediapipe, torch"])
    if status == 0:
        return
    missing = set(re.findall(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file", text))
    if not missing:
        raise BuildError(f"The backend's libraries cannot be loaded:\n{text.strip()[-800:]}")
    raise BuildError(sentence("The backend", missing))


def missing_by_name(names: tuple[str, ...]) -> list[str]:
    """Those of `names` that the dynamic linker cannot find."""
    import ctypes

    absent = []
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            absent.append(name)
    return absent


def linked_but_missing(python: Path) -> list[str]:
    """Every library the bpy module links to and `ldd` cannot find."""
    if shutil.which("ldd") is None:
        return []
    _, where = capture([python, "-c", "import importlib.util as u; print(u.find_spec('bpy').origin)"])
    folder = Path(where.strip().splitlines()[-1]).parent if where.strip() else None
    found: list[str] = []
    for module in folder.glob("__init__*.so") if folder else ():
        found += re.findall(r"^\s*(\S+) => not found", capture(["ldd", module])[1], re.MULTILINE)
    return found


def sentence(who: str, missing: set[str]) -> str:
    """What is missing and the line that installs it."""
    packages = sorted({DEBIAN_PACKAGES.get(name, "") for name in missing} - {""} | {MESA_DRIVER})
    return (f"{who} needs system libraries that are not installed: {', '.join(sorted(missing))}.\n"
            f"On Debian or Ubuntu: sudo apt-get install {' '.join(packages)}\n"
            "On other systems install the packages that hold these files, then run the same command again.")
