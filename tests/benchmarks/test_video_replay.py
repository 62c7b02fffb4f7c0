"""What self-reenactment compares, and how."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.video.stream import Video
from benchmarks.lpips import WEIGHTS, lpips
from benchmarks.video_replay import Replayed, first_part, row, ssim
from tests.video import films


def test_the_first_part_is_the_films_own_frames(tmp_path: Path) -> None:
    film = films.write(tmp_path / "a.avi", films.grey(20), code="MJPG")
    assert first_part(film, tmp_path / "first.avi") == 14
    with Video(film) as whole, Video(tmp_path / "first.avi") as part:
        frames = [frame.image for frame in part]
        for one, other in zip(frames, whole, strict=False):
            np.testing.assert_array_equal(one, other.image)
    assert len(frames) == 14


def test_likeness_falls_as_detail_goes_and_only_where_it_is_asked() -> None:
    picture = np.random.default_rng(0).random((64, 64, 3))
    every, left = np.ones((64, 64), bool), np.arange(64)[None].repeat(64, 0) < 20
    assert ssim(picture, picture, every) == pytest.approx(1)
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.0)
    assert ssim(picture, blurred, every) < 0.8
    half = np.where(left[..., None], picture, 0.5)
    assert ssim(picture, half, left & (np.arange(64) < 12)) == pytest.approx(1, abs=1e-6)


def test_without_the_published_weights_there_is_no_lpips(tmp_path: Path) -> None:
    assert lpips(tmp_path) is None
    (tmp_path / WEIGHTS).parent.mkdir(parents=True)
    (tmp_path / WEIGHTS).write_bytes(b"something else")
    lpips.cache_clear()
    assert lpips(tmp_path) is None


def test_a_row_says_what_was_seen() -> None:
    said = row("ada", Replayed(26.51, 0.871, float("nan"), 0.789, 0.714, 0.729, 3.04, ("lips", "nose")))
    assert said == "| ada | 26.5 | 0.871 | nan | 0.789 | 0.714 | 0.729 | 3.0 | 7 of 9 |"
