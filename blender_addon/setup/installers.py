"""uv and pip, the two that can fill an environment: their commands, what their output means, why they failed. No bpy.

uv comes with the extension and is used wherever it runs; pip, from the standard library's venv, is the second way. How
torch is chosen (`torch_attempts`): a folder of wheels gives what it holds; else, for a CPU on Linux, a CPU build that
pip's own configuration offers, then PyTorch's CPU index, then the default (there, gigabytes of CUDA); all else is the
default of the platform, and uv finds the CUDA that the driver can run.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SetupError
from ..process import clean_environ, run_pollable
from .indexes import Indexes

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PACKAGES_BYTES = 650_000_000
TORCH_BYTES = {"cpu": 750_000_000, "mps": 600_000_000, "cuda": 7_000_000_000}
"""What the parts take on the disk: packages and the CPU's torch measured, the others estimated. For the bar alone."""
DISK_FULL = ("The disk is full.", "Free some space, or choose a folder on another disk.")
_LOG_TAIL = 12
_LOOK_SECONDS = 0.5
_SIZE = re.compile(r"^Downloading (\S+) \(([\d.]+)([KMG]iB)\)")
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True)
class Step:
    """Where a set-up is: `fraction` 0..1 of the whole, `text` a few words for a person."""

    fraction: float
    text: str


