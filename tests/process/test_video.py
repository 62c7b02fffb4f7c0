"""A film becomes an avatar with its performance, and the avatar is tracked in it again: the command line, whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.animation.clip import read_npz
from backend.animation.livelink import read_csv
from backend.bundle import read_bundle
from tests.process.conftest import run
from tests.tracking.test_film import face, rolling
from tests.video import films

FRAMES = 24


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaning face."""
    leaning = 10 * np.sin(np.arange(FRAMES) / 4)
    return films.write(tmp_path_factory.mktemp("film") / "ada.mp4", rolling(face(), leaning), fps=30)


def test_a_film_becomes_an_avatar_that_can_be_tracked(film: Path, tmp_path: Path) -> None:
    done = run("create", film, "--out", tmp_path / "ada", "--resolution", 1024, "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    stages = [stage["name"] for stage in json.loads(done.stdout)["stages"]]
    assert stages.count("track") == stages.count("wrinkles") == 1
    bundle = read_bundle(tmp_path / "ada")
    quality = bundle.metadata["quality"]
    assert quality["video"]["frames"] == FRAMES
    assert quality["video"]["face_share"] == 1
    assert not any(quality["video"]["wrinkles"].values())
    assert any("wrinkles of expressions are guessed" in finding["text"] for finding in quality["findings"])
    assert "animation.npz" in {entry["file"] for entry in bundle.metadata["files"]}
    clip = read_npz(tmp_path / "ada" / "animation.npz")
    assert len(clip) == FRAMES
    assert bundle.metadata["inputs"][0]["bytes"] == film.stat().st_size

    done = run("track", film, "--avatar", tmp_path / "ada", "--out", tmp_path / "again.csv", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["frames"], told["lost"]) == (FRAMES, 0)
    again = read_csv(tmp_path / "again.csv").clip
    np.testing.assert_allclose(again.arkit, clip.arkit, atol=0.05)


@pytest.mark.parametrize(("video", "avatar", "out", "cause"), [
    ("notes.mp4", "nobody", "a.npz", "notes.mp4 holds text"),
    ("film", "nobody", "a.npz", "nobody is not a folder with an avatar"),
    ("film", "nobody", "a.fbx", "a.fbx ends in neither"), ("film", "nobody", "gone/a.npz", "no folder gone")])
def test_what_cannot_be_tracked_is_one_sentence(film: Path, tmp_path: Path, video: str, avatar: str, out: str,
                                                cause: str) -> None:
    (tmp_path / "notes.mp4").write_text("these are no pictures\n" * 20)
    done = run("track", film if video == "film" else tmp_path / video, "--avatar", tmp_path / avatar,
               "--out", tmp_path / out)
    assert done.returncode == 2
    assert cause in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / out).exists()
