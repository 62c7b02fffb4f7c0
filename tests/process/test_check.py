"""A word on each photo before a job, pictures while one runs, and stages that are kept on request."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.checks import check
from blender_addon.client import Client, JobState
from tests.process.conftest import PORTRAIT, small, wait
from tests.video import films


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """A small portrait, a letter, and a picture of nobody."""
    letter, grey = tmp_path / "letter.jpg", tmp_path / "grey.png"
    letter.write_text("Dear Ada")
    cv2.imwrite(str(grey), np.full((300, 400, 3), 128, np.uint8))
    return [PORTRAIT, letter, grey]


def test_each_photo_gets_its_own_verdict_and_a_picture(client: Client, photos: list[Path], tmp_path: Path) -> None:
    job = client.submit("check", {"photos": [str(photo) for photo in photos]}, tmp_path / "job")
    wait(client, lambda: job.state.ended)
    assert job.state is JobState.DONE, job.error
    good, letter, grey = (job.result or {})["photos"]
    assert good["verdict"] == "usable"
    assert any("small" in sentence for sentence in good["sentences"])
    assert letter["verdict"] == grey["verdict"] == "refused"
    assert "letter.jpg" in letter["sentences"][0]
    assert "No face was found in grey.png" in grey["sentences"][0]
    assert letter["picture"] is None
    for told in (good, grey):
        assert cv2.imread(told["picture"]).shape == (256, 256, 3)
        assert Path(told["picture"]).stat().st_mode & 0o077 == 0
    for wrong in ({"photos": "a.png"}, {"photos": [], "pace": 1}):
        refused = client.submit("check", wrong, tmp_path / "job")
        wait(client, lambda refused=refused: refused.state.ended)
        assert refused.state is JobState.FAILED


def test_a_film_gets_a_verdict_on_its_beginning_and_one_of_nobody_is_refused(tmp_path: Path) -> None:
    portrait = cv2.resize(cv2.imread(str(PORTRAIT))[..., ::-1], (256, 256))
    film = films.write(tmp_path / "Ada.mp4", [np.roll(portrait, index // 3, 1) for index in range(20)])
    nobody = films.write(tmp_path / "grey.mp4", films.grey(12))
    text = tmp_path / "letter.mov"
    text.write_text("Dear Ada")
    seen, grey, letter = check([film, nobody, text], tmp_path / "job")
    assert seen["verdict"] in ("good", "usable")
    assert cv2.imread(seen["picture"]).shape == (256, 256, 3)
    assert not any("profiles" in sentence or "nod" in sentence for sentence in seen["sentences"])
    assert grey["verdict"] == letter["verdict"] == "refused"
    assert "No face was found in the first seconds of grey.mp4" in grey["sentences"][0]
    assert "letter.mov" in letter["sentences"][0]
    assert letter["picture"] is None


def test_a_running_job_shows_pictures_and_keeps_its_stages_when_asked(client: Client, tmp_path: Path) -> None:
    folder, out = tmp_path / "job", tmp_path / "out"
    job = client.submit("create", small(out, keep=True), folder)
    shown: dict[str, tuple[int, ...]] = {}

    def ended() -> bool:
        if job.preview is not None and job.preview.name not in shown:
            shown[job.preview.name] = cv2.imread(str(job.preview)).shape
        return job.state.ended

    wait(client, ended)
    assert job.state is JobState.DONE, job.error
    assert shown == {"glimpse-1.png": (256, 256, 3), "glimpse-2.png": (256, 256, 3)}
    again = client.submit("create", small(out), folder)
    wait(client, lambda: again.state.ended)
    assert again.state is JobState.DONE, again.error
    stages = {stage["name"]: stage["cached"] for stage in json.loads((out / "avatar.json").read_text())["stages"]}
    assert stages["fit"]
    assert stages["reflectance"]
    assert not folder.exists()
