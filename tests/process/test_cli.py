"""The command line: exit codes and single sentences for everything that can be wrong, and nothing lost on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend import crash
from tests.process.conftest import BACKEND, PORTRAIT, ROOT, Finished, run

SPEED = ("--resolution", 1024, "--device", "cpu")


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything a person might give by mistake."""
    folder = tmp_path_factory.mktemp("bad")
    random = np.random.default_rng(0)
    Image.fromarray(np.full((480, 640, 3), (90, 140, 200), np.uint8)).save(folder / "sky.png")
    Image.fromarray(random.integers(0, 255, (10, 10, 3), np.uint8)).save(folder / "tiny.png")
    whole = PORTRAIT.read_bytes()
    (folder / "cut.png").write_bytes(whole[:len(whole) // 3])
    (folder / "notes.jpg").write_text("these are not pixels\n" * 50)
    (folder / "empty.jpg").touch()
    (folder / "album.jpg").mkdir()
    return folder


@pytest.fixture(scope="module")
def batch(bad_files: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], str, Path]:
    """All of them, and one good photo among them, in one run of `batch`."""
    folder, out = tmp_path_factory.mktemp("mixed"), tmp_path_factory.mktemp("out")
    for path in bad_files.iterdir():
        path.rename(folder / path.name)
    (folder / "ada.png").write_bytes(PORTRAIT.read_bytes())
    done = run("batch", folder, "--out", out, *SPEED, "--json")
    return done.returncode, {item["name"]: item for item in json.loads(done.stdout)["results"]}, done.stderr, out


@pytest.mark.parametrize(("name", "cause"), [
    ("sky.png", "face"), ("tiny.png", "10"), ("cut.png", "cut|damaged|truncated|incomplete"),
    ("notes.jpg", "picture|image|photo"), ("empty.jpg", "empty"), ("album.jpg", "folder")])
def test_a_bad_file_is_one_sentence_with_its_name_cause_and_remedy(batch: Any, name: str, cause: str) -> None:
    import re

    error = batch[1][name]["error"]
    assert error["kind"] == "input", error
    assert name in error["message"]
    assert re.search(cause, error["message"]), error
    assert len(error["remedy"]) > 10
    assert "\n" not in error["message"] + error["remedy"]
    assert "Traceback" not in batch[2]


def test_bad_files_do_not_spoil_the_good_one(batch: Any) -> None:
    status, results, _, out = batch
    assert status == 2
    assert results["ada.png"]["error"] is None
    assert sorted(path.name for path in out.iterdir()) == ["ada", "likeness-batch.jsonl"]


@pytest.mark.parametrize("arguments", [
    ["create", "nowhere.jpg"], ["create", str(ROOT)], ["create", PORTRAIT, "--face", 0],
    ["create", PORTRAIT, "--face", 9], ["create", PORTRAIT, "--head", "ghost"]],
    ids=["missing", "folder", "face 0", "face 9", "head"])
def test_bad_arguments_end_with_two_and_one_line(tmp_path: Path, arguments: list[object]) -> None:
    done = run(*arguments, "--out", tmp_path / "ada", *SPEED)
    lines = [line for line in done.stderr.splitlines() if "%" not in line]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert list(tmp_path.iterdir()) == [] or arguments[-1] == 9, "nothing is made before the input is known good"


@pytest.mark.parametrize("arguments", [
    [], ["dance"], ["create", "x.jpg"], ["create", "x.jpg", "--out", "o", "--resolution", "17"],
    ["create", "x.jpg", "--out", "o", "--device", "tpu"], ["batch", "nowhere", "--out", "o", "--workers", "0"]])
def test_a_wrong_command_is_one_sentence(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_both_ways_of_starting_say_the_same() -> None:
    by_name = subprocess.run([sys.executable, "-m", "backend", "--version"], cwd=ROOT, capture_output=True, text=True,
                             check=True)
    assert run("--version").stdout == by_name.stdout == "likeness 0.1.0\n"


def test_places_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "letter.txt").write_text("dear")
    for out, words in ((tmp_path / "file", "file is a file"), (tmp_path / "holiday", "is not an avatar"),
                       (Path("/proc/ada"), "cannot be written"), (tmp_path / ("x" * 300), "is too long"),
                       (Path("/"), "is not an avatar")):
        started = time.monotonic()
        done = run("create", PORTRAIT, "--out", out, *SPEED)
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert time.monotonic() - started < 30
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "holiday").iterdir()] == ["letter.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "holiday"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_disk_that_fills_up_is_a_sentence_and_the_old_bundle_stays(finished: Finished, tmp_path: Path) -> None:
    import resource
    import shutil

    shutil.copytree(finished.bundle, tmp_path / "ada")
    before = {path: path.read_bytes() for path in (tmp_path / "ada").rglob("*") if path.is_file()}

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = run("create", PORTRAIT, "--out", tmp_path / "ada", *SPEED, "--json", preexec_fn=no_large_files)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["error"]["message"].startswith("The disk is full")
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "ada").rglob("*") if path.is_file()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_with_130_and_leaves_the_old_bundle(finished: Finished, tmp_path: Path,
                                                              number: signal.Signals) -> None:
    import shutil

    shutil.copytree(finished.bundle, tmp_path / "ada")
    before = {path: path.read_bytes() for path in (tmp_path / "ada").rglob("*") if path.is_file()}
    process = subprocess.Popen([sys.executable, "-I", BACKEND, "create", PORTRAIT, "--out", tmp_path / "ada",
                                *map(str, SPEED)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "fit" in line:
            break
    process.send_signal(number)
    _, words = process.communicate(timeout=20)
    assert process.returncode == 130
    assert words.splitlines()[-1] == "Cancelled."
    assert "Traceback" not in words
    assert {path: path.read_bytes() for path in (tmp_path / "ada").rglob("*") if path.is_file()} == before


def test_json_and_words_of_a_finished_run_agree(finished: Finished) -> None:
    assert finished.job.result is not None
    assert set(finished.job.result) == {"bundle", "verdict", "warnings", "stages", "device"}
    assert any("not seen" in warning for warning in finished.job.result["warnings"]), "a portrait shows no back"


def test_the_doctor_finds_this_machine_healthy() -> None:
    done = run("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0, [finding for finding in findings.values() if not finding["ok"]]
    assert "verified" in findings["asset face_landmarker.task"]["text"]
    assert findings["matrix product"]["text"].endswith("on cpu") or "cuda" in findings["device"]["text"]


def test_a_bug_leaves_a_report_without_paths_or_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    secret = "/home/ada/photos/face of ada.jpg"
    try:
        int(f"{secret}")
    except ValueError as error:
        report = crash.write_report(error, "create", noise=f"W0000 {secret}: odd")
    text = report.read_text()
    assert "ValueError" in text
    assert "test_cli.py" in text
    assert "/home" not in text
    assert "photos" not in text
    assert str(tmp_path) not in text
    if os.name == "posix":
        assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("path", ["/home/ada lovelace/her photos/x.jpg", "/home/x/ada's photos/her 2nd/x.jpg",
                                  r"C:\Users\Ada L\her photos\x.jpg", r"\\server\ada\her photos\x.jpg",
                                  str(Path.home() / "ada" / "her photos" / "x.jpg")])
def test_folders_go_from_every_path_whatever_they_are_called(path: str) -> None:
    told = crash.without_paths(f"[Errno 2] No such file or directory: '{path}'")
    assert told == "[Errno 2] No such file or directory: 'x.jpg'"
