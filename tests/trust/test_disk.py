"""A disk that takes no more, at every kind of file we write: the old state or the new one, a sentence, nothing left."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend import ledger
from backend.animation.clip import read_npz, write_npz
from backend.claim import claimed
from blender_addon.errors import InputError as AddonError
from blender_addon.performance import clip as addon_clip
from blender_addon.performance import livelink as addon_livelink
from tests.animation.conftest import as_addon, made
from tests.hostile import bundles
from tests.process.conftest import BACKEND, PORTRAIT
from tests.trust.test_faults import tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")


def limited(most: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line, to whom the disk gives so many bytes for a file (EFBIG stands for a full one).

    Python 3.11 itself would leave compiled code cut short (-B), which the next test shows to be mended.
    """
    return subprocess.run([sys.executable, "-I", "-B", str(BACKEND), *map(str, arguments)], capture_output=True,
                          text=True, timeout=100, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))


def test_compiled_code_that_a_full_disk_cut_short_is_made_anew(tmp_path: Path) -> None:
    ours = tmp_path / "backend"
    shutil.copytree(BACKEND, ours, ignore=shutil.ignore_patterns("__pycache__", "training", "*.npz", "*.task"))
    command = [sys.executable, "-I", str(ours), "create", "nobody.jpg", "--out", str(tmp_path / "ada")]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.stderr.startswith("There is no file nobody.jpg."), done.stderr
        for path in ours.glob("__pycache__/[a-z]*.pyc"):
            path.write_bytes(path.read_bytes()[:90])


@pytest.mark.parametrize("suffix", ["npz", "csv"])
@pytest.mark.parametrize("most", [0, 1, 3000])
def test_a_performance_is_there_whole_or_as_it_was(tmp_path: Path, suffix: str, most: int) -> None:
    write_npz(made(), tmp_path / "in.npz")
    write_npz(made(20), tmp_path / "out.npz")
    (tmp_path / "out.csv").write_text("somebody's")
    before = tree(tmp_path)
    done = limited(most, "animation", "convert", tmp_path / "in.npz", tmp_path / f"out.{suffix}")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"The disk is full: out.{suffix} could not be written."), done.stderr
    assert tree(tmp_path) == before


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_the_addon_writes_a_performance_whole_or_not_at_all(tmp_path: Path, suffix: str) -> None:
    write = addon_clip.write_npz if suffix == "npz" else addon_livelink.write_csv
    target = tmp_path / f"out.{suffix}"
    target.write_text("mine")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        with pytest.raises(AddonError, match="cannot be written: File too large"):
            write(as_addon(made()), target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert tree(tmp_path) == {target.name: b"mine"}
    write(as_addon(made()), target)
    assert list(tree(tmp_path)) == [target.name]


def test_an_avatar_that_finds_no_room_leaves_the_old_one_and_no_half_stage(tmp_path: Path) -> None:
    shutil.copytree(bundles.seed(), tmp_path / "ada")
    before = tree(tmp_path / "ada")
    done = limited(100_000, "create", PORTRAIT, "--out", tmp_path / "ada", "--resolution", 1024, "--device", "cpu")
    assert done.returncode == 2, done.stderr
    assert "The disk is full: .ada.likeness-job could not be written." in done.stderr
    assert tree(tmp_path / "ada") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ada"]


def test_a_batch_without_room_for_its_list_says_so_and_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"words")
    (tmp_path / "out").mkdir()
    kept = tmp_path / "out" / ledger.NAME
    kept.write_text(json.dumps({"photo": "b.jpg", "key": "x", "error": None}) + "\n")
    before = kept.read_bytes()
    done = limited(len(before), "batch", tmp_path / "photos", "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("The disk is full: out could not be written."), done.stderr
    assert kept.read_bytes() == before


def test_a_clock_that_jumps_while_a_folder_is_held_changes_nothing(tmp_path: Path) -> None:
    """Files from the year 1970 and from 2100: a lock is the process's, and a list goes by content."""
    import os

    mark = tmp_path / "likeness-job"
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"words")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "avatar.json").write_text("{}")
    with claimed(mark, mark.touch, "avatar", 0.1):
        key = ledger.key_of(photo, {})
        ledger.Ledger(tmp_path).note("a.jpg", key, None)
        for seconds in (0, 1 << 32):
            for path in tmp_path.rglob("*"):
                os.utime(path, (seconds, seconds))
            with pytest.raises(Exception, match="is being made already"), claimed(mark, mark.touch, "avatar", 0.1):
                raise AssertionError("two held it")
            assert ledger.Ledger(tmp_path).has("a.jpg", ledger.key_of(photo, {}), tmp_path / "a")


def test_what_was_written_is_what_was_meant(tmp_path: Path) -> None:
    link = tmp_path / "link.npz"
    link.symlink_to(tmp_path / "real.npz")
    write_npz(made(), tmp_path / "real.npz")
    write_npz(made(30), link)
    assert link.is_symlink(), "the file it leads to is written, the link stays"
    assert len(read_npz(tmp_path / "real.npz")) == 30
    assert np.array_equal(read_npz(link).arkit, made(30).arkit)
