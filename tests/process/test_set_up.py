"""Filling the environment with real uv and real pip: small wheels, a local index, and everything that goes wrong."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blender_addon import environment
from blender_addon.environment import State
from blender_addon.errors import SetupError
from blender_addon.setup import bundled, folders, indexes, installers
from tests.process.wheels import Index, make
from tools import package

ODD = "Bäume mit Leerzeichen 顔 🙂"


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uv that an extension for this computer brings, unpacked as the add-on does."""
    wheel = package.uv_wheel(package.SYSTEMS[sys.platform])
    unpacked = bundled.unpack_uv(wheel.parent, tmp_path_factory.mktemp(ODD))
    assert unpacked is not None
    return unpacked


class Place:
    """A folder with odd letters in which everything of one set-up lies."""

    def __init__(self, root: Path, uv: Path | None) -> None:
        self.root, self.uv = root / ODD, uv
        self.folder, self.wheels, self.lock = self.root / "environment", self.root / "wheels", self.root / "a.lock"
        self.wheels.mkdir(parents=True)
        self.log: list[str] = []

    def lock_in(self, *requirements: str) -> None:
        self.lock.write_text("".join(requirements), "utf-8")

    def set_up(self, **options: Any) -> list[tuple[float, str]]:
        heard: list[tuple[float, str]] = []
        environment.ensure(self.folder, self.lock, uv=self.uv, cache=self.root / "cache", log=self.log,
                           progress=lambda fraction, text: heard.append((fraction, text)), **options)
        return heard

    def version(self, module: str) -> str:
        command = [environment.python_in(self.folder), "-I", "-c", f"import {module} as m; print(m.version)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    @property
    def state(self) -> State:
        return environment.state(self.folder, self.lock)


@pytest.fixture
def place(tmp_path: Path, uv: Path) -> Place:
    return Place(tmp_path, uv)


@pytest.fixture(autouse=True)
def quick_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installers try again for a while; not here. Nor do they see how this computer is configured."""
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def index(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with Index(place.wheels).open() as one:
        monkeypatch.setenv("PIP_INDEX_URL", one.url)
        yield one


def test_uv_is_unpacked_once_and_again_when_it_is_cut_off(tmp_path: Path, uv: Path) -> None:
    wheels = package.uv_wheel(package.SYSTEMS[sys.platform]).parent
    again = bundled.unpack_uv(wheels, tmp_path)
    assert again is not None
    written = again.stat().st_mtime_ns
    assert bundled.unpack_uv(wheels, tmp_path) == again
    assert again.stat().st_mtime_ns == written
    again.write_bytes(b"half")
    assert bundled.unpack_uv(wheels, tmp_path) == again
    assert subprocess.run([again, "--version"], capture_output=True, check=True).stdout.startswith(b"uv ")
    assert bundled.unpack_uv(tmp_path / "nothing", tmp_path) is None
    (tmp_path / "uv-9.9-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(SetupError, match=r"uv-9\.9.* damaged"):
        bundled.unpack_uv(tmp_path, tmp_path)


def test_a_folder_of_wheels_needs_no_network_and_only_another_lock_changes_what_is_there(place: Place) -> None:
    one, two = make(place.wheels, "tiny_one"), make(place.wheels, "tiny_two", "2.0")
    make(place.wheels, "torch", "2.13.0+cpu", needs="tiny_one")
    place.lock_in(one, two)
    heard = place.set_up(torch="2.13.0", build="cpu", wheels=place.wheels, imports=("tiny_one", "torch"))
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert place.version("torch") == "2.13.0+cpu"
    stamp = environment.read_stamp(place.folder)
    assert (stamp["installer"], stamp["build"]) == ("uv", "cpu")
    assert any("--offline" in line and "--no-index" in line for line in place.log)
    assert environment.state(place.folder, place.lock, torch="2.13.0", build="cpu") is State.READY
    assert environment.state(place.folder, place.lock, torch="2.13.0", build="cuda") is State.BROKEN
    assert place.set_up(torch="2.13.0", wheels=place.wheels) == []

    place.lock_in(one, make(place.wheels, "tiny_two", "2.1"))
    assert environment.state(place.folder, place.lock, torch="2.13.0") is State.OUTDATED
    place.log.clear()
    place.set_up(torch="2.13.0", wheels=place.wheels)
    assert place.version("tiny_two") == "2.1"
    assert not any(" venv " in line for line in place.log)
    assert environment.read_stamp(place.folder)["build"] == "cpu"


def test_without_uv_pip_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    place = Place(tmp_path, tmp_path / "uv-that-is-not-there")
    place.lock_in(make(place.wheels, "tiny_one"))
    make(place.wheels, "torch", "2.13.0+cpu", needs="tiny_one")
    place.set_up(torch="2.13.0", build="cpu", wheels=place.wheels)
    assert place.version("torch") == "2.13.0+cpu"
    assert environment.read_stamp(place.folder)["installer"] == "pip"
    place.lock_in(make(place.wheels, "tiny_one"), "tiny_two==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(SetupError, match=r"folder wheels lacks a wheel of tiny.two"):
        place.set_up(torch="2.13.0", wheels=place.wheels)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the driver's tool")
def test_what_the_driver_says_chooses_the_build_and_another_choice_makes_it_anew(
        place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(environment, "NEEDED_BYTES_CUDA", 1)
    place.lock_in("")
    make(place.wheels, "torch", "2.13.0+x")
    for script, build in (("echo 'GPU 0: NVIDIA H200'", "cuda"), ("echo 'No devices'; exit 9", "cpu")):
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        list(folders.discard(place.folder))
        place.set_up(torch="2.13.0", wheels=place.wheels)
        assert environment.read_stamp(place.folder)["build"] == environment.default_build(build == "cuda")
    with pytest.raises(SetupError, match="No NVIDIA graphics card answers"):
        place.set_up(torch="2.13.0", wheels=place.wheels, build="cuda")
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H200'\n")
    (place.folder / "mine.txt").write_text("left in the old environment")
    place.set_up(torch="2.13.0", wheels=place.wheels, build="cuda")
    assert environment.read_stamp(place.folder)["build"] == "cuda"
    assert not (place.folder / "mine.txt").exists()


def test_a_folder_that_lacks_a_wheel_is_said_and_what_is_put_there_completes_it(place: Place, tmp_path: Path) -> None:
    place.lock_in(make(place.wheels, "tiny_one"), make(tmp_path, "tiny_two"))
    with pytest.raises(SetupError, match=r"folder wheels lacks a wheel of tiny.two"):
        place.set_up(wheels=place.wheels)
    assert place.state is State.OUTDATED
    make(place.wheels, "tiny_two")
    place.set_up(wheels=place.wheels)
    assert place.version("tiny_two") == "1.0"
    with pytest.raises(SetupError, match="no folder nowhere"):
        next(environment.setup(place.root / "other", place.lock, wheels=tmp_path / "nowhere"))


def test_a_wheel_that_was_altered_is_refused(place: Place) -> None:
    place.lock_in(make(place.wheels, "tiny_one"))
    make(place.wheels, "tiny_one", size=10)
    with pytest.raises(SetupError, match="not the one that Likeness was tested with"):
        place.set_up(wheels=place.wheels)


def test_a_network_that_dies_half_way_is_said_and_the_next_try_goes_on(place: Place, index: Index) -> None:
    names = [f"tiny_{number}" for number in range(4)]
    place.lock_in(*(make(place.wheels, name, size=200_000) for name in names))
    index.dies_after = 2
    with pytest.raises(SetupError, match="connection broke"):
        place.set_up()
    assert place.state is State.OUTDATED
    index.dies_after = 1 << 30
    place.set_up()
    assert {place.version(name) for name in names} == {"1.0"}
    assert sorted(index.arrived) == sorted(f"{name}-1.0-py3-none-any.whl" for name in names)  # none came twice


def test_what_was_downloaded_does_without_a_network(place: Place, index: Index) -> None:
    one = make(place.wheels, "tiny_one")
    place.lock_in(one)
    place.set_up()
    list(folders.discard(place.folder))
    asked = len(index.asked)
    place.set_up(offline=True)
    assert place.version("tiny_one") == "1.0"
    place.lock_in(one, make(place.wheels, "tiny_two"))
    with pytest.raises(SetupError, match="downloaded earlier is not enough"):
        place.set_up(offline=True)
    assert len(index.asked) == asked


def test_an_index_that_is_not_there_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    place.lock_in("tiny_one==1.0\n")
    with pytest.raises(SetupError, match="could not be reached"):
        place.set_up()


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_blender_that_is_killed_half_way_leaves_what_the_next_one_completes(place: Place, index: Index) -> None:
    place.lock_in(make(place.wheels, "tiny_one"))
    held = (place.wheels / "tiny_one-1.0-py3-none-any.whl").rename(place.root / "held")
    program = ("import sys, time\nfrom pathlib import Path\nfrom blender_addon import environment\n"
               "steps = environment.setup(Path(sys.argv[1]), Path(sys.argv[2]), uv=Path(sys.argv[3]))\n"
               "for step in steps:\n    print(step.text, flush=True)\n"
               "    if step.text == 'Installing packages': time.sleep(60)\n")
    child = subprocess.Popen([sys.executable, "-c", program, place.folder, place.lock, str(place.uv)],
                             stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    while child.stdout.readline() != "Installing packages\n":
        assert child.poll() is None
    with pytest.raises(SetupError, match="Another Blender is setting up"):
        place.set_up()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert place.state is State.OUTDATED
    held.rename(place.wheels / "tiny_one-1.0-py3-none-any.whl")
    place.set_up()
    assert place.version("tiny_one") == "1.0"


def test_half_an_environment_is_ours_to_make_anew(place: Place) -> None:
    place.lock_in(make(place.wheels, "tiny_one"))
    place.set_up(wheels=place.wheels)
    (place.folder / "pyvenv.cfg").unlink()
    assert place.state is State.BROKEN
    gone = place.folder.with_name(".environment.gone-1234")
    gone.mkdir()
    place.set_up(wheels=place.wheels)
    assert place.version("tiny_one") == "1.0"
    assert not gone.exists()
    list(folders.discard(place.folder))
    assert place.state is State.MISSING
    assert not list(place.root.glob(".environment*"))


def test_a_stranger_s_folder_is_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "letter.txt").write_text("dear")
    with pytest.raises(SetupError, match="holiday is not empty"):
        list(folders.discard(tmp_path / "holiday"))
    assert (tmp_path / "holiday" / "letter.txt").exists()


def test_a_place_where_nothing_can_be_written_is_said(place: Place) -> None:
    place.lock_in("")
    (place.root / "file").write_text("in the way")
    place.folder = place.root / "file" / "environment"
    with pytest.raises(SetupError, match=r"(cannot be written|cannot be used): Not a directory"):
        place.set_up()


def test_a_disk_without_room_is_said_before_anything_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.lock_in("")
    room = folders.free_bytes(place.folder)
    monkeypatch.setattr(environment, "NEEDED_BYTES_CPU", room + (5 << 30))
    with pytest.raises(SetupError, match="GB free; the environment needs"):
        place.set_up()
    assert not place.folder.exists()


def test_what_cannot_be_loaded_in_the_end_is_no_environment(place: Place) -> None:
    place.lock_in(make(place.wheels, "tiny_one"))
    with pytest.raises(SetupError, match=r"cannot be loaded.*tiny_three"):
        place.set_up(wheels=place.wheels, imports=("tiny_one", "tiny_three"))
    assert place.state is State.OUTDATED


def test_another_python_s_end_is_seen(place: Place) -> None:
    place.lock_in("")
    place.set_up()
    config = place.folder / "pyvenv.cfg"
    config.write_text(config.read_text("utf-8").replace("home = ", "home = /gone"), "utf-8")
    assert place.state is State.BROKEN
    place.set_up()
    assert place.state is State.READY


def test_cancelling_ends_the_installer(place: Place, index: Index) -> None:
    place.lock_in(*(make(place.wheels, f"tiny_{number}", size=100_000) for number in range(3)))
    steps = environment.setup(place.folder, place.lock, uv=place.uv, cache=place.root / "cache", log=place.log)
    for step in steps:
        if step.text == "Installing packages":
            break
    asked = time.monotonic()
    steps.close()
    assert time.monotonic() - asked < 1.0
    assert place.state is State.OUTDATED
    with contextlib.closing(environment.setup(place.folder, place.lock, uv=place.uv)) as again:
        next(again)  # nobody holds the folder any more
        locks = set(Path(tempfile.gettempdir()).glob("likeness-*.lock"))
        assert locks
    assert len(set(Path(tempfile.gettempdir()).glob("likeness-*.lock")) & locks) < len(locks)


def test_pip_s_configuration_is_said_to_uv(tmp_path: Path) -> None:
    first, second = tmp_path / "pip.conf", tmp_path / "user.conf"
    first.write_text("[global]\nindex-url = https://old\nfind-links =\n    /one\n    /two\ntimeout = 9\n")
    second.write_text("[global]\nindex-url = https://mirror\n[install]\nno-index = false\n")
    found = indexes.configured({"PIP_EXTRA_INDEX_URL": "https://more", "PIP_CERT": "/cert"}, [first, second])
    assert found.own
    assert found.cert == "/cert"
    assert found.for_uv() == ["--default-index", "https://mirror", "--index", "https://more", "--find-links", "/one",
                              "--find-links", "/two", "--index-strategy", "unsafe-best-match"]
    first.write_text("no configuration at all")
    assert not indexes.configured({}, [first, tmp_path / "none"]).own
    assert indexes.config_files({"PIP_CONFIG_FILE": os.devnull}) == []


def test_the_meter_reads_uv_pip_and_the_disk() -> None:
    free = [10_000_000]
    meter = installers.Meter("Installing", 0, 4_000_000, lambda: free[0])
    meter.hear(["Resolved 3 packages in 1ms", "Downloading torch (3.0MiB)", "Downloading numpy (1.0MiB)"])
    assert (meter.fraction, meter.text) == (0.0, "Downloading 2 packages, 4 MB")
    meter.hear([" Downloaded torch"])
    assert meter.text == "Downloading numpy, 1 MB"
    assert meter.fraction == pytest.approx(0.9 * 3 / 4)
    meter._looked -= 10
    free[0] -= 3_200_000
    meter.hear([])
    assert meter.fraction == pytest.approx(0.8)
    pip = installers.Meter("Installing", 4, 1, lambda: 0)
    pip.hear(["Collecting numpy==2.0 (from -r lock)", "Requirement already satisfied: scipy"])
    assert (pip.fraction, pip.text) == (0.5, "Collecting numpy")
