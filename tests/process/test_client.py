"""The add-on's client against a real backend: hello, a whole job, cancel, crash, death, close."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blender_addon.bundle import read_bundle
from blender_addon.client import Client, ClientState, JobState
from blender_addon.errors import BackendError, Cancelled, InputError
from tests.process.conftest import BACKEND, PORTRAIT, Finished, small, wait


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def test_hello_says_versions_device_memory_and_models(client: Client) -> None:
    assert client.hello["protocol"] == 1
    assert client.hello["version"] == "0.1.0"
    assert client.hello["device"]["kind"] in ("cpu", "cuda", "mps")
    assert client.hello["memory_bytes"] > 1e9
    assert any("face_landmarker" in model["name"] for model in client.hello["models"])


def test_a_job_makes_a_bundle_and_tells_how_far_it_is(finished: Finished) -> None:
    assert finished.job.state is JobState.DONE
    assert finished.job.result is not None
    assert finished.job.result["bundle"] == str(finished.bundle)
    bundle = read_bundle(finished.bundle)
    assert bundle.metadata["inputs"][0]["name"] == PORTRAIT.name
    assert len(bundle.fit["intrinsics"]) == 1
    stages = list(dict.fromkeys(stage for stage, _ in finished.heard if stage not in ("", "waiting")))
    assert stages == ["capture", "fit", "unwrap", "reflectance", "bundle"]
    fractions = [fraction for _, fraction in finished.heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_finished_job_keeps_no_face_behind(finished: Finished) -> None:
    assert not finished.folder.exists()
    text = (finished.bundle / "avatar.json").read_text()
    assert str(PORTRAIT.parent) not in text
    assert [stage["name"] for stage in json.loads(text)["stages"]] == [
        "load", "capture", "fit", "unwrap", "reflectance", "preview", "bundle"]


def test_a_cancelled_job_ends_within_two_seconds_and_the_next_one_runs(client: Client, tmp_path: Path) -> None:
    job = client.submit("create", small(tmp_path / "ada", resolution=4096), tmp_path / "job")
    wait(client, lambda: job.stage == "unwrap")
    asked = time.monotonic()
    client.cancel(job)
    wait(client, lambda: job.state.ended)
    assert time.monotonic() - asked < 2.0
    assert job.state is JobState.CANCELLED
    assert isinstance(job.error, Cancelled)
    assert not (tmp_path / "ada").exists()
    bad = client.submit("create", small(tmp_path / "ada", tmp_path / "none.jpg"), tmp_path / "job2")
    wait(client, lambda: bad.state.ended)
    assert isinstance(bad.error, InputError)
    assert "none.jpg" in bad.error.message


def test_a_waiting_job_is_cancelled_without_disturbing_the_running_one(client: Client, tmp_path: Path) -> None:
    first = client.submit("create", small(tmp_path / "one"), tmp_path / "job1")
    second = client.submit("create", small(tmp_path / "two"), tmp_path / "job2")
    wait(client, lambda: first.state is JobState.RUNNING and second.stage == "waiting")
    client.cancel(second)
    wait(client, lambda: second.state.ended)
    assert second.state is JobState.CANCELLED
    assert first.state is JobState.RUNNING
    client.cancel(first)
    wait(client, lambda: first.state.ended)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_backend_killed_half_way_fails_the_job_and_a_new_one_goes_on_from_there(
        client: Client, tmp_path: Path) -> None:
    job = client.submit("create", small(tmp_path / "ada"), tmp_path / "job")
    wait(client, lambda: job.stage == "reflectance")
    assert client._process is not None
    backend = client._process.pid
    (worker,) = children(backend)
    os.kill(backend, signal.SIGKILL)
    wait(client, lambda: client.state is ClientState.FAILED)
    assert job.state is JobState.FAILED
    assert isinstance(job.error, BackendError)
    assert "stopped by itself (signal 9)" in job.error.message
    wait(client, lambda: not alive(worker), 5)
    with pytest.raises(BackendError, match="stopped by itself"):
        client.submit("create", small(tmp_path / "ada"), tmp_path / "job")

    client.start(Path(sys.executable), BACKEND)
    again = client.submit("create", small(tmp_path / "ada"), tmp_path / "job")
    wait(client, lambda: again.state.ended)
    assert again.state is JobState.DONE, again.error
    assert again.result is not None
    kept = {stage["name"]: stage["cached"] for stage in again.result["stages"]}
    assert kept["capture"]
    assert kept["fit"]
    assert kept["unwrap"]
    assert not kept["reflectance"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_crash_in_native_code_takes_only_the_job(client: Client, tmp_path: Path) -> None:
    job = client.submit("create", small(tmp_path / "ada"), tmp_path / "job")
    wait(client, lambda: job.stage == "fit")
    assert client._process is not None
    (worker,) = children(client._process.pid)
    os.kill(worker, signal.SIGSEGV)
    wait(client, lambda: job.state.ended)
    assert isinstance(job.error, BackendError)
    assert "signal 11" in job.error.message
    assert "last finished stage" in job.error.remedy
    assert client.poll() is ClientState.READY
    again = client.submit("create", small(tmp_path / "x", tmp_path / "none.jpg"), tmp_path / "job2")
    wait(client, lambda: again.state.ended)
    assert isinstance(again.error, InputError)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_closing_ends_the_backend_and_its_child(tmp_path: Path) -> None:
    one = Client()
    one.start(Path(sys.executable), BACKEND)
    wait(one, lambda: one.state is ClientState.READY)
    assert one._process is not None
    backend = one._process.pid
    family = [backend, *children(backend)]
    job = one.submit("create", small(tmp_path / "ada"), tmp_path / "job")
    wait(one, lambda: job.state is JobState.RUNNING)
    one.close()
    assert job.state is JobState.CANCELLED
    assert not any(alive(process) for process in family)
    assert one.state is ClientState.STOPPED
    one.close()


def test_a_missing_python_or_backend_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="Python of the backend's environment is missing"):
        Client().start(tmp_path / "python", BACKEND)
    with pytest.raises(BackendError, match="backend is missing"):
        Client().start(Path(sys.executable), tmp_path)


def fake_backend(folder: Path, program: str) -> Path:
    """A backend that is not ours: what the client sees of other versions and of broken installations."""
    (folder / "__main__.py").write_text(f"import sys, json, time\n{program}\n")
    return folder


def test_a_backend_of_another_version_is_said(tmp_path: Path) -> None:
    one = Client()
    one.start(Path(sys.executable), fake_backend(tmp_path, (
        "print(json.dumps({'type': 'hello', 'protocol': 2}), flush=True); sys.stdin.read()")))
    job = one.submit("create", {}, tmp_path)
    wait(one, lambda: one.state is ClientState.FAILED, 20)
    assert "speaks protocol 2, this add-on 1" in str(one.error)
    assert job.state is JobState.FAILED


def test_a_backend_that_dies_at_once_leaves_its_last_words(tmp_path: Path) -> None:
    one = Client()
    one.start(Path(sys.executable), fake_backend(tmp_path, "sys.exit('No module named torch')"))
    wait(one, lambda: one.state is ClientState.FAILED, 20)
    assert "exit status 1" in str(one.error)
    assert "No module named torch" in str(one.error)


def test_an_environment_without_its_packages_is_said(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    one = Client()
    one.start(tmp_path / "bare" / "bin" / "python", BACKEND)
    wait(one, lambda: one.state is ClientState.FAILED, 30)
    assert "The backend cannot start" in str(one.error)
    assert "Set its environment up again" in str(one.error)
    assert any("No module named" in line for line in one.log)


def test_words_that_are_no_messages_are_kept_in_the_log(tmp_path: Path) -> None:
    one = Client()
    one.start(Path(sys.executable), fake_backend(tmp_path, (
        "print('Downloading...'); print('[1]'); print('{}'); print(json.dumps({'type': 'hello', 'protocol': 1}))\n"
        "sys.stdout.flush(); sys.stdin.read()")))
    wait(one, lambda: one.state is ClientState.READY, 20)
    assert "not a message: Downloading..." in one.log
    one.close()
