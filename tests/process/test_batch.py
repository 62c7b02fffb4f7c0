"""Batches: restarted, listed, one at a time in a folder; the same on a Dask cluster whose worker is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import batch, farm, ledger, pool
from backend.claim import claimed
from backend.errors import InputError
from tests.process.conftest import PORTRAIT, ROOT, run

QUICK = {"resolution": 1024, "device": "cpu"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four files that are told to be no photos of a face within milliseconds: a batch's own work, not the stages'."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, content in (("a.jpg", b"words"), ("b.jpg", b""), ("c.png", b"\x89PNG"), ("d.jpg", b"more words")):
        (folder / name).write_bytes(content)
    return folder


def made_before(out: Path, photo: Path, **options: Any) -> None:
    """As an earlier run left it: an avatar, and a line that says of what."""
    (out / photo.stem).mkdir(parents=True)
    (out / photo.stem / "avatar.json").write_text("{}")
    ledger.Ledger(out).note(photo.name, ledger.key_of(photo, {**QUICK, **options}), None)


def test_another_run_does_only_what_is_not_done(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made_before(out, photos / "a.jpg")
    with (out / ledger.NAME).open("a") as file:
        file.write('{"photo": "b.jpg", "key": "')  # the run before was killed as it wrote
    items = batch.run(photos, out, QUICK, 1, lambda item: None)
    assert [(item.name, item.kept, item.error is None) for item in items] == [
        ("a.jpg", True, True), ("b.jpg", False, False), ("c.png", False, False), ("d.jpg", False, False)]
    assert items[0].sentence == "a.jpg: done before, a"
    lines = [json.loads(line) for line in (out / ledger.NAME).read_text().splitlines() if line.endswith("}")]
    assert {line["photo"]: line["error"] and line["error"]["kind"] for line in lines} == {
        "a.jpg": None, "b.jpg": "input", "c.png": "input", "d.jpg": "input"}
    assert (out / ledger.NAME).stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    assert sorted(path.name for path in out.iterdir()) == ["a", ledger.NAME]


def test_what_changed_is_made_again(photos: Path, tmp_path: Path) -> None:
    out, photo = tmp_path / "out", photos / "a.jpg"
    made_before(out, photo)
    known, key = ledger.Ledger(out), ledger.key_of(photo, QUICK)
    assert known.has("a.jpg", key, out / "a")
    assert ledger.key_of(photo, {**QUICK, "fresh": True}) == key, "how to work is not what is made"
    assert not known.has("a.jpg", ledger.key_of(photo, {**QUICK, "resolution": 2048}), out / "a")
    photo.write_bytes(b"other words")
    assert not known.has("a.jpg", ledger.key_of(photo, QUICK), out / "a")
    (out / "a" / "avatar.json").unlink()
    assert not known.has("a.jpg", key, out / "a"), "the avatar has gone"
    known.note("a.jpg", key, {"kind": "bug", "message": "", "remedy": ""})
    (out / "a" / "avatar.json").touch()
    assert not ledger.Ledger(out).has("a.jpg", key, out / "a"), "its last run failed"
    assert ledger.key_of(tmp_path / "nowhere.jpg", QUICK) == ""


def test_a_second_batch_in_the_same_folder_is_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with claimed(out / ledger.NAME, lambda: (out / ledger.NAME).touch(), "batch out"):
        done = run("batch", photos, "--out", out)
    assert done.returncode == 2
    assert done.stderr.startswith("The batch out is being made already.")


def test_no_more_workers_start_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.devices.memory_bytes", lambda: 8 << 30)
    assert [batch.fitting(16, size) for size in (1024, 2048, 4096)] == [3, 2, 1]
    assert batch.fitting(2, 1024) == 2
    monkeypatch.setattr("backend.devices.memory_bytes", lambda: 0)
    assert batch.fitting(16, 1024) == 16


def test_a_child_is_renewed_after_some_jobs(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    worker = pool.Worker

    def counted(*arguments: Any, **options: Any) -> pool.Worker:
        started.append(options["environ"])
        return worker(*arguments, **options)

    monkeypatch.setattr(pool, "Worker", counted)
    monkeypatch.setattr(pool, "RENEWED_AFTER", 2)
    items = batch.run(photos, tmp_path / "out", QUICK, 1, lambda item: None)
    assert len(items) == 4
    assert len(started) == 2
    assert int(started[0]["LIKENESS_THREADS"]) == int(started[0]["OMP_NUM_THREADS"]) >= 1


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A scheduler and two workers, each a process of its own, on this computer alone."""
    pytest.importorskip("distributed", reason="the farm's extra is not installed")
    file = tmp_path / "scheduler.json"
    environ = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3", "PYTHONPATH": os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}

    def start(program: str, *more: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{program}", "--scheduler-file", str(file), *more],
            cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    running = [start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")]
    try:
        end = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert time.monotonic() < end
            assert running[0].poll() is None
            time.sleep(0.1)
        running += [start("worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard")
                    for _ in range(2)]
        yield json.loads(file.read_text())["address"], running
    finally:
        for process in running[::-1]:
            process.kill()
            process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_farm_makes_the_same_although_a_worker_is_killed(cluster: Any, tmp_path: Path) -> None:
    address, running = cluster
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes(PORTRAIT.read_bytes())
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"words")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "backend", "batch", str(tmp_path / "photos"), "--out", str(out), "--resolution",
               "1024", "--device", "cpu", "--scheduler", address, "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 150
    while not list(out.glob(".*.likeness-job/fit-*.npz")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    working = [worker for worker in running[1:] if worker_of(worker.pid, out / ".one.likeness-job")]
    assert len(working) == 1
    working[0].send_signal(signal.SIGKILL)
    words, errors = process.communicate(timeout=200)
    results = {item["name"]: item for item in json.loads(words)["results"]}
    assert process.returncode == 2, errors
    assert "holds text" in results["bad.jpg"]["error"]["message"]
    assert results["one.png"]["error"] is None, errors
    assert sorted(path.name for path in out.iterdir()) == [ledger.NAME, "one"]
    cached = {stage["name"]: stage["cached"] for stage in results["one.png"]["result"]["stages"]}
    assert cached["capture"], "the other worker went on from the last stage"
    assert cached["fit"]


def worker_of(process: int, folder: Path) -> bool:
    """Whether a child of that process holds something open in a folder (its lock, at least)."""
    for child in Path(f"/proc/{process}/task").glob("*/children"):
        for number in child.read_text().split():
            if any(str(link.readlink()).startswith(str(folder)) for link in Path(f"/proc/{number}/fd").iterdir()):
                return True
    return False


def test_nobody_at_the_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the farm's extra is not installed")
    monkeypatch.setattr(farm, "ANSWER_S", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(InputError, match="No Dask scheduler answers at"):
            farm.run([], address, lambda message: None)


def test_without_dask_the_option_says_what_to_install(tmp_path: Path) -> None:
    program = ("import sys; sys.modules['distributed'] = None\nfrom backend.cli import main\n"
               "sys.exit(main(['batch', sys.argv[1], '--out', sys.argv[2], '--scheduler', 'tcp://x:1']))")
    (tmp_path / "a.jpg").write_bytes(b"words")
    done = subprocess.run([sys.executable, "-c", program, tmp_path, tmp_path / "out"], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2
    assert "needs Dask" in done.stderr
    assert "farm.lock" in done.stderr