@dataclass(frozen=True)
class Installer:
    """What fills an environment: `uv` where it is a path, else the environment's own pip."""

    uv: Path | None
    indexes: Indexes
    wheels: Path | None  # a folder of wheels: nothing else is asked then
    cache: Path | None  # where uv keeps what it downloaded
    offline: bool = False  # uv is to ask nobody, and to do with what is in the cache

    @property
    def name(self) -> str:
        """For the stamp and the report."""
        return "uv" if self.uv else "pip"

    @property
    def environ(self) -> dict[str, str]:
        """What its processes see."""
        environ = {**clean_environ(), "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "PIP_NO_INPUT": "1"}
        if self.cache:
            environ["UV_CACHE_DIR"] = str(self.cache)
        if self.indexes.cert:
            environ.setdefault("SSL_CERT_FILE", self.indexes.cert)
        return environ

    def make(self, base: Path, folder: Path) -> list[str | Path]:
        """The command that makes an empty environment in `folder`, which is there and holds our stamp."""
        if self.uv:
            return [self.uv, "venv", "--no-project", "--allow-existing", "--python", base, folder]
        return [base, "-I", "-m", "venv", folder]

    def install(self, python: Path) -> list[str | Path]:
        """The command that installs what is named after it."""
        if self.uv:
            command: list[str | Path] = [self.uv, "pip", "install", "--python", python]
            own = self.indexes.for_uv()
        else:
            command = [python, "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location"]
            own = []  # pip reads its own configuration
        if self.wheels:
            offline = ["--offline"] if self.uv else []
            return [*command, *offline, "--no-index", "--find-links", self.wheels]
        return [*command, *own, *(["--offline"] if self.offline and self.uv else [])]

    def torch_attempts(self, version: str, build: str, system: str, machine: str) -> list[list[str]]:
        """Arguments to try one after another until one succeeds; `system` and `machine` as `platform` says them."""
        exact = [f"torch=={version}"]
        if self.wheels or (build == "cpu" and (system != "Linux" or machine.lower() not in ("x86_64", "amd64"))):
            return [exact]
        if build == "cpu":
            own = [[f"torch=={version}+cpu"]] if self.indexes.own else []
            official = ["--torch-backend", "cpu"] if self.uv else ["--index-url", TORCH_CPU_INDEX]
            return [*own, [*official, *exact], exact]
        if build == "cuda" and self.uv:
            return [["--torch-backend", "auto", *exact], *([exact] if system == "Linux" else [])]
        return [exact]


class Meter:
    """How far a command is, from what it prints and from what has come onto the disk since it began."""

    def __init__(self, text: str, packages: int, expected: int, free_bytes: Callable[[], int]) -> None:
        self.text, self.fraction, self._name = text, 0.0, text
        self._packages, self._expected, self._free_bytes = packages, max(expected, 1), free_bytes
        self._at_start, self._looked = free_bytes(), time.monotonic()
        self._seen = 0
        self._sizes: dict[str, float] = {}
        self._came: set[str] = set()

    def hear(self, lines: Sequence[str]) -> None:
        """Take in what was printed; look at the disk now and then."""
        for line in lines:
            self._hear(line)
        guesses = [self._seen / self._packages if self._packages else 0.0]
        if self._sizes:
            guesses.append(0.9 * sum(map(self._sizes.__getitem__, self._came)) / sum(self._sizes.values()))
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            guesses.append((self._at_start - self._free_bytes()) / self._expected)
        self.fraction = max(self.fraction, min(max(guesses), 0.97))

    def _hear(self, line: str) -> None:
        size = _SIZE.match(line)
        words = line.split()
        if size and size[3] in _UNITS:  # uv: Downloading torch (182.9MiB)
            self._sizes[size[1]] = float(size[2]) * _UNITS[size[3]]
            self._say_what_is_left()
        elif line.startswith(" Downloaded ") and words[1] in self._sizes:  # uv
            self._came.add(words[1])
            self._say_what_is_left()
        elif line.startswith(("Prepared", "Installed")):  # uv: what comes now is the next thing
            self.text = self._name
        self._seen += line.startswith(("Collecting", "Requirement already"))  # pip
        if line.startswith(("Collecting", "Installing")) and len(words) > 1:  # pip
            self.text = f"{words[0]} {re.split('[=<>;@~]', words[1])[0]}"[:80]

    def _say_what_is_left(self) -> None:
        left = [name for name in self._sizes if name not in self._came]
        what = left[0] if len(left) == 1 else f"{len(left)} packages"
        size = sum(map(self._sizes.__getitem__, left)) / 1e6
        self.text = f"Downloading {what}, {size:.0f} MB" if left else self._name


def run(command: Sequence[str | Path], span: tuple[float, float], meter: Meter, log: list[str],
        environ: dict[str, str], folder: Path | None) -> Generator[Step, None, int]:
    """Run one command in `folder` (None: here); steps go from `span`'s start to its end. Returns the exit code."""
    log.append("$ " + " ".join(str(part) for part in command))
    running = run_pollable(command, log, env=environ, cwd=folder)
    start, end = span
    try:
        while True:
            meter.hear(next(running))
            yield Step(start + (end - start) * meter.fraction, meter.text)
    except StopIteration as stop:
        return stop.value
    except OSError as error:
        raise SetupError(f"{Path(command[0]).name} could not be started: {error.strerror}.",
                         "Choose another Python.") from error
    finally:
        running.close()


def count_requirements(lock: Path) -> int:
    """How many packages a requirements file names."""
    return sum(bool(re.match(r"[A-Za-z0-9]", line)) for line in lock.read_text("utf-8").splitlines())


def tail(log: Sequence[str]) -> str:
    """The line that says most about a failure."""
    lines = [line.strip() for line in log[-_LOG_TAIL:] if line.strip() and not line.startswith("$ ")]
    errors = [line for line in lines if line.lower().startswith("error")]
    causes = [line.removeprefix("cause: ") for line in lines if line.startswith("cause: ")]
    return " ".join([*(errors or lines or ["no output"])[-1:], *causes[-1:]])[:300]


def failure(log: Sequence[str], wheels: Path | None) -> SetupError:
    """What the last lines of an installer mean, in a sentence."""
    text = "\n".join(log[-60:])
    if re.search(r"No space left|Errno 28|os error 28\b|os error 112\b|not enough space", text):
        return SetupError(*DISK_FULL)
    if re.search(r"Hash mismatch|DO NOT MATCH THE HASHES", text):
        return SetupError(f"A package is not the one that Likeness was tested with: {tail(log)}",
                          "Try again; if it stays so, the package index or the folder of wheels holds altered files.")
    if re.search(r"[Nn]etwork connectivity is disabled|because the network was disabled", text):
        return SetupError("What was downloaded earlier is not enough to do without a network.",
                          "Allow online access in Preferences, System, Network, or choose a folder of wheels.")
    lacking = re.findall(r"(?:Because (?:there is no version of |only )?|No matching distribution found for )"
                         r"([A-Za-z0-9][\w.-]*)", text)
    if wheels and lacking:
        return SetupError(f"The folder {wheels.name} lacks a wheel of {lacking[0]} for Python "
                          f"{sys.version_info[0]}.{sys.version_info[1]} on this system.",
                          "Put it there (requirements/backend.lock names the version), or set up online.")
    if re.search(r"NewConnectionError|Name or service not known|Temporary failure in name|getaddrinfo|dns error|"
                 r"error sending request|Failed to fetch|Failed to download|tcp connect error|IncompleteRead|"
                 r"invalid package format|"
                 r"Connection (?:refused|reset|aborted|broken)|timed? ?out", text):
        return SetupError("The package index could not be reached, or the connection broke.",
                          "Connect to the internet and try again; what was downloaded is kept.")
    return SetupError(f"Installing the packages failed: {tail(log)}", "Read the log, then try again.")
