"""Makes and checks the backend's own Python environment. No bpy, standard library only, Python 3.11 and later.

`build.py` uses it as well as the add-on. Nothing is ever installed into Blender's Python or the add-on's folder. Here
are the states an environment can be in and the order of the work; `setup/` holds the folders' rules and the installers.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Generator, Sequence
from enum import Enum
from functools import lru_cache
from pathlib import Path

from .errors import Cancelled, SetupError
from .setup import folders, indexes, installers
from .setup.folders import STAMP
from .setup.installers import Installer, Meter, Step

NEEDED_BYTES_CPU = 3_000_000_000
"""Room for a CPU environment (1.3 to 1.7 GB measured) and the downloads beside it."""
NEEDED_BYTES_CUDA = 12_000_000_000
OLDEST_PYTHON = (3, 11)
BUILDS = ("auto", "cpu", "cuda", "mps")

Progress = Callable[[float, str], None]
Steps = Generator[Step, None, None]


class State(Enum):
    """What is in the folder."""

    READY = "ready"
    MISSING = "missing"
    OUTDATED = "outdated"  # made for another lock, or its making was interrupted
    BROKEN = "broken"  # its base Python has gone, or it is half deleted, or holds another build of torch


def python_in(folder: Path) -> Path:
    """The environment's interpreter (which may not exist yet)."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def fingerprint(locks: Sequence[Path], torch: str | None) -> str:
    """SHA-256 over torch's version and the lock files' contents, line endings aside."""
    digest = hashlib.sha256(f"torch {torch}\0".encode())
    for lock in locks:
        about = lock.stat()
        digest.update(_content(lock, about.st_mtime_ns, about.st_size))
        digest.update(b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=4)
def _content(lock: Path, changed_ns: int, size: int) -> bytes:
    """A lock's text, read once: panels ask for the state whenever they are drawn."""
    del changed_ns, size
    return lock.read_bytes().replace(b"\r\n", b"\n")


def state(folder: Path, lock: Path | Sequence[Path], *, torch: str | None = None, build: str = "auto") -> State:
    """What `folder` holds, judged by its stamp; reads two small files and starts nothing.

    A `build` other than auto must be the one that is there.
    """
    config, stamp = folder / "pyvenv.cfg", read_stamp(folder)
    if not config.is_file():
        return State.BROKEN if stamp else State.MISSING
    home = re.search(r"(?m)^home *= *(.+)$", config.read_text("utf-8", "replace"))
    if not python_in(folder).exists() or (home and not Path(home[1].strip()).is_dir()):
        return State.BROKEN
    if build != "auto" and stamp.get("build", build) != build:
        return State.BROKEN
    return State.READY if stamp.get("lock") == fingerprint(_as_list(lock), torch) else State.OUTDATED


