"""One warm process that reads whatever it is given, and tells what that took and touched."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import pictures
from tests.process.conftest import BACKEND, PORTRAIT, ROOT
from tests.trust import sealed

PATIENCE_S = 200.0
SECRET = "geheim 8471"
"""A folder's name that nobody but the owner of the photo is to read anywhere."""
PHOTO = "ich am strand.png"


@dataclass
class Warm:
    """The process, and the folder where its temporary files would lie."""

    process: subprocess.Popen[str]
    temporary: Path

    def ask(self, door: str, path: Path) -> dict[str, Any]:
        """What comes of a path at a door."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"door": door, "path": os.fspath(path)}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{path.name[:60]!r} ended the process: {self.process.wait()}"
        return json.loads(line)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    folder = tmp_path_factory.mktemp("warm")
    (folder / "temporary").mkdir()
    (folder / "heads").mkdir()
    (folder / "grey.png").write_bytes(pictures.seed("png"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.warm", folder / "grey.png"], stdin=subprocess.PIPE, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder / "temporary"), "LIKENESS_HEADS": str(folder / "heads")})
    yield Warm(process, folder / "temporary")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


@dataclass(frozen=True)
class Whole:
    """One whole run of the backend with a child, as the add-on starts it, and everything that it left."""

    bundle: Path
    job: Path
    home: Path  # photo, bundle and job lie below
    temporary: Path
    said: str  # on standard output, every line
    log: str  # on standard error
    status: int


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """An avatar whose inputs are to be forgotten, made where a socket would be death and no right is given away."""
    home = tmp_path_factory.mktemp("whole") / SECRET
    temporary = home.parent / "temporary"
    for folder in (home, temporary):
        folder.mkdir()
    (home / PHOTO).write_bytes(PORTRAIT.read_bytes())
    seal = [sys.executable, "-m", "tests.trust.sealed"] if sealed.POSSIBLE else []
    process = subprocess.Popen([*seal, sys.executable, "-I", str(BACKEND), "serve"], cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"})
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    log: list[str] = []
    reader = threading.Thread(target=lambda: log.append(process.stderr.read()))  # type: ignore[union-attr]
    reader.start()
    timer = threading.Timer(PATIENCE_S, process.kill)
    timer.start()
    parameters = {"photos": [str(home / PHOTO)], "out": str(home / "ada"), "resolution": 1024, "device": "cpu",
                  "forget_inputs": True}
    for message in ({"type": "hello", "protocol": 1, "client": "test"},
                    {"type": "submit", "id": "a", "kind": "create", "parameters": parameters,
                     "folder": str(home / "job")}):
        process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    said = []
    for line in process.stdout:
        said.append(line)
        if json.loads(line)["type"] in ("result", "error"):
            break
    process.stdin.close()
    status = process.wait(30)
    reader.join()
    timer.cancel()
    process.stdout.close()
    process.stderr.close()
    return Whole(home / "ada", home / "job", home, temporary, "".join(said), "".join(log), status)
