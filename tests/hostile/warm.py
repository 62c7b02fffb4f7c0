"""`python -m tests.hostile.warm`: reads one case after another, a JSON line each, and tells what came of it.

One process for all, so that libraries are loaded once. It watches itself: what is opened for writing, started or sent
is heard by an audit hook, the most memory that a case took is asked of the kernel. Files without a name (a folder is
opened for writing) go with the process, and are not counted: what a library says while it starts lands in one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
            "shutil.rmtree", "shutil.move", "shutil.copyfile"}
_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile",
           "pty.spawn"}
_heard: list[str] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        writes = flags & _WRITES or (mode and set("wax+") & set(str(mode)))
        if writes and isinstance(path, (str, bytes)) and not Path(os.fsdecode(path)).is_dir():
            _heard.append(f"write {os.fsdecode(path)}")
    elif event in _CHANGES:
        _heard.append(f"{event} {arguments[0]}")
    elif event in _STARTS or event.startswith("socket."):
        _heard.append(event)


def peak_bytes(*, reset: bool = False) -> int:
    """The most memory this process has had since the last reset; 0 where the system does not tell."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def resident_bytes() -> int:
    """Memory now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def answer(door: str, path: Path) -> dict[str, Any]:
    """What came of one case."""
    from tests.hostile.doors import DOORS

    before = resident_bytes()
    peak_bytes(reset=True)
    _heard.clear()
    started = time.process_time()
    exit_code, kind, sentence = 0, "", ""
    try:
        DOORS[door](path)
    except Exception as error:  # which one is what the test asks
        exit_code, kind = getattr(error, "exit_code", 1), type(error).__name__
        sentence = str(error) if hasattr(error, "remedy") else f"{kind}: {error}"
        if not hasattr(error, "exit_code"):  # the add-on's errors have none: its operators report them
            exit_code = 2 if kind == "InputError" else 1
    seconds = time.process_time() - started
    heard = [what for what in _heard if not what.endswith("/proc/self/clear_refs")]
    return {"exit": exit_code, "kind": kind, "sentence": sentence, "seconds": seconds,
            "bytes": max(peak_bytes() - before, 0), "heard": heard}


def main() -> None:
    """Answer until standard input closes."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries say things
    from backend.capture import observe
    from backend.errors import InputError
    from tests.hostile import doors

    for name in ("torch", "OpenEXR", "safetensors.torch", "backend.training.render.lights",
                 "backend.reflectance.networks.weights", "backend.fit.learned.evidence", "backend.animation.livelink",
                 "backend.tracking.film", "backend.video.keyframes", "blender_addon.performance.livelink"):
        __import__(name)
    doors.nobody()
    try:
        observe(Path(sys.argv[1]))  # a picture without a face, so that the models are loaded
    except InputError:
        sys.addaudithook(_hook)
    for line in sys.stdin:
        asked = json.loads(line)
        out.write(json.dumps(answer(asked["door"], Path(asked["path"]))) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
