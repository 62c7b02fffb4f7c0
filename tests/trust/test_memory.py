"""Too little memory, however a library meets it: one sentence, the old state, no process and no file left."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from backend import memory
from backend.capture.decode import WORK_PIXELS, worked_pixels
from backend.capture.files import read_photo
from backend.errors import InputError
from tests.hostile import bundles
from tests.process.conftest import BACKEND, PORTRAIT
from tests.trust.test_faults import family, tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and signals of Linux")
LIMITS_MB = [60, 300, 500, 1100]
"""Address space: too little for numpy, for torch, for MediaPipe, for the photo. More than 2.8 GB is enough at 1024."""


def started(out: Path, megabytes: int | None = None, *more: str) -> subprocess.Popen[str]:
    """The command line, its address space limited."""
    limits = (megabytes << 20,) * 2 if megabytes else (resource.RLIM_INFINITY,) * 2
    return subprocess.Popen(
        [sys.executable, "-I", BACKEND, "create", PORTRAIT, "--out", out, "--resolution", "1024", *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(out.parent)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits))


@pytest.mark.parametrize("megabytes", LIMITS_MB)
def test_with_too_little_memory_there_is_one_sentence_and_the_old_avatar(tmp_path: Path, megabytes: int) -> None:
    shutil.copytree(bundles.seed(), tmp_path / "ada")
    before = tree(tmp_path / "ada")
    process = started(tmp_path / "ada", megabytes, "--device", "cpu")
    said, errors = process.communicate(timeout=100)
    assert process.returncode == 2, errors
    lines = [line for line in errors.splitlines() if "%" not in line]
    assert len(lines) == 1, errors
    assert lines[0].startswith("The computer ran out of memory")
    assert lines[0].endswith("lose other programs.")
    assert said == ""
    assert tree(tmp_path / "ada") == before
    assert {path.name for path in tmp_path.iterdir()} <= {"ada", ".ada.likeness-job"}
    assert not list(tmp_path.glob(".ada.likeness-job/*.half"))


def child_of(process: subprocess.Popen[str]) -> int:
    """The process that does the work, once it is there."""
    end = time.monotonic() + 20
    while len(members := family(process.pid)) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    return members[1]


@pytest.mark.parametrize(("number", "status", "sentence"), [
    (signal.SIGSEGV, 1, "The work stopped unexpectedly (signal 11)."), (signal.SIGABRT, 1, "(signal 6)."),
    (signal.SIGKILL, 2, "The computer ran out of memory.")])
def test_the_death_of_the_work_is_told_by_who_waited_for_it(tmp_path: Path, number: int, status: int,
                                                           sentence: str) -> None:
    process = started(tmp_path / "ada")
    os.kill(child_of(process), number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == status
    assert sentence in errors
    assert errors.count("\n") == 1 + errors.count("%")
    assert not (tmp_path / "ada").exists()


def test_the_work_leaves_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    process = started(tmp_path / "ada")
    child = child_of(process)
    time.sleep(1.0)  # until it has loaded what it needs to look
    process.kill()
    process.communicate()
    end = time.monotonic() + 20
    while Path(f"/proc/{child}/exe").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_every_librarys_way_of_saying_it_is_known() -> None:
    def raised(work: object) -> BaseException:
        with pytest.raises(Exception) as found:
            work()  # type: ignore[operator]
        return found.value

    assert memory.ran_out(raised(lambda: np.empty(1 << 50)))
    assert memory.ran_out(raised(lambda: torch.empty(1 << 55)))
    assert memory.ran_out(raised(lambda: cv2.copyMakeBorder(np.zeros((9, 9), np.float64), 0, 30_000_000, 0, 30_000_000,
                                                            cv2.BORDER_CONSTANT)))
    assert memory.ran_out(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))
    wrapped = RuntimeError("it does not start")
    wrapped.__cause__ = MemoryError()
    assert memory.ran_out(wrapped)
    for other in (ValueError("no"), BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), OSError(28, "x")):
        assert not memory.ran_out(other)


def test_a_job_that_cannot_fit_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.require(1024, 12_000_000)
    free = memory.free_bytes()
    assert free is not None
    assert 0 < free < 1 << 45
    monkeypatch.setattr(memory, "held_bytes", lambda: 500_000_000)
    monkeypatch.setattr(memory, "free_bytes", lambda: 1_500_000_000)
    memory.require(2048, 300_000)
    memory.require(1024, 12_000_000)
    with pytest.raises(InputError, match=r"GB of memory are free; resolution 4096 .* Use --resolution 2048"):
        memory.require(4096, 300_000)
    with pytest.raises(InputError, match="resolution 2048 with photos of 72 million pixels needs 3"):
        memory.require(2048, 72_000_000)  # three of 24: one more large photo may be what is too much


def test_a_photos_pixels_are_known_before_it_is_decoded(tmp_path: Path) -> None:
    for side, told in ((300, 300 * 300), (6000, WORK_PIXELS)):
        cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((side, side, 3), np.uint8))
        assert worked_pixels(read_photo(tmp_path / "a.jpg")) == told
    (tmp_path / "a.jpg").write_bytes(b"words")
    assert worked_pixels(read_photo(tmp_path / "a.jpg")) == 0


GIVING = """
import numpy as np
from backend import memory
pieces = [np.ones(50_000, np.uint8) for _ in range(8000)]  # too small to be handed back one by one
kept = pieces.pop()  # the topmost, above which glibc would hand memory back by itself
full = memory.held_bytes()
pieces.clear()
before = memory.held_bytes()
memory.give_back()
print(full - before, before - memory.held_bytes())
"""


def test_freed_memory_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", GIVING], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2])
    by_itself, by_us = map(int, done.stdout.split())
    assert by_itself < 100e6, "else nobody needs us"
    assert by_us > 300e6


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    for name, content in (("memory.max", "3000\n"), ("memory.current", "2500\n"),
                          ("memory.stat", "anon 2000\ninactive_file 400\n")):
        (tmp_path / name).write_text(content)
    assert memory._container_leaves(tmp_path) == 900
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._container_leaves(tmp_path) is None
    assert memory._container_leaves(tmp_path / "nowhere") is None
