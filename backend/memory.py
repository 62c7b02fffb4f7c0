"""When memory runs out: telling it from other errors, whatever library met it, and looking before the work begins."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from backend import devices
from backend.errors import InputError, LikenessError, ModelError

NEEDED = {1024: 1_000_000_000, 2048: 1_600_000_000, 4096: 4_000_000_000}
"""Bytes that have to be free before a job of a resolution begins. Measured peaks of one photo are 1.18e9 and 1.90e9
(the last is an estimate); a job that is a little short may still pass, as systems swap and give caches back."""
WORDS = ("out of memory", "allocate memory", "bad_alloc", "insufficient memory", "memoryerror", "unable to allocate",
         "failed to allocate", "failed to map segment", "thread creation failed", "can't start new thread",
         "pthread_create failed")
"""What libraries say when they get no memory: torch, C++, OpenCV, NumPy, the loader, OpenMP, Python, OpenBLAS."""
_CLOSE = "Close other programs."


def ran_out(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, means that memory ran out."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if tells(f"{type(error).__name__}: {error}"):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def is_behind(error: LikenessError) -> bool:
    """Whether one of our own errors had better say that memory ran out: a model that does not start, say."""
    short = ran_out(error) or (isinstance(error, ModelError) and is_limited())
    return short and "memory" not in error.message


def tells(text: str) -> bool:
    """Whether what a library said means that memory ran out."""
    lower = text.lower()
    return any(word in lower for word in WORDS)


def is_limited() -> bool:
    """Whether this process may have only so much address space: then a death in native code is most likely that."""
    if sys.platform == "win32":
        return False
    import resource

    return any(resource.getrlimit(kind)[0] != resource.RLIM_INFINITY
               for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))


def sentence(resolution: int | None = None) -> InputError:
    """What a person is told: of a job at a resolution, or of anything."""
    if resolution is None:
        return InputError("The computer ran out of memory.", _CLOSE)
    return InputError(f"The computer ran out of memory at resolution {resolution}.", _remedy(resolution))


def require(resolution: int) -> None:
    """Refuse a job for which too little memory is free, before it begins. Raises InputError."""
    free = free_bytes()
    if free is not None and free < NEEDED[resolution]:
        raise InputError(f"Only {free / 1e9:.1f} GB of memory are free; resolution {resolution} needs "
                         f"{NEEDED[resolution] / 1e9:.1f} GB.", _remedy(resolution))


def free_bytes() -> int | None:
    """Bytes that this process can still have: the system's, or those a container leaves. None where nobody tells."""
    if sys.platform == "win32":
        return devices.free_memory_bytes()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    told = {name: int(value.split()[0]) << 10 for name, _, value in (line.partition(":") for line in lines)}
    if "MemAvailable" not in told:
        return None
    free = told["MemAvailable"] + told.get("SwapFree", 0)
    left = _container_leaves(Path("/sys/fs/cgroup"))
    return free if left is None else min(free, left)


def _container_leaves(place: Path) -> int | None:
    """Bytes below the limit of a container (control groups, version 2), its file cache not counted."""
    try:
        limit = (place / "memory.max").read_text().strip()
        used = int((place / "memory.current").read_text())
        stat = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
        return None if limit == "max" else int(limit) - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None


def _remedy(resolution: int) -> str:
    lower = [size for size in NEEDED if size < resolution]
    return f"Use --resolution {lower[-1]}, or close other programs." if lower else _CLOSE
