"""A bundle appears whole or not at all, and nobody's files are lost."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend import output
from backend.bundle import is_bundle, owned_files, read_bundle
from backend.errors import Cancelled, InputError
from tests.bundle.conftest import Avatar

Tree = Callable[[Path], dict[str, bytes]]


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.parent.iterdir() if path.name.startswith(f".{folder.name}")]


def test_an_old_bundle_is_replaced(avatar: Avatar, written: Path) -> None:
    (written / "maps" / "diffuse_albedo.png").write_bytes(b"old")
    avatar.write(written)
    assert (written / "maps" / "diffuse_albedo.png").stat().st_size > 1000
    assert left_behind(written) == []


def test_a_person_s_files_in_an_old_bundle_move_to_the_new_one(avatar: Avatar, written: Path) -> None:
    (written / "avatar.blend").write_bytes(b"my scene")
    (written / "maps" / "painted.png").write_bytes(b"my hours")
    avatar.write(written)
    read_bundle(written)
    assert (written / "avatar.blend").read_bytes() == b"my scene"
    assert (written / "maps" / "painted.png").read_bytes() == b"my hours"


def test_cancelling_while_writing_leaves_the_old_bundle(avatar: Avatar, written: Path, tree: Tree) -> None:
    before = tree(written)

    def stop(fraction: float, text: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        avatar.write(written, progress=stop, preview=np.zeros((8, 8, 3), np.float32))
    assert tree(written) == before
    assert left_behind(written) == []


def test_a_crash_while_writing_leaves_the_old_bundle_and_the_next_run_cleans_up(
        avatar: Avatar, written: Path, tree: Tree) -> None:
    before = tree(written)
    script = ("import os, sys; from pathlib import Path; from backend.output import replacing\n"
              "with replacing(Path(sys.argv[1]), lambda p: True, lambda p: set()) as new:\n"
              "    (new / 'half.npz').write_bytes(b'x' * 1000); os._exit(9)\n")
    assert subprocess.run([sys.executable, "-c", script, written], check=False).returncode == 9
    assert tree(written) == before
    assert len(left_behind(written)) == 1
    avatar.write(written)
    assert left_behind(written) == []


@pytest.mark.parametrize("swap", [True, False], ids=["one step", "two steps"])
def test_an_old_bundle_survives_a_failed_swap(avatar: Avatar, written: Path, tree: Tree, swap: bool,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = tree(written), Path.rename

    def failing(self: Path, target: Path) -> Path:
        if Path(target) == written and "likeness-new" in self.name:
            raise OSError(errno.EIO, "the cable")
        return rename(self, target)

    if not swap:
        monkeypatch.setattr(output, "exchange", lambda first, second: False)
        monkeypatch.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="the cable"):
            avatar.write(written)
        assert tree(written) == before
        monkeypatch.setattr(Path, "rename", rename)
    avatar.write(written)
    read_bundle(written)
    assert left_behind(written) == []


def test_a_bundle_moved_aside_by_a_process_that_died_is_put_back(avatar: Avatar, written: Path, tree: Tree) -> None:
    before = tree(written)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    written.rename(written.parent / f".ada.likeness-old-{gone.pid}-xyz")
    output.recover(written, owned_files)
    assert tree(written) == before


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="other systems swap in two steps")
def test_names_are_exchanged_in_one_step_here(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "file").touch()
    assert output.exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "file").exists()


def test_a_full_disk_is_a_sentence_and_the_old_bundle_stays(avatar: Avatar, written: Path, tree: Tree) -> None:
    import resource

    before = tree(written)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # every larger file fails, as on a full disk
    try:
        with pytest.raises(InputError, match=r"The disk is full: ada could not be written\. Free some space"):
            avatar.write(written)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert tree(written) == before
    assert left_behind(written) == []


def test_a_folder_that_is_no_avatar_is_refused_and_untouched(avatar: Avatar, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="holiday exists and is not an avatar"):
        avatar.write(tmp_path / "holiday")
    assert (tmp_path / "holiday" / "letter.txt").read_text() == "dear"


def test_a_folder_with_somebody_else_s_avatar_json_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "avatar.json").write_text('{"schema": 1, "generator": {"name": "other"}}')
    assert not is_bundle(tmp_path)
    (tmp_path / "avatar.json").write_text('{"schema": 1, "generator": "likeness"}')
    assert not is_bundle(tmp_path)


def test_a_file_in_the_way_is_named(avatar: Avatar, tmp_path: Path) -> None:
    (tmp_path / "ada").write_text("I am a file")
    with pytest.raises(InputError, match="ada is a file, not a folder"):
        avatar.write(tmp_path / "ada")
    with pytest.raises(InputError, match="ada is a file, not a folder, so inside cannot be made in it"):
        avatar.write(tmp_path / "ada" / "inside")
    assert (tmp_path / "ada").read_text() == "I am a file"


def test_a_link_to_a_bundle_stays_a_link(avatar: Avatar, written: Path) -> None:
    link = written.parent / "link"
    link.symlink_to(written.name)
    avatar.write(link)
    assert link.is_symlink()
    read_bundle(link)


def test_an_empty_folder_and_missing_parents_are_fine(avatar: Avatar, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    avatar.write(tmp_path / "empty")
    avatar.write(tmp_path / "a" / "b" / "c")
    read_bundle(tmp_path / "empty")
    read_bundle(tmp_path / "a" / "b" / "c")


def test_a_folder_that_may_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        output.check_destination(Path("/proc/avatar"), is_bundle)
    if os.geteuid() != 0:  # root may write everywhere
        tmp_path.chmod(0o500)
        with pytest.raises(InputError, match="cannot be written"):
            output.check_destination(tmp_path / "ada", is_bundle)


def test_too_little_room_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The disk is full: \d+ MB are free and ada needs about \d+ MB"):
        output.check_destination(tmp_path / "ada", is_bundle, needed_bytes=1 << 60)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_fills_up_at_any_file_is_a_sentence(avatar: Avatar, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    said = 0
    for kilobytes in range(64, 1200, 128):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "likeness", disk], check=False,
                                 capture_output=True)
        if mounted.returncode:
            pytest.skip("mounting is not allowed here")
        try:
            avatar.write(disk / "ada")
            read_bundle(disk / "ada")
        except InputError as error:
            said += "The disk is full: ada could not be written." in str(error)
            assert list(disk.iterdir()) == []
        finally:
            subprocess.run(["umount", disk], check=True)
    assert said >= 4


@pytest.mark.parametrize("name", ["Ädä 日本 😀", "with [brackets] * and ?", "-dash", "x" * 200, "\udcff undecodable"])
def test_odd_names_of_folders_are_fine(avatar: Avatar, tmp_path: Path, name: str) -> None:
    avatar.write(tmp_path / name)
    avatar.write(tmp_path / name)
    read_bundle(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
