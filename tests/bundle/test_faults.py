"""Writing a bundle, killed or refused by the disk at every single change: the old or the new one is there, whole."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend import output
from backend.bundle import owned_files, read_bundle
from backend.errors import InputError
from tests.bundle.conftest import Avatar
from tests.trust.forks import at_change

Tree = Callable[[Path], dict[str, bytes]]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is how a test survives its own death")
MINE = "my scene.blend"
STEP = int(os.environ.get("LIKENESS_FAULT_STEP", "12"))
"""Of the changes, every so many-th is tried; all by `python3 build.py faults`."""


def forked(work: Callable[[], Any]) -> int:
    """Do `work` in a child; the signal it died of, 0 when it ended by itself, -1 when it raised our InputError."""
    child = os.fork()
    if not child:
        status = 3
        try:
            work()
            status = 0
        except InputError:
            status = 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) in (0, 2), "another exception than a sentence"
    return 0 if os.WEXITSTATUS(status) == 0 else -1


def changes(avatar: Avatar, written: Path) -> int:
    """How many changes to the disk one replacement takes."""
    reading, writing = os.pipe()

    def counted() -> None:
        hook = at_change({"below": str(written.parent), "at": 0})
        sys.addaudithook(hook)
        avatar.write(written)
        os.write(writing, str(hook.seen).encode())  # type: ignore[attr-defined]

    assert forked(counted) == 0
    os.close(writing)
    with os.fdopen(reading) as file:
        return int(file.read())


def faults(avatar: Avatar, written: Path, number: int, **fault: Any) -> int:
    """Write with a fault at that change."""
    def faulty() -> None:
        sys.addaudithook(at_change({"below": str(written.parent), "at": number, **fault}))
        avatar.write(written)

    return forked(faulty)


def whole(folder: Path, before: dict[str, bytes], tree: Tree) -> bool:
    """Whether the new avatar stands there, and nothing of a person's was lost; the old one otherwise, untouched."""
    read_bundle(folder)
    (mine,) = [*folder.glob(MINE), *folder.parent.glob(f".{folder.name}.*/{MINE}")]
    assert mine.read_bytes() == b"my hours"
    return tree(folder) != before


@pytest.fixture
def old(written: Path) -> Path:
    (written / MINE).write_bytes(b"my hours")
    return written


def test_killed_at_any_change_the_old_or_the_new_avatar_is_whole(avatar: Avatar, old: Path, tree: Tree) -> None:
    count, names, seen = changes(avatar, old), set(tree(old)), set()
    assert count > 40
    for number in range(1, count + 1, STEP):
        before = tree(old)
        assert faults(avatar, old, number) == signal.SIGKILL
        seen.add(whole(old, before, tree))
        output.recover(old, owned_files)  # what the next run does first
        assert [path.name for path in old.parent.iterdir()] == [old.name]
        assert set(tree(old)) == names, "nothing is lost, and nothing of ours is taken for a person's"
        read_bundle(old)
    assert seen == {True, False}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO], ids=["full", "forbidden", "broken"])
def test_a_disk_that_refuses_any_change_leaves_a_whole_avatar(avatar: Avatar, old: Path, tree: Tree,
                                                             number: int) -> None:
    count, names = changes(avatar, old), set(tree(old))
    step = STEP if number == errno.ENOSPC else 4 * STEP
    for place in range(1, count + 1, step):
        before = tree(old)
        try:
            ended = faults(avatar, old, place, errno=number)
        except AssertionError:
            assert number == errno.EIO, "a broken disk has no sentence of ours"
            ended = -1
        assert ended in (0, -1)
        new = whole(old, before, tree)
        assert ended == -1 or new
        output.recover(old, owned_files)
        assert set(tree(old)) == names
        read_bundle(old)
