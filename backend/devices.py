"""Which processor the work runs on, and what to say about it. torch is imported only when asked."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from backend.errors import InputError

Choice = Literal["auto", "cpu", "cuda", "mps"]
CHOICES: tuple[Choice, ...] = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Device:
    """A processor torch can use."""

    kind: str  # "cpu", "cuda", "mps"
    name: str
    memory_bytes: int  # of the GPU, or of the machine
    reason: str  # a sentence for a person: why this one

    def as_json(self) -> dict[str, Any]:
        """For avatar.json and the protocol."""
        return asdict(self)


def choose(choice: str = "auto") -> Device:
    """The device for `choice`. Raises InputError when this machine, or its torch, does not have it."""
    import torch

    if choice not in CHOICES:
        raise InputError(f"There is no device {choice!r}.", "Use auto, cpu, cuda or mps.")
    if choice in ("auto", "cuda") and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        del free
        return Device("cuda", torch.cuda.get_device_name(), total, "An NVIDIA GPU is there and torch can use it.")
    if choice in ("auto", "mps") and torch.backends.mps.is_available():
        return Device("mps", "Apple GPU", memory_bytes(), "Apple's GPU is there and torch can use it.")
    if choice == "cuda":
        built = "has no NVIDIA GPU" if torch.version.cuda else "has a torch without CUDA"
        raise InputError(f"--device cuda was asked for, but this machine {built}.", "Use --device auto.")
    if choice == "mps":
        raise InputError("--device mps was asked for, but this machine has no Apple GPU that torch can use.",
                         "Use --device auto.")
    reason = "The CPU was asked for." if choice == "cpu" else "No GPU that torch can use was found."
    return Device("cpu", cpu_name(), memory_bytes(), reason)


def cpu_name() -> str:
    """The processor's name with its number of cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text("utf-8", "replace").splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    return f"{name}, {cpu_count()} cores"


def cpu_count() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """The machine's memory, 0 when the system does not tell."""
    if sys.platform == "win32":
        return _windows_memory().total
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


if sys.platform == "win32":
    def _windows_memory() -> Any:
        import ctypes

        class Status(ctypes.Structure):
            _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong),
                        *((name, ctypes.c_ulonglong) for name in ("total", "free", "page", "page_free", "virtual",
                                                                  "virtual_free", "extended"))]

        status = Status()
        status.length = ctypes.sizeof(status)
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return status

    def free_memory_bytes() -> int:
        """What nobody uses, with what can be moved to the disk."""
        return _windows_memory().page_free
