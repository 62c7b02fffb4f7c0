"""A stranger's face stays where it is: a whole run sends nothing, tells nothing, leaves nothing, and is its owner's."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.bundle import read_bundle
from backend.video.report import with_video
from tests.process.conftest import PORTRAIT, ROOT
from tests.trust import sealed
from tests.trust.conftest import PHOTO, SECRET, Whole

FILM = "ich am strand.mp4"


@pytest.mark.skipif(not sealed.POSSIBLE, reason="the kernel of this system does not watch for us")
@pytest.mark.parametrize("program", ["import socket; socket.socket()", "import subprocess, sys; sys.exit("
                                     "subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'])"
                                     ".returncode)"], ids=["itself", "its child"])
def test_the_seal_kills_whoever_asks_for_a_socket(program: str) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.trust.sealed", sys.executable, "-c", program], cwd=ROOT,
                          check=False)
    assert done.returncode in (-31, 256 - 31), "SIGSYS"


@pytest.mark.skipif(not sealed.POSSIBLE, reason="the kernel of this system does not watch for us")
def test_a_whole_run_opens_no_socket(whole: Whole) -> None:
    assert whole.status == 0, whole.log[-2000:]
    assert json.loads(whole.said.splitlines()[-1])["type"] == "result", whole.said[-2000:]


@pytest.mark.skipif(sys.platform == "win32", reason="rights of another kind")
def test_everything_is_for_its_owner_only(whole: Whole) -> None:
    made = [whole.bundle, *whole.bundle.rglob("*")]
    assert len(made) > 15
    assert {path.name: oct(path.stat().st_mode) for path in made if path.stat().st_mode & 0o077} == {}


def contents(bundle: Path) -> Iterator[tuple[str, bytes]]:
    """Every byte of a bundle, archives unpacked."""
    for path in bundle.rglob("*"):
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path.name}/{name}", archive.read(name)
        elif path.is_file():
            yield path.name, path.read_bytes()


def test_no_path_and_nothing_of_a_forgotten_photo_is_told_anywhere(whole: Whole) -> None:
    digest = hashlib.sha256(PORTRAIT.read_bytes()).hexdigest()
    private = [text.encode(kind) for text in (SECRET, PHOTO, Path(PHOTO).stem, digest)
               for kind in ("utf-8", "utf-16-le", "utf-32-le")]
    for name, content in (*contents(whole.bundle), ("log", whole.log.encode())):
        assert not [text for text in private if text in content], name
    heard = [json.loads(line) for line in whole.said.splitlines()]
    told = [{**message, "preview": None, "result": {**message.get("result", {}), "bundle": ""}} for message in heard]
    assert SECRET not in json.dumps(told), "a path beyond the two that the client itself gave"
    assert json.loads((whole.bundle / "avatar.json").read_text())["inputs"] == [{"name": "photo 1"}]
    read_bundle(whole.bundle)


def test_a_forgotten_photo_is_in_no_picture(whole: Whole) -> None:
    preview = cv2.imread(str(whole.bundle / "preview.png"))
    assert preview is not None
    assert preview.shape == (768, 768, 3), "the avatar alone"
    corner = preview[:40, :40].reshape(-1, 3)
    assert (corner == corner[0]).all(), "grey, not somebody's holiday"


def test_logs_hold_no_pixels(whole: Whole) -> None:
    assert len(whole.log) < 20_000
    assert whole.log.isprintable() or not [letter for letter in whole.log if ord(letter) < 9]
    longest = max(map(len, whole.log.split()), default=0)
    assert longest < 300, "no picture fits into that"


def test_temporary_files_and_stages_are_gone(whole: Whole) -> None:
    assert not whole.job.exists()
    assert list(whole.temporary.iterdir()) == []
    assert sorted(path.name for path in whole.home.iterdir()) == ["ada", PHOTO]


def test_the_photo_is_as_it_was(whole: Whole) -> None:
    assert (whole.home / PHOTO).read_bytes() == PORTRAIT.read_bytes()
    assert np.isfinite(read_bundle(whole.bundle).geometry["vertices"]).all()


FORGETTING = """
import gc, sys, weakref
from pathlib import Path
from backend.capture import observe
photo = weakref.ref(observe(Path(sys.argv[1])).image)
gc.collect()
sys.exit(photo() is not None)
"""


def test_a_photo_that_was_read_is_not_kept_in_memory(whole: Whole) -> None:
    """MediaPipe keeps an error whose traceback once held the first photo of a process for as long as it lived."""
    done = subprocess.run([sys.executable, "-c", FORGETTING, whole.home / PHOTO], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_a_forgotten_films_name_is_in_no_sentence() -> None:
    findings = [{"kind": "hdr", "severity": "note", "text": f"{FILM} was recorded in HDR (PQ)."},
                {"kind": "cuts", "severity": "warning", "text": f"{FILM} is cut twice."}]
    quality = with_video({"findings": [], "warnings": [], "verdict": "good"},
                         {"name": FILM, "frames": 9, "findings": findings}, "photo 1")
    assert FILM not in json.dumps(quality)
    assert quality["warnings"] == ["photo 1 is cut twice."]
    assert quality["video"] == {"name": "photo 1", "frames": 9}
