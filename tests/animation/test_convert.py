"""`animation convert`, as a person calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from backend.animation.clip import read_npz, write_npz
from tests.animation.conftest import made


def convert(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "backend", "animation", "convert", *map(str, arguments)],
                          capture_output=True, text=True, check=False)


def test_there_and_back(tmp_path: Path) -> None:
    clip = made()
    write_npz(clip, tmp_path / "a.npz")
    assert convert(tmp_path / "a.npz", tmp_path / "b.csv").returncode == 0
    done = convert(tmp_path / "b.csv", tmp_path / "c.npz", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lost"] == 3
    seen = ~clip.lost
    assert np.array_equal(read_npz(tmp_path / "c.npz").arkit[seen], clip.arkit[seen])


def test_bad_input(tmp_path: Path) -> None:
    write_npz(made(), tmp_path / "a.npz")
    for arguments in ((tmp_path / "a.npz", tmp_path / "b.mov"),
                      (tmp_path / "a.npz", tmp_path / "b.csv", "--timecode-rate", 0),
                      (tmp_path / "none.csv", tmp_path / "b.npz"), (tmp_path / "a.npz", tmp_path / "no" / "b.npz")):
        done = convert(*arguments)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
