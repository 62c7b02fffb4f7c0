"""Makes and checks the backend's own Python environment. No bpy, standard library only, Python 3.11 and later.

`build.py` uses it as well as the add-on. Nothing is ever installed into Blender's Python or the add-on's folder. The
folder is ours only when it is empty or already an environment; anything else is refused, never deleted.

How torch is chosen (`choose_torch`): what pip is configured for wins when that is a CPU build; macOS and Windows take
their default; Linux without an NVIDIA GPU takes the official CPU index (the default there is gigabytes of CUDA); a
machine with an NVIDIA GPU takes the default. uv decides the same by itself (`--torch-backend`).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .errors import Cancelled, SetupError
from .process import clean_environ, run_pollable

STAMP = "likeness-environment.json"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
NEEDED_BYTES_CPU = 3_000_000_000
"""Room for a CPU environment (1.3 to 1.7 GB measured) and the downloads beside it."""
NEEDED_BYTES_CUDA = 12_000_000_000
OLDEST_PYTHON = (3, 11)
_LOG_TAIL = 12

Progress = Callable[[float, str], None]


class State(Enum):
    """What is in the folder."""

    READY = "ready"
    MISSING = "missing"
    OUTDATED = "outdated"  # made for another lock, or its making was interrupted
    BROKEN = "broken"  # its base Python has gone


@dataclass(frozen=True)
class Step:
    """Where a set-up is: `fraction` 0..1 of the whole, `text` a few words for a person."""

    fraction: float
    text: str


def python_in(folder: Path) -> Path:
    """The environment's interpreter (which may not exist yet)."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def fingerprint(locks: Sequence[Path], torch: str | None) -> str:
    """SHA-256 over torch's version and the lock files' contents, line endings aside."""
    digest = hashlib.sha256(f"torch {torch}\0".encode())
    for lock in locks:
        digest.update(lock.read_bytes().replace(b"\r\n", b"\n"))
        digest.update(b"\0")
    return digest.hexdigest()


