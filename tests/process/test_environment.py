"""The backend's environment: judged by its stamp, made for real, refused where it would delete something."""

import sys
from pathlib import Path

import pytest

from blender_addon import environment
from blender_addon.environment import TORCH_CPU_INDEX, State, choose_torch
from blender_addon.errors import Cancelled, SetupError
from blender_addon.process import clean_environ, run_pollable


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "backend.txt"
    path.write_text("# nothing to install\n")
    return path


def test_an_environment_is_made_once_and_remade_for_another_lock(tmp_path: Path, lock: Path) -> None:
    folder = tmp_path / "environments" / "backend"
    assert environment.state(folder, lock) is State.MISSING
    fractions: list[float] = []
    python = environment.ensure(folder, lock, progress=lambda fraction, text: fractions.append(fraction))
    assert python.exists()
    assert environment.state(folder, lock) is State.READY
    assert fractions[0] == 0.0
    assert fractions[-1] == 1.0
    again: list[float] = []
    environment.ensure(folder, lock, progress=lambda fraction, text: again.append(fraction))
    assert again == []
    lock.write_text("# another\n")
    assert environment.state(folder, lock) is State.OUTDATED
    python.unlink()
    assert environment.state(folder, lock) is State.BROKEN


def test_a_cancelled_set_up_leaves_no_stamp(tmp_path: Path, lock: Path) -> None:
    folder = tmp_path / "backend"
    with pytest.raises(Cancelled):
        environment.ensure(folder, lock, cancelled=lambda: True)
    assert environment.state(folder, lock) is not State.READY


def test_a_folder_with_somebody_s_files_is_refused_and_untouched(tmp_path: Path, lock: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "letter.txt").write_text("dear")
    with pytest.raises(SetupError, match="holiday is not empty"):
        environment.ensure(tmp_path / "holiday", lock)
    assert (tmp_path / "holiday" / "letter.txt").read_text() == "dear"


def test_a_python_that_is_none_is_named(tmp_path: Path, lock: Path) -> None:
    with pytest.raises(SetupError, match="python9"):
        environment.ensure(tmp_path / "backend", lock, python=tmp_path / "python9")


def test_a_package_that_does_not_exist_is_a_sentence(tmp_path: Path, lock: Path) -> None:
    lock.write_text("likeness-no-such-package==1.0\n")
    with pytest.raises(SetupError, match=r"likeness-no-such-package|could not be reached"):
        environment.ensure(tmp_path / "backend", lock)
    assert environment.state(tmp_path / "backend", lock) is State.OUTDATED


@pytest.mark.parametrize(("configured", "system", "machine", "gpu", "index"), [
    ("2.13.0+cpu", "Linux", "x86_64", False, None),
    ("2.13.0", "Linux", "x86_64", False, TORCH_CPU_INDEX),
    (None, "Linux", "x86_64", False, TORCH_CPU_INDEX),
    (None, "Linux", "x86_64", True, None),
    (None, "Linux", "aarch64", False, None),
    (None, "Darwin", "arm64", False, None),
    (None, "Windows", "AMD64", False, None),
])
def test_torch_is_the_cpu_build_without_a_gpu(configured: str | None, system: str, machine: str, gpu: bool,
                                               index: str | None) -> None:
    assert choose_torch(configured, system, machine, gpu) == index


def test_the_pinned_torch_is_read_from_requirements_and_pyproject(tmp_path: Path, lock: Path) -> None:
    assert environment.torch_version(lock) is None
    lock.write_text("numpy==2.4.6\ntorchvision==0.1\ntorch==2.13.0 ; python_version >= '3.11'\n")
    assert environment.torch_version(lock) == "2.13.0"
    lock.write_text('dependencies = [\n    "torch==2.13.0",\n]\n')
    assert environment.torch_version(lock) == "2.13.0"


def test_another_torch_makes_the_environment_outdated(tmp_path: Path, lock: Path) -> None:
    assert environment.fingerprint([lock], "2.13.0") != environment.fingerprint([lock], "2.12.0")


def test_a_child_sees_nothing_of_blender_s_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/blender/scripts")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    cleaned = clean_environ()
    assert "PYTHONPATH" not in cleaned
    assert "VIRTUAL_ENV" not in cleaned
    assert cleaned["PATH"]


def test_a_command_is_polled_without_waiting_and_killed_when_dropped(tmp_path: Path) -> None:
    log: list[str] = []
    running = run_pollable([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"], log)
    while not log:
        next(running)
    running.close()
    assert log == ["up"]
