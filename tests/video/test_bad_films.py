"""What is wrong with a film of a face is said in the report: other people, other scenes, edges, early ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.head.model import default_head
from backend.tracking.actor import Actor
from backend.tracking.film import TrackedFilm, track_film
from backend.training.render.sample import TruthSample
from tests.tracking.test_film import SIDE, face, rolling
from tests.video import films

FRAMES = 24
LEAN = 6 * np.sin(np.arange(FRAMES) / 4)


@pytest.fixture(scope="module")
def actor() -> Actor:
    head = default_head()
    return Actor.of(head, head.template)


def kinds(tracked: TrackedFilm) -> set[str]:
    return {finding["kind"] for finding in tracked.report["findings"]}


def moved(frames: Iterator[np.ndarray], shifts: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Pictures laid at so many pixels from the left of a black one of `width`."""
    for frame, shift in zip(frames, shifts, strict=True):
        yield cv2.warpAffine(frame, np.array([[1.0, 0, float(shift)], [0, 1, 0]]), (width, SIDE))


def test_a_face_that_the_edge_cuts_is_named(tmp_path: Path, actor: Actor) -> None:
    cut = list(moved(rolling(face(), LEAN), np.full(FRAMES, -0.36 * SIDE), SIDE))
    tracked = track_film(films.write(tmp_path / "edge.avi", cut, code="MJPG"), actor)
    assert tracked.report["cropped_share"] > 0.5
    assert "cropped" in kinds(tracked)


def test_a_film_that_goes_on_with_a_wall_is_bridged_and_named(tmp_path: Path, actor: Actor) -> None:
    wall = np.full((SIDE, SIDE, 3), 250, np.uint8)
    frames = [*rolling(face(), LEAN), *[wall] * 12]
    tracked = track_film(films.write(tmp_path / "wall.avi", frames, code="MJPG"), actor)
    assert not tracked.clip.lost[:FRAMES].any()
    assert tracked.clip.lost[FRAMES:].all()
    assert {"cuts", "lost"} <= kinds(tracked)


def test_two_people_are_counted(tmp_path: Path, actor: Actor, truth_sample: TruthSample) -> None:
    other = cv2.resize(truth_sample.photo_srgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    pairs = [np.hstack(pair) for pair in zip(rolling(face(), LEAN), rolling(other, LEAN), strict=True)]
    tracked = track_film(films.write(tmp_path / "pair.avi", pairs, code="MJPG"), actor)
    assert tracked.report["people"] == 2
    assert "people" in kinds(tracked)


def test_of_two_people_who_cross_one_is_followed(tmp_path: Path, actor: Actor, truth_sample: TruthSample) -> None:
    """One walks before the other, hiding them; who is followed after that is the one of before, or nobody."""
    other = cv2.resize(truth_sample.photo_srgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    count, width = 48, 3 * SIDE
    path = np.linspace(0, 2 * SIDE, count)
    lean = 6 * np.sin(np.arange(count) / 4)
    behind = list(moved(rolling(other, lean), path[::-1], width))
    frames = []
    for before, after, left in zip(moved(rolling(face(), lean), path, width), behind, path, strict=True):
        frame = after.copy()
        frame[:, round(left):round(left) + SIDE] = before[:, round(left):round(left) + SIDE]
        frames.append(frame)
    tracked = track_film(films.write(tmp_path / "cross.avi", frames, code="MJPG"), actor)
    assert "people" in kinds(tracked)
    seen = ~tracked.clip.lost
    assert seen.mean() > 0.5
    place = tracked.clip.head[:, 0, 3]  # metres, to the person's left: to the picture's right
    steps = np.abs(np.diff(place))[seen[1:] & seen[:-1]]
    assert steps.max() < 0.06, "metres a frame: from one head to the other it is ten times as far"


def test_a_film_that_ends_early_is_tracked_as_far_as_it_goes(tmp_path: Path, actor: Actor) -> None:
    path = films.write(tmp_path / "half.avi", rolling(face(), LEAN), code="MJPG")
    content = path.read_bytes()
    path.write_bytes(content[:len(content) * 2 // 3])
    tracked = track_film(path, actor)
    assert 10 < len(tracked.clip) < FRAMES
    assert "ended_early" in kinds(tracked)
