"""When memory runs out: telling it from other errors, whatever library met it, and looking before the work begins."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from backend import devices
from backend.errors import InputError, LikenessError, ModelError

RESOLUTIONS = (1024, 2048, 4096)
_START, _PER_TEXEL, _PER_PIXEL = 1_250_000_000, 190, 22
"""Bytes that a job takes at its peak: libraries and models, each texel of a map, each pixel of a photo. Measured peaks
of a first job are 1.42e9 (1024, 0.25 million pixels), 1.68e9 (1024, 12), 2.36e9 (1024, three of 12), 2.07e9 (2048, 12)
and 4.70e9 (4096, 12)."""
_ENOUGH = 0.85
"""A job that is a little short may still pass, as systems swap and give caches back."""
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
        if isinstance(error, SystemError) and is_limited():  # native code failed and did not say why
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


def needed(resolution: int, pixels: int) -> int:
    """Bytes that a job takes at its peak, with photos of so many pixels together, as they are worked on."""
    return _START + _PER_TEXEL * resolution**2 + _PER_PIXEL * pixels


def require(resolution: int, pixels: int) -> None:
    """Refuse a job for which too little memory is free, before it begins. Raises InputError.

    `pixels` is those of all its photos together. What this process holds already counts as free: the job will use it.
    """
    free, asked = free_bytes(), _ENOUGH * needed(resolution, pixels)
    if free is not None and free + held_bytes() < asked:
        raise InputError(f"Only {free / 1e9:.1f} GB of memory are free; resolution {resolution} with photos of "
                         f"{pixels / 1e6:.0f} million pixels needs {asked / 1e9:.1f} GB.", _remedy(resolution))


def held_bytes() -> int:
    """Bytes of memory that this process holds; 0 where nobody tells."""
    if sys.platform == "win32":
        return 0
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def give_back() -> None:
    """Hand freed memory to the system; glibc keeps it otherwise, a gigabyte after a job, until the process ends."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


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
    lower = [size for size in RESOLUTIONS if size < resolution]
    return f"Use --resolution {lower[-1]}, or close other programs." if lower else _CLOSE