def state(folder: Path, lock: Path | Sequence[Path], *, torch: str | None = None) -> State:
    """What `folder` holds, judged by its stamp; reads two small files and starts nothing."""
    config = folder / "pyvenv.cfg"
    if not config.is_file():
        return State.MISSING
    home = re.search(r"(?m)^home *= *(.+)$", config.read_text("utf-8", "replace"))
    if not python_in(folder).exists() or (home and not Path(home[1].strip()).is_dir()):
        return State.BROKEN
    try:
        stamp = json.loads((folder / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return State.OUTDATED
    return State.READY if stamp.get("lock") == fingerprint(_as_list(lock), torch) else State.OUTDATED


def ensure(folder: Path, lock: Path | Sequence[Path], *, torch: str | None = None, python: Path | None = None,
           uv: Path | None = None, progress: Progress | None = None,
           cancelled: Callable[[], bool] = lambda: False) -> Path:
    """Make `folder` match `lock` (one requirements file or several) and return its interpreter; quick when it does.

    `torch` is the version of torch to add in the build that suits this machine (None: no torch); its build differs
    from machine to machine, so locks with hashes leave it out (`torch_version` reads it from a pyproject.toml).
    `python` is the interpreter it is made with (default: this one); `uv` is used where given or found, unless pip is
    configured with indexes of its own, which uv would not read. Raises SetupError, or Cancelled.
    """
    steps = setup(folder, lock, torch=torch, python=python, uv=uv)
    try:
        for step in steps:
            if progress:
                progress(step.fraction, step.text)
            if cancelled():
                raise Cancelled("The set-up was cancelled.", "Start it again; what was downloaded is kept.")
            time.sleep(0.05)
    finally:
        steps.close()
    return python_in(folder)


def setup(folder: Path, lock: Path | Sequence[Path], *, torch: str | None = None, python: Path | None = None,
          uv: Path | None = None) -> Generator[Step, None, None]:
    """The same as a generator for a timer: every `next` returns at once. Closing it ends what is running.

    An interrupted set-up leaves an environment without a stamp, which the next one completes.
    """
    folder, locks = Path(folder), [Path(path) for path in _as_list(lock)]
    for path in locks:
        if not path.is_file():
            raise SetupError(f"The requirements file {path.name} is missing.", "Reinstall Likeness.")
    found = state(folder, locks, torch=torch)
    if found is State.READY:
        return
    _check_folder(folder, found)
    base = Path(python or sys.executable)
    uv = _usable_uv(uv, base)
    log: list[str] = []
    yield Step(0.0, "Looking at this machine")
    gpu = torch is not None and has_nvidia_gpu()
    if found in (State.MISSING, State.BROKEN):
        _check_disk(folder, NEEDED_BYTES_CUDA if gpu else NEEDED_BYTES_CPU)
        if found is State.BROKEN:
            shutil.rmtree(folder)
        yield from _make(folder, base, uv, log)
    (folder / STAMP).unlink(missing_ok=True)
    yield from _install(folder, locks, torch, uv, gpu, log)
    stamp = {"lock": fingerprint(locks, torch), "installer": "uv" if uv else "pip", "gpu": gpu}
    (folder / STAMP).write_text(json.dumps(stamp), "utf-8")
    yield Step(1.0, "The environment is ready")


def choose_torch(configured_version: str | None, system: str, machine: str, gpu: bool) -> str | None:
    """The index URL torch is to be taken from, None for pip's own configuration.

    `configured_version` is what pip's own configuration resolves torch to, None when pip has no index of its own.
    """
    if configured_version is not None and "+cpu" in configured_version:
        return None
    if system == "Linux" and not gpu and machine.lower() in ("x86_64", "amd64"):
        return TORCH_CPU_INDEX
    return None


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver answers on this machine."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        answer = subprocess.run([tool, "-L"], capture_output=True, timeout=10, check=False, text=True)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout


def torch_version(*files: Path) -> str | None:
    """The version that a `torch==X` line of the files (pyproject.toml or requirements) pins, None without one."""
    for file in files:
        found = re.search(r"(?mi)^[\s\"']*torch *== *([0-9][^\s;,\"'\\]*)", file.read_text("utf-8"))
        if found:
            return found[1]
    return None


def _as_list(lock: Path | Sequence[Path]) -> Sequence[Path]:
    return [lock] if isinstance(lock, (str, os.PathLike)) else lock


def _check_folder(folder: Path, found: State) -> None:
    if folder.exists() and not folder.is_dir():
        raise SetupError(f"{folder.name} is a file, where the environment's folder should be.", "Choose another.")
    if found is State.MISSING and folder.is_dir() and any(folder.iterdir()):
        raise SetupError(f"The folder {folder.name} is not empty and not an environment.",
                         "Choose an empty folder, or move what is in it.")


def _check_disk(folder: Path, needed: int) -> None:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise SetupError(f"The disk has {free / 1e9:.1f} GB free; the environment needs {needed / 1e9:.0f} GB.",
                         "Free some space, or choose a folder on another disk.")


def _usable_uv(uv: Path | None, base: Path) -> Path | None:
    """The uv to use, None for pip. pip's own indexes (a company's mirror) win, because uv does not read them."""
    if uv is None:
        found = shutil.which("uv")
        uv = Path(found) if found else None
    if uv is None or pip_has_indexes(base):
        return None
    try:
        text = subprocess.run([uv, "pip", "install", "--help"], capture_output=True, text=True, timeout=20,
                              check=False, env=clean_environ()).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return uv if "--torch-backend" in text else None


def pip_has_indexes(python: Path) -> bool:
    """Whether pip is configured with an index or links of its own, by file or environment variable."""
    try:
        answer = subprocess.run([python, "-I", "-m", "pip", "config", "list"], capture_output=True, text=True,
                                timeout=30, check=False, env=clean_environ())
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(r"(?mi)^\S*(index-url|find-links|no-index)\s*=", answer.stdout) is not None


def _make(folder: Path, base: Path, uv: Path | None, log: list[str]) -> Generator[Step, None, None]:
    text = "Making an environment"
    folder.parent.mkdir(parents=True, exist_ok=True)
    if uv:
        command = [uv, "venv", "--python", base, folder]
    else:
        version = "import sys; print('%d.%d' % sys.version_info[:2])"
        code = yield from _run([base, "-I", "-c", version], 0.0, 0.01, text, log)
        numbers = re.match(r"(\d+)\.(\d+)", log[-1] if log else "")
        if code or numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST_PYTHON:
            raise SetupError(f"Likeness needs Python 3.11 or later; {base.name} is not.", "Install a newer Python.")
        command = [base, "-I", "-m", "venv", folder]
    code = yield from _run(command, 0.01, 0.05, text, log)
    if code:
        shutil.rmtree(folder, ignore_errors=True)
        if any("ensurepip" in line for line in log):
            raise SetupError("This Python cannot make environments: its 'ensurepip' is missing.",
                             "Install it (Debian, Ubuntu: sudo apt install python3-venv) or uv "
                             "(https://docs.astral.sh/uv), then try again.")
        raise SetupError(f"The environment could not be made: {_tail(log)}", "Try another folder or another Python.")


def _install(folder: Path, locks: Sequence[Path], torch: str | None, uv: Path | None, gpu: bool,
             log: list[str]) -> Generator[Step, None, None]:
    python = python_in(folder)
    files = [part for lock in locks for part in ("-r", lock)]
    if uv:
        pip = [uv, "pip", "install", "--python", python]
    else:
        pip = [python, "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check",
               "--no-warn-script-location"]
    count = sum(_count_requirements(lock) for lock in locks)
    end = 0.6 if torch else 0.99
    code = yield from _run([*pip, *files], 0.05, end, "Installing packages", log, count)
    if code == 0 and torch and uv:
        command = [*pip, "--torch-backend", "auto" if gpu else "cpu", f"torch=={torch}"]
        code = yield from _run(command, end, 0.99, "Installing torch", log)
    elif code == 0 and torch:
        code = yield from _install_torch(pip, python, torch, gpu, log)
    if code:
        raise _install_error(log)


def _install_torch(pip: list, python: Path, version: str, gpu: bool, log: list[str]) -> Generator[Step, None, int]:
    """torch by pip, after the locked packages, so that what torch needs is there in the locked versions."""
    probe = "import importlib.metadata as m; print('torch', m.version('torch'))"
    yield from _run([python, "-I", "-c", probe], 0.6, 0.62, "Looking for torch", log)
    if log and log[-1].split("+")[0] == f"torch {version}":
        return 0
    configured = yield from _configured_torch(pip, python, version, log)
    index = choose_torch(configured, platform.system(), platform.machine(), gpu)
    if index is not None:
        command = [*pip, "--index-url", index, f"torch=={version}"]
        if (yield from _run(command, 0.65, 0.99, "Installing torch", log)) == 0:
            return 0
        yield Step(0.65, "The CPU build of torch was not reachable; taking the default build")
    return (yield from _run([*pip, f"torch=={version}"], 0.65, 0.99, "Installing torch", log))


def _configured_torch(pip: list, python: Path, version: str,
                      log: list[str]) -> Generator[Step, None, str | None]:
    """The torch version that pip's own indexes give, None when it has none (asking PyPI would fetch a gigabyte)."""
    if not pip_has_indexes(python):
        return None
    report = python.parent.parent / "likeness-torch.json"
    command = [*pip, "--quiet", "--no-deps", "--dry-run", "--report", report, f"torch=={version}"]
    code = yield from _run(command, 0.62, 0.65, "Asking for torch", log)
    try:
        items = json.loads(report.read_text("utf-8"))["install"] if code == 0 else []
    except (OSError, ValueError, KeyError):
        items = []
    finally:
        report.unlink(missing_ok=True)
    return str(items[0]["metadata"]["version"]) if items else None


def _run(command: Sequence, start: float, end: float, text: str, log: list[str],
         expected: int = 1) -> Generator[Step, None, int]:
    """Run one command; the fraction grows with the packages its output names. Returns the exit code."""
    seen = 0
    running = run_pollable(command, log)
    try:
        while True:
            lines = next(running)
            seen += sum(line.startswith(("Collecting", "Requirement already")) for line in lines)
            said = [line for line in lines if line.startswith(("Collecting", "Downloading", "Installing"))]
            if said:
                words = said[-1].split()
                text = f"{words[0]} {re.split('[=<>;@~]', words[1])[0]}" if len(words) > 1 else text
            yield Step(start + (end - start) * min(seen / max(expected, 1), 0.97), text[:80])
    except StopIteration as stop:
        return stop.value
    except OSError as error:
        raise SetupError(f"{Path(command[0]).name} could not be started: {error.strerror}.",
                         "Choose another Python.") from error
    finally:
        running.close()


def _count_requirements(lock: Path) -> int:
    return sum(bool(re.match(r"[A-Za-z0-9]", line)) for line in lock.read_text("utf-8").splitlines())


def _tail(log: Sequence[str]) -> str:
    lines = [line.strip() for line in log[-_LOG_TAIL:] if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no output"])[-1][:300]


def _install_error(log: Sequence[str]) -> SetupError:
    text = "\n".join(log[-60:])
    if "No space left" in text or "Errno 28" in text:
        return SetupError("The disk is full.", "Free some space, or choose a folder on another disk.")
    if re.search(r"NewConnectionError|Name or service not known|Temporary failure in name|getaddrinfo|dns error", text):
        return SetupError("The package index could not be reached.", "Connect to the internet for the set-up.")
    return SetupError(f"Installing the packages failed: {_tail(log)}", "Read the log, then try again.")
