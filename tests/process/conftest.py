"""Real backends in real processes, and one finished avatar that several tests look at."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blender_addon.client import Client, ClientState, Job

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / "backend"
PORTRAIT = ROOT / "samples" / "nasa_portrait.png"
PATIENCE_S = 120.0


def run(*arguments: object, folder: Path = ROOT, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line, as the add-on's way of starting it, with nothing of this process around it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([sys.executable, "-I", str(BACKEND), *map(str, arguments)], capture_output=True, text=True,
                          cwd=folder, env=environ, timeout=PATIENCE_S, check=False, **options)


def wait(client: Client, until: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Poll as Blender's timer would, until something is so."""
    end = time.monotonic() + seconds
    while not until():
        client.poll()
        assert time.monotonic() < end, f"{client.state}, {client.error}, {list(client.log)[-5:]}"
        time.sleep(0.02)


@pytest.fixture
def client() -> Iterator[Client]:
    """A backend that is ready."""
    one = Client()
    one.start(Path(sys.executable), BACKEND)
    wait(one, lambda: one.state is not ClientState.STARTING)
    assert one.state is ClientState.READY, one.error
    yield one
    one.close()


class Wire:
    """A backend spoken to without the client: raw lines in, messages out."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-I", str(BACKEND), "serve"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def send(self, line: bytes | dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n" if isinstance(line, dict) else line)
        self.process.stdin.flush()

    def next(self, *kinds: str) -> dict[str, Any]:
        """The next message of one of these types."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)  # anything else on standard output fails here
            if message["type"] in kinds:
                return message
        raise AssertionError(f"the backend ended: {self.process.wait()}")

    def hello(self) -> None:
        self.send({"type": "hello", "protocol": 1, "client": "test"})


@pytest.fixture
def wire() -> Iterator[Wire]:
    one = Wire()
    yield one
    one.process.kill()
    one.process.wait()
    for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
        assert pipe is not None
        pipe.close()


@dataclass(frozen=True)
class Finished:
    """What a job of a client left and what was heard on the way."""

    job: Job
    bundle: Path
    folder: Path
    heard: list[tuple[str, float]]  # stage and fraction of the whole, each time either changed


def small(out: Path, *photos: Path, **options: Any) -> dict[str, Any]:
    """Parameters of the quickest real job."""
    return {"photos": [str(path) for path in photos or (PORTRAIT,)], "out": str(out), "resolution": 1024,
            "device": "cpu", **options}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One avatar of the sample portrait, made through the client."""
    folder = tmp_path_factory.mktemp("finished")
    one = Client()
    one.start(Path(sys.executable), BACKEND)
    job = one.submit("create", small(folder / "ada"), folder / "job")
    heard: list[tuple[str, float]] = []

    def look() -> bool:
        if not heard or heard[-1] != (job.stage, job.fraction):
            heard.append((job.stage, job.fraction))
        return job.state.ended

    wait(one, look)
    one.close()
    assert job.error is None, job.error
    return Finished(job, folder / "ada", folder / "job", heard)
