"""The backend's environment: judged by its stamp, made for real, refused where it would delete something."""

import sys
from pathlib import Path

import pytest

from blender_addon import environment
from blender_addon.environment import State
from blender_addon.errors import Cancelled, SetupError
from blender_addon.process import clean_environ, run_pollable
from blender_addon.setup.indexes import Indexes
from blender_addon.setup.installers import TORCH_CPU_INDEX, Installer


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


CPU_INDEX = ["--index-url", TORCH_CPU_INDEX, "torch==2.13.0"]
DEFAULT = ["torch==2.13.0"]


@pytest.mark.parametrize(("uv", "mirror", "wheels", "build", "system", "machine", "attempts"), [
    (False, False, False, "cpu", "Linux", "x86_64", [CPU_INDEX, DEFAULT]),
    (False, True, False, "cpu", "Linux", "x86_64", [["torch==2.13.0+cpu"], CPU_INDEX, DEFAULT]),
    (True, False, False, "cpu", "Linux", "x86_64", [["--torch-backend", "cpu", *DEFAULT], DEFAULT]),
    (True, False, False, "cuda", "Linux", "x86_64", [["--torch-backend", "auto", *DEFAULT], DEFAULT]),
    (True, False, False, "cuda", "Windows", "AMD64", [["--torch-backend", "auto", *DEFAULT]]),
    (False, False, False, "cuda", "Linux", "x86_64", [DEFAULT]),
    (True, True, True, "cpu", "Linux", "x86_64", [DEFAULT]),
    (True, False, False, "cpu", "Linux", "aarch64", [DEFAULT]),
    (True, False, False, "mps", "Darwin", "arm64", [DEFAULT]),
    (True, False, False, "cpu", "Windows", "AMD64", [DEFAULT]),
])
def test_torch_is_asked_for_in_the_build_that_suits_the_machine(
        uv: bool, mirror: bool, wheels: bool, build: str, system: str, machine: str, attempts: list) -> None:
    one = Installer(Path("uv") if uv else None, Indexes(index="https://mirror" if mirror else ""),
                    Path("wheels") if wheels else None, None)
    assert one.torch_attempts("2.13.0", build, system, machine) == attempts


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
