"""`python -m tests.trust.forks`: real runs of the pipeline, each in a forked child, that something happens to.

Libraries are imported once, in a parent that computes nothing (a fork takes no threads along); a child then works as
the command line does, and dies, or meets the fault, at the moment that was asked for. One JSON line asks, one answers.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

FACES = ("Observation", "ObservedTexture", "HeadFit", "SkinMaps")
"""What a job works with; none of them is to outlive it."""
_WRITES = os.O_WRONLY | os.O_RDWR
_CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "tempfile.mkdtemp")


class at_change:  # noqa: N801 - it is called as a function
    """An audit hook: at the n-th change below a folder, die, or fail as a disk fails; `seen` counts them."""

    def __init__(self, fault: dict[str, Any]) -> None:
        self.seen, self._below, self._at = 0, str(fault["below"]), int(fault["at"])
        self._error: int | None = fault.get("errno")

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See `sys.addaudithook`."""
        changes = event in _CHANGES or (
            event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & _WRITES))
        if not changes or not isinstance(arguments[0], (str, os.PathLike)):
            return
        name, inside = os.fspath(arguments[0]), event in ("os.remove", "os.rmdir") and arguments[-1] != -1
        if not inside and not name.startswith(self._below):  # what is removed inside a folder goes by its bare name
            return
        self.seen += 1
        if self.seen == self._at:
            if self._error is None:
                os.kill(os.getpid(), signal.SIGKILL)
                return
            raise OSError(self._error, os.strerror(self._error), arguments[0])


def _child(asked: dict[str, Any], answer: int) -> None:
    """Do one run; what became of it goes into the pipe `answer`."""
    from backend import pipeline
    from backend.errors import LikenessError

    said: dict[str, Any] = {"exit": 0, "stages": []}
    seen: list[str] = []

    def progress(stage: str, fraction: float, overall: float, text: str) -> None:
        del overall, text
        moment = f"{stage} {'begins' if fraction == 0.0 else 'ends' if fraction == 1.0 else 'runs'}"
        if moment not in seen:
            seen.append(moment)
            if moment == asked.get("kill"):
                os.kill(os.getpid(), signal.SIGKILL)

    if "after_s" in asked:
        threading.Timer(asked["after_s"], lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    if "fault" in asked:
        sys.addaudithook(at_change(asked["fault"]))
    if "memory" in asked:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (now + asked["memory"],) * 2)
    try:
        options = pipeline.Options(**{"resolution": 1024, "device": "cpu", **asked.get("options", {})})
        made = pipeline.create([Path(path) for path in asked["photos"]], Path(asked["out"]), options,
                               Path(asked["work"]), progress)
        said["stages"] = made.metadata["stages"]
        gc.collect()
        said["held"] = [type(one).__name__ for one in gc.get_objects() if type(one).__name__ in FACES]
    except LikenessError as error:
        said.update(exit=error.exit_code, sentence=str(error))
    except BaseException as error:
        said.update(exit=1, sentence="".join(traceback.format_exception(error))[-1500:])
    os.write(answer, json.dumps(said).encode())


def main() -> None:
    """Answer until standard input closes."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import torch

    torch.set_num_threads(1)
    for name in ("backend.capture", "backend.fit", "backend.glimpses", "backend.preview", "backend.report",
                 "backend.reflectance", "backend.unwrap", "backend.confidence", "mediapipe", "OpenEXR",
                 "backend.head.parameters", "backend.head.flame_parameters", "backend.head.resolution.levels"):
        __import__(name)
    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        process = os.fork()
        if not process:
            os.close(reading)
            os.setpgid(0, 0)
            _child(asked, writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            text = pipe.read()
        _, status = os.waitpid(process, 0)
        said = json.loads(text) if text else {"exit": None, "stages": []}
        said["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        out.write(json.dumps(said) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