def read_stamp(folder: Path) -> dict[str, str]:
    """What the set-up noted in the environment: `lock`, `installer`, `build`; empty before it is through."""
    try:
        found = json.loads((folder / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def ensure(folder: Path, lock: Path | Sequence[Path], *, progress: Progress | None = None,
           cancelled: Callable[[], bool] = lambda: False, **options: object) -> Path:
    """Make `folder` match `lock` and return its interpreter; quick when it does. `options` are those of `setup`.

    Raises SetupError, or Cancelled.
    """
    steps = setup(folder, lock, **options)  # type: ignore[arg-type]
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


def setup(folder: Path, lock: Path | Sequence[Path], *, torch: str | None = None, build: str = "auto",
          python: Path | None = None, uv: Path | None = None, wheels: Path | None = None, cache: Path | None = None,
          offline: bool = False, imports: Sequence[str] = (), log: list[str] | None = None) -> Steps:
    """Make `folder` match `lock` (one requirements file or several), as a generator: every `next` returns at once.

    `torch` is the version of torch to add, in the `build` named or the one that suits this machine; its build differs
    from machine to machine, so locks with hashes leave it out (`torch_version` reads it from a pyproject.toml).
    `python` is the interpreter it is made with (default: this one), `uv` the uv to use (default: one on the PATH; pip
    where none runs), `wheels` a folder to install from without a network, `cache` where uv keeps downloads;
    `offline` does with those. `imports` are the modules that must load in the end, `log` receives every line of the
    installer. Raises SetupError.

    Closing the generator ends what is running. An interrupted set-up leaves an environment that counts as outdated;
    the next one completes it.
    """
    folder, locks = Path(folder).absolute(), [Path(path) for path in _as_list(lock)]
    log = [] if log is None else log
    try:
        yield from _setup(folder, locks, torch, build, Path(python or sys.executable), uv, wheels, cache, offline,
                          imports, log)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise SetupError(*installers.DISK_FULL) from error
        raise SetupError(f"{Path(error.filename or folder).name} cannot be used: {error.strerror}.",
                         "Choose a folder that you may write to.") from error


def _setup(folder: Path, locks: Sequence[Path], torch: str | None, build: str, base: Path, uv: Path | None,
           wheels: Path | None, cache: Path | None, offline: bool, imports: Sequence[str], log: list[str]) -> Steps:
    for path in locks:
        if not path.is_file():
            raise SetupError(f"The requirements file {path.name} is missing.", "Reinstall Likeness.")
    if wheels is not None and not wheels.is_dir():
        raise SetupError(f"There is no folder {wheels.name} there.", "Choose the folder that holds the wheels.")
    found = state(folder, locks, torch=torch, build=build)
    if found is State.READY:
        return
    folders.check(folder)
    with folders.claimed(folder):
        yield Step(0.0, "Looking at this machine")
        build = yield from _choose_build(build if torch else "cpu", folder, log)
        installer = yield from _installer(uv, wheels, cache, offline, log)
        folders.check_disk(folder, _still_needed(found, build))
        if found is State.BROKEN or read_stamp(folder).get("build", build) != build:
            for _ in folders.discard(folder):
                yield Step(0.0, "Removing the environment that was there")
        folders.prepare(folder)
        if not python_in(folder).exists() or not (folder / "pyvenv.cfg").is_file():
            yield from _make(folder, base, installer, log)
        _write_stamp(folder, {"build": build})
        yield from _install(folder, locks, torch, build, installer, log)
        yield from _try(folder, imports, installer, log)
        _write_stamp(folder, {"lock": fingerprint(locks, torch), "installer": installer.name, "build": build})
        yield Step(1.0, "The environment is ready")


def driver_is_here() -> bool:
    """Whether an NVIDIA driver is installed, told without starting anything. `setup` asks the driver itself."""
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    return Path("/proc/driver/nvidia/version").exists() or Path("/usr/lib/wsl/lib/libcuda.so.1").exists()


def torch_version(*files: Path) -> str | None:
    """The version that a `torch==X` line of the files (pyproject.toml or requirements) pins, None without one."""
    for file in files:
        found = re.search(r"(?mi)^[\s\"']*torch *== *([0-9][^\s;,\"'\\]*)", file.read_text("utf-8"))
        if found:
            return found[1]
    return None


def default_build(gpu: bool) -> str:
    """What suits a machine with or without an NVIDIA GPU."""
    if gpu:
        return "cuda"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"


def _as_list(lock: Path | Sequence[Path]) -> Sequence[Path]:
    return [lock] if isinstance(lock, (str, os.PathLike)) else lock


def _still_needed(found: State, build: str) -> int:
    """Free bytes to ask for: all of them for a new environment, little for one that only changes."""
    whole = NEEDED_BYTES_CUDA if build == "cuda" else NEEDED_BYTES_CPU
    return whole // 3 if found is State.OUTDATED else whole


def _write_stamp(folder: Path, said: dict[str, str]) -> None:
    (folder / STAMP).write_text(json.dumps(said), "utf-8")


def _ask(command: Sequence[str | Path], text: str, log: list[str]) -> Generator[Step, None, str | None]:
    """What a quick command prints, None when it fails or cannot be started."""
    heard: list[str] = []
    meter = Meter(text, 1, 1, lambda: 0)
    try:
        code = yield from installers.run(command, (0.0, 0.0), meter, heard, installers.clean_environ(), None)
    except SetupError as error:
        log.append(str(error))
        return None
    return "\n".join(heard[1:]) if code == 0 else None


def _choose_build(wanted: str, folder: Path, log: list[str]) -> Generator[Step, None, str]:
    had = read_stamp(folder).get("build")
    if wanted == "auto" and had:
        return had  # an update is no reason to change what somebody chose
    if wanted not in ("auto", "cuda"):
        return wanted
    tool = shutil.which("nvidia-smi")
    said = (yield from _ask([tool, "-L"], "Looking for a graphics card", log)) if tool else None
    gpu = "GPU" in (said or "") if tool else driver_is_here()
    if wanted == "cuda" and not gpu:
        raise SetupError("No NVIDIA graphics card answers on this computer.",
                         "Choose Automatic or Processor, or install NVIDIA's driver.")
    return default_build(gpu)


def _installer(uv: Path | None, wheels: Path | None, cache: Path | None, offline: bool,
               log: list[str]) -> Generator[Step, None, Installer]:
    """uv where one is given or found that runs and knows how to choose torch, else pip."""
    if uv is None:
        on_path = shutil.which("uv")
        uv = Path(on_path) if on_path else None
    if uv is not None:
        said = yield from _ask([uv, "pip", "install", "--help"], "Looking for uv", log)
        if "--torch-backend" not in (said or ""):
            log.append(f"{uv.name} cannot be used; pip it is")
            uv = None
    if offline and uv is None:
        raise SetupError("Without a network, pip needs a folder of wheels.", "Choose one, or allow online access.")
    return Installer(uv, indexes.configured(), wheels, cache, offline)


def _make(folder: Path, base: Path, installer: Installer, log: list[str]) -> Steps:
    text = "Making an environment"
    said = yield from _ask([base, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text, log)
    numbers = re.match(r"(\d+)\.(\d+)", said or "")
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST_PYTHON:
        raise SetupError(f"Likeness needs Python 3.11 or later; {base.name} is not.", "Install a newer Python.")
    meter = Meter(text, 1, 1, lambda: 0)
    code = yield from installers.run(installer.make(base, folder), (0.01, 0.05), meter, log, installer.environ,
                                     folder.parent)
    if code and any("ensurepip" in line for line in log):
        raise SetupError("This Python cannot make environments: its 'ensurepip' is missing.",
                         "Install it (Debian, Ubuntu: sudo apt install python3-venv) or uv "
                         "(https://docs.astral.sh/uv), then try again.")
    if code:
        raise SetupError(f"The environment could not be made: {installers.tail(log)}",
                         "Try another folder or another Python.")


def _install(folder: Path, locks: Sequence[Path], torch: str | None, build: str, installer: Installer,
             log: list[str]) -> Steps:
    end = {"cuda": 0.2}.get(build, 0.5) if torch else 0.95
    command = [*installer.install(python_in(folder)), *(part for lock in locks for part in ("-r", lock))]

    def meter(text: str, packages: int, expected: int) -> Meter:
        return Meter(text, packages, expected, lambda: folders.free_bytes(folder))

    code = yield from installers.run(
        command, (0.05, end), meter("Installing packages", sum(map(installers.count_requirements, locks)),
                                    installers.PACKAGES_BYTES), log, installer.environ, folder.parent)
    if code == 0 and torch:
        attempts = installer.torch_attempts(torch, build, platform.system(), platform.machine())
        for number, arguments in enumerate(attempts):
            if number and arguments == [f"torch=={torch}"] and platform.system() == "Linux":
                folders.check_disk(folder, NEEDED_BYTES_CUDA)  # what comes now is CUDA
            code = yield from installers.run(
                [*installer.install(python_in(folder)), *arguments], (end, 0.95),
                meter("Installing torch", 0, installers.TORCH_BYTES[build]), log, installer.environ, folder.parent)
            if code == 0:
                break
    if code:
        raise installers.failure(log, installer.wheels)


def _try(folder: Path, imports: Sequence[str], installer: Installer, log: list[str]) -> Steps:
    """Load what was installed once: a missing library of the system shows here and not in the first job."""
    if not imports:
        return
    code = yield from installers.run([python_in(folder), "-I", "-c", f"import {', '.join(imports)}"], (0.95, 0.99),
                                     Meter("Trying it", 1, 1, lambda: 0), log, installer.environ, folder.parent)
    missing = re.findall(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file", "\n".join(log[-30:]))
    if code and missing:
        raise SetupError(f"A library of the system is missing: {missing[-1]}.",
                         "Install the package that holds it (README: system libraries), then try again.")
    if code:
        raise SetupError(f"What was installed cannot be loaded: {installers.tail(log)}", "Repair the environment.")
