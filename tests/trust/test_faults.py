"""Jobs that are killed, starved, crowded or not listened to: the old state or the new one, and the same avatar."""

import ast
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.claim import claimed
from backend.errors import InputError
from tests.hostile import bundles
from tests.process.conftest import PORTRAIT, ROOT, Wire, wire  # noqa: F401
from tests.trust.conftest import PHOTO, Warm, Whole

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, limits and signals of Linux")
BOUNDARIES = ("capture begins", "fit begins", "unwrap begins", "reflectance begins", "bundle begins", "bundle runs")
OTHER_VERSION = "fit-0123456789abcdef0123.npz"


class Forks:
    """The process of `tests.trust.forks`."""

    def __init__(self, temporary: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.trust.forks"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=ROOT, stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})

    def ask(self, **asked: Any) -> dict[str, Any]:
        """One run and what became of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked, default=os.fspath) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """It leaves when its input closes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    one = Forks(tmp_path_factory.mktemp("temporary"))
    yield one
    one.close()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file by its name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lasting(metadata: bytes) -> dict[str, Any]:
    """avatar.json without what tells of the hour and the clock."""
    said = json.loads(metadata)
    return {name: value for name, value in said.items() if name not in ("created", "stages")}


def same(first: Path, second: Path) -> None:
    """Two avatars are byte for byte the same, their dates and seconds aside."""
    one, other = tree(first), tree(second)
    assert set(one) == set(other)
    assert lasting(one.pop("avatar.json")) == lasting(other.pop("avatar.json"))
    assert [name for name in one if one[name] != other[name]] == []


def test_killed_at_every_boundary_a_job_goes_on_to_the_same_avatar(forks: Forks, whole: Whole, tmp_path: Path) -> None:
    """One job, killed six times, refused by the disk once and by memory once; an old avatar is there all the while."""
    out, work, photo = tmp_path / "ada", tmp_path / "job", tmp_path / PHOTO
    photo.write_bytes(PORTRAIT.read_bytes())
    shutil.copytree(bundles.seed(), out)
    (out / "letter.txt").write_text("dear")
    old = tree(out)
    job = {"photos": [photo], "out": out, "work": work, "options": {"forget_inputs": True}}
    for number, boundary in enumerate(BOUNDARIES):
        said = forks.ask(**job, kill=boundary)
        assert said["signal"] == 9, said
        assert tree(out) == old
        assert len(list(work.glob("*.npz"))) >= min(number, 4)
        if boundary == "fit begins":  # what another version left is neither used nor lost before the end
            (work / OTHER_VERSION).write_bytes(b"another version's")
    said = forks.ask(**job, fault={"below": str(tmp_path / ".ada.likeness-new"), "at": 9, "errno": 28})
    assert said["exit"] == 2
    assert said["sentence"].startswith("The disk is full: ada could not be written.")
    assert tree(out) == old
    said = forks.ask(**job)
    assert said["exit"] == 0, said
    assert {stage["name"] for stage in said["stages"] if stage["cached"]} == {"capture", "fit", "unwrap", "reflectance"}
    assert said["held"] == [], "a process goes on to the next job without this one's face"
    assert (out / "letter.txt").read_text() == "dear"
    (out / "letter.txt").unlink()
    same(out, whole.bundle)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ada", PHOTO]


@pytest.mark.parametrize("megabytes", [10, 150])
def test_without_memory_nothing_is_lost(forks: Forks, tmp_path: Path, megabytes: int) -> None:
    said = forks.ask(photos=[PORTRAIT], out=tmp_path / "ada", work=tmp_path / "job", memory=megabytes << 20)
    assert said["exit"] != 0
    assert not (tmp_path / "ada").exists()
    if said["exit"] is not None:  # else native code gave up, which a server tells of
        assert said["exit"] == 2, said
        assert "memory" in said["sentence"]


def test_a_full_disk_under_the_stages_is_a_sentence_and_another_run_goes_on(forks: Forks, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "likeness", disk], check=False,
                      capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        said = forks.ask(photos=[PORTRAIT], out=tmp_path / "ada", work=disk / "job")
        assert said["exit"] == 2, said
        assert said["sentence"].startswith("The disk is full: job could not be written.")
        assert list(disk.iterdir()) == [], "not even half a stage is left"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_two_at_once_in_one_folder_are_one_after_the_other(tmp_path: Path) -> None:
    mark = tmp_path / "job" / "likeness-job"

    def prepare() -> None:
        mark.parent.mkdir(exist_ok=True)
        mark.touch()

    with claimed(mark, prepare, "avatar ada"), \
            pytest.raises(InputError, match=r"The avatar ada is being made already\."), \
            claimed(mark, prepare, "avatar ada", 0.2):
        raise AssertionError("two held it")
    order: list[str] = []

    def first() -> None:
        with claimed(mark, prepare, "avatar ada"):
            order.append("first")
            time.sleep(0.3)
            mark.unlink()  # as the end of a job does
            mark.parent.rmdir()

    thread = threading.Thread(target=first)
    thread.start()
    while not order:
        time.sleep(0.01)
    with claimed(mark, prepare, "avatar ada"):
        thread.join()
        assert mark.is_file(), "the lock is on a file that others find"


def test_a_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    mark = tmp_path / "likeness-job"
    program = ("import sys, time; from pathlib import Path; from backend.claim import claimed\n"
               "mark = Path(sys.argv[1])\n"
               "with claimed(mark, mark.touch, 'x'):\n    print('held', flush=True); time.sleep(60)")
    holder = subprocess.Popen([sys.executable, "-c", program, mark], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError), claimed(mark, mark.touch, "avatar", 0.1):
        raise AssertionError("two held it")
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with claimed(mark, mark.touch, "avatar", 0.5):
        assert mark.is_file()


@pytest.mark.parametrize("descriptor", ["stdout", "stderr", "both"])
def test_nobody_listening_is_no_reason_to_break(tmp_path: Path, descriptor: str,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    reading, writing = os.pipe()
    os.close(reading)
    out, err = (writing if descriptor in (name, "both") else subprocess.PIPE for name in ("stdout", "stderr"))
    done = subprocess.run([sys.executable, "-m", "backend", "head", "list", "--json"], cwd=ROOT, check=False, text=True,
                          stdout=out, stderr=err)
    os.close(writing)
    assert done.returncode == 0
    assert not done.stderr
    assert list(tmp_path.iterdir()) == [], "no report of a bug"


def test_a_slow_pipe_loses_nothing(wire: Wire) -> None:  # noqa: F811
    assert wire.process.stdin is not None
    for byte in b'{"type": "hello", "protocol": 1, "client": "slow"}\n':
        wire.process.stdin.write(bytes([byte]))
        wire.process.stdin.flush()
        time.sleep(0.002)
    for number in range(2000):  # nobody reads meanwhile: the answers fill the pipe, and the server waits
        wire.send({"type": "cancel", "id": f"nobody-{number}"})
    answers = [wire.next("error")["message"] for _ in range(2000)]
    assert answers == [f"There is no job nobody-{number} to cancel." for number in range(2000)]
    wire.send({"type": "shutdown"})
    assert wire.process.wait(10) == 0


def test_a_server_whose_client_stopped_reading_leaves_with_it(wire: Wire) -> None:  # noqa: F811
    assert wire.process.stdout is not None
    assert wire.process.stdin is not None
    wire.hello()
    wire.process.stdout.close()
    wire.send({"type": "cancel", "id": "nobody"})
    time.sleep(0.2)
    wire.process.stdin.close()
    assert wire.process.wait(10) == 0


ADDON = """
import sys, time
from pathlib import Path
from blender_addon.client import Client, JobState
one = Client()
one.start(Path(sys.executable), Path("backend"))
job = one.submit("create", {"photos": [sys.argv[1]], "out": sys.argv[2], "resolution": 1024, "device": "cpu"},
                 Path(sys.argv[3]))
while job.stage != "capture":
    one.poll()
    time.sleep(0.02)
print(one._process.pid, flush=True)
time.sleep(60)
"""


def family(process: int) -> list[int]:
    """A process and all below it."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [process, *(member for child in text.split() for member in family(int(child)))]


def test_when_the_addon_is_killed_everything_below_it_leaves(tmp_path: Path) -> None:
    addon = subprocess.Popen([sys.executable, "-c", ADDON, PORTRAIT, tmp_path / "ada", tmp_path / "job"], cwd=ROOT,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert addon.stdout is not None
    members = family(int(addon.stdout.readline()))
    assert len(members) == 2, "the server and its child"
    addon.kill()
    addon.wait()
    addon.stdout.close()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{member}/exe").exists() for member in members):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not (tmp_path / "ada").exists()
    with claimed(tmp_path / "job" / "likeness-job", lambda: None, "avatar ada", 0.5):
        assert (tmp_path / "job").stat().st_mode & 0o077 == 0


def test_no_clock_that_jumps_is_used_to_measure() -> None:
    """Durations and deadlines come from clocks that only go forward; the hour is written down and never compared."""
    clocks = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
    allowed = {("bundle.py", "now"), ("library.py", "now"), ("journal.py", "time")}  # when something was made
    found = set()
    for path in [*(ROOT / "backend").rglob("*.py"), *(ROOT / "blender_addon").rglob("*.py")]:
        if "training" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
                owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                if (owner, node.attr) in clocks:
                    found.add((path.name, node.attr))
    assert found <= allowed, found - allowed


def test_a_photo_of_any_date_is_read(warm: Warm, tmp_path: Path) -> None:
    for seconds in (-(1 << 31), 0, 1 << 33):
        (tmp_path / "me.jpg").write_bytes(b"words")
        os.utime(tmp_path / "me.jpg", (seconds, seconds))
        assert "holds text" in warm.ask("photo", tmp_path / "me.jpg")["sentence"]
