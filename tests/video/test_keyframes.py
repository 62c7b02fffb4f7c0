"""Which frames of a film become the photos of an avatar: one for every turn of the head, sharp and calm."""

import cv2
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.tracking.landmarker import Seen
from backend.video.keyframes import MIDDLES, MOST, Key, liked, offer
from backend.video.stream import Frame


def seen(yaw: float, smile: float = 0.0) -> Seen:
    """A face in the middle of 200 x 200 pixels, turned by `yaw` degrees."""
    matrix = np.eye(4)
    matrix[:3, :3] = cv2.Rodrigues(np.array([0.0, -np.radians(yaw), 0.0]))[0]
    scores = np.zeros(52, np.float32)
    scores[ARKIT_NAMES.index("mouthSmileLeft")] = smile
    points = np.random.default_rng(0).uniform(60, 140, (478, 3)).astype(np.float32)
    return Seen(points, scores, matrix)


def frame(index: int, blur: float = 0.0) -> Frame:
    picture = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    return Frame(index, index / 30, cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture)


def offered(*turns: float) -> dict[int, Key]:
    best: dict[int, Key] = {}
    for index, yaw in enumerate(turns):
        offer(best, frame(index), seen(yaw))
    return best


def yaw_of(key: Key) -> float:
    forward = key.seen.head_matrix[:3, 2]
    return float(np.degrees(np.arctan2(-forward[0], forward[2])))


def test_a_turning_head_gives_both_profiles_beside_the_front():
    chosen = [yaw_of(key) for key in liked(offered(*range(-58, 59, 4)))]
    assert len(chosen) == MOST
    assert min(chosen) < -40
    assert max(chosen) > 40
    assert min(abs(yaw) for yaw in chosen) < 4
    assert np.diff(np.sort(chosen)).min() > 8, "no two frames show the same"


def test_frames_lie_near_the_middle_of_their_range():
    best = offered(-23, -30, -37)
    assert [yaw_of(key) for key in best.values()] == pytest.approx([np.degrees(MIDDLES[1])], abs=1)


def test_a_sharp_calm_frame_wins():
    best: dict[int, Key] = {}
    offer(best, frame(0, blur=3.0), seen(0))
    offer(best, frame(1), seen(0))
    offer(best, frame(2), seen(0, smile=0.9))
    assert [key.frame.index for key in best.values()] == [1]


def test_a_face_that_is_cut_or_turned_away_is_not_offered():
    assert not offered(75, -80)
    cut = seen(0)
    cut.landmarks[:50, 0] = -5
    best: dict[int, Key] = {}
    offer(best, frame(0), cut)
    assert not best
