"""One warm process that reads whatever it is given, and tells what that took and touched."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import pictures
from tests.process.conftest import finished, run  # noqa: F401

ROOT = Path(__file__).parents[2]


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
